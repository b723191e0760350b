/*
 * Signals of a service: see signals.h.
 */
#include "signals.h"

#include <errno.h>
#include <lend/io.h>
#include <lend/report.h>
#include <signal.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "say.h"

/* Takes the number of the first signal to the actor that waits for it. */
static int signal_event = -1;

static void fill(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGQUIT);
}

int signals_prepare(void)
{
	static const int numbers[] = { SIGINT, SIGTERM, SIGQUIT };
	struct sigaction ignore = { .sa_handler = SIG_IGN };
	struct sigaction usual = { .sa_handler = SIG_DFL };
	sigset_t set;

	/* Blocking: a read of it then waits in the ring. */
	signal_event = eventfd(0, EFD_CLOEXEC);
	if (signal_event < 0)
		return -errno;
	sigaction(SIGPIPE, &ignore, NULL);
	/* Whoever started us may ignore them; then nobody can wait for them. */
	for (unsigned i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
		sigaction(numbers[i], &usual, NULL);
	fill(&set);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	return 0;
}

static void end_service(int number, bool is_second)
{
	const uint64_t count = (uint64_t)number;

	if (is_second) {
		say("second signal: ended at once");
		_exit(128 + number);
	}
	if (write(signal_event, &count, sizeof(count)) < 0) {
		/* An eventfd that was never written to has room. */
	}
}

static void *signals_run(void *arg)
{
	struct signals *signals = arg;
	bool is_second = false;
	sigset_t set;

	fill(&set);
	for (;;) {
		int number;

		if (sigwait(&set, &number) || atomic_load(&signals->ending))
			return NULL;
		if (number == SIGQUIT) {
			lend_report(signals->runtime, STDERR_FILENO);
		} else {
			end_service(number, is_second);
			is_second = true;
		}
	}
}

int signals_start(struct signals *signals, struct lend_runtime *runtime)
{
	sigset_t all, before;
	int err;

	signals->runtime = runtime;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	err = -pthread_create(&signals->thread, NULL, signals_run, signals);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	signals->is_running = !err;
	return err;
}

void signals_end(struct signals *signals)
{
	if (!signals->is_running)
		return;
	atomic_store(&signals->ending, true);
	pthread_kill(signals->thread, SIGQUIT);
	pthread_join(signals->thread, NULL);
}

int signals_await(void)
{
	uint64_t *number = lend_io_alloc(sizeof(*number));
	ssize_t res;

	if (!number)
		return -ENOMEM;
	res = lend_read(signal_event, number, sizeof(*number), -1,
			LEND_FOREVER);
	if (res > 0)
		res = (ssize_t)*number;
	lend_io_free(number);
	return (int)res;
}
