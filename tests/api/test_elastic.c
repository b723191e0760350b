/*
 * Goal:   workers and rings come and go while actors are at work, and the
 *         actors do not notice: every byte arrives, nothing hangs, nothing is
 *         left behind.
 * Method: echo traffic whose every byte is checked runs while the size changes;
 *         then each condition that makes a removal hard, one by one: a spinner
 *         that has the ring, thousands of idle reads, a storm of cancellations,
 *         or held buffers.
 */
#include <errno.h>
#include <liburing.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/traffic.h"
#include "harness/harness.h"

/* ---- under traffic ---- */

static int workers_come_and_go(void *arg)
{
	static const unsigned sizes[] = { 4, 1, 3, 2, 4, 3, 1 };
	struct traffic traffic;

	(void)arg;
	CHECK_EQ(set_workers(1, SOON), 0);
	start_traffic(&traffic);
	for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		lend_sleep(lend_after(10 * LEND_MS));
		CHECK_EQ(set_workers(sizes[i], SOON), 0);
		CHECK_EQ(lend_runtime_workers(lend_runtime_current()),
			 sizes[i]);
	}
	stop_traffic(&traffic);
	return 0;
}

static int rings_come_and_go(void *arg)
{
	static const unsigned sizes[] = { 8, 1, 5, 2, 8, 1 };
	struct traffic traffic;

	(void)arg;
	CHECK_EQ(set_rings(1, SOON), 0);
	start_traffic(&traffic);
	for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		lend_sleep(lend_after(10 * LEND_MS));
		CHECK_EQ(set_rings(sizes[i], SOON), 0);
		CHECK_EQ(lend_runtime_rings(lend_runtime_current()), sizes[i]);
	}
	stop_traffic(&traffic);
	return 0;
}

/* Nothing is lost of what was counted, and nothing in flight is left on what
 * is gone. */
static int counters_go_on(void *arg)
{
	struct lend_stats before, after;
	struct traffic traffic;

	(void)arg;
	CHECK_EQ(set_rings(3, SOON), 0);
	start_traffic(&traffic);
	lend_sleep(lend_after(10 * LEND_MS));
	lend_stats_read(NULL, &before);
	CHECK_EQ(set_rings(1, SOON), 0);
	lend_stats_read(NULL, &after);
	CHECK(after.total.submissions >= before.total.submissions);
	CHECK(after.total.completions >= before.total.completions);
	CHECK(after.switches >= before.switches);
	CHECK_EQ(after.rings, 1);
	stop_traffic(&traffic);
	return 0;
}

/* ---- what makes it hard ---- */

static int read_one(void *arg)
{
	int fd = (int)(intptr_t)arg;
	char byte = 0;
	int res;

	atomic_fetch_add(&waiting, 1);
	res = (int)lend_recv(fd, &byte, 1, 0, LEND_FOREVER);
	return res == 1 ? byte : res;
}

static unsigned idle_count(void)
{
	struct rlimit limit;
	unsigned most = test_is_slow() ? 500 : 5000;

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	getrlimit(RLIMIT_NOFILE, &limit);
	return limit.rlim_cur > 2 * most + 200 ?
		       most :
		       (unsigned)(limit.rlim_cur - 200) / 2;
}

static int idle_reads_survive(void *arg)
{
	unsigned count = idle_count();
	int(*pairs)[2] = calloc(count, sizeof(*pairs));
	lend_ref *readers = calloc(count, sizeof(*readers));

	(void)arg;
	atomic_store(&waiting, 0);
	CHECK_EQ(set_rings(3, SOON), 0);
	CHECK_EQ(set_workers(3, SOON), 0);
	for (unsigned i = 0; i < count; i++) {
		test_pair(pairs[i]);
		readers[i] = test_spawn_on(1 + i % 3, read_one,
					   (void *)(intptr_t)pairs[i][0]);
	}
	wait_for(count);
	lend_sleep(lend_after(5 * LEND_MS));
	/* Half of them lose their ring, others later their thread. */
	CHECK_EQ(set_rings(is_private() ? 2 : 1, SOON), 0);
	CHECK_EQ(set_workers(1, SOON), 0);
	/* All at once: what a thread that has ended leaves behind the kernel
	 * hands out some milliseconds after its data has come. */
	for (unsigned i = 0; i < count; i++) {
		char byte = (char)(1 + i % 100);

		CHECK_EQ(lend_send(pairs[i][1], &byte, 1, 0, LEND_FOREVER), 1);
	}
	for (unsigned i = 0; i < count; i++) {
		CHECK_EQ(test_join(readers[i]), 1 + i % 100);
		lend_close(pairs[i][0]);
		lend_close(pairs[i][1]);
	}
	free(pairs);
	free(readers);
	return 0;
}

