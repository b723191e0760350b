/*
 * The engine's hold on the process under test.
 */
#ifndef LEND_BENCH_CHILD_H
#define LEND_BENCH_CHILD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "lend_bench/subject.h"

struct child {
	pid_t pid; /* 0: none */
	int control;
	clockid_t cpu_clock;
	struct shared *shared;
	bool is_late; /* it did not answer in time */
	int status;   /* as waitpid() says, once it has ended */
	bool has_ended;
	char trouble[128];
};

/**
 * Start it; it will say SAY_READY or SAY_FAILED.
 *
 * @child  zeroed; needs child_end() and child_free() also if this fails
 *
 * Return: 0, or -errno
 */
int child_start(struct child *child, const struct config *config);

/* One byte to it, and one from it: 0 if it is late or gone. */
bool child_tell(struct child *child, char byte);
char child_hear(struct child *child, uint64_t span_ns);

/* Let time pass; false as soon as it is gone, or says something unasked. */
bool child_watch(const struct child *child, uint64_t span_ns);

/* Processor time it has used, all its threads, those that ended too. */
uint64_t child_cpu_ns(const struct child *child);

/* Wait for its end for @span_ns, then kill it. True if it ended well. */
bool child_end(struct child *child, uint64_t span_ns);

/* What is wrong with it, in a line; good until the next call. */
const char *child_trouble(struct child *child);

void child_free(struct child *child);

#endif
