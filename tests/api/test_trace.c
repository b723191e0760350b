/*
 * Goal:   the flight recorder and the statistics tell the same story in every
 *         mode: each event that can happen there is recorded, and as often as
 *         it is counted.
 * Method: programs that provoke the events, in a runtime that keeps all of
 *         them. It is read when its workers have stopped, so that sums must be
 *         equal, and while they run, too.
 */
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/reading.h"
#include "harness/harness.h"

#define SPIN (60 * LEND_MS)

/* ---- provoking ---- */

static int do_nops(void *arg)
{
	(void)arg;
	for (int i = 0; i < 20; i++) {
		CHECK_EQ(test_nop(), 0);
		lend_yield();
	}
	return 0;
}

/* A claim that is open while its actor waits for a message: it goes on where
 * the sender runs. */
static int claim_and_move(void *arg)
{
	struct lend_claim_handle *claim;
	struct lend_pending *pending;
	struct lend_msg *msg;

	if (!CHECK_EQ(lend_claim(1, LEND_FOREVER, &claim), 0))
		return -1;
	io_uring_prep_nop(lend_claim_sqe(claim, 0));
	atomic_store((_Atomic bool *)arg, true);
	CHECK_EQ(lend_receive(LEND_FOREVER, &msg), 0);
	lend_msg_free(msg);
	CHECK_EQ(lend_claim_commit(claim, &pending), 0);
	CHECK_EQ(lend_pending_await(pending, LEND_FOREVER), 0);
	lend_pending_free(pending);
	return 0;
}

static int send_to(void *arg)
{
	CHECK_EQ(lend_tell(*(lend_ref *)arg, 1, NULL, 0), 0);
	return 0;
}

static bool has_two_rings(void)
{
	if (test_options.workers < 2)
		return false;
	return test_options.mode == LEND_RING_PRIVATE ||
	       (test_options.rings ? test_options.rings :
				     test_options.workers) > 1;
}

/* Claims that are committed elsewhere, until one went to another ring. */
static void provoke_external(void)
{
	unsigned other = test_options.workers;
	uint64_t deadline = lend_after(10 * LEND_S);
	struct lend_stats stats;

	while (lend_now() < deadline) {
		_Atomic bool is_open = false;
		lend_ref mover = test_spawn_on(1, claim_and_move,
					       (void *)&is_open);

		while (!atomic_load(&is_open))
			lend_yield();
		CHECK_EQ(test_nop(), 0);
		CHECK_EQ(test_join(test_spawn_on(other, send_to, &mover)), 0);
		CHECK_EQ(test_join(mover), 0);
		lend_stats_read(NULL, &stats);
		if (stats.commits_external || !has_two_rings())
			return;
		/* A worker that is slow to wake up has its actors stolen: give
		 * it time to come. */
		lend_sleep(lend_after(LEND_MS / 2));
	}
	CHECK(!"a claim was committed on another ring");
}

static _Atomic unsigned ran;

static int count_one(void *arg)
{
	(void)arg;
	atomic_fetch_add(&ran, 1);
	return 0;
}

static bool was_noticed(void)
{
	struct reading reading;
	bool noticed;

	if (!read_trace(NULL, &reading))
		return true;
	noticed = reading.counts[LEND_TRACE_STALL] > 0;
	free(reading.data);
	return noticed;
}

/* Runnable actors behind one that computes are stolen, and it is noticed. */
static int spawn_and_spin(void *arg)
{
	uint64_t end_ns = lend_after(20 * LEND_S);

	(void)arg;
	for (int i = 0; i < 20; i++)
		CHECK_EQ(lend_spawn(count_one, NULL, NULL, NULL), 0);
	test_spin(SPIN);
	if (test_options.workers > 1)
		while ((atomic_load(&ran) < 20 || !was_noticed()) &&
		       lend_now() < end_ns)
			test_spin(LEND_MS);
	return 0;
}

