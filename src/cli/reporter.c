/*
 * SIGQUIT: see reporter.h. A thread waits for it, and not a worker, as it is
 * wanted most when all of those are stuck.
 */
#include "reporter.h"

#include <lend/report.h>
#include <signal.h>
#include <unistd.h>

static void *reporter_run(void *arg)
{
	struct reporter *reporter = arg;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGQUIT);
	for (;;) {
		int number;

		if (sigwait(&set, &number) || atomic_load(&reporter->ending))
			return NULL;
		lend_report(reporter->runtime, STDERR_FILENO);
	}
}

int reporter_start(struct reporter *reporter, struct lend_runtime *runtime)
{
	sigset_t set, all, before;
	int err;

	reporter->runtime = runtime;
	/* Blocked everywhere, so that it is this thread's. */
	sigemptyset(&set);
	sigaddset(&set, SIGQUIT);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	err = -pthread_create(&reporter->thread, NULL, reporter_run, reporter);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	reporter->is_running = !err;
	return err;
}

void reporter_end(struct reporter *reporter)
{
	if (!reporter->is_running)
		return;
	atomic_store(&reporter->ending, true);
	pthread_kill(reporter->thread, SIGQUIT);
	pthread_join(reporter->thread, NULL);
}
