/*
 * What a thread of this process is doing, asked from another one.
 */
#ifndef LEND_RT_THREAD_STATE_H
#define LEND_RT_THREAD_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct lend_thread_state {
	char code;    /* as ps(1) has it: R, S, D ...; 0: not known */
	bool blocked; /* in a system call, and not on a CPU */
	long call;    /* its number; -1: not known */
	uint64_t first_argument;
	uintptr_t sp; /* of a blocked one; 0: not known */
	uintptr_t pc;
};

/* Look at thread @tid through /proc. What is not to be had there is not known;
 * the rest is true for a moment. Thread: any. Blocks: no. */
void lend__thread_state_read(int tid, struct lend_thread_state *ret_state);

/* "blocked in read(2) on descriptor 5", or that it runs. */
void lend__thread_state_print(const struct lend_thread_state *state, char *text,
			      size_t size);

/* The processor time that thread @tid has used; 0: not to be had. */
uint64_t lend__thread_state_cpu_ns(int tid);

#endif