static void provoke_stall(void)
{
	atomic_store(&ran, 0);
	CHECK_EQ(test_join(test_spawn_on(test_options.workers, spawn_and_spin,
					 NULL)),
		 0);
	while (atomic_load(&ran) < 20)
		lend_yield();
}

static int provoke_all(void *arg)
{
	lend_ref refs[16];

	(void)arg;
	for (unsigned i = 0; i < 16; i++)
		refs[i] = test_spawn_on(1 + i % test_options.workers, do_nops,
					NULL);
	for (unsigned i = 0; i < 16; i++)
		CHECK_EQ(test_join(refs[i]), 0);
	provoke_external();
	provoke_stall();
	lend_sleep(lend_after(5 * LEND_MS));
	return 0;
}

/* ---- sums ---- */

static void check_loans(const struct reading *reading,
			const struct lend_stats *stats)
{
	const struct lend_ring_stats *total = &stats->total;

	CHECK_EQ(reading->counts[LEND_TRACE_GRANT], total->granted);
	CHECK_EQ(reading->counts[LEND_TRACE_RECALL], total->recalled);
	CHECK_EQ(reading->counts[LEND_TRACE_SEIZE], total->seized);
	CHECK_EQ(reading->counts[LEND_TRACE_RETURN], total->returned);
	/* All workers have stopped: nothing is held. */
	CHECK_EQ(total->granted, total->returned + total->seized);
	for (unsigned i = 0; i < LEND_WHYS; i++) {
		CHECK_EQ(reading->why[LEND_TRACE_GRANT][i],
			 total->granted_why[i]);
		CHECK_EQ(reading->why[LEND_TRACE_RECALL][i],
			 total->recalled_why[i]);
		CHECK_EQ(reading->why[LEND_TRACE_RETURN][i],
			 total->returned_why[i]);
	}
	for (uint32_t i = 0; i < reading->header->rings; i++) {
		CHECK_EQ(reading->rings[i].index, i);
		CHECK_EQ(reading->rings[i].holder, LEND_TRACE_NOBODY);
	}
}

static void check_sums(const struct reading *reading,
		       const struct lend_stats *stats)
{
	CHECK_EQ(reading->counts[LEND_TRACE_REVOKE], stats->claims_revoked);
	CHECK_EQ(reading->counts[LEND_TRACE_BIND], stats->claims_bound);
	CHECK_EQ(reading->external, stats->commits_external);
	CHECK_EQ(reading->counts[LEND_TRACE_WAIT], stats->waits);
	CHECK_EQ(reading->counts[LEND_TRACE_WAITED], stats->waits);
	CHECK_EQ(reading->sums[LEND_TRACE_WAIT],
		 reading->sums[LEND_TRACE_WAITED]);
	CHECK_EQ(stats->waiting, 0);
	CHECK_EQ(stats->wait_ns != 0, stats->waits != 0);
	CHECK_EQ(reading->counts[LEND_TRACE_OVERFLOW], stats->overflows);
	CHECK_EQ(reading->counts[LEND_TRACE_REFUSED], stats->refused);
	CHECK_EQ(reading->counts[LEND_TRACE_HELP], stats->helped);
	CHECK_EQ(reading->counts[LEND_TRACE_STALLED], stats->stalls);
	CHECK_EQ(reading->sums[LEND_TRACE_STALLED], stats->stalled_ns);
	CHECK_EQ(reading->longest_stall_ns, stats->longest_stall_ns);
	CHECK_EQ(reading->counts[LEND_TRACE_KICK], stats->kicks);
	CHECK_EQ(reading->sums[LEND_TRACE_STEAL], stats->steals);
	CHECK_EQ(reading->counts[LEND_TRACE_PARK], stats->parks);
	CHECK_EQ(reading->counts[LEND_TRACE_UNPARK], stats->parks);
	/* Everything that was published was taken once. The kernel's polling
	 * threads take it without being told, and in shared mode somebody may
	 * publish between a worker's last flush and its wait, which takes that
	 * along. */
	if (test_options.sqpoll_idle_ms ||
	    test_options.mode == LEND_RING_SHARED)
		CHECK_IN(reading->sums[LEND_TRACE_FLUSH], 0,
			 stats->total.submissions);
	else
		/* But for the poll that was to wake a worker that found itself
		 * stopped before it went to sleep. */
		CHECK_IN(reading->sums[LEND_TRACE_FLUSH],
			 stats->total.submissions - test_options.workers,
			 stats->total.submissions);
}

