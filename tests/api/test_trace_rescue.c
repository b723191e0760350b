/*
 * Goal:   a rescue is recorded in the order in which it happens.
 * Method: a borrower that computes and another one that wants its ring; the
 *         arbiter's track is read when both are done.
 */
#include <liburing.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/reading.h"
#include "harness/harness.h"

#define SPIN (60 * LEND_MS)

/* When, by the clock of the recording: a stall's own beginning is told by its
 * end and its length, and the machine may stop between the two. */
static _Atomic uint64_t borrowed_ns;
static _Atomic bool is_holding, is_rescued;

/* Borrow the ring, and compute until another had it, and for a while. */
static int hold_and_spin(void *arg)
{
	uint64_t end_ns = lend_after(20 * LEND_S);
	struct lend_claim_handle *claim;
	struct lend_pending *pending;

	(void)arg;
	atomic_store(&borrowed_ns, lend_now());
	if (!CHECK_EQ(lend_claim(1, LEND_FOREVER, &claim), 0))
		return -1;
	io_uring_prep_nop(lend_claim_sqe(claim, 0));
	if (!CHECK_EQ(lend_claim_commit(claim, &pending), 0))
		return -1;
	atomic_store(&is_holding, true);
	test_spin(SPIN);
	while (!atomic_load(&is_rescued) && lend_now() < end_ns)
		;
	CHECK(atomic_load(&is_rescued));
	CHECK_EQ(lend_pending_await(pending, LEND_FOREVER), 0);
	lend_pending_free(pending);
	return 0;
}

static int want_the_ring(void *arg)
{
	uint64_t before;

	(void)arg;
	while (!atomic_load(&is_holding))
		lend_yield();
	before = lend_now();
	CHECK_EQ(test_nop(), 0);
	printf("     rescued after %llu us\n",
	       (unsigned long long)(lend_now() - before) / 1000);
	atomic_store(&is_rescued, true);
	return 0;
}

/* The first event of a kind from @from on, about @worker or anybody. */
static const struct lend_trace_record *
find(const struct reading *reading, const struct lend_trace_record *from,
     uint8_t event, int worker)
{
	const struct lend_trace_record *end = reading->loans +
					      reading->loans_count;

	for (; from && from < end; from++)
		if (from->event == event &&
		    (worker < 0 || from->worker == worker))
			return from;
	return NULL;
}

/* The first event of a kind from @time_ns on, about @worker. */
static const struct lend_trace_record *find_after(const struct reading *reading,
						  uint64_t time_ns,
						  uint8_t event, int worker)
{
	const struct lend_trace_record *from = reading->loans;

	while ((from = find(reading, from, event, worker)) &&
	       from->time_ns < time_ns)
		from++;
	return from;
}

/* The stall's end is in the track of the worker that was stuck. The longest,
 * as a machine may stop at other moments, too. */
static const struct lend_trace_record *find_stall(const struct reading *reading,
						  const char *name)
{
	const char *place = (const char *)(reading->rings +
					   reading->header->rings);
	const struct lend_trace_record *longest = NULL;

	for (uint32_t i = 0; i < reading->header->tracks; i++) {
		const struct lend_trace_track *track = (const void *)place;
		const struct lend_trace_record *records = (const void *)(track +
									 1);

		for (uint64_t k = 0; k < track->records; k++)
			if (records[k].event == LEND_TRACE_STALLED &&
			    !strncmp(records[k].name, name, strlen(name)) &&
			    (!longest ||
			     longest->argument < records[k].argument))
				longest = &records[k];
		place = (const char *)(records + track->records);
	}
	return longest;
}

static bool is_told(const struct reading *reading)
{
	const struct lend_trace_record *stall = find_stall(reading, "spinner");

	return stall && stall->argument >= SPIN;
}

static void check_rescue(const struct reading *reading)
{
	const struct lend_trace_record *stall = find_stall(reading, "spinner");
	const struct lend_trace_record *recall, *seize, *grant, *left, *again;

	if (!CHECK(stall))
		return;
	CHECK(stall->argument >= SPIN);
	/* Asked back, taken, and lent to another; all before the one that was
	 * stuck came back. */
	recall = find_after(reading, atomic_load(&borrowed_ns),
			    LEND_TRACE_RECALL, stall->worker);
	seize = find(reading, recall, LEND_TRACE_SEIZE, stall->worker);
	if (!CHECK(recall) || !CHECK(seize))
		return;
	CHECK(seize->time_ns < stall->time_ns);
	CHECK(recall->why == LEND_WHY_STALL || recall->why == LEND_WHY_WAITER);
	/* Its worker may have looked before the other one wanted the ring. */
	if (recall->why == LEND_WHY_WAITER)
		CHECK(find(reading, reading->loans, LEND_TRACE_WAIT, -1) <
		      recall);
	CHECK_EQ(seize->ring, recall->ring);
	CHECK_EQ(seize->by, recall->by);
	CHECK(seize->by != stall->worker);
	grant = find(reading, seize, LEND_TRACE_GRANT, -1);
	if (!CHECK(grant))
		return;
	CHECK_EQ(grant->ring, seize->ring);
	CHECK(grant->worker != stall->worker);
	CHECK(grant->time_ns < stall->time_ns);
	/* And not before it had given it back was it lent again. */
	again = find(reading, grant + 1, LEND_TRACE_GRANT, -1);
	left = find(reading, grant, LEND_TRACE_RETURN, grant->worker);
	if (!left || (again && left > again))
		/* The machine may have stopped that one, too. */
		left = find(reading, grant, LEND_TRACE_SEIZE, grant->worker);
	if (again)
		CHECK(left && left < again);
}

static int rescue_in_order(void *arg)
{
	const struct lend_spawn_options spinner = {
		.name = "spinner",
		.worker = 1,
		.joinable = true,
	};
	uint64_t end_ns = lend_after(40 * LEND_S);
	struct reading reading;
	lend_ref stuck, rescued;

	(void)arg;
	atomic_store(&is_holding, false);
	atomic_store(&is_rescued, false);
	rescued = test_spawn_on(2, want_the_ring, NULL);
	CHECK_EQ(lend_spawn(hold_and_spin, NULL, &spinner, &stuck), 0);
	CHECK_EQ(test_join(rescued), 0);
	CHECK_EQ(test_join(stuck), 0);
	/* Its worker tells of the stall when it has come to a safe point. */
	while (read_trace(NULL, &reading)) {
		if (is_told(&reading) || lend_now() > end_ns) {
			check_rescue(&reading);
			free(reading.data);
			break;
		}
		free(reading.data);
		lend_sleep(lend_after(LEND_MS));
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct lend_options options;

	test_init(argc, argv, 100);
	options = with_trace(EVENTS);
	/* One ring, so that the other worker wants just that one. */
	options.rings = 1;
	if (options.mode != LEND_RING_BORROWED)
		test_skip("rescue_in_order", "no loan is taken back");
	else if (options.workers < 2)
		test_skip("rescue_in_order", "there is nobody else to go on");
	else
		test_actor_with("rescue_in_order", rescue_in_order, &options);
	return test_finish();
}
