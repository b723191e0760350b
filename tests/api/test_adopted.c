/*
 * Goal:   descriptors that the library did not make work, and can be closed:
 *         of pipes, duplicates, ones that dup2() re-points while operations
 *         wait on them; by actors and threads, by one of several who try (rows
 *         K3, K13).
 * Method: whoever waits is told -ECANCELED, the other end sees that nobody has
 *         the file any more, and who waits on a duplicate notices nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness/harness.h"

static _Atomic int shared_fd, waiting;

static void await_waiting(int count)
{
	while (atomic_load(&waiting) < count)
		lend_yield();
	/* In flight by then, as a rule; the others have to end, too. */
	lend_sleep(lend_after(LEND_MS));
}

/* ---- those who wait ---- */

static int in_recv(void *arg)
{
	char byte;

	(void)arg;
	atomic_fetch_add(&waiting, 1);
	return (int)lend_recv(shared_fd, &byte, 1, 0, LEND_FOREVER);
}

static int in_poll(void *arg)
{
	(void)arg;
	atomic_fetch_add(&waiting, 1);
	return lend_poll(shared_fd, POLLIN, LEND_FOREVER);
}

static int in_recv_buffer(void *arg)
{
	struct lend_buffer buffer = { 0 };

	(void)arg;
	atomic_fetch_add(&waiting, 1);
	return (int)lend_recv_buffer(shared_fd, LEND_FOREVER, &buffer);
}

/* The operation goes on beside an actor that waits for something else. */
static int beside(struct lend_pending *pending)
{
	struct lend_msg *msg;
	int res;

	lend_pending_notify(pending, 7);
	atomic_fetch_add(&waiting, 1);
	CHECK_EQ(lend_receive(LEND_FOREVER, &msg), 0);
	CHECK_EQ(lend_msg_type(msg), 7);
	lend_msg_free(msg);
	res = lend_pending_result(pending);
	lend_pending_free(pending);
	return res;
}

static int beside_recv(void *arg)
{
	char *byte = lend_io_alloc(1);
	struct lend_pending *pending;

	(void)arg;
	CHECK_EQ(lend_recv_async(shared_fd, byte, 1, 0, &pending), 0);
	return beside(pending);
}

static int beside_claim(void *arg)
{
	char *byte = lend_io_alloc(1);
	struct lend_claim_handle *claim;
	struct lend_pending *pending;

	(void)arg;
	CHECK_EQ(lend_claim(1, LEND_FOREVER, &claim), 0);
	io_uring_prep_recv(lend_claim_sqe(claim, 0), shared_fd, byte, 1, 0);
	CHECK_EQ(lend_claim_commit(claim, &pending), 0);
	return beside(pending);
}

static const lend_actor_fn ways[] = { in_recv, in_poll, in_recv_buffer,
				      beside_recv, beside_claim };

#define WAYS  5
#define BEGUN 3 /* the first way that has begun when it counts itself */

static void spawn_all(lend_ref *refs, int fd)
{
	shared_fd = fd;
	atomic_store(&waiting, 0);
	for (int i = 0; i < WAYS; i++)
		refs[i] = test_spawn_on(1 + i % test_options.workers, ways[i],
					NULL);
	await_waiting(WAYS);
}

/* Who has begun nothing when it counts itself may find the number closed. */
static void expect_ended(const lend_ref *refs)
{
	for (int i = 0; i < WAYS; i++) {
		int res = test_join(refs[i]);

		CHECK(res == -ECANCELED || (i < BEGUN && res == -EBADF));
	}
}

/* ---- dup2 ---- */

static int repointed_operations_end(void *arg)
{
	lend_ref refs[WAYS];
	int old[2], new[2];
	char byte;

	(void)arg;
	for (int round = 0; round < 3; round++) {
		test_pair(old);
		test_pair(new);
		spawn_all(refs, old[0]);
		CHECK_EQ(dup2(new[0], old[0]), old[0]);
		CHECK_EQ(lend_close(old[0]), 0);
		expect_ended(refs);
		/* Nobody has the file that the number stood for first ... */
		CHECK_EQ(lend_recv(old[1], &byte, 1, 0, LEND_FOREVER), 0);
		/* ... while the other one is as good as before. */
		CHECK_EQ(lend_send(new[0], "x", 1, 0, LEND_FOREVER), 1);
		CHECK_EQ(lend_recv(new[1], &byte, 1, 0, LEND_FOREVER), 1);
		CHECK_EQ(lend_close(old[1]), 0);
		CHECK_EQ(lend_close(new[0]), 0);
		CHECK_EQ(lend_close(new[1]), 0);
	}
	return 0;
}