static void check_occurred(const struct reading *reading)
{
	static const uint8_t always[] = { LEND_TRACE_REVOKE, LEND_TRACE_BIND,
					  LEND_TRACE_STALLED, LEND_TRACE_PARK,
					  LEND_TRACE_UNPARK };

	for (size_t i = 0; i < sizeof(always); i++)
		if (!CHECK(reading->counts[always[i]] > 0))
			printf("     no %s\n",
			       lend_trace_event_name(always[i]));
	if (!test_options.sqpoll_idle_ms)
		CHECK(reading->counts[LEND_TRACE_FLUSH] > 0);
	if (has_two_rings())
		CHECK(reading->external > 0);
	if (test_options.mode != LEND_RING_SHARED) {
		CHECK(reading->counts[LEND_TRACE_GRANT] > 0);
		CHECK(reading->counts[LEND_TRACE_RETURN] +
			      reading->counts[LEND_TRACE_SEIZE] >
		      0);
	}
	if (test_options.workers > 1) {
		CHECK(reading->counts[LEND_TRACE_STALL] > 0);
		CHECK(reading->counts[LEND_TRACE_STEAL] > 0);
	}
}

static int sums_are_the_statistics(void)
{
	const struct lend_options options = with_trace(EVENTS);
	const struct lend_spawn_options joinable = { .joinable = true };
	struct lend_runtime *runtime;
	struct lend_stats stats;
	struct reading reading;
	lend_ref first;
	int value = -1;

	if (!CHECK_EQ(lend_runtime_new(&options, &runtime), 0))
		return -1;
	CHECK_EQ(lend_runtime_spawn(runtime, provoke_all, NULL, &joinable,
				    &first),
		 0);
	CHECK_EQ(lend_runtime_join(runtime, first, &value), 0);
	lend_runtime_stop(runtime);
	lend_stats_read(runtime, &stats);
	if (read_trace(runtime, &reading)) {
		CHECK_EQ(reading.lost, 0);
		check_loans(&reading, &stats);
		check_sums(&reading, &stats);
		check_occurred(&reading);
		free(reading.data);
	}
	lend_runtime_free(runtime);
	return value;
}

/* ---- the interface ---- */

static int pausing(void *arg)
{
	struct reading before, paused, after = { 0 };
	uint64_t end_ns = lend_after(20 * LEND_S);
	unsigned rings = lend_runtime_rings(lend_runtime_current());

	(void)arg;
	CHECK_EQ(test_nop(), 0);
	CHECK_EQ(lend_runtime_trace_stop(NULL), 0);
	CHECK_EQ(lend_runtime_trace_stop(NULL), 0);
	lend_sleep(lend_after(LEND_MS));
	CHECK(read_trace(NULL, &before));
	for (int i = 0; i < 20; i++) {
		CHECK_EQ(test_nop(), 0);
		lend_sleep(lend_after(LEND_MS));
	}
	CHECK(read_trace(NULL, &paused));
	/* But for one that a worker was at when it was stopped. */
	CHECK_IN(paused.counts[LEND_TRACE_FLUSH] -
			 before.counts[LEND_TRACE_FLUSH],
		 0, test_options.workers);
	CHECK_IN(paused.counts[LEND_TRACE_PARK] -
			 before.counts[LEND_TRACE_PARK],
		 0, test_options.workers);
	CHECK_EQ(lend_runtime_trace_start(NULL), 0);
	CHECK_EQ(lend_runtime_trace_start(NULL), 0);
	do {
		free(after.data);
		CHECK_EQ(test_nop(), 0);
		lend_sleep(lend_after(LEND_MS));
		CHECK(read_trace(NULL, &after));
	} while (after.counts[LEND_TRACE_PARK] ==
			 paused.counts[LEND_TRACE_PARK] &&
		 lend_now() < end_ns);
	/* Once: so it was when recording went on. */
	CHECK_EQ(after.counts[LEND_TRACE_HOLDER], rings);
	CHECK(after.counts[LEND_TRACE_PARK] > paused.counts[LEND_TRACE_PARK]);
	free(before.data);
	free(paused.data);
	free(after.data);
	return 0;
}

