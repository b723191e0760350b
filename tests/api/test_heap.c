/*
 * I/O memory as actors see it: rows H3 (limits harm nobody else), H15
 * (accounting, memory comes back after a burst), and spans that change hands,
 * before and after the end of the actor that they come from.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "harness/harness.h"

#define MIB ((size_t)1 << 20)

static struct lend_stats stats_now(void)
{
	struct lend_stats stats;

	lend_stats_read(NULL, &stats);
	return stats;
}

/* ---- limits ---- */

/* Takes all it can get in pieces of @size, and keeps them. */
static size_t take_all(size_t size)
{
	size_t taken = 0;

	while (lend_io_alloc(size))
		taken += size;
	return taken;
}

static int has_room(void *arg)
{
	int fds[2];
	char byte;

	(void)arg;
	test_pair(fds);
	CHECK_EQ(lend_send(fds[0], "x", 1, 0, LEND_FOREVER), 1);
	CHECK_EQ(lend_recv(fds[1], &byte, 1, 0, LEND_FOREVER), 1);
	CHECK_EQ(lend_close(fds[0]), 0);
	CHECK_EQ(lend_close(fds[1]), 0);
	CHECK(lend_io_alloc(MIB / 2));
	return 0;
}

static int limit_of_an_actor_harms_nobody_else(void *arg)
{
	uint64_t before = stats_now().heap_refusals;

	(void)arg;
	CHECK_EQ(take_all(65536), MIB);
	CHECK_EQ(lend_io_used(), MIB);
	CHECK_EQ(stats_now().heap_refusals, before + 1);
	CHECK_EQ(test_join(test_spawn(has_room, NULL)), 0);
	/* The limit is on all of it: not even a record is left. */
	CHECK_EQ(lend_write(1, "", 1, -1, LEND_FOREVER), -ENOMEM);
	return 0;
}

static _Atomic size_t greedy_taken;

static int be_greedy(void *arg)
{
	struct lend_msg *msg;

	(void)arg;
	atomic_store(&greedy_taken, take_all(65536));
	CHECK_EQ(lend_receive(LEND_FOREVER, &msg), 0);
	lend_msg_free(msg);
	return 0;
}

static int works_without_slice(void *arg)
{
	int fds[2];
	char byte;

	(void)arg;
	CHECK(lend_io_alloc(512));
	CHECK(!lend_io_alloc(2048));
	/* Its own record has room beside the actor's. */
	test_pair(fds);
	CHECK_EQ(lend_send(fds[0], "x", 1, 0, LEND_FOREVER), 1);
	CHECK_EQ(lend_recv(fds[1], &byte, 1, 0, LEND_FOREVER), 1);
	CHECK_EQ(lend_close(fds[0]), 0);
	CHECK_EQ(lend_close(fds[1]), 0);
	return 0;
}

#define TOTAL_MAX (3 * MIB)

static int limit_of_all_is_an_error_until_memory_is_back(void *arg)
{
	lend_ref greedy = test_spawn(be_greedy, NULL);
	struct lend_stats stats;

	(void)arg;
	while (!atomic_load(&greedy_taken))
		lend_yield();
	CHECK_IN(atomic_load(&greedy_taken), TOTAL_MAX - 2 * 65536, TOTAL_MAX);
	stats = stats_now();
	CHECK_IN(stats.heap_held, atomic_load(&greedy_taken), TOTAL_MAX);
	CHECK_IN(stats.heap_held_peak, stats.heap_held, TOTAL_MAX);
	CHECK(stats.heap_refusals > 0);
	/* Fill what is left of the total. */
	take_all(2048);
	CHECK_EQ(test_join(test_spawn(works_without_slice, NULL)), 0);

	CHECK_EQ(lend_tell(greedy, 1, NULL, 0), 0);
	CHECK_EQ(test_join(greedy), 0);
	/* Its worker gives its memory back when it has left its stack. */
	while (stats_now().heap_held > TOTAL_MAX - MIB)
		lend_yield();
	CHECK_EQ(test_join(test_spawn(has_room, NULL)), 0);
	return 0;
}

