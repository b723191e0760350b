/*
 * Goal:   actors that do every kind of operation may be cancelled, may end, and
 *         may have their descriptors closed under them at any moment: each of
 *         them ends, nothing is left open, nothing in flight, nobody hangs
 *         (rows H9, K3, K15).
 * Method: a crowd does operations at random on descriptors that others close
 *         and replace at random; a few cancel members of the crowd at random,
 *         which are replaced. Some end in the middle of it, with a claim open
 *         and operations in flight. In each mode, with rings of depth 1 too.
 *
 *	stress-cancel [SEED [SECONDS [CONFIGURATION]]]
 *
 * Without a configuration a few of them share the time.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/harness.h"

#define CROWD	   24
#define SLOTS	   8
#define CANCELLERS 2
#define CLOSERS	   2

static uint64_t seed, end_ns;
static uint16_t port;
static int listener;
static _Atomic unsigned long operations, cancelled, closed, left;

/* Each slot is a connected pair; a closer takes one out, closes it, and puts
 * another in. Who uses a number that has just been closed gets an error, or
 * talks to somebody else: all is noise here. */
static _Atomic int slots[SLOTS][2];
static _Atomic bool taken[SLOTS];
static lend_ref crowd[CROWD];
static _Atomic bool crowd_lock[CROWD];

static int any_fd(uint64_t *random)
{
	uint64_t number = test_random(random);

	return slots[number % SLOTS][number / SLOTS % 2];
}

static uint64_t soon(uint64_t *random)
{
	return test_random(random) % 8 ?
		       lend_after(test_random(random) % (2 * LEND_MS)) :
		       LEND_FOREVER;
}

/* ---- operations ---- */

static void receive_some(uint64_t *random)
{
	struct lend_buffer buffer = { 0 };
	int fd = any_fd(random);
	char bytes[64];

	switch (test_random(random) % 5) {
	case 0:
		(void)!lend_recv(fd, bytes, sizeof(bytes), 0, soon(random));
		break;
	case 1:
		if (lend_recv_buffer(fd, soon(random), &buffer) > 0)
			lend_buffer_release(&buffer);
		break;
	case 2:
		(void)!lend_poll(fd, POLLIN, soon(random));
		break;
	case 3:
		(void)!lend_read(fd, bytes, sizeof(bytes), -1, soon(random));
		break;
	default:
		/* Left to the end of the actor. */
		(void)!lend_recv_buffer(fd, soon(random), &buffer);
	}
}

static void send_some(uint64_t *random)
{
	static const char bytes[100];

	(void)!lend_send(any_fd(random), bytes,
			 1 + test_random(random) % sizeof(bytes), 0,
			 soon(random));
}

static void connect_and_go(uint64_t *random)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return;
	address.sin_port = htons(port);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	(void)!lend_connect(fd, (struct sockaddr *)&address, sizeof(address),
			    soon(random));
	lend_close(fd);
}

static void accept_and_go(uint64_t *random)
{
	int fd = lend_accept(listener, NULL, NULL, soon(random));

	if (fd >= 0)
		lend_close(fd);
}

static void use_a_file(uint64_t *random)
{
	int fd = lend_openat(AT_FDCWD, "/tmp", O_TMPFILE | O_RDWR, 0600,
			     soon(random));
	char byte = 'x';

	if (fd < 0)
		return;
	(void)!lend_write(fd, &byte, 1, 0, soon(random));
	(void)!lend_read(fd, &byte, 1, 0, soon(random));
	lend_close(fd);
}

