/*
 * Goal:   a buffer that was given back is used again, one that is held is not;
 *         giving back works from any thread.
 * Method: receives from a socket pair through rings of 2 and 64 buffers.
 */
#include "uring/buffers.h"

#include "uring/bundle_test.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "uring/features.h"
#include "uring/ring.h"

static struct lend_ring ring;
static int pair[2];

static void open_with(unsigned count)
{
	struct lend_features features;

	cr_assert_eq(lend__features_probe(&features), 0);
	if (!features.buffer_rings)
		cr_skip_test("this kernel has no buffer rings");
	cr_assert_eq(lend__ring_open(&ring, 0, 2, 0), 0);
	cr_assert_eq(lend__buffers_init(&ring.buffers, lend__ring_fd(&ring),
					count, 64),
		     0);
	cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
}

static void close_all(void)
{
	lend__ring_close(&ring);
	close(pair[0]);
	close(pair[1]);
}

/* One receive: the result, and which buffer it is in. */
static int receive(const char *text, unsigned *ret_number)
{
	struct io_uring_sqe *sqe = lend__ring_slot(&ring, 0);
	struct io_uring_cqe *cqe;
	int res;

	cr_assert_eq(write(pair[1], text, strlen(text)), strlen(text));
	io_uring_prep_recv(sqe, pair[0], NULL, 0, MSG_DONTWAIT);
	sqe->flags |= IOSQE_BUFFER_SELECT;
	sqe->buf_group = LEND_BUFFERS_GROUP;
	lend__ring_publish(&ring, 1);
	lend__ring_enter(&ring, 1, UINT64_MAX);
	cqe = lend__ring_peek(&ring);
	cr_assert(cqe);
	res = cqe->res;
	*ret_number = cqe->flags >> IORING_CQE_BUFFER_SHIFT;
	lend__ring_consume(&ring);
	if (res <= 0) {
		char rest[64];

		/* It is still there: leave nothing to the next one. */
		cr_expect_eq(read(pair[0], rest, sizeof(rest)), strlen(text));
		return res;
	}
	lend__buffers_own(&ring.buffers, *ret_number, 1);
	cr_expect_eq(memcmp(lend__buffers_at(&ring.buffers, *ret_number), text,
			    strlen(text)),
		     0);
	return res;
}

Test(buffers, held_ones_are_not_used, .timeout = 60)
{
	unsigned first, second, third;

	open_with(2);
	cr_expect_eq(receive("one", &first), 3);
	cr_expect_eq(receive("two", &second), 3);
	cr_expect_neq(first, second);
	cr_expect_eq(receive("three", &third), -ENOBUFS);
	lend__buffers_give(&ring.buffers, second);
	cr_expect_eq(receive("four", &third), -ENOBUFS, "not drained yet");
	lend__buffers_drain(&ring.buffers);
	cr_expect_eq(receive("five", &third), 4);
	cr_expect_eq(third, second);
	close_all();
}

Test(buffers, go_round, .timeout = 60)
{
	open_with(2);
	for (int i = 0; i < 70000; i++) {
		unsigned number;

		cr_assert_eq(receive("x", &number), 1);
		lend__buffers_give(&ring.buffers, number);
		lend__buffers_drain(&ring.buffers);
	}
	close_all();
}

Test(buffers, end_of_an_owner_gives_all_back, .timeout = 60)
{
	unsigned first, second, third;

	open_with(2);
	cr_expect_eq(receive("one", &first), 3);
	cr_expect_eq(receive("two", &second), 3);
	lend__buffers_own(&ring.buffers, second, 2);
	lend__buffers_give_all(&ring.buffers, 1);
	lend__buffers_drain(&ring.buffers);
	cr_expect_eq(receive("three", &third), 5);
	cr_expect_eq(third, first);
	cr_expect_eq(receive("four", &third), -ENOBUFS, "it is another's");
	close_all();
}

Test(buffers, those_in_use_are_counted, .timeout = 10)
{
	unsigned first, second;

	open_with(4);
	cr_expect_eq(lend__buffers_in_use(&ring.buffers), 0);
	cr_expect_eq(receive("one", &first), 3);
	cr_expect_eq(receive("two", &second), 3);
	lend__buffers_note_taken(&ring.buffers, 2);
	cr_expect_eq(lend__buffers_in_use(&ring.buffers), 2);
	lend__buffers_give(&ring.buffers, second);
	cr_expect_eq(lend__buffers_in_use(&ring.buffers), 2, "not drained yet");
	lend__buffers_drain(&ring.buffers);
	cr_expect_eq(lend__buffers_in_use(&ring.buffers), 1);
	/* Its ring goes: the one that is held stays, and is counted, until it
	 * is given back, though nobody polls. */
	lend__ring_close(&ring);
	cr_expect_eq(lend__buffers_in_use(&ring.buffers), 1);
	lend__buffers_give(&ring.buffers, first);
	cr_expect_eq(lend__buffers_in_use(&ring.buffers), 0);
	lend__buffers_fini(&ring.buffers, -1);
	close(pair[0]);
	close(pair[1]);
}

/* Of those that it has at first, and of more, all are there again in a ring
 * that comes after, once each; the rest is opened there as before. */
#define MANY (2 * LEND_BUFFERS_FIRST)