static int spin_with_ring(void *arg)
{
	int fd = (int)(intptr_t)arg;
	char byte;

	/* An operation, so that its worker has a ring. */
	if (lend_recv(fd, &byte, 1, 0, LEND_FOREVER) != 1)
		return -1;
	atomic_fetch_add(&waiting, 1);
	test_spin(150 * LEND_MS);
	return lend_recv(fd, &byte, 1, 0, LEND_FOREVER) == 1 ? byte : -1;
}

/* All workers but one spin; each has a ring, if there are enough. */
static int spinners_lose_their_rings(void *arg)
{
	int pairs[3][2];
	lend_ref spinners[3];

	(void)arg;
	atomic_store(&waiting, 0);
	CHECK_EQ(set_workers(4, SOON), 0);
	CHECK_EQ(set_rings(4, SOON), 0);
	for (unsigned i = 0; i < 3; i++) {
		test_pair(pairs[i]);
		spinners[i] = test_spawn_on(2 + i, spin_with_ring,
					    (void *)(intptr_t)pairs[i][0]);
	}
	lend_sleep(lend_after(10 * LEND_MS));
	for (unsigned i = 0; i < 3; i++)
		CHECK_EQ(lend_send(pairs[i][1], "s", 1, 0, LEND_FOREVER), 1);
	lend_sleep(lend_after(10 * LEND_MS));
	CHECK_EQ(set_rings(1, SOON), 0);
	for (unsigned i = 0; i < 3; i++) {
		CHECK_EQ(lend_send(pairs[i][1], "e", 1, 0, LEND_FOREVER), 1);
		CHECK_EQ(test_join(spinners[i]), 'e');
		lend_close(pairs[i][0]);
		lend_close(pairs[i][1]);
	}
	CHECK_EQ(set_workers(1, SOON), 0);
	return 0;
}

/* Reads that are cancelled as soon as they have begun, by deadlines of all
 * lengths. */
static int give_up(void *arg)
{
	int fd = (int)(intptr_t)arg, rounds = 0;
	char byte;

	while (!atomic_load(&stop)) {
		uint64_t span = (uint64_t)(rounds * 37 % 300) * LEND_US;

		if (!CHECK_EQ(lend_recv(fd, &byte, 1, 0, lend_after(span)),
			      -ETIMEDOUT))
			break;
		rounds++;
	}
	lend_close(fd);
	return rounds;
}

static int in_a_storm_of_cancellations(void *arg)
{
	lend_ref actors[PAIRS];
	int ends[PAIRS];

	(void)arg;
	atomic_store(&stop, false);
	CHECK_EQ(set_workers(3, SOON), 0);
	CHECK_EQ(set_rings(3, SOON), 0);
	for (unsigned i = 0; i < PAIRS; i++) {
		int pair[2];

		test_pair(pair);
		ends[i] = pair[1];
		actors[i] = test_spawn_on(1 + i % 3, give_up,
					  (void *)(intptr_t)pair[0]);
	}
	for (unsigned i = 0; i < 6; i++) {
		CHECK_EQ(set_rings(i % 2 ? 3 : 1, SOON), 0);
		CHECK_EQ(set_workers(i % 2 ? 3 : 1 + i % 3, SOON), 0);
		lend_sleep(lend_after(5 * LEND_MS));
	}
	atomic_store(&stop, true);
	for (unsigned i = 0; i < PAIRS; i++) {
		CHECK_IN(test_join(actors[i]), 1, INT32_MAX);
		lend_close(ends[i]);
	}
	return 0;
}

static int hold_a_buffer(void *arg)
{
	int fd = (int)(intptr_t)arg;
	struct lend_buffer buffer;
	char byte = 0;

	if (lend_recv_buffer(fd, LEND_FOREVER, &buffer) != 4)
		return -1;
	atomic_fetch_add(&waiting, 1);
	/* Until the rings have gone, and come again. */
	if (lend_recv(fd, &byte, 1, 0, LEND_FOREVER) != 1)
		return -1;
	if (memcmp(buffer.data, "held", 4))
		byte = 0;
	/* The last one leaves it to the actor's end. */
	if (byte != 'k')
		lend_buffer_release(&buffer);
	return byte;
}