#define CROWD 40

static int take_and_wait(void *arg)
{
	struct lend_msg *msg;

	/* Not more than a slot that is free keeps for the next actor. */
	if (CHECK(lend_io_alloc(32768)))
		CHECK_EQ(lend_tell(*(lend_ref *)arg, 1, NULL, 0), 0);
	CHECK_EQ(lend_receive(LEND_FOREVER, &msg), 0);
	lend_msg_free(msg);
	return 0;
}

static int memory_of_the_ended_does_not_count(void *arg)
{
	lend_ref self = lend_self(), crowd[CROWD];
	struct lend_msg *msg;

	(void)arg;
	for (int i = 0; i < CROWD; i++)
		CHECK_EQ(lend_spawn(take_and_wait, &self, NULL, &crowd[i]), 0);
	for (int i = 0; i < CROWD; i++) {
		CHECK_EQ(lend_receive(LEND_FOREVER, &msg), 0);
		lend_msg_free(msg);
	}
	for (int i = 0; i < CROWD; i++)
		CHECK_EQ(lend_tell(crowd[i], 1, NULL, 0), 0);
	while (stats_now().actors > 1)
		lend_yield();
	/* All of it but the page of its own account. */
	CHECK(lend_io_alloc(2 * MIB));
	return 0;
}

/* ---- bursts ---- */

static _Atomic(char *) burst;

/* Pages of @size bytes at @address that are in memory. */
static size_t resident(char *address, size_t size)
{
	static unsigned char pages[2 * MIB / 4096];
	uintptr_t start = (uintptr_t)address & ~(uintptr_t)4095;
	size_t n = 0;

	if (!CHECK_EQ(mincore((void *)start, size, pages), 0))
		return 0;
	for (size_t i = 0; i < size / 4096; i++)
		n += pages[i] & 1;
	return n * 4096;
}

static int burst_and_wait(void *arg)
{
	char *span = lend_io_alloc(2 * MIB), *small = lend_io_alloc(4096);
	struct lend_msg *msg;

	(void)arg;
	if (!CHECK(span && small))
		return -1;
	memset(span, 1, 2 * MIB);
	memset(small, 2, 4096);
	CHECK_EQ(resident(span, 2 * MIB), 2 * MIB);
	lend_io_free(span);
	atomic_store(&burst, span);
	CHECK_EQ(lend_receive(LEND_FOREVER, &msg), 0);
	lend_msg_free(msg);
	for (int i = 0; i < 4096; i++)
		if (!CHECK_EQ(small[i], 2))
			break;
	CHECK_EQ(lend_io_used(), 4096);
	return 0;
}

static int memory_is_back_while_its_actor_waits(void *arg)
{
	/* Before it begins, which may be at once. */
	uint64_t trims = stats_now().heap_trims;
	lend_ref other = test_spawn(burst_and_wait, NULL);
	uint64_t until = lend_after(20 * LEND_S);
	struct lend_stats stats;

	(void)arg;
	while (!atomic_load(&burst))
		lend_yield();
	do {
		CHECK_EQ(lend_sleep(lend_after(LEND_MS)), 0);
		stats = stats_now();
	} while (stats.heap_trims == trims && lend_now() < until);
	CHECK_EQ(stats.heap_trims, trims + 1);
	CHECK(stats.heap_trimmed >= 2 * MIB - 65536);
	CHECK(stats.heap_held <= 65536);
	CHECK(stats.heap_held_peak >= 2 * MIB);
	CHECK_IN(resident(atomic_load(&burst), 2 * MIB), 0, 65536);
	CHECK_EQ(lend_tell(other, 1, NULL, 0), 0);
	CHECK_EQ(test_join(other), 0);
	return 0;
}

/* ---- spans that change hands ---- */

#define GIFTS 40

struct gift {
	unsigned char *span;
	size_t size;
	unsigned char stamp;
};

static void check_gift(const struct gift *gift)
{
	for (size_t i = 0; i < gift->size; i++)
		if (!CHECK_EQ(gift->span[i], gift->stamp))
			break;
}