static void take_until(unsigned from, unsigned to, bool seen[MANY])
{
	for (unsigned i = from; i < to; i++) {
		unsigned number;

		cr_assert_eq(receive("x", &number), 1);
		cr_assert(number < to && !seen[number]);
		seen[number] = true;
		lend__buffers_note_taken(&ring.buffers, 1);
		cr_assert_eq(lend__buffers_in_use(&ring.buffers), i + 1);
	}
}

Test(buffers, those_not_opened_yet_stay_behind, .timeout = 60)
{
	const unsigned first = LEND_BUFFERS_FIRST,
		       more = first + LEND_BUFFERS_MORE;
	bool seen[MANY] = { false };
	unsigned number;

	open_with(MANY);
	take_until(0, first, seen);
	cr_expect_eq(receive("x", &number), -ENOBUFS);
	lend__buffers_open_more(&ring.buffers);
	cr_expect_eq(lend__buffers_in_use(&ring.buffers), first);
	take_until(first, first + 3, seen);
	/* Home are the 13 that the kernel has, and these; 200 are held. */
	for (unsigned i = 200; i < first + 3; i++) {
		lend__buffers_give(&ring.buffers, i);
		seen[i] = false;
	}
	lend__ring_close(&ring);
	cr_assert(ring.buffers.base);
	cr_expect_eq(lend__buffers_in_use(&ring.buffers), 200);
	cr_assert_eq(lend__ring_open(&ring, 0, 2, 0), 0);
	cr_assert_eq(lend__buffers_attach(&ring.buffers, lend__ring_fd(&ring)),
		     0);
	take_until(200, more, seen);
	cr_expect_eq(receive("x", &number), -ENOBUFS);
	lend__buffers_open_more(&ring.buffers);
	take_until(more, more + LEND_BUFFERS_MORE, seen);
	lend__buffers_give_all(&ring.buffers, 1);
	lend__buffers_drain(&ring.buffers);
	cr_expect_eq(lend__buffers_in_use(&ring.buffers), 0);
	close_all();
	cr_expect_null(ring.buffers.base);
}

/* The word that links a returned buffer is another's while it is out. */
Test(buffers, what_is_noted_while_they_are_out_does_no_harm, .timeout = 10)
{
	unsigned numbers[2], number;

	open_with(2);
	for (int round = 0; round < 10; round++) {
		for (int i = 0; i < 2; i++) {
			cr_assert_eq(receive("x", &numbers[i]), 1);
			*lend__buffers_link(&ring.buffers,
					    numbers[i]) = 0xffffffff;
			*lend__buffers_filled(&ring.buffers, numbers[i]) = 1;
		}
		for (int i = 0; i < 2; i++)
			lend__buffers_give(&ring.buffers, numbers[i]);
		lend__buffers_drain(&ring.buffers);
	}
	cr_expect_eq(receive("y", &number), 1);
	close_all();
}

/* What a bundle fills after its first buffer, whatever the order in which they
 * were given back. */
Test(buffers, those_behind_one_are_as_they_were_added, .timeout = 10)
{
	static const unsigned back[] = { 2, 0, 3, 1 };
	unsigned number;

	open_with(4);
	for (unsigned i = 0; i < 4; i++)
		cr_expect_eq(lend__buffers_behind(&ring.buffers, 1, i),
			     (1 + i) % 4);
	for (int i = 0; i < 4; i++)
		cr_assert_eq(receive("x", &number), 1);
	for (int i = 0; i < 4; i++) {
		lend__buffers_give(&ring.buffers, back[i]);
		lend__buffers_drain(&ring.buffers);
	}
	for (unsigned i = 0; i < 4; i++)
		cr_expect_eq(lend__buffers_behind(&ring.buffers, 2, i),
			     back[i]);
	close_all();
}

/* Of a kernel that has them, and has them right, the trial says so; twice the
 * same. */
Test(buffers, bundles_have_a_trial, .timeout = 10)
{
	bool work = lend__bundles_work();

	cr_expect_eq(lend__bundles_work(), work);
	if (!work)
		cr_skip_test("this kernel has no bundles, or not in order");
}

/* ---- from other threads ---- */

#define ROUNDS 100000

static atomic_int held[64]; /* 1: lent to the giver */
static atomic_uint given;

static void *give_all(void *arg)
{
	unsigned from = (unsigned)(uintptr_t)arg;

	while (atomic_load(&given) < ROUNDS)
		for (unsigned i = from; i < 64; i += 2)
			if (atomic_exchange(&held[i], 0)) {
				lend__buffers_give(&ring.buffers, i);
				atomic_fetch_add(&given, 1);
			}
	return NULL;
}

Test(buffers, none_is_lost_between_threads, .timeout = 60)
{
	uint16_t handed = 64; /* what the kernel has been given so far */
	pthread_t threads[2];

	open_with(64);
	for (uintptr_t i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, give_all, (void *)i);
	for (unsigned i = 0; i < 64; i++) {
		lend__buffers_own(&ring.buffers, i, 1);
		atomic_store(&held[i], 1);
	}
	while (atomic_load(&given) < ROUNDS) {
		lend__buffers_drain(&ring.buffers);
		/* Lend out again what has just come back. */
		for (; handed != ring.buffers.tail; handed++) {
			const struct io_uring_buf *buf =
				&ring.buffers.ring->bufs[handed & 63];

			lend__buffers_own(&ring.buffers, buf->bid, 1);
			cr_assert_eq(atomic_exchange(&held[buf->bid], 1), 0,
				     "given back twice");
		}
	}
	for (unsigned i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	close_all();
}
