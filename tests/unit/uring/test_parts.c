/*
 * Goal:   what was received lies where parts say it does, and a buffer comes
 *         back with its last part; a kernel that does not fill buffers in parts
 *         as it should does not pass the trial.
 * Method: the trial at the start, with a kernel whose completions are changed
 *         behind its door: each change is a mistake that kernels have made, or
 *         could. Completions made up for the rest.
 */
#include "uring/parts.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <liburing.h>

#include "uring/compat.h"
#include "uring/parts_test.h"
#include "uring/ring.h"
#include "uring/sys.h"

/* ---- the door to the kernel ---- */

enum mistake {
	NONE,
	NO_SUCH_THING,
	FORGETS_MORE,	  /* once does not say that it goes on with a buffer */
	SAYS_MORE,	  /* says so of a buffer that is full */
	SWAPS,		  /* posts two in another order than it filled */
	ENDS_WITH_BUFFER, /* says that the end of a stream used one up */
	OTHER_BUFFER,
};

static enum mistake mistake;
static unsigned made; /* mistakes */
static struct io_uring *uring;

int __real_lend__sys_ring_open(struct io_uring *opened, unsigned depth,
			       struct io_uring_params *params);
int __real_lend__sys_enter(int fd, unsigned to_submit, unsigned min_complete,
			   unsigned flags, void *argument, size_t size);
int __real_lend__sys_register(int fd, unsigned opcode, void *argument,
			      unsigned count);
int __wrap_lend__sys_ring_open(struct io_uring *opened, unsigned depth,
			       struct io_uring_params *params);
int __wrap_lend__sys_enter(int fd, unsigned to_submit, unsigned min_complete,
			   unsigned flags, void *argument, size_t size);
int __wrap_lend__sys_register(int fd, unsigned opcode, void *argument,
			      unsigned count);

int __wrap_lend__sys_ring_open(struct io_uring *opened, unsigned depth,
			       struct io_uring_params *params)
{
	uring = opened;
	return __real_lend__sys_ring_open(opened, depth, params);
}

int __wrap_lend__sys_register(int fd, unsigned opcode, void *argument,
			      unsigned count)
{
	if (mistake == NO_SUCH_THING && opcode == IORING_REGISTER_PBUF_RING) {
		made++;
		return -EINVAL;
	}
	return __real_lend__sys_register(fd, opcode, argument, count);
}

static bool has_buffer(const struct io_uring_cqe *cqe)
{
	return cqe->flags & IORING_CQE_F_BUFFER;
}

static bool change(struct io_uring_cqe *cqe, struct io_uring_cqe *next)
{
	struct io_uring_cqe copy = *cqe;

	switch (mistake) {
	case FORGETS_MORE:
		if (!(cqe->flags & IORING_CQE_F_BUF_MORE))
			return false;
		cqe->flags &= ~IORING_CQE_F_BUF_MORE;
		return true;
	case SAYS_MORE:
		if (!has_buffer(cqe) || cqe->flags & IORING_CQE_F_BUF_MORE)
			return false;
		cqe->flags |= IORING_CQE_F_BUF_MORE;
		return true;
	case SWAPS:
		if (!next || !has_buffer(cqe) || !has_buffer(next) ||
		    cqe->user_data == next->user_data)
			return false;
		*cqe = *next;
		*next = copy;
		return true;
	case ENDS_WITH_BUFFER:
		if (cqe->res || has_buffer(cqe))
			return false;
		cqe->flags |= IORING_CQE_F_BUFFER |
			      LEND_PARTS_BUFFER << IORING_CQE_BUFFER_SHIFT;
		return true;
	case OTHER_BUFFER:
		if (!has_buffer(cqe))
			return false;
		cqe->flags ^= 1 << IORING_CQE_BUFFER_SHIFT;
		return true;
	default:
		return false;
	}
}

int __wrap_lend__sys_enter(int fd, unsigned to_submit, unsigned min_complete,
			   unsigned flags, void *argument, size_t size)
{
	int res = __real_lend__sys_enter(fd, to_submit, min_complete, flags,
					 argument, size);
	unsigned head = *uring->cq.khead;
	unsigned tail = __atomic_load_n(uring->cq.ktail, __ATOMIC_ACQUIRE);
	unsigned mask = *uring->cq.kring_mask;

	for (; head != tail && !made; head++)
		made += change(&uring->cq.cqes[head & mask],
			       head + 1 == tail ?
				       NULL :
				       &uring->cq.cqes[(head + 1) & mask]);
	return res;
}

static void try_with(enum mistake wanted)
{
	if (!lend__parts_work())
		cr_skip_test("this kernel does not fill buffers in parts");
	/* It is tried once in a process. */
	mistake = wanted;
	cr_expect(!lend__parts_try());
	cr_expect_gt(made, 0, "it was never made");
}

Test(parts, the_trial_says_the_same_twice, .timeout = 20)
{
	bool work = lend__parts_work();

	cr_expect_eq(lend__parts_work(), work);
	cr_expect_eq(lend__parts_try(), work);
}

Test(parts, without_them_the_trial_fails, .timeout = 20)
{
	mistake = NO_SUCH_THING;
	cr_expect(!lend__parts_work());
	cr_expect_gt(made, 0);
}

