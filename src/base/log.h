/*
 * Log lines of the library: formatted here, written by a function that the
 * program chose.
 */
#ifndef LEND_BASE_LOG_H
#define LEND_BASE_LOG_H

#include <lend/base.h>
#include <lend/log.h>

/* [const] after set-up */
struct lend_log {
	enum lend_log_level level;
	lend_log_fn write;
	void *arg;
};

/* @write NULL: standard error. */
void lend__log_init(struct lend_log *log, enum lend_log_level level,
		    lend_log_fn write, void *arg);

/* Thread: any; not while holding a lock, as @log->write is the program's. */
LEND_PRINTF(3, 4)
void lend__log(const struct lend_log *log, enum lend_log_level level,
	       const char *format, ...);

#endif