static int close_it(void *arg)
{
	return lend_close((int)(intptr_t)arg);
}

/* With no place for an actor beside the two that there are. */
static int repointed_operations_end_without_room(void *arg)
{
	struct lend_pending *pending;
	int old[2], new[2];
	lend_ref closer;
	char byte;

	(void)arg;
	for (int round = 0; round < 3; round++) {
		test_pair(old);
		test_pair(new);
		CHECK_EQ(lend_recv_async(old[0], &byte, 1, 0, &pending), 0);
		/* In flight after that, as a rule; it has to end, too, if not.
		 */
		lend_sleep(lend_after(LEND_MS));
		CHECK_EQ(dup2(new[0], old[0]), old[0]);
		closer = test_spawn(close_it, (void *)(intptr_t)old[0]);
		CHECK_EQ(test_join(closer), 0);
		CHECK_EQ(lend_pending_await(pending, LEND_FOREVER), -ECANCELED);
		lend_pending_free(pending);
		CHECK_EQ(lend_close(old[1]), 0);
		CHECK_EQ(lend_close(new[0]), 0);
		CHECK_EQ(lend_close(new[1]), 0);
	}
	return 0;
}

/* An operation stays with the file that it was begun on. If it was in flight
 * by then: a thread may be late, and then nobody has the old file any more. */
static bool stays_with_its_file(void)
{
	int old[2], new[2];
	bool in_flight;
	lend_ref ref;
	char byte;

	test_pair(old);
	test_pair(new);
	shared_fd = old[0];
	atomic_store(&waiting, 0);
	ref = test_spawn(in_recv, NULL);
	await_waiting(1);
	CHECK_EQ(dup2(new[0], old[0]), old[0]);
	CHECK_EQ(lend_send(old[0], "n", 1, 0, LEND_FOREVER), 1);
	CHECK_EQ(lend_recv(new[1], &byte, 1, 0, LEND_FOREVER), 1);
	CHECK_EQ(byte, 'n');
	in_flight = lend_send(old[1], "o", 1, 0, LEND_FOREVER) == 1;
	if (!in_flight)
		CHECK_EQ(lend_send(new[1], "x", 1, 0, LEND_FOREVER), 1);
	CHECK_EQ(test_join(ref), 1);
	CHECK_EQ(lend_close(old[0]), 0);
	CHECK_EQ(lend_close(old[1]), 0);
	CHECK_EQ(lend_close(new[0]), 0);
	CHECK_EQ(lend_close(new[1]), 0);
	return in_flight;
}

static int repointed_number_works(void *arg)
{
	int rounds = 0;

	(void)arg;
	while (!stays_with_its_file() && CHECK(rounds < 1000))
		rounds++;
	return 0;
}

/* ---- duplicates ---- */

static int duplicate_is_not_disturbed(void *arg)
{
	lend_ref refs[2], other;
	int pair[2], copy;

	(void)arg;
	test_pair(pair);
	copy = fcntl(pair[0], F_DUPFD_CLOEXEC, 0);
	shared_fd = copy;
	atomic_store(&waiting, 0);
	refs[0] = test_spawn_on(1, in_recv, NULL);
	refs[1] = test_spawn_on(1, in_poll, NULL);
	await_waiting(2);
	/* Somebody waits on that number as well: so there is something to
	 * cancel, which the kernel looks for by the file. */
	shared_fd = pair[0];
	other = test_spawn_on(1, in_recv, NULL);
	await_waiting(3);
	CHECK_EQ(lend_close(pair[0]), 0);
	CHECK_EQ(test_join(other), -ECANCELED);
	CHECK_EQ(lend_send(pair[1], "x", 1, 0, LEND_FOREVER), 1);
	CHECK_EQ(test_join(refs[0]), 1);
	/* The first one may have been gone before the poll looked. */
	CHECK_EQ(lend_send(pair[1], "x", 1, 0, LEND_FOREVER), 1);
	CHECK(test_join(refs[1]) & POLLIN);
	CHECK_EQ(lend_close(copy), 0);
	CHECK_EQ(lend_close(pair[1]), 0);
	return 0;
}

/* ---- pipes: what a thread of the kernel may be working on ---- */

