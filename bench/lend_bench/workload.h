/*
 * A workload: what the process under test does, and what is asked of it.
 *
 * There are two kinds. *Served* ones listen, and the engine's process sends
 * them requests and checks the answers (generator.h). The others have actors
 * that work and check by themselves: a crew (crew.h), or a crowd of those that
 * only schedule (work_sched.c). Each of the others is a file work_*.c and a
 * line in workload.c.
 */
#ifndef LEND_BENCH_WORKLOAD_H
#define LEND_BENCH_WORKLOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "lend_bench/config.h"

struct generator_options;
struct subject;

struct workload {
	const char *name;
	const char *summary; /* one line, for `lend-bench list` */
	/* The values of its parameters, as the command line gives them; NULL:
	 * not one of its parameters. */
	const char *defaults[PARAM_COUNT];
	unsigned depth; /* of rings if nothing was said; 0: 256 */
	bool few_rings; /* half as many rings as workers if nothing was said */
	unsigned workers_min; /* it makes no sense with fewer */

	/* In the process under test, on its main thread: set the actors to
	 * work, or listen and leave the port in shared->port. Return: 0, or
	 * -errno after subject_fail(). */
	int (*start)(struct subject *subject);
	/* The same where the window opens and where it closes, for what is
	 * neither served nor a crew's: the operations so far. NULL: it is. */
	uint64_t (*look)(struct subject *subject);
	/* The same for the end; what is not served leaves its sums in
	 * subject->shared. NULL: the end of the runtime is enough. */
	void (*stop)(struct subject *subject);

	/* In the engine: what to ask of a served workload. NULL: it is not
	 * one. */
	void (*aim)(const struct config *config,
		    struct generator_options *options);
};

/* NULL behind the last. */
const struct workload *workload_at(unsigned index);

/* By name, of which @size bytes count: the index, or -1. */
int workload_find(const char *name, size_t size);

static inline bool config_has(const struct config *config, enum param param)
{
	return config->params_used & (1u << param);
}

extern const struct workload workload_nop;
extern const struct workload workload_echo;
extern const struct workload workload_http;
extern const struct workload workload_file_read;
extern const struct workload workload_burst;
extern const struct workload workload_chain;
extern const struct workload workload_migrate;
extern const struct workload workload_stall;
extern const struct workload workload_uneven;
extern const struct workload workload_few_rings;
extern const struct workload workload_idle_herd;

#endif