static bool make_gift(struct gift *gift, unsigned number, bool disown)
{
	static const size_t sizes[] = { 64, 200, 512, 2048, 9000, 65536 };

	gift->size = sizes[number % 6];
	gift->stamp = (unsigned char)(number * 7 + 1);
	gift->span = lend_io_alloc(gift->size);
	if (!CHECK(gift->span != NULL))
		return false;
	memset(gift->span, gift->stamp, gift->size);
	if (disown)
		lend_io_disown(gift->span);
	return true;
}

static int send_gifts(void *arg)
{
	lend_ref to = *(lend_ref *)arg;

	for (unsigned i = 0; i < GIFTS; i++) {
		struct gift gift, kept;

		/* Between them what is not given away, and goes at the end. */
		if (!make_gift(&gift, i, true) || !make_gift(&kept, i, false))
			return -1;
		CHECK_EQ(lend_tell(to, i, &gift, sizeof(gift)), 0);
	}
	return 0;
}

static void receive_gift(struct gift *gift)
{
	struct lend_msg *msg;

	memset(gift, 0, sizeof(*gift));
	if (CHECK_EQ(lend_receive(LEND_FOREVER, &msg), 0)) {
		memcpy(gift, lend_msg_data(msg), sizeof(*gift));
		lend_msg_free(msg);
	}
}

/* Others come and go on all slots that are free. */
static int fill_memory(void *arg)
{
	(void)arg;
	for (size_t size = 64; size <= 65536; size *= 2) {
		void *span = lend_io_alloc(size);

		if (CHECK(span != NULL))
			memset(span, 0xff, size);
	}
	return 0;
}

static int disowned_spans_outlive_their_actor(void *arg)
{
	lend_ref self = lend_self(), giver = test_spawn(send_gifts, &self);
	struct gift gift;

	(void)arg;
	CHECK_EQ(test_join(giver), 0);
	while (!stats_now().zombies)
		lend_yield();
	for (int i = 0; i < 300; i++)
		CHECK_EQ(test_join(test_spawn(fill_memory, NULL)), 0);
	for (int i = 0; i < GIFTS; i++) {
		receive_gift(&gift);
		check_gift(&gift);
		CHECK_EQ(stats_now().zombies, 1);
		lend_io_free(gift.span);
	}
	CHECK_EQ(stats_now().zombies, 0);
	CHECK_EQ(lend_tell(giver, 1, NULL, 0), -ESRCH);
	return 0;
}

/* The giver lives, ends, or is about to end while they are freed. */
static int spans_are_freed_while_their_actor_ends(void *arg)
{
	lend_ref self = lend_self();

	(void)arg;
	for (int round = 0; round < 50; round++) {
		lend_ref giver = test_spawn(send_gifts, &self);

		for (int i = 0; i < GIFTS; i++) {
			struct gift gift;

			receive_gift(&gift);
			check_gift(&gift);
			lend_io_free(gift.span);
		}
		CHECK_EQ(test_join(giver), 0);
	}
	while (stats_now().zombies)
		lend_yield();
	/* Those that were freed behind its back, and those of zombies. */
	CHECK(stats_now().heap_returns <= 50 * GIFTS);
	return 0;
}

static int give_one_and_end(void *arg)
{
	struct gift *gift = arg;

	return make_gift(gift, 4, true) ? 0 : -1;
}

static int give_two_and_wait(void *arg)
{
	struct gift gifts[2];
	struct lend_msg *msg;

	if (!make_gift(&gifts[0], 1, true) || !make_gift(&gifts[1], 2, false))
		return -1;
	for (int i = 0; i < 2; i++)
		CHECK_EQ(lend_tell(*(lend_ref *)arg, 1, &gifts[i],
				   sizeof(gifts[i])),
			 0);
	CHECK_EQ(lend_receive(LEND_FOREVER, &msg), 0);
	lend_msg_free(msg);
	return 0;
}

/* One of two spans was freed for an actor that never looks for it and leaves
 * the other one behind. */
