/*
 * The parameters of workloads: their names, ranges and meanings, and lists of
 * numbers as the command line gives them.
 */
#ifndef LEND_BENCH_PARAMS_H
#define LEND_BENCH_PARAMS_H

#include <stdbool.h>

#include "lend_bench/config.h"

#define LIST_MAX 16

struct list {
	unsigned values[LIST_MAX];
	unsigned count;
};

struct param_rule {
	const char *name; /* of the option, and in a variant */
	const char *help;
	unsigned min;
	unsigned max;
	bool is_common; /* any workload can have it, and by itself has none */
};

extern const struct param_rule params[PARAM_COUNT];

/**
 * Read N[,N...].
 *
 * @text         not empty
 * @ret_bad      on failure the part that is wrong, @ret_bad_size bytes of it;
 *               its size is -1 if there were more than LIST_MAX
 */
bool list_read(const char *text, unsigned min, unsigned max,
	       struct list *ret_list, const char **ret_bad, int *ret_bad_size);

#endif
