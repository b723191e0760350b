/*
 * The options of a runtime: see options.c.
 */
#ifndef LEND_RT_OPTIONS_H
#define LEND_RT_OPTIONS_H

#include <lend/runtime.h>

struct lend_log;

/* Say in the log that option @name must not be @value, and by which @rule.
 * Return: -EINVAL */
int lend__option_refuse(const struct lend_log *log, const char *name,
			long long value, const char *rule);

/* Put the defaults for what is 0. 0, or -EINVAL: the log says what for. */
int lend__options_complete(struct lend_options *options,
			   const struct lend_log *log);

/* Do the sets of features name such as there are? 0, or -EINVAL. */
int lend__options_check_masks(const struct lend_options *options,
			      const struct lend_log *log);

#endif
