/*
 * Other programs that want the processors, too.
 */
#ifndef LEND_BENCH_BACKGROUND_H
#define LEND_BENCH_BACKGROUND_H

#include <sys/types.h>

#define BACKGROUND_MAX 64

struct background {
	pid_t pids[BACKGROUND_MAX];
	unsigned count;
};

/* Start processes that together use @percent of one CPU if they get it: as few
 * as can be, each the same share, in periods of 10 ms. */
void background_start(struct background *background, unsigned percent);
void background_stop(struct background *background);

#endif
