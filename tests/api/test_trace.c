/*
 * Goal:   the flight recorder and the statistics tell the same story in every
 *         mode: each event that can happen there is recorded, and as often as
 *         it is counted; a rescue is recorded in the order in which it happens.
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

#include "harness/harness.h"

#define EVENTS 32768
#define SPIN   (60 * LEND_MS)

static struct lend_options with_trace(unsigned events)
{
	struct lend_options options = test_options;

	options.trace_events = events;
	return options;
}

/* ---- reading a trace ---- */

struct reading {
	void *data;
	const struct lend_trace_header *header;
	const struct lend_trace_ring *rings;
	uint64_t lost;
	uint64_t counts[LEND_TRACE_EVENTS];
	uint64_t sums[LEND_TRACE_EVENTS]; /* of their arguments */
	uint64_t why[LEND_TRACE_EVENTS][LEND_WHYS];
	uint64_t external;
	uint64_t longest_stall_ns;
	/* The arbiter's track. */
	const struct lend_trace_record *loans;
	uint64_t loans_count;
};

static void add_up(struct reading *reading,
		   const struct lend_trace_record *record)
{
	CHECK_IN(record->event, LEND_TRACE_NONE + 1, LEND_TRACE_EVENTS - 1);
	CHECK_IN(record->why, 0, LEND_WHYS - 1);
	CHECK(record->time_ns >= reading->header->started_ns);
	CHECK(record->time_ns <= lend_now());
	reading->counts[record->event]++;
	reading->sums[record->event] += record->argument;
	reading->why[record->event][record->why]++;
	if (record->event == LEND_TRACE_BIND &&
	    record->argument != record->ring)
		reading->external++;
	if (record->event == LEND_TRACE_STALLED &&
	    record->argument > reading->longest_stall_ns)
		reading->longest_stall_ns = record->argument;
}

static const char *read_one_track(struct reading *reading, const char *place)
{
	const struct lend_trace_track *track = (const void *)place;
	const struct lend_trace_record *records = (const void *)(track + 1);

	reading->lost += track->lost;
	for (uint64_t i = 0; i < track->records; i++) {
		CHECK_EQ(records[i].number, track->lost + i + 1);
		CHECK(!i || records[i].time_ns >= records[i - 1].time_ns);
		add_up(reading, &records[i]);
	}
	if (track->worker == LEND_TRACE_ARBITER) {
		reading->loans = records;
		reading->loans_count = track->records;
	}
	return (const char *)(records + track->records);
}

static void parse(struct reading *reading, void *data, size_t size)
{
	const char *place = data;

	memset(reading, 0, sizeof(*reading));
	reading->data = data;
	reading->header = data;
	CHECK(!memcmp(reading->header->magic, LEND_TRACE_MAGIC, 8));
	CHECK_EQ(reading->header->version, LEND_TRACE_VERSION);
	CHECK_EQ(reading->header->header_size, 128);
	CHECK_EQ(reading->header->record_size, 64);
	CHECK_EQ(reading->header->mode, test_options.mode);
	CHECK_EQ(reading->header->tracks, reading->header->workers + 1);
	place += sizeof(*reading->header);
	reading->rings = (const void *)place;
	place += reading->header->rings * sizeof(*reading->rings);
	for (uint32_t i = 0; i < reading->header->tracks; i++)
		place = read_one_track(reading, place);
	CHECK_EQ(place - (const char *)data, size);
}

static bool read_trace(struct lend_runtime *runtime, struct reading *reading)
{
	void *data;
	size_t size;

	if (!CHECK_EQ(lend_runtime_trace_read(runtime, &data, &size), 0))
		return false;
	parse(reading, data, size);
	return true;
}

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
		CHECK_EQ(reading->sums[LEND_TRACE_FLUSH],
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

/* ---- a rescue ---- */

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
	struct lend_options options = with_trace(1048577);
	struct lend_runtime *runtime;

	options.log_level = LEND_LOG_ERROR;
	for (unsigned i = 0; i < LEND_TRACE_EVENTS; i++)
		CHECK(lend_trace_event_name(i) && *lend_trace_event_name(i));
	CHECK(!lend_trace_event_name(LEND_TRACE_EVENTS));
	CHECK_EQ(strlen(lend_trace_why_name(LEND_WHY_NONE)), 0);
	for (unsigned i = 1; i < LEND_WHYS; i++)
		CHECK(lend_trace_why_name(i) && *lend_trace_why_name(i));
	CHECK(!lend_trace_why_name(LEND_WHYS));
	CHECK_EQ(lend_runtime_new(&options, &runtime), -EINVAL);
	return 0;
}

int main(int argc, char **argv)
{
	struct lend_options options;

	test_init(argc, argv, 100);
	test_plain("names", names);
	test_plain("sums_are_the_statistics", sums_are_the_statistics);
	options = with_trace(EVENTS);
	/* One ring, so that the other worker wants just that one. */
	options.rings = 1;
	if (options.mode != LEND_RING_BORROWED)
		test_skip("rescue_in_order", "no loan is taken back");
	else if (options.workers < 2)
		test_skip("rescue_in_order", "there is nobody else to go on");
	else
		test_actor_with("rescue_in_order", rescue_in_order, &options);
	options = with_trace(EVENTS);
	test_actor_with("pausing", pausing, &options);
	test_actor_with("writing", writing, &options);
	options = with_trace(3);
	test_actor_with("overwriting", overwriting, &options);
	test_actor("off", off);
	return test_finish();
}
