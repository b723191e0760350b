/*
 * Goal:   a ring has as many provided buffers as are needed at once: receives
 *         that found none are not for long.
 * Method: more actors than there are buffers at first receive a byte each, all
 *         at the same time, and hold it until all have theirs: again and again,
 *         until none of them had to do without.
 */
#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness/harness.h"

#define RECEIVERS 600
#define ROUNDS	  200 /* each gives 16 more, and a ring has 1,024 */

static int pairs[RECEIVERS][2];
static _Atomic unsigned received;
static lend_ref waiting;

static int receive(void *arg)
{
	struct lend_buffer buffer;
	int fd = pairs[(uintptr_t)arg][0];

	CHECK_EQ(lend_recv_buffer(fd, LEND_FOREVER, &buffer), 1);
	CHECK_EQ(*(char *)buffer.data, (char)(uintptr_t)arg);
	if (atomic_fetch_add(&received, 1) + 1 == RECEIVERS)
		CHECK_EQ(lend_unpark(waiting), 0);
	/* Holds it until it is cancelled. */
	CHECK_EQ(lend_sleep(LEND_FOREVER), -ECANCELED);
	lend_buffer_release(&buffer);
	return 0;
}

static uint64_t receives_without(void)
{
	struct lend_stats stats;

	lend_stats_read(NULL, &stats);
	return stats.buffers.empty;
}

static void receive_all(void)
{
	lend_ref refs[RECEIVERS];

	atomic_store(&received, 0);
	for (uintptr_t i = 0; i < RECEIVERS; i++) {
		char byte = (char)i;

		CHECK_EQ(write(pairs[i][1], &byte, 1), 1);
		refs[i] = test_spawn(receive, (void *)i);
	}
	while (atomic_load(&received) < RECEIVERS)
		CHECK_EQ(lend_park(LEND_FOREVER), 0);
	for (unsigned i = 0; i < RECEIVERS; i++)
		CHECK_EQ(lend_cancel(refs[i]), 0);
	for (unsigned i = 0; i < RECEIVERS; i++)
		CHECK_EQ(test_join(refs[i]), 0);
}

static int as_many_as_are_needed(void *arg)
{
	uint64_t before, without = 0;
	struct lend_stats stats;
	unsigned rounds = 0;

	(void)arg;
	lend_stats_read(NULL, &stats);
	waiting = lend_self();
	for (unsigned i = 0; i < RECEIVERS; i++)
		test_pair(pairs[i]);
	do {
		before = receives_without();
		receive_all();
		without += receives_without() - before;
	} while (receives_without() > before && ++rounds < ROUNDS);
	CHECK_IN(rounds, 0, ROUNDS - 1);
	/* One ring alone had not so many to begin with. */
	if (stats.rings == 1 && lend_runtime_features(lend_runtime_current()) &
					LEND_FEATURE_BUFFER_RINGS)
		CHECK(without > 0);
	for (unsigned i = 0; i < RECEIVERS; i++) {
		CHECK_EQ(lend_close(pairs[i][0]), 0);
		CHECK_EQ(lend_close(pairs[i][1]), 0);
	}
	return 0;
}

int main(int argc, char **argv)
{
	test_init(argc, argv, 60);
	test_actor("as_many_as_are_needed", as_many_as_are_needed);
	return test_finish();
}
