/*
 * What lend-bench says on standard error: one line, one write.
 */
#ifndef LEND_BENCH_SAY_H
#define LEND_BENCH_SAY_H

#include <lend/base.h>

/* How the program ends. */
enum bench_status {
	BENCH_DONE = 0,
	BENCH_BROKEN = 1,  /* a run failed, or could not be written */
	BENCH_USAGE = 2,   /* the command line, or what it names */
	BENCH_NO_RING = 3, /* io_uring can not be used */
	BENCH_INTERRUPTED = 130,
};

/* "lend-bench: " and the line. Thread: any. */
void bench_say(const char *format, ...) LEND_PRINTF(1, 2);

#endif
