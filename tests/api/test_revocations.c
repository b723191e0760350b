/*
 * Goal:   a claim that is open, however small or large, makes way for whatever
 *         its actor waits for, though there is no memory left at all: a scope
 *         is closed with it open, too. What can not make way is refused.
 * Method: malloc() is wrapped by the linker, and fails from the moment when the
 *         actor's heap is full. Claims of one SQE, of as many as lie beside the
 *         actor and one more, and of a whole ring.
 */
#include <errno.h>
#include <limits.h>
#include <liburing.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "harness/harness.h"

static _Atomic bool is_used_up;

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);

void *__wrap_malloc(size_t size)
{
	return atomic_load(&is_used_up) ? NULL : __real_malloc(size);
}

static unsigned most(void)
{
	return test_options.depth ? test_options.depth : 256;
}

static unsigned count; /* [const] while its actor runs: SQEs of the claim */

/* Until nothing of @least bytes fits. */
static void fill_heap(size_t least)
{
	for (size_t size = 2 << 20; size >= least; size /= 2)
		while (lend_io_alloc(size))
			;
}

static int wait_for_ever(void *arg)
{
	(void)arg;
	CHECK_EQ(lend_sleep(LEND_FOREVER), -ECANCELED);
	return 0;
}

static void check_sqes(struct lend_claim_handle *claim)
{
	for (unsigned i = 0; i < count; i++)
		CHECK_EQ(lend_claim_sqe(claim, i)->off, i + 1);
}

static int with_no_memory(void *arg)
{
	struct lend_claim_handle *claim;
	struct lend_scope *scope;

	(void)arg;
	CHECK_EQ(lend_scope_open(NULL, &scope), 0);
	CHECK_EQ(lend_scope_spawn(scope, wait_for_ever, NULL, NULL, NULL), 0);
	if (!CHECK_EQ(lend_claim(count, LEND_FOREVER, &claim), 0))
		return -1;
	for (unsigned i = 0; i < count; i++)
		lend_claim_sqe(claim, i)->off = i + 1;
	fill_heap(64);
	atomic_store(&is_used_up, true);
	CHECK_EQ(lend_yield(), 0);
	check_sqes(claim);
	CHECK_EQ(lend_scope_close(scope), 0);
	check_sqes(claim);
	atomic_store(&is_used_up, false);
	lend_claim_abandon(claim);
	return 0;
}

/* It says so at once instead. */
static int refused(void *arg)
{
	struct lend_claim_handle *claim;

	(void)arg;
	fill_heap(64);
	CHECK_EQ(lend_claim(count, LEND_FOREVER, &claim), -ENOMEM);
	CHECK_EQ(lend_yield(), 0);
	return 0;
}

/* There is room for all that is smaller than its SQEs. */
static int refused_for_its_sqes(void *arg)
{
	struct lend_claim_handle *claim;

	(void)arg;
	fill_heap(2048);
	CHECK_EQ(lend_claim(count, LEND_FOREVER, &claim), -ENOMEM);
	CHECK_EQ(lend_yield(), 0);
	return 0;
}

int main(int argc, char **argv)
{
	static const unsigned counts[] = { 1, 3, 4, 8, UINT_MAX };

	test_init(argc, argv, 60);
	for (unsigned i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		count = counts[i] < most() ? counts[i] : most();
		test_actor("claims_make_way_without_memory", with_no_memory);
		test_actor("a_full_heap_refuses_claims", refused);
		if (count > 3)
			test_actor("a_full_heap_refuses_what_can_not_make_way",
				   refused_for_its_sqes);
	}
	return test_finish();
}
