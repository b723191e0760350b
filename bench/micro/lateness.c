/*
 * How late timers are: K12. 100 actors of one worker sleep until moments that
 * are 100 ms apart for each and 1 ms apart for all, so 1000 timers go off in a
 * second; how long after its moment does the actor run?
 *
 *  thread  without Lend: a thread in clock_nanosleep(), without the slack that
 *          the kernel adds by default; what the machine can do at this hour
 *  idle    there is nothing else to do: the worker sleeps in the kernel
 *  busy    another actor computes for 10 us and yields, all the time
 *
 * None may be early. Nor should one run before another whose moment was
 * earlier; that is counted among those that did wait.
 */
#include "micro.h"

#include <errno.h>
#include <lend/lend.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <time.h>

#include "../histogram.h"

#define SLEEPERS 100
#define TURN_NS	 (100 * LEND_MS)
#define TURNS	 30
#define BURN_NS	 (10 * LEND_US)

struct lateness {
	struct histogram *spans;
	uint64_t begin, last;
	unsigned early, disordered;
	unsigned next; /* sleeper that begins */
	bool is_over;
};

static int sleep_regularly(void *arg)
{
	struct lateness *lateness = arg;
	uint64_t deadline = lateness->begin + lateness->next++ * LEND_MS;

	for (unsigned i = 0; i < TURNS; i++, deadline += TURN_NS) {
		bool waits = lend_now() < deadline;
		int err = lend_sleep(deadline);
		uint64_t now = lend_now();

		if (err)
			return err;
		lateness->early += now < deadline;
		/* Else it was so late before that it does not wait at all, and
		 * is before those who do. */
		if (waits) {
			lateness->disordered += deadline < lateness->last;
			lateness->last = deadline;
		}
		histogram_add(lateness->spans,
			      now > deadline ? now - deadline : 0);
	}
	return 0;
}

static int burn(void *arg)
{
	const struct lateness *lateness = arg;

	while (!lateness->is_over) {
		uint64_t end = lend_after(BURN_NS);
		int err;

		while (lend_now() < end)
			;
		err = lend_yield();
		if (err)
			return err;
	}
	return 0;
}

static int sleep_all(struct lateness *lateness, bool busy)
{
	const struct lend_spawn_options joinable = { .joinable = true };
	struct lend_scope *scope;
	lend_ref burner;
	int err, value;

	err = busy ? lend_spawn(burn, lateness, &joinable, &burner) : 0;
	if (err)
		return err;
	err = lend_scope_open(NULL, &scope);
	if (!err) {
		lateness->begin = lend_after(TURN_NS);
		for (unsigned i = 0; i < SLEEPERS && !err; i++)
			err = lend_scope_spawn(scope, sleep_regularly, lateness,
					       NULL, NULL);
		if (!err)
			err = lend_scope_join(scope, LEND_FOREVER);
		lend_scope_close(scope);
	}
	lateness->is_over = true;
	/* It looks at @lateness until then. */
	if (busy && lend_join(burner, LEND_FOREVER, &value) == 0 && !err)
		err = value;
	return err;
}

static double us_at(const struct lateness *lateness, double fraction)
{
	return (double)histogram_ns(lateness->spans, fraction) / 1e3;
}

static void print(const struct lateness *lateness, const char *what)
{
	printf("lateness %-6s 1000 timers/s: p50 %.1f us, p90 %.1f, p99 %.1f, p99.9 %.1f, max %.1f; %u early, %u out of order\n",
	       what, us_at(lateness, 0.5), us_at(lateness, 0.9),
	       us_at(lateness, 0.99), us_at(lateness, 0.999),
	       us_at(lateness, 1), lateness->early, lateness->disordered);
}

static int sleep_in_thread(struct lateness *lateness)
{
	int slack_ns = prctl(PR_GET_TIMERSLACK);

	prctl(PR_SET_TIMERSLACK, 1UL);
	lateness->begin = lend_after(TURN_NS);
	for (unsigned i = 0; i < SLEEPERS * TURNS; i++) {
		uint64_t deadline = lateness->begin + i * LEND_MS, now;
		const struct timespec until = {
			(time_t)(deadline / LEND_S),
			(long)(deadline % LEND_S),
		};

		while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until,
				       NULL) == EINTR)
			;
		now = lend_now();
		lateness->early += now < deadline;
		histogram_add(lateness->spans,
			      now > deadline ? now - deadline : 0);
	}
	prctl(PR_SET_TIMERSLACK, (unsigned long)slack_ns);
	return 0;
}

static int sleep_idle(struct lateness *lateness)
{
	return sleep_all(lateness, false);
}

static int sleep_busy(struct lateness *lateness)
{
	return sleep_all(lateness, true);
}

static int measure(const char *what, int (*sleep)(struct lateness *lateness))
{
	struct lateness lateness = { 0 };
	int err;

	lateness.spans = calloc(1, sizeof(*lateness.spans));
	if (!lateness.spans)
		return -ENOMEM;
	err = sleep(&lateness);
	if (!err)
		print(&lateness, what);
	if (!err && lateness.early)
		err = -EPROTO;
	free(lateness.spans);
	return err;
}

static int measure_actors(void *unused)
{
	int err = measure("idle", sleep_idle);

	(void)unused;
	return err ? err : measure("busy", sleep_busy);
}

int micro_lateness(void)
{
	const struct lend_options options = { .workers = 1 };
	int err = measure("thread", sleep_in_thread);

	return err ? err : lend_run(&options, measure_actors, NULL);
}