static int in_read(void *arg)
{
	char byte;

	(void)arg;
	atomic_fetch_add(&waiting, 1);
	return (int)lend_read(shared_fd, &byte, 1, -1, LEND_FOREVER);
}

/* A splice from a pipe that has nothing: always a thread of the kernel's. */
static int in_splice(void *arg)
{
	struct lend_claim_handle *claim;
	struct lend_pending *pending;
	int to = *(int *)arg, res;

	CHECK_EQ(lend_claim(1, LEND_FOREVER, &claim), 0);
	io_uring_prep_splice(lend_claim_sqe(claim, 0), shared_fd, -1, to, -1, 1,
			     0);
	CHECK_EQ(lend_claim_commit(claim, &pending), 0);
	atomic_fetch_add(&waiting, 1);
	res = lend_pending_await(pending, LEND_FOREVER);
	lend_pending_free(pending);
	return res;
}

static int pipes_are_closed(void *arg)
{
	int from[2], to[2];
	lend_ref reader, splicer;

	(void)arg;
	for (int round = 0; round < 3; round++) {
		CHECK_EQ(pipe2(from, O_CLOEXEC), 0);
		CHECK_EQ(pipe2(to, O_CLOEXEC), 0);
		shared_fd = from[0];
		atomic_store(&waiting, 0);
		reader = test_spawn_on(1, in_read, NULL);
		splicer = test_spawn_on(test_options.workers, in_splice,
					&to[1]);
		await_waiting(2);
		/* The splice's descriptor is the one it writes to. */
		CHECK_EQ(lend_close(to[1]), 0);
		CHECK(test_join(splicer) < 0);
		CHECK_EQ(lend_close(from[0]), 0);
		CHECK_EQ(test_join(reader), -ECANCELED);
		CHECK_EQ(lend_close(from[1]), 0);
		CHECK_EQ(lend_close(to[0]), 0);
	}
	return 0;
}

/* ---- who closes ---- */

static int closer(void *arg)
{
	(void)arg;
	return lend_close(shared_fd);
}

static int one_of_them_closes(void *arg)
{
	lend_ref refs[4], waiters[WAYS];
	int pair[2], closed = 0;

	(void)arg;
	for (int round = 0; round < 5; round++) {
		test_pair(pair);
		spawn_all(waiters, pair[0]);
		closed = 0;
		for (int i = 0; i < 4; i++)
			refs[i] = test_spawn_on(1 + i % test_options.workers,
						closer, NULL);
		for (int i = 0; i < 4; i++) {
			int res = test_join(refs[i]);

			CHECK(res == 0 || res == -EBADF);
			closed += res == 0;
		}
		CHECK_EQ(closed, 1);
		expect_ended(waiters);
		CHECK_EQ(lend_close(pair[1]), 0);
	}
	return 0;
}

static int threads_close(void)
{
	const struct lend_spawn_options joinable = { .joinable = true };
	struct lend_runtime *runtime;
	lend_ref ref;
	int pair[2], value;

	CHECK_EQ(lend_runtime_new(&test_options, &runtime), 0);
	test_pair(pair);
	shared_fd = pair[0];
	atomic_store(&waiting, 0);
	CHECK_EQ(lend_runtime_spawn(runtime, in_recv, NULL, &joinable, &ref),
		 0);
	while (!atomic_load(&waiting))
		usleep(100);
	CHECK_EQ(lend_runtime_close(runtime, pair[0]), 0);
	CHECK_EQ(lend_runtime_close(runtime, pair[0]), -EBADF);
	CHECK_EQ(lend_runtime_join(runtime, ref, &value), 0);
	CHECK(value == -ECANCELED || value == -EBADF);
	CHECK_EQ(lend_runtime_close(runtime, pair[1]), 0);
	CHECK_EQ(lend_runtime_close(runtime, -1), -EBADF);
	lend_runtime_free(runtime);
	return 0;
}

int main(int argc, char **argv)
{
	struct lend_options crowded;

	test_init(argc, argv, 60);
	test_actor("repointed_operations_end", repointed_operations_end);
	crowded = test_options;
	crowded.actors_max = 2;
	test_actor_with("repointed_operations_end_without_room",
			repointed_operations_end_without_room, &crowded);
	test_actor("repointed_number_works", repointed_number_works);
	test_actor("duplicate_is_not_disturbed", duplicate_is_not_disturbed);
	test_actor("pipes_are_closed", pipes_are_closed);
	test_actor("one_of_them_closes", one_of_them_closes);
	test_plain("threads_close", threads_close);
	return test_finish();
}