/* A chain; awaited, freed at once, or left behind. */
static void claim_some(uint64_t *random)
{
	struct lend_claim_handle *claim;
	struct lend_pending *pending[2];
	unsigned count = 1 + test_random(random) % 2;
	char *bytes = lend_io_alloc(2);

	if (!bytes)
		return;
	if (lend_claim(count, soon(random), &claim))
		goto out;
	if (test_random(random) % 8 == 0) {
		lend_claim_abandon(claim);
		goto out;
	}
	if (test_random(random) % 2)
		(void)!lend_yield();
	for (unsigned i = 0; i < count; i++) {
		io_uring_prep_recv(lend_claim_sqe(claim, i), any_fd(random),
				   bytes + i, 1, 0);
		if (i + 1 < count)
			lend_claim_sqe(claim, i)->flags |= IOSQE_IO_LINK;
	}
	if (lend_claim_commit(claim, pending))
		goto out;
	for (unsigned i = 0; i < count; i++) {
		(void)!lend_pending_await(pending[i], soon(random));
		/* Its memory is the actor's until its end. */
		if (test_random(random) % 8 == 0) {
			bytes = NULL;
			continue;
		}
		lend_pending_free(pending[i]);
	}
out:
	lend_io_free(bytes);
}

static void go_on_beside(uint64_t *random)
{
	struct lend_pending *pending;
	char *byte = lend_io_alloc(1);

	if (!byte || lend_recv_async(any_fd(random), byte, 1, 0, &pending)) {
		lend_io_free(byte);
		return;
	}
	switch (test_random(random) % 4) {
	case 0:
		lend_pending_abandon(pending);
		break;
	case 1:
		lend_pending_cancel(pending);
		(void)!lend_pending_await(pending, LEND_FOREVER);
		lend_pending_free(pending);
		lend_io_free(byte);
		break;
	case 2:
		lend_pending_notify(pending, 1);
		break;
	default:
		(void)!lend_pending_await(pending, soon(random));
		lend_pending_free(pending);
		lend_io_free(byte);
	}
}

static void talk_to_others(uint64_t *random)
{
	lend_ref to = crowd[test_random(random) % CROWD];
	struct lend_msg *msg;

	(void)!lend_tell(to, 1, "hello", 5);
	if (!lend_receive(soon(random), &msg))
		lend_msg_free(msg);
}

static void sleep_some(uint64_t *random)
{
	(void)!lend_sleep(lend_after(test_random(random) % LEND_MS));
	lend_trim();
}

typedef void (*operation_fn)(uint64_t *random);

static const operation_fn all_operations[] = {
	receive_some, send_some,    connect_and_go, accept_and_go,
	use_a_file,   claim_some,   go_on_beside,   talk_to_others,
	sleep_some,   receive_some, send_some,
};

#define OPERATIONS (sizeof(all_operations) / sizeof(all_operations[0]))

/* Until it is cancelled, or ends by itself. */
static int member(void *arg)
{
	uint64_t random = (seed + (uint64_t)(uintptr_t)arg * 7919) | 1;

	while (!lend_is_cancelled() && lend_now() < end_ns) {
		all_operations[test_random(&random) % OPERATIONS](&random);
		atomic_fetch_add_explicit(&operations, 1, memory_order_relaxed);
		if (test_random(&random) % 64 == 0) {
			struct lend_claim_handle *claim;

			atomic_fetch_add(&left, 1);
			(void)!lend_claim(1, LEND_NOW, &claim);
			lend_exit(0);
		}
	}
	return 0;
}

/* ---- those who disturb them ---- */

static void replace(unsigned i, uintptr_t number)
{
	int value;

	lend_cancel(crowd[i]);
	CHECK_EQ(lend_join(crowd[i], LEND_FOREVER, &value), 0);
	crowd[i] = test_spawn_on(1 + number % test_options.workers, member,
				 (void *)(number + 1));
	atomic_fetch_add(&cancelled, 1);
}

static int canceller(void *arg)
{
	uint64_t random = (seed ^ (uint64_t)(uintptr_t)arg * 31337) | 1;

	while (lend_now() < end_ns) {
		unsigned i = test_random(&random) % CROWD;

		CHECK_EQ(lend_sleep(lend_after(test_random(&random) % LEND_MS)),
			 0);
		if (atomic_exchange(&crowd_lock[i], true))
			continue;
		replace(i, test_random(&random) % 1000000);
		atomic_store(&crowd_lock[i], false);
	}
	return 0;
}

