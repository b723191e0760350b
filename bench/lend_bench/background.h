/*
 * Other programs that want the processors, too.
 */
#ifndef LEND_BENCH_BACKGROUND_H
#define LEND_BENCH_BACKGROUND_H

#include <stdint.h>
#include <sys/types.h>

#define BACKGROUND_MAX 64

struct background {
	pid_t pids[BACKGROUND_MAX];
	unsigned count;
};

/* Start processes that together use @percent of one CPU if they get it: as few
 * as can be, each the same share, in periods of 10 ms. */
void background_start(struct background *background, unsigned percent);
/* Processor time they have used. */
uint64_t background_cpu_ns(const struct background *background);
void background_stop(struct background *background);

#endif
