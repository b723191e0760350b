/*
 * Signals of a service: SIGTERM or SIGINT, the first tells an actor to end it,
 * the second ends it at once; SIGQUIT, what it is doing just now on standard
 * error.
 *
 * A thread of its own waits for them, and all others block them: it works
 * though every worker is stuck in a handler that does not return, and nothing
 * has to be safe in a signal handler, as there is none.
 */
#ifndef LEND_CLI_SIGNALS_H
#define LEND_CLI_SIGNALS_H

#include <lend/base.h>
#include <lend/runtime.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

struct signals {
	struct lend_runtime *runtime;
	pthread_t thread;
	bool is_running;
	_Atomic bool ending;
};

/**
 * Block them, and ignore SIGPIPE. Those that come before signals_start() are
 * kept for it.
 *
 * Thread: the first, before any other starts.
 *
 * Return: 0, or a negative errno
 */
int signals_prepare(void);

/* Thread: the first. 0, or a negative errno. */
int signals_start(struct signals *signals, struct lend_runtime *runtime);

/* Before the runtime is freed. */
void signals_end(struct signals *signals);

/**
 * Wait for SIGTERM or SIGINT.
 *
 * Thread: one actor.
 *
 * Return: its number, or -ENOMEM, -ECANCELED
 */
int signals_await(void) LEND_AWAITS;

#endif
