/*
 * SIGQUIT: what a service is doing just now, on standard error.
 */
#ifndef LEND_CLI_REPORTER_H
#define LEND_CLI_REPORTER_H

#include <lend/runtime.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

struct reporter {
	struct lend_runtime *runtime;
	pthread_t thread;
	bool is_running;
	_Atomic bool ending;
};

/* Thread: the first. 0, or a negative errno. */
int reporter_start(struct reporter *reporter, struct lend_runtime *runtime);

/* Before the runtime is freed. */
void reporter_end(struct reporter *reporter);

#endif
