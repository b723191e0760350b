/*
 * Load by other programs: see background.h.
 */
#include "lend_bench/background.h"

#include <errno.h>
#include <lend/clock.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lend_bench/pin.h"

#define PERIOD_NS (10 * LEND_MS)

/* Computes for a part of each period of the wall's clock: what it does not get
 * then it does not catch up, as one who is late does less. */
static _Noreturn void burn(uint64_t share_ns)
{
	uint64_t period_ns = lend_now();

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	pin_nowhere();
	for (;;) {
		struct timespec until;
		uint64_t now_ns;

		while (lend_now() < period_ns + share_ns)
			continue;
		now_ns = lend_now();
		do
			period_ns += PERIOD_NS;
		while (period_ns <= now_ns);
		until.tv_sec = (time_t)(period_ns / LEND_S);
		until.tv_nsec = (long)(period_ns % LEND_S);
		if (share_ns < PERIOD_NS)
			clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until,
					NULL);
	}
}

void background_start(struct background *background, unsigned percent)
{
	unsigned count = (percent + 99) / 100;

	if (count > BACKGROUND_MAX)
		count = BACKGROUND_MAX;
	while (background->count < count) {
		pid_t pid = fork();

		if (pid == 0)
			burn(PERIOD_NS / 100 * percent / count);
		if (pid < 0)
			break;
		background->pids[background->count++] = pid;
	}
}

uint64_t background_cpu_ns(const struct background *background)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < background->count; i++) {
		struct timespec used;
		clockid_t clock;

		if (clock_getcpuclockid(background->pids[i], &clock) == 0 &&
		    clock_gettime(clock, &used) == 0)
			sum += (uint64_t)used.tv_sec * LEND_S +
			       (uint64_t)used.tv_nsec;
	}
	return sum;
}

void background_stop(struct background *background)
{
	while (background->count) {
		pid_t pid = background->pids[--background->count];

		kill(pid, SIGKILL);
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			continue;
	}
}