static int held_buffers_stay(void *arg)
{
	int pairs[8][2];
	lend_ref holders[8];

	(void)arg;
	atomic_store(&waiting, 0);
	CHECK_EQ(set_workers(3, SOON), 0);
	CHECK_EQ(set_rings(3, SOON), 0);
	for (unsigned i = 0; i < 8; i++) {
		test_pair(pairs[i]);
		holders[i] = test_spawn_on(1 + i % 3, hold_a_buffer,
					   (void *)(intptr_t)pairs[i][0]);
		CHECK_EQ(lend_send(pairs[i][1], "held", 4, 0, LEND_FOREVER), 4);
	}
	wait_for(8);
	for (unsigned i = 0; i < 4; i++) {
		struct traffic traffic;

		CHECK_EQ(set_rings(1, SOON), 0);
		CHECK_EQ(set_rings(3, SOON), 0);
		/* All buffers that are home go round. */
		start_traffic(&traffic);
		lend_sleep(lend_after(5 * LEND_MS));
		stop_traffic(&traffic);
	}
	CHECK_EQ(set_rings(1, SOON), 0);
	for (unsigned i = 0; i < 8; i++) {
		char byte = i % 2 ? 'k' : 'b';

		CHECK_EQ(lend_send(pairs[i][1], &byte, 1, 0, LEND_FOREVER), 1);
		CHECK_EQ(test_join(holders[i]), byte);
		lend_close(pairs[i][0]);
		lend_close(pairs[i][1]);
	}
	return 0;
}

static _Atomic bool over;

/* One after the other ends with a buffer in hand. */
static int end_with_a_buffer(void *arg)
{
	struct lend_buffer buffer;
	int pair[2];

	if (atomic_load(&over))
		return 0;
	test_pair(pair);
	CHECK_EQ(lend_send(pair[1], "held", 4, 0, LEND_FOREVER), 4);
	CHECK_EQ(lend_recv_buffer(pair[0], LEND_FOREVER, &buffer), 4);
	lend_close(pair[0]);
	lend_close(pair[1]);
	CHECK_EQ(lend_spawn(end_with_a_buffer, arg, NULL, NULL), 0);
	return 0;
}

/* Who gives them back looks at all rings, of those that come, too. */
static int buffers_are_given_back_while_rings_come(void *arg)
{
	struct lend_stats stats;

	(void)arg;
	atomic_store(&over, false);
	CHECK_EQ(set_workers(3, SOON), 0);
	for (uint16_t i = 1; i <= 3; i++)
		CHECK_EQ(lend_spawn(end_with_a_buffer, NULL,
				    &(struct lend_spawn_options){ .worker = i },
				    NULL),
			 0);
	for (unsigned i = 0; i < 10; i++) {
		CHECK_EQ(set_rings(8, SOON), 0);
		CHECK_EQ(set_rings(1, SOON), 0);
	}
	atomic_store(&over, true);
	do {
		lend_yield();
		lend_stats_read(NULL, &stats);
	} while (stats.actors > 1);
	return 0;
}

static int sleep_long(void *arg)
{
	uint64_t deadline = lend_after(40 * LEND_MS);

	(void)arg;
	CHECK_EQ(lend_sleep(deadline), 0);
	CHECK(lend_now() >= deadline);
	return 0;
}

static int timers_move(void *arg)
{
	lend_ref sleepers[40];

	(void)arg;
	CHECK_EQ(set_workers(4, SOON), 0);
	for (unsigned i = 0; i < 40; i++)
		sleepers[i] = test_spawn_on(1 + i % 4, sleep_long, NULL);
	lend_sleep(lend_after(2 * LEND_MS));
	CHECK_EQ(set_workers(1, SOON), 0);
	for (unsigned i = 0; i < 40; i++)
		CHECK_EQ(test_join(sleepers[i]), 0);
	return 0;
}

int main(int argc, char **argv)
{
	test_init(argc, argv, 100);
	test_options.rings_max = test_options.rings > 8 ? 0 : 8;
	test_actor("workers come and go", workers_come_and_go);
	test_actor("rings come and go", rings_come_and_go);
	test_actor("counters go on", counters_go_on);
	test_actor("idle reads survive", idle_reads_survive);
	test_actor("spinners lose their rings", spinners_lose_their_rings);
	test_actor("in a storm of cancellations", in_a_storm_of_cancellations);
	test_actor("held buffers stay", held_buffers_stay);
	test_actor("buffers are given back while rings come",
		   buffers_are_given_back_while_rings_come);
	test_actor("timers move", timers_move);
	return test_finish();
}