static int what_was_freed_for_an_actor_is_freed_once(void *arg)
{
	lend_ref self = lend_self();
	lend_ref giver = test_spawn(give_two_and_wait, &self);
	struct gift gifts[2];

	(void)arg;
	receive_gift(&gifts[0]);
	receive_gift(&gifts[1]);
	lend_io_free(gifts[1].span);
	CHECK_EQ(lend_tell(giver, 1, NULL, 0), 0);
	CHECK_EQ(test_join(giver), 0);
	while (!stats_now().zombies)
		lend_yield();
	check_gift(&gifts[0]);
	lend_io_free(gifts[0].span);
	CHECK_EQ(stats_now().zombies, 0);
	return 0;
}

/* actors_max is 3 here: this one, and two. */
static int zombies_count_as_actors(void *arg)
{
	struct gift gifts[2];
	lend_ref ref;

	(void)arg;
	for (int i = 0; i < 2; i++)
		CHECK_EQ(test_join(test_spawn(give_one_and_end, &gifts[i])), 0);
	while (stats_now().zombies < 2)
		lend_yield();
	CHECK_EQ(lend_spawn(fill_memory, NULL, NULL, &ref), -ENOMEM);
	check_gift(&gifts[0]);
	check_gift(&gifts[1]);
	lend_io_free(gifts[0].span);
	CHECK_EQ(test_join(test_spawn(fill_memory, NULL)), 0);
	lend_io_free(gifts[1].span);
	CHECK_EQ(stats_now().zombies, 0);
	return 0;
}

struct hand {
	struct lend_runtime *runtime;
	struct gift gifts[GIFTS];
	_Atomic unsigned made;
};

static void *free_in_thread(void *arg)
{
	struct hand *hand = arg;

	for (unsigned i = 0; i < GIFTS; i++) {
		while (atomic_load(&hand->made) <= i)
			sched_yield();
		check_gift(&hand->gifts[i]);
		lend_runtime_io_free(hand->runtime, hand->gifts[i].span);
	}
	lend_runtime_io_free(hand->runtime, NULL);
	return NULL;
}

/* C14: a thread that is no worker. Its frees come back to an actor that lives,
 * disowned or not. */
static int threads_free_spans(void *arg)
{
	static struct hand hand;
	pthread_t thread;

	(void)arg;
	hand.runtime = lend_runtime_current();
	atomic_store(&hand.made, 0);
	CHECK_EQ(pthread_create(&thread, NULL, free_in_thread, &hand), 0);
	for (unsigned i = 0; i < GIFTS; i++) {
		make_gift(&hand.gifts[i], i, i % 2);
		atomic_store(&hand.made, i + 1);
		if (i % 8 == 0)
			lend_yield();
	}
	CHECK_EQ(pthread_join(thread, NULL), 0);
	CHECK_EQ(lend_io_used(), 0);
	CHECK_EQ(stats_now().heap_returns, GIFTS);
	return 0;
}

int main(int argc, char **argv)
{
	struct lend_options options;

	test_init(argc, argv, 60);
	options = test_options;
	options.heap_max = MIB;
	test_actor_with("limit_of_an_actor_harms_nobody_else",
			limit_of_an_actor_harms_nobody_else, &options);
	options = test_options;
	options.heap_total_max = TOTAL_MAX;
	test_actor_with("limit_of_all_is_an_error_until_memory_is_back",
			limit_of_all_is_an_error_until_memory_is_back,
			&options);
	test_actor_with("memory_of_the_ended_does_not_count",
			memory_of_the_ended_does_not_count, &options);
	test_actor("memory_is_back_while_its_actor_waits",
		   memory_is_back_while_its_actor_waits);
	test_actor("disowned_spans_outlive_their_actor",
		   disowned_spans_outlive_their_actor);
	test_actor("spans_are_freed_while_their_actor_ends",
		   spans_are_freed_while_their_actor_ends);
	test_actor("what_was_freed_for_an_actor_is_freed_once",
		   what_was_freed_for_an_actor_is_freed_once);
	options = test_options;
	options.actors_max = 3;
	test_actor_with("zombies_count_as_actors", zombies_count_as_actors,
			&options);
	test_actor("threads_free_spans", threads_free_spans);
	return test_finish();
}