Test(parts, a_buffer_that_is_not_full_must_go_on, .timeout = 20)
{
	try_with(FORGETS_MORE);
}

Test(parts, a_buffer_that_is_full_must_not, .timeout = 20)
{
	try_with(SAYS_MORE);
}

Test(parts, completions_must_be_in_order, .timeout = 20)
{
	try_with(SWAPS);
}

Test(parts, the_end_of_a_stream_must_use_none_up, .timeout = 20)
{
	try_with(ENDS_WITH_BUFFER);
}

Test(parts, the_right_buffer_must_be_named, .timeout = 20)
{
	try_with(OTHER_BUFFER);
}

/* ---- the numbers ---- */

static struct lend_ring ring;

static bool open_with(unsigned count, unsigned size)
{
	cr_assert_eq(lend__ring_open(&ring, 0, 2, 0), 0);
	return !lend__parts_init(&ring.shared, lend__ring_fd(&ring), count,
				 size);
}

static unsigned take(unsigned buffer, int size, bool more)
{
	unsigned number;
	uint32_t flags = IORING_CQE_F_BUFFER |
			 (more ? IORING_CQE_F_BUF_MORE : 0) |
			 (buffer | LEND_PARTS_BUFFER)
				 << IORING_CQE_BUFFER_SHIFT;

	flags = lend__ring_take_buffer(&ring, size, flags);
	cr_assert_eq(lend__ring_buffers(&ring, flags, &number), &ring.shared);
	lend__buffers_own(&ring.shared, number, 1);
	return number;
}

static void give(unsigned number)
{
	lend__buffers_give(&ring.shared, number);
	lend__buffers_drain(&ring.shared);
}

Test(parts, a_buffer_comes_back_with_its_last_part, .timeout = 20)
{
	unsigned parts[4], again;

	if (!open_with(4, 256))
		cr_skip_test("this kernel does not fill buffers in parts");
	parts[0] = take(0, 100, true);
	parts[1] = take(0, 56, true);
	cr_expect_eq(lend__buffers_at(&ring.shared, parts[1]) -
			     lend__buffers_at(&ring.shared, parts[0]),
		     100);
	/* All that were taken are back, but the kernel goes on with it. */
	give(parts[0]);
	give(parts[1]);
	cr_expect_eq(lend__buffers_in_use(&ring.shared), 0);
	parts[2] = take(0, 50, true);
	cr_expect_eq(lend__buffers_at(&ring.shared, parts[2]) -
			     ring.shared.base,
		     156);
	parts[3] = take(0, 50, false);
	cr_expect_eq(lend__buffers_in_use(&ring.shared), 1);
	cr_expect_eq(lend__buffers_held(&ring.shared), 2);
	give(parts[3]);
	cr_expect_eq(lend__buffers_in_use(&ring.shared), 1);
	give(parts[2]);
	cr_expect_eq(lend__buffers_in_use(&ring.shared), 0);
	cr_expect_eq(lend__buffers_held(&ring.shared), 0);
	/* And from its beginning. */
	again = take(0, 1, true);
	cr_expect_eq(lend__buffers_at(&ring.shared, again), ring.shared.base);
	give(again);
	lend__ring_close(&ring);
}

Test(parts, there_are_as_many_as_bytes, .timeout = 20)
{
	unsigned parts[1024];

	if (!open_with(4, 256))
		cr_skip_test("this kernel does not fill buffers in parts");
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < 1024; i++) {
			parts[i] = take(i / 256, 1, i % 256 != 255);
			*lend__buffers_at(&ring.shared, parts[i]) = (char)i;
		}
		cr_expect_eq(lend__buffers_in_use(&ring.shared), 4);
		for (unsigned i = 0; i < 1024; i++)
			cr_expect_eq(*lend__buffers_at(&ring.shared, parts[i]),
				     (char)i);
		lend__buffers_give_all(&ring.shared, 1);
		lend__buffers_drain(&ring.shared);
		cr_expect_eq(lend__buffers_in_use(&ring.shared), 0);
	}
	lend__ring_close(&ring);
}

/* What is held when the ring goes is in its successor's ring afterwards. */
Test(parts, those_held_outlive_their_ring, .timeout = 20)
{
	unsigned first, second;

	if (!open_with(4, 256))
		cr_skip_test("this kernel does not fill buffers in parts");
	first = take(0, 100, true);
	second = take(1, 100, true);
	*lend__buffers_at(&ring.shared, first) = 'x';
	lend__ring_close(&ring);
	cr_assert(ring.shared.base);
	lend__buffers_give(&ring.shared, second);
	cr_assert_eq(lend__ring_open(&ring, 0, 2, 0), 0);
	cr_assert_eq(lend__buffers_attach(&ring.shared, lend__ring_fd(&ring)),
		     0);
	cr_expect_eq(lend__buffers_in_use(&ring.shared), 1);
	cr_expect_eq(*lend__buffers_at(&ring.shared, first), 'x');
	give(first);
	cr_expect_eq(lend__buffers_in_use(&ring.shared), 0);
	lend__ring_close(&ring);
	cr_expect_null(ring.shared.base);
}
