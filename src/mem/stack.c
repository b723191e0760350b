/*
 * The slots for fibers' stacks, and stacks that are in none; see stack.h.
 * Called by the actors' registry and the runtime. Hands out no slots: the owner
 * of an index is the owner of its slot.
 */
#include "mem/stack.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/check.h"
#include "mem/pages.h"

static_assert(LEND_STACK_SIZE_MIN % (2 * LEND_PAGE_SIZE) == 0,
	      "with its guard a stack is an odd number of pages: Note [apart]");
static_assert(LEND_STACK_SLOTS_MAX <= INT_MAX, "an index is an int, or -1");

/* How much of a stack is asked for at once: this is called on stacks. */
#define TOUCHED_STEP ((size_t)512 << 10)

/* A stretch of which nothing is there may be an array that was not filled, with
 * the frames of calls below it. So long is none of code that was written for
 * threads, whose stacks are 8 MiB. */
#define UNTOUCHED_MAX ((size_t)8 << 20)

int lend__stacks_init(struct lend_stacks *stacks, unsigned slots, size_t size)
{
	bool *guarded;
	void *base;
	int error;

	if (slots == 0 || slots > LEND_STACK_SLOTS_MAX)
		return -EINVAL;
	if (size < LEND_STACK_SIZE_MIN || size > LEND_STACK_SIZE_MAX ||
	    !lend_is_power_of_two(size))
		return -EINVAL;

	guarded = calloc(slots, sizeof(*guarded));
	if (!guarded)
		return -ENOMEM;
	error = lend__pages_reserve(slots * (LEND_PAGE_SIZE + size), &base);
	if (error)
		goto fail_free;
	*stacks = (struct lend_stacks){
		.base = base,
		.size = size,
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
	lend__pages_unreserve(stacks->base,
			      stacks->slots * lend__stacks_slot_size(stacks));
	free(stacks->guarded);
	*stacks = (struct lend_stacks){ 0 };
}

int lend__stacks_prepare(struct lend_stacks *stacks, unsigned index)
{
	int error;

	lend_assert(index < stacks->slots);
	if (stacks->guarded[index])
		return 0;
	error = lend__pages_guard((char *)lend__stacks_low(stacks, index) -
					  LEND_PAGE_SIZE,
				  LEND_PAGE_SIZE);
	if (error)
		return error;
	stacks->guarded[index] = true;
	return 0;
}

void lend__stacks_trim(struct lend_stacks *stacks, unsigned index,
		       void *keep_from)
{
	struct lend_stack stack = lend__stacks_at(stacks, index);

	lend_assert(index < stacks->slots);
	lend__stack_trim(&stack, keep_from);
}

/* ---- one stack ---- */

int lend__stack_map(size_t size, struct lend_stack *ret_stack)
{
	void *base;
	int err;

	if (size == 0 || size > LEND_STACK_OWN_SIZE_MAX)
		return -EINVAL;
	size = lend_align_up(size, LEND_PAGE_SIZE);
	err = lend__pages_reserve(LEND_PAGE_SIZE + size, &base);
	if (err)
		return err;
	err = lend__pages_guard(base, LEND_PAGE_SIZE);
	if (err) {
		lend__pages_unreserve(base, LEND_PAGE_SIZE + size);
		return err;
	}
	ret_stack->low = (char *)base + LEND_PAGE_SIZE;
	ret_stack->high = ret_stack->low + size;
	return 0;
}

void lend__stack_unmap(const struct lend_stack *stack)
{
	lend__pages_unreserve(stack->low - LEND_PAGE_SIZE,
			      (size_t)(stack->high - stack->low) +
				      LEND_PAGE_SIZE);
}

void lend__stack_trim(const struct lend_stack *stack, void *keep_from)
{
	char *keep = (char *)((uintptr_t)keep_from &
			      ~(uintptr_t)(LEND_PAGE_SIZE - 1));

	lend_assert((char *)keep_from <= stack->high);
	lend_assert(keep >= stack->low);
	lend__pages_release(stack->low, (size_t)(keep - stack->low));
}

/* From the end down to a long stretch of which nothing is there: the lowest
 * page that is, and how many are. */
static char *lowest_page(const struct lend_stack *stack, size_t *ret_count)
{
	unsigned char pages[TOUCHED_STEP / LEND_PAGE_SIZE];
	char *found = stack->high, *at = stack->high;

	*ret_count = 0;
	while (at > stack->low && (size_t)(found - at) < UNTOUCHED_MAX) {
		size_t left = (size_t)(at - stack->low);
		size_t size = left < TOUCHED_STEP ? left : TOUCHED_STEP;

		at -= size;
		if (mincore(at, size, pages))
			break;
		for (size_t i = size / LEND_PAGE_SIZE; i-- > 0;)
			if (pages[i] & 1) {
				found = at + i * LEND_PAGE_SIZE;
				++*ret_count;
			}
	}
	return found;
}

size_t lend__stack_touched(const struct lend_stack *stack)
{
	size_t count;

	return (size_t)(stack->high - lowest_page(stack, &count));
}

size_t lend__stack_resident(const struct lend_stack *stack)
{
	size_t count;

	lowest_page(stack, &count);
	return count * LEND_PAGE_SIZE;
}