static int overwriting(void *arg)
{
	struct reading reading;

	(void)arg;
	for (int i = 0; i < 30; i++) {
		CHECK_EQ(test_nop(), 0);
		lend_sleep(lend_after(LEND_MS / 4));
	}
	if (!read_trace(NULL, &reading))
		return -1;
	CHECK(reading.lost > 0);
	for (unsigned i = 0; i < LEND_TRACE_EVENTS; i++)
		CHECK_IN(reading.counts[i], 0, 4 * (test_options.workers + 1));
	free(reading.data);
	return 0;
}

static int writing(void *arg)
{
	struct reading reading, written;
	FILE *file = tmpfile();
	void *data;
	long size;

	(void)arg;
	if (!CHECK(file))
		return -1;
	CHECK_EQ(test_nop(), 0);
	CHECK(read_trace(NULL, &reading));
	CHECK_EQ(lend_runtime_trace_write(NULL, fileno(file)), 0);
	size = lseek(fileno(file), 0, SEEK_END);
	data = malloc((size_t)size);
	CHECK_EQ(pread(fileno(file), data, (size_t)size, 0), size);
	parse(&written, data, (size_t)size);
	CHECK(written.header->written_ns >= reading.header->written_ns);
	CHECK(written.loans_count >= reading.loans_count);
	CHECK_EQ(lend_runtime_trace_write(NULL, -1), -EBADF);
	fclose(file);
	free(reading.data);
	free(data);
	return 0;
}

static int off(void *arg)
{
	void *data;
	size_t size;

	(void)arg;
	CHECK_EQ(lend_runtime_trace_read(NULL, &data, &size), -EINVAL);
	CHECK_EQ(lend_runtime_trace_write(NULL, 1), -EINVAL);
	CHECK_EQ(lend_runtime_trace_start(NULL), -EINVAL);
	CHECK_EQ(lend_runtime_trace_stop(NULL), -EINVAL);
	return 0;
}

static int names(void)
{
	for (unsigned i = 0; i < LEND_TRACE_EVENTS; i++)
		CHECK(lend_trace_event_name(i) && *lend_trace_event_name(i));
	CHECK(!lend_trace_event_name(LEND_TRACE_EVENTS));
	CHECK_EQ(strlen(lend_trace_why_name(LEND_WHY_NONE)), 0);
	for (unsigned i = 1; i < LEND_WHYS; i++)
		CHECK(lend_trace_why_name(i) && *lend_trace_why_name(i));
	CHECK(!lend_trace_why_name(LEND_WHYS));
	return 0;
}

int main(int argc, char **argv)
{
	struct lend_options options;

	test_init(argc, argv, 100);
	test_plain("names", names);
	test_plain("sums_are_the_statistics", sums_are_the_statistics);
	options = with_trace(EVENTS);
	test_actor_with("pausing", pausing, &options);
	test_actor_with("writing", writing, &options);
	options = with_trace(3);
	test_actor_with("overwriting", overwriting, &options);
	test_actor("off", off);
	return test_finish();
}
