/*
 * Goal:   several runtimes in one process, each with a pool, an arbiter and
 *         workers of its own, are as good as one each; actors of one tell
 *         actors of another; one ends while the others go on.
 * Method: three runtimes, one in each mode; in each an actor sends numbers to
 *         its two neighbours and adds up what it is sent, while it also does
 *         I/O of its own; then one is stopped, and is told something all the
 *         same.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/socket.h>

#include "harness/harness.h"

#define CLUSTERS 3
#define NUMBERS	 3000

struct cluster {
	struct lend_runtime *runtime;
	lend_ref actor;
	unsigned index;
};

static struct cluster clusters[CLUSTERS];
static _Atomic unsigned ready;

static int echo_once(int pair[2], unsigned number)
{
	unsigned back = 0;

	if (lend_send(pair[0], &number, sizeof(number), 0, LEND_FOREVER) !=
		    sizeof(number) ||
	    lend_recv(pair[1], &back, sizeof(back), 0, LEND_FOREVER) !=
		    sizeof(back))
		return -EIO;
	return back == number ? 0 : -EIO;
}

/* The sum of what came in, at most what has come by now if @wait is false. */
static uint64_t take(unsigned *left, bool wait)
{
	struct lend_msg *msg;
	uint64_t sum = 0;

	while (*left && !lend_receive(wait ? LEND_FOREVER : LEND_NOW, &msg)) {
		sum += *(const unsigned *)lend_msg_data(msg);
		lend_msg_free(msg);
		(*left)--;
	}
	return sum;
}

static int member(void *arg)
{
	const struct cluster *self = arg;
	unsigned left = (CLUSTERS - 1) * NUMBERS;
	uint64_t sum = 0;
	int pair[2];

	CHECK(lend_runtime_current() == self->runtime);
	test_pair(pair);
	atomic_fetch_add(&ready, 1);
	while (atomic_load(&ready) < CLUSTERS)
		lend_yield();
	for (unsigned i = 1; i <= NUMBERS; i++) {
		for (unsigned j = 1; j < CLUSTERS; j++) {
			const struct cluster *other =
				&clusters[(self->index + j) % CLUSTERS];
			int err;

			/* A full mailbox: its owner has to run. */
			while ((err = lend_runtime_tell(
					other->runtime, other->actor, 1, &i,
					sizeof(i))) == -EAGAIN) {
				sum += take(&left, false);
				lend_yield();
			}
			CHECK_EQ(err, 0);
		}
		if (i % 16 == 0)
			CHECK_EQ(echo_once(pair, i), 0);
		sum += take(&left, false);
	}
	sum += take(&left, true);
	CHECK_EQ(sum, (CLUSTERS - 1) * (uint64_t)NUMBERS * (NUMBERS + 1) / 2);
	lend_close(pair[0]);
	lend_close(pair[1]);
	return 0;
}

static int open_cluster(unsigned i)
{
	static const enum lend_ring_mode modes[CLUSTERS] = { LEND_RING_BORROWED,
							     LEND_RING_PRIVATE,
							     LEND_RING_SHARED };
	struct lend_options options = test_options;

	options.mode = i ? modes[i] : test_options.mode;
	if (options.mode == LEND_RING_PRIVATE)
		options.rings = options.workers;
	clusters[i].index = i;
	return lend_runtime_new(&options, &clusters[i].runtime);
}

static int they_talk(void)
{
	const struct lend_spawn_options options = { .joinable = true };
	int value;

	atomic_store(&ready, 0);
	for (unsigned i = 0; i < CLUSTERS; i++)
		if (!CHECK_EQ(open_cluster(i), 0))
			return -1;
	for (unsigned i = 0; i < CLUSTERS; i++)
		CHECK_EQ(lend_runtime_spawn(clusters[i].runtime, member,
					    &clusters[i], &options,
					    &clusters[i].actor),
			 0);
	for (unsigned i = 0; i < CLUSTERS; i++) {
		CHECK_EQ(lend_runtime_join(clusters[i].runtime,
					   clusters[i].actor, &value),
			 0);
		CHECK_EQ(value, 0);
	}
	for (unsigned i = 0; i < CLUSTERS; i++)
		lend_runtime_free(clusters[i].runtime);
	return 0;
}

static int tell_the_dead(void *arg)
{
	const struct cluster *other = arg;
	unsigned number = 1;

	CHECK_EQ(lend_runtime_tell(other->runtime, other->actor, 1, &number,
				   sizeof(number)),
		 -ESRCH);
	CHECK_EQ(lend_runtime_cancel(other->runtime, other->actor), -ESRCH);
	return 0;
}

static int sleep_on(void *arg)
{
	(void)arg;
	return lend_sleep(LEND_FOREVER);
}

static int one_ends(void)
{
	const struct lend_spawn_options options = { .joinable = true };
	lend_ref teller;
	int value = -1;

	for (unsigned i = 0; i < 2; i++)
		if (!CHECK_EQ(open_cluster(i), 0))
			return -1;
	CHECK_EQ(lend_runtime_spawn(clusters[1].runtime, sleep_on, NULL, NULL,
				    &clusters[1].actor),
		 0);
	lend_runtime_stop(clusters[1].runtime);
	CHECK_EQ(lend_runtime_spawn(clusters[0].runtime, tell_the_dead,
				    &clusters[1], &options, &teller),
		 0);
	CHECK_EQ(lend_runtime_join(clusters[0].runtime, teller, &value), 0);
	CHECK_EQ(value, 0);
	lend_runtime_free(clusters[1].runtime);
	lend_runtime_free(clusters[0].runtime);
	return 0;
}

int main(int argc, char **argv)
{
	test_init(argc, argv, 60);
	test_options.actors_max = 4096;
	test_plain("they talk", they_talk);
	test_plain("one ends", one_ends);
	return test_finish();
}
