/*
 * Goal:   a large claim that is open makes way for whatever its actor waits
 *         for, though there is no memory left at all: a scope is closed with
 *         it open, too.
 * Method: malloc() is wrapped by the linker, and fails from the moment when the
 *         actor's heap is full.
 */
#include <errno.h>
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

static void check_sqes(struct lend_claim_handle *claim, unsigned count)
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
	if (!CHECK_EQ(lend_claim(most(), LEND_FOREVER, &claim), 0))
		return -1;
	for (unsigned i = 0; i < most(); i++)
		lend_claim_sqe(claim, i)->off = i + 1;
	fill_heap(64);
	atomic_store(&is_used_up, true);
	CHECK_EQ(lend_yield(), 0);
	check_sqes(claim, most());
	CHECK_EQ(lend_scope_close(scope), 0);
	check_sqes(claim, most());
	atomic_store(&is_used_up, false);
	lend_claim_abandon(claim);
	return 0;
}

/* It says so at once instead. */
static int refused(void *arg)
{
	struct lend_claim_handle *claim;

	(void)arg;
	/* There is room for all that is smaller than its SQEs. */
	fill_heap(2048);
	CHECK_EQ(lend_claim(most(), LEND_FOREVER, &claim), -ENOMEM);
	CHECK_EQ(lend_yield(), 0);
	return 0;
}

int main(int argc, char **argv)
{
	test_init(argc, argv, 60);
	if (most() <= 8) {
		test_skip("claims_make_way_without_memory",
			  "small claims have none in reserve");
	} else {
		test_actor("claims_make_way_without_memory", with_no_memory);
		test_actor("a_full_heap_refuses_claims", refused);
	}
	return test_finish();
}
