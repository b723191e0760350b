/*
 * The slots for fibers' stacks; see stack.h. Called by the actors' registry
 * and, with the address of a fault, by the runtime's signal handler. Hands out
 * nothing: the owner of an index is the owner of its slot.
 */
#include "mem/stack.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/check.h"
#include "mem/pages.h"

static_assert(LEND_STACK_SLOT_SIZE_MIN >= 2 * LEND_PAGE_SIZE,
	      "a slot is a guard page and a stack");
static_assert(LEND_STACK_SLOTS_MAX <= INT_MAX, "an index is an int, or -1");
static_assert(ATOMIC_CHAR_LOCK_FREE == 2, "the signal handler takes no lock");

/* How much of a stack is asked for at once: this is called on stacks. */
#define TOUCHED_STEP ((size_t)256 << 10)

int lend__stacks_init(struct lend_stacks *stacks, unsigned slots,
		      size_t slot_size)
{
	atomic_uchar *guarded;
	void *base;
	int error;

	if (slots == 0 || slots > LEND_STACK_SLOTS_MAX)
		return -EINVAL;
	if (slot_size < LEND_STACK_SLOT_SIZE_MIN ||
	    slot_size > LEND_STACK_SLOT_SIZE_MAX ||
	    !lend_is_power_of_two(slot_size))
		return -EINVAL;

	guarded = calloc(slots, sizeof(*guarded));
	if (!guarded)
		return -ENOMEM;
	error = lend__pages_reserve(slots * slot_size, &base);
	if (error)
		goto fail_free;
	*stacks = (struct lend_stacks){
		.base = base,
		.slot_size = slot_size,
		.slot_shift = (unsigned)__builtin_ctzll(slot_size),
		.slots = slots,
		.guarded = guarded,
	};
	return 0;

fail_free:
	free(guarded);
	return error;
}

void lend__stacks_fini(struct lend_stacks *stacks)
{
	lend__pages_unreserve(stacks->base, stacks->slots * stacks->slot_size);
	free(stacks->guarded);
	*stacks = (struct lend_stacks){ 0 };
}

/*
 * The order of the accesses to stacks->guarded is relaxed everywhere: a slot
 * passes from owner to owner with the owners' own synchronisation, and the
 * signal handler runs on the thread that faulted on a guard, so after it saw
 * that guard being set.
 */
static bool is_guarded(const struct lend_stacks *stacks, unsigned index)
{
	return atomic_load_explicit(&stacks->guarded[index],
				    memory_order_relaxed);
}

int lend__stacks_prepare(struct lend_stacks *stacks, unsigned index)
{
	int error;

	lend_assert(index < stacks->slots);
	if (is_guarded(stacks, index))
		return 0;
	error = lend__pages_guard((char *)lend__stacks_low(stacks, index) -
					  LEND_PAGE_SIZE,
				  LEND_PAGE_SIZE);
	if (error)
		return error;
	atomic_store_explicit(&stacks->guarded[index], 1, memory_order_relaxed);
	return 0;
}

void lend__stacks_trim(struct lend_stacks *stacks, unsigned index,
		       void *keep_from)
{
	char *low = lend__stacks_low(stacks, index);
	char *keep = (char *)((uintptr_t)keep_from &
			      ~(uintptr_t)(LEND_PAGE_SIZE - 1));

	lend_assert(index < stacks->slots);
	lend_assert((char *)keep_from <=
		    (char *)lend__stacks_high(stacks, index));
	lend_assert(keep >= low);
	lend__pages_release(low, (size_t)(keep - low));
}

size_t lend__stacks_touched(const struct lend_stacks *stacks, unsigned index)
{
	unsigned char pages[TOUCHED_STEP / LEND_PAGE_SIZE];
	char *low = lend__stacks_low(stacks, index), *found;
	char *high = lend__stacks_high(stacks, index), *at = high;

	found = high;
	/* Until a stretch of which nothing is there. */
	do {
		size_t left = (size_t)(at - low);
		size_t size = left < TOUCHED_STEP ? left : TOUCHED_STEP, i;

		at -= size;
		if (!size || mincore(at, size, pages))
			break;
		for (i = 0; i < size / LEND_PAGE_SIZE; i++)
			if (pages[i] & 1)
				break;
		if (i == size / LEND_PAGE_SIZE)
			break;
		found = at + i * LEND_PAGE_SIZE;
	} while (at > low);
	return (size_t)(high - found);
}

int lend__stacks_owner(const struct lend_stacks *stacks, const void *address)
{
	int index = lend__stacks_index(stacks, address);

	if (index < 0 || !is_guarded(stacks, (unsigned)index))
		return -1;
	if ((const char *)address >=
	    (const char *)lend__stacks_low(stacks, (unsigned)index))
		return -1;
	return index;
}
