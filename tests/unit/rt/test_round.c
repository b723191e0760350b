/*
 * Goal:   K5: a round, which is the actors that run between two looks at
 *         everything else, ends: after so many turns, however many are
 *         runnable; and for those who become runnable meanwhile it goes on only
 *         while there is nothing to submit or to reap, nobody has noticed a
 *         stall, and it has not lasted long.
 * Method: a worker without a thread, a ring of a few words; whoever has had its
 *         turn is runnable again. The beginning of the round is moved: to now,
 *         so that it has not lasted long unless the machine stops for a while
 *         here, which ends one round of many; or to long ago.
 */
#include "rt/round.h"

#include <criterion/criterion.h>
#include <lend/clock.h>

#include "arbiter/mode.h"
#include "rt/runtime.h"
#include "uring/ring.h"

#define CROWD  1000
#define FEW    3
#define ROUNDS 200

static struct lend_runtime runtime;
static struct lend_worker worker;
static struct lend_ring ring;
static unsigned sq_head, sq_tail, sq_flags, cq_head, cq_tail;
static struct lend_actor actors[CROWD];

static struct lend_ring *own_ring(const struct lend_borrower *borrower)
{
	(void)borrower;
	return &ring;
}

static const struct lend_mode mode = { .own_ring = own_ring };

static void setup(void)
{
	ring.uring.sq.khead = &sq_head;
	ring.uring.sq.ktail = &sq_tail;
	ring.uring.sq.kflags = &sq_flags;
	ring.uring.cq.khead = &cq_head;
	ring.uring.cq.ktail = &cq_tail;
	runtime.arbiter.mode = &mode;
	worker.runtime = &runtime;
	worker.borrower.arbiter = &runtime.arbiter;
	cr_assert_eq(lend__run_queue_init(&worker.queue), 0);
}

static void teardown(void)
{
	while (lend__run_queue_take(&worker.queue))
		;
	lend__run_queue_fini(&worker.queue);
}

static void fill(unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		lend__run_queue_push(&worker.queue, LEND_RUN_READY, &actors[i]);
}

enum lasts {
	SHORTLY,
	FOR_LONG,
};

/* How many turns does it have? */
static unsigned run_round(enum lasts lasts)
{
	struct lend_actor *actor;
	unsigned turns = 0;

	worker.now_ns = lend_now();
	lend__round_begin(&worker, lend__run_queue_length(&worker.queue));
	while ((actor = lend__round_next(&worker))) {
		cr_assert_leq(++turns, LEND_WORKER_ROUND_MAX);
		lend__run_queue_push(&worker.queue, LEND_RUN_READY, actor);
		worker.now_ns = lasts == SHORTLY ? lend_now() : 0;
	}
	/* Over is over. */
	cr_assert_null(lend__round_next(&worker));
	return turns;
}

Test(round, it_ends_however_many_are_runnable, .init = setup, .fini = teardown)
{
	fill(CROWD);
	for (unsigned i = 0; i < ROUNDS; i++)
		cr_expect_eq(run_round(SHORTLY), LEND_WORKER_ROUND_MAX);
}

Test(round, it_ends_though_they_come_back, .init = setup, .fini = teardown)
{
	unsigned longest = 0;

	fill(FEW);
	for (unsigned i = 0; i < ROUNDS; i++) {
		unsigned turns = run_round(SHORTLY);

		if (turns > longest)
			longest = turns;
	}
	/* And goes on until then. */
	cr_expect_geq(longest, LEND_WORKER_ROUND_MAX);
}

Test(round, one_that_has_lasted_goes_on_for_nobody, .init = setup,
     .fini = teardown)
{
	fill(FEW);
	cr_expect_eq(run_round(FOR_LONG), FEW);
}

Test(round, completions_end_it, .init = setup, .fini = teardown)
{
	fill(FEW);
	cq_tail++;
	cr_expect_eq(run_round(SHORTLY), FEW);
}

Test(round, submissions_end_it, .init = setup, .fini = teardown)
{
	fill(FEW);
	atomic_store(&ring.published, 1);
	sq_tail++;
	ring.sq_tail++;
	cr_expect_eq(run_round(SHORTLY), FEW);
}

/* After at most as many turns as the round has had, or 8, and 32 at most. */
Test(round, what_comes_meanwhile_is_noticed_soon, .init = setup,
     .fini = teardown)
{
	static const struct {
		unsigned turn, most;
	} cases[] = { { FEW + 1, FEW + 9 }, { 20, 40 }, { 100, 132 } };

	fill(FEW);
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct lend_actor *actor;
		unsigned turns = 0;

		cq_head = cq_tail;
		worker.now_ns = lend_now();
		lend__round_begin(&worker,
				  lend__run_queue_length(&worker.queue));
		while ((actor = lend__round_next(&worker))) {
			cq_tail += ++turns == cases[i].turn;
			lend__run_queue_push(&worker.queue, LEND_RUN_READY,
					     actor);
			worker.now_ns = lend_now();
		}
		cr_expect_leq(turns, cases[i].most);
	}
}

/* One that yields, alone, goes on without a switch. */
Test(round, who_goes_on_alone_does_so_for_a_round, .init = setup,
     .fini = teardown)
{
	unsigned longest = 0;

	for (unsigned i = 0; i < ROUNDS; i++) {
		unsigned turns = 1;

		fill(1);
		worker.now_ns = lend_now();
		lend__round_begin(&worker,
				  lend__run_queue_length(&worker.queue));
		cr_assert_not_null(lend__round_next(&worker));
		while (lend__round_goes_on(&worker)) {
			cr_assert_leq(++turns, LEND_WORKER_ROUND_MAX);
			cr_expect_eq(worker.turn.calls_left, LEND_TURN_CALLS);
			worker.turn.calls_left = 0;
			worker.now_ns = lend_now();
		}
		if (turns > longest)
			longest = turns;
	}
	cr_expect_geq(longest, LEND_WORKER_ROUND_MAX);
	fill(1);
	lend__round_begin(&worker, lend__run_queue_length(&worker.queue));
	cr_assert_not_null(lend__round_next(&worker));
	worker.now_ns = lend_now();
	atomic_store(&worker.stalls.noticed, true);
	cr_expect(!lend__round_goes_on(&worker));
}
