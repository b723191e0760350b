/*
 * Backtraces of workers that are stuck.
 */
#ifndef LEND_RT_BACKTRACE_H
#define LEND_RT_BACKTRACE_H

#include <lend/base.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define LEND_BACKTRACE_FRAMES 32

struct lend_thread_state;
struct lend_worker;

struct lend_backtrace {
	void *frames[LEND_BACKTRACE_FRAMES]; /* innermost first */
	unsigned count;
	bool guessed; /* found by looking through the stack */
	/* [atomic: D2] the handler has filled it */
	_Atomic bool done;
};

/**
 * Have a worker's thread, which computes, write down where it is.
 *
 * @signal_number  whose handler calls lend__backtrace_answer(), and which
 *                 the thread does not block
 *
 * Thread: one at a time. Blocks: until the thread has answered, at most about
 * a second.
 *
 * Return: 0
 *         -ESRCH      it has no thread
 *         -ETIMEDOUT  it did not come to answer
 */
LEND_NODISCARD int lend__backtrace_ask(struct lend_worker *stuck,
				       int signal_number,
				       struct lend_backtrace *backtrace);

/* The same for a thread that is blocked in a system call, which a signal could
 * end: what looks like return addresses on the stack of @worker's actor. Some
 * of them may be left from calls that are over. */
void lend__backtrace_guess(const struct lend_worker *worker,
			   const struct lend_thread_state *state,
			   struct lend_backtrace *backtrace);

/* Answer if the calling worker was asked. In a signal handler, whose last
 * argument @context is. */
void lend__backtrace_answer(struct lend_worker *worker, const void *context);

/* The first unwinding loads what it needs, which no handler may. */
void lend__backtrace_prime(void);

#endif
