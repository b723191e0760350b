/*
 * What timers cost: K12.
 *
 *  worker  the timers in which actors wait, a wheel for each worker: N actors
 *          with deadlines at random, each armed, then moved nearer, a half of
 *          them disarmed, the others going off in order;
 *  actor   the timers that an actor starts (timer.h), the same through the
 *          public interface, on one worker.
 *
 * How late they are (lateness.c). And what it costs to spawn and end an actor,
 * in a scope and without. All of it is CPU time.
 */
#include "micro.h"

#include <errno.h>
#include <lend/lend.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "actor/actor.h"
#include "rt/timers.h"

/* Deadlines are spread over so long. */
#define SPREAD_NS (3600 * LEND_S)

/* Of the thread: others may be at work on the machine. */
static uint64_t cpu_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (uint64_t)now.tv_sec * LEND_S + (uint64_t)now.tv_nsec;
}

static uint64_t random_next(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static void print(const char *what, const char *step, unsigned count,
		  uint64_t span_ns)
{
	printf("%-8s %-10s %8u timers  %7.1f ns each\n", what, step, count,
	       (double)span_ns / count);
}

/* ---- those of a worker ---- */

/* All that is left go off, the first ones first. */
static bool expire_all(struct lend_timers *timers, unsigned count)
{
	uint64_t before, last_ns = 0, begin = cpu_now();

	while ((before = timers->next_ns) != UINT64_MAX) {
		if (before < last_ns)
			return false;
		last_ns = before;
		lend__timers_expire(timers, before);
	}
	print("worker", "go off", count, cpu_now() - begin);
	return true;
}

static int time_worker(unsigned count)
{
	struct lend_actor *actors = calloc(count, sizeof(*actors));
	uint64_t *deadlines = calloc(count, sizeof(*deadlines));
	uint64_t random = 88172645463325252, begin;
	struct lend_timers timers;
	bool ordered;

	if (!actors || !deadlines) {
		free(actors);
		free(deadlines);
		return 1;
	}
	lend__timers_init(&timers);
	for (unsigned i = 0; i < count; i++) {
		lend__actor_init(&actors[i], NULL, NULL, NULL, NULL);
		deadlines[i] = SPREAD_NS + random_next(&random) % SPREAD_NS;
	}
	begin = cpu_now();
	for (unsigned i = 0; i < count; i++)
		lend__timers_arm(&timers, &actors[i], deadlines[i], 0);
	print("worker", "add", count, cpu_now() - begin);
	for (unsigned i = 0; i < count; i++)
		deadlines[i] -= random_next(&random) % SPREAD_NS;
	begin = cpu_now();
	for (unsigned i = 0; i < count; i++)
		lend__timers_arm(&timers, &actors[i], deadlines[i], 0);
	print("worker", "move", count, cpu_now() - begin);
	/* Away: nothing is moved. */
	begin = cpu_now();
	for (unsigned i = 0; i < count; i++)
		lend__timers_arm(&timers, &actors[i], deadlines[i] + LEND_S, 0);
	print("worker", "move away", count, cpu_now() - begin);
	begin = cpu_now();
	for (unsigned i = 0; i < count; i += 2)
		lend__timers_disarm(&actors[i]);
	print("worker", "delete", (count + 1) / 2, cpu_now() - begin);
	ordered = expire_all(&timers, count / 2 ? count / 2 : 1);
	if (!ordered)
		fprintf(stderr, "the order was not kept\n");
	lend__timers_fini(&timers);
	free(actors);
	free(deadlines);
	return ordered ? 0 : 1;
}

/* ---- those of an actor ---- */

struct own {
	unsigned count;
	struct lend_timer **timers;
};

static int receive_all(unsigned count)
{
	uint64_t begin = cpu_now();

	for (unsigned i = 0; i < count; i++) {
		struct lend_msg *msg;

		if (lend_receive(LEND_NOW, &msg))
			return -EPROTO;
		/* By the order of their deadlines. */
		if (lend_msg_type(msg) != i)
			return -EILSEQ;
		lend_msg_free(msg);
	}
	print("actor", "receive", count, cpu_now() - begin);
	return 0;
}

static int time_own(void *arg)
{
	const struct own *own = arg;
	uint64_t random = 88172645463325252, begin = cpu_now();
	unsigned half = own->count / 2;

	for (unsigned i = 0; i < own->count; i++)
		if (lend_timer_start(
			    lend_after(SPREAD_NS +
				       random_next(&random) % SPREAD_NS),
			    0, i, &own->timers[i]))
			return -ENOMEM;
	print("actor", "start", own->count, cpu_now() - begin);
	begin = cpu_now();
	for (unsigned i = 0; i < own->count; i++)
		lend_timer_move(own->timers[i],
				lend_after(SPREAD_NS +
					   random_next(&random) % SPREAD_NS));
	print("actor", "move", own->count, cpu_now() - begin);
	begin = cpu_now();
	for (unsigned i = half; i < own->count; i++)
		lend_timer_stop(own->timers[i]);
	print("actor", "stop", own->count - half, cpu_now() - begin);
	/* Due, and in order. */
	begin = cpu_now();
	for (unsigned i = half; i > 0; i--)
		lend_timer_move(own->timers[i - 1], i);
	print("actor", "move near", half ? half : 1, cpu_now() - begin);
	begin = cpu_now();
	lend_is_cancelled();
	print("actor", "go off", half ? half : 1, cpu_now() - begin);
	return receive_all(half);
}

/* ---- actors, with a scope and without ---- */

#define CROWD 1000
#define TURNS 100

static unsigned ended;

static int count_end(void *arg)
{
	(void)arg;
	ended++;
	return 0;
}

static uint64_t spawn_crowd(struct lend_scope *scope)
{
	uint64_t begin = cpu_now();
	int err = 0;

	ended = 0;
	for (unsigned i = 0; i < CROWD && !err; i++)
		err = scope ? lend_scope_spawn(scope, count_end, NULL, NULL,
					       NULL) :
			      lend_spawn(count_end, NULL, NULL, NULL);
	if (scope && !err)
		err = lend_scope_join(scope, LEND_FOREVER);
	while (ended < CROWD && !err)
		err = lend_yield();
	return err ? UINT64_MAX : cpu_now() - begin;
}

static int time_spawns(void *arg)
{
	uint64_t plain = UINT64_MAX, scoped = UINT64_MAX;

	(void)arg;
	for (unsigned i = 0; i < TURNS; i++) {
		struct lend_scope *scope;
		uint64_t span = spawn_crowd(NULL);

		plain = span < plain ? span : plain;
		if (lend_scope_open(NULL, &scope))
			return -ENOMEM;
		span = spawn_crowd(scope);
		lend_scope_close(scope);
		scoped = span < scoped ? span : scoped;
	}
	printf("spawn, run and end an actor: %.0f ns, in a scope %.0f ns (best of %u rounds of %u)\n",
	       (double)plain / CROWD, (double)scoped / CROWD, TURNS, CROWD);
	return 0;
}

int micro_timers(unsigned count)
{
	const struct lend_options options = { .workers = 1 };
	struct own own = { .count = count };
	int err = time_worker(count);

	if (err)
		return err;
	own.timers = calloc(count, sizeof(struct lend_timer *));
	if (!own.timers)
		return 1;
	err = lend_run(&options, time_own, &own);
	free(own.timers);
	if (!err)
		err = micro_lateness();
	if (!err)
		err = lend_run(&options, time_spawns, NULL);
	if (err)
		fprintf(stderr, "lend-bench-internal: %s\n",
			lend_error_text(err));
	return err ? 1 : 0;
}