static int closer(void *arg)
{
	uint64_t random = (seed ^ (uint64_t)(uintptr_t)arg * 101) | 1;

	while (lend_now() < end_ns) {
		unsigned i = test_random(&random) % SLOTS;
		int pair[2];

		CHECK_EQ(lend_sleep(lend_after(test_random(&random) % LEND_MS)),
			 0);
		if (atomic_exchange(&taken[i], true))
			continue;
		for (int k = 0; k < 2; k++)
			CHECK_EQ(lend_close(slots[i][k]), 0);
		test_pair(pair);
		slots[i][0] = pair[0];
		slots[i][1] = pair[1];
		atomic_fetch_add(&closed, 1);
		atomic_store(&taken[i], false);
	}
	return 0;
}

static void end_crowd(void)
{
	int value;

	for (unsigned i = 0; i < CROWD; i++)
		lend_cancel(crowd[i]);
	for (unsigned i = 0; i < CROWD; i++)
		CHECK_EQ(lend_join(crowd[i], LEND_FOREVER, &value), 0);
	for (unsigned i = 0; i < SLOTS; i++)
		for (int k = 0; k < 2; k++)
			CHECK_EQ(lend_close(slots[i][k]), 0);
	CHECK_EQ(lend_close(listener), 0);
}

static int everybody(void *arg)
{
	lend_ref others[CANCELLERS + CLOSERS];

	(void)arg;
	listener = test_listen(64, &port);
	for (unsigned i = 0; i < SLOTS; i++) {
		int pair[2];

		test_pair(pair);
		slots[i][0] = pair[0];
		slots[i][1] = pair[1];
		atomic_store(&taken[i], false);
	}
	for (uintptr_t i = 0; i < CROWD; i++)
		crowd[i] = test_spawn_on(1 + i % test_options.workers, member,
					 (void *)i);
	for (uintptr_t i = 0; i < CANCELLERS + CLOSERS; i++)
		others[i] = test_spawn(i < CANCELLERS ? canceller : closer,
				       (void *)i);
	for (unsigned i = 0; i < CANCELLERS + CLOSERS; i++)
		CHECK_EQ(test_join(others[i]), 0);
	end_crowd();
	return 0;
}

/* A runtime that stops has no actor left, and a ring that is closed nothing in
 * flight: the library asserts that. */
static int run_for_a_while(void *arg)
{
	int res = everybody(arg);

	printf("%lu operations, %lu cancelled, %lu closed, %lu left it all\n",
	       atomic_exchange(&operations, 0), atomic_exchange(&cancelled, 0),
	       atomic_exchange(&closed, 0), atomic_exchange(&left, 0));
	return res;
}

int main(int argc, char **argv)
{
	static const char *const configurations[] = {
		"borrowed:2",	  "private:2",	      "shared:2",
		"borrowed:1:1:2", "private:2:2:2",    "shared:4:1:2",
		"borrowed:4:2:8", "borrowed:2:2:8:1", "borrowed:3:1:1",
	};
	const unsigned count = sizeof(configurations) /
			       sizeof(configurations[0]);
	double seconds = argc > 2 ? atof(argv[2]) : 9;

	test_init(1, argv, 60);
	seed = test_seed(argc, argv, 1);
	for (unsigned i = 0; i < count; i++) {
		const char *name = argc > 3 ? argv[3] : configurations[i];
		char *words[] = { argv[0], (char *)(uintptr_t)name, NULL };
		double share = argc > 3 ? seconds : seconds / count;

		memset(&test_options, 0, sizeof(test_options));
		test_init(2, words, 60 + (unsigned)share);
		end_ns = lend_after((uint64_t)(share * LEND_S));
		test_actor(name, run_for_a_while);
		if (argc > 3)
			break;
	}
	return test_finish();
}
