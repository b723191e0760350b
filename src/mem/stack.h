/*
 * The stacks of all fibers: slots of one size in one reservation, so that a
 * stack costs no mapping, and its address names its slot. A slot is
 *
 *	base            low                                 high
 *	| guard page    | grows down from high, by faults   |
 *
 * and costs memory only where it was touched. See Note [apart] for how far one
 * is from the next. Which slot is free is not known
 * here: the caller owns a slot or does not, and passes it on with its own
 * synchronisation.
 *
 * Note [apart]
 * Most actors use the page at the top of their stack, and no other. Which set
 * of a processor's table of translations a page falls into is told by the low
 * bits of its number, and were these pages a power of two apart, all of them
 * would fall into a few sets: of 2,048 entries 64 KiB stacks would share 128.
 * So between two stacks, whose size is a power of two, there is a page more,
 * the guard: an odd number of pages, and as many tops as there are entries fall
 * into all sets alike.
 *
 * Who needs more than a slot has a stack that is a mapping of its own.
 *
 * The guard catches a stack that grows page by page. A frame larger than a page
 * can step over it, unless it was compiled with -fstack-clash-protection.
 */
#ifndef LEND_MEM_STACK_H
#define LEND_MEM_STACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <lend/base.h>

#include "base/bits.h"

#define LEND_STACK_SIZE_MIN  ((size_t)16 << 10)
#define LEND_STACK_SIZE_MAX  ((size_t)8 << 20)
#define LEND_STACK_SLOTS_MAX (1u << 20)

/* Most that a stack of its own may have: what a program means, and no address
 * space by mistake. */
#define LEND_STACK_OWN_SIZE_MAX ((size_t)1 << 30)

/* One stack. Below @low is its guard page. */
struct lend_stack {
	char *low;
	char *high; /* one past its last byte */
};

struct lend_stacks {
	/* [const] */
	char *base;
	size_t size; /* of a stack, without its guard */
	unsigned slots;
	/* [owner: the slot's] A byte a slot: its guard is there. Bits would
	 * need a locked instruction. */
	bool *guarded;
};

/*
 * Reserve @slots stacks. Nothing is touched and no guard is set yet.
 *
 * @slots  1 to LEND_STACK_SLOTS_MAX
 * @size   bytes of each, beside its guard; a power of two, LEND_STACK_SIZE_MIN
 *         to LEND_STACK_SIZE_MAX
 *
 * Return: 0
 *         -EINVAL      @slots or @size is out of range
 *         -ENOMEM      not that much address space
 *         -EOPNOTSUPP  as lend__pages_reserve()
 */
LEND_NODISCARD int lend__stacks_init(struct lend_stacks *stacks, unsigned slots,
				     size_t size);

/* Unmap everything; nobody runs on any of the stacks any more. */
void lend__stacks_fini(struct lend_stacks *stacks);

/*
 * Make slot @index fit for use: set its guard page, the first time.
 *
 * Thread: the slot's owner
 *
 * Return: 0
 *         -ENOMEM  no guard can be had; refuse whatever wanted the stack. On
 *                  kernels before 6.13 that is at about 32,700 slots, see
 *                  lend__pages_guard()
 */
LEND_NODISCARD int lend__stacks_prepare(struct lend_stacks *stacks,
					unsigned index);

/*
 * Give back the memory of slot @index below @keep_from, which is in its stack
 * or its end, rounded down to a page. The guard stays.
 *
 * Thread: the slot's owner, not on this stack unless below @keep_from nothing
 *         is in use
 */
void lend__stacks_trim(struct lend_stacks *stacks, unsigned index,
		       void *keep_from);

/*
 * Make a stack that is in no slot: one mapping, with its guard.
 *
 * @size  bytes above the guard, 1 to LEND_STACK_OWN_SIZE_MAX; rounded up to
 *        whole pages
 *
 * Thread: any. Ownership: the caller's, to lend__stack_unmap().
 *
 * Return: 0
 *         -EINVAL  @size is out of range
 *         -ENOMEM, -EOPNOTSUPP  as lend__pages_reserve(), lend__pages_guard()
 */
LEND_NODISCARD int lend__stack_map(size_t size, struct lend_stack *ret_stack);
void lend__stack_unmap(const struct lend_stack *stack);

/* Give back the memory below @keep_from, which is in the stack or its end. As
 * lend__stacks_trim(). */
void lend__stack_trim(const struct lend_stack *stack, void *keep_from);

/* Bytes from the end down to the lowest page that somebody has touched since
 * the stack was trimmed, and how many there are in pages that were: what is
 * below 8 MiB that nobody has is not found. One system call for each 512 KiB,
 * of those 8 MiB too. 0 of one that is no more. Any thread. */
size_t lend__stack_touched(const struct lend_stack *stack);
size_t lend__stack_resident(const struct lend_stack *stack);

/* Is @address in the guard page? Thread: any, in a signal handler too. */
static inline bool lend__stack_guards(const struct lend_stack *stack,
				      const void *address)
{
	return (uintptr_t)stack->low - (uintptr_t)address - 1 < LEND_PAGE_SIZE;
}

/* From one slot to the next. */
static inline size_t lend__stacks_slot_size(const struct lend_stacks *stacks)
{
	return LEND_PAGE_SIZE + stacks->size;
}

/* The first byte of a stack, above its guard page. */
static inline void *lend__stacks_low(const struct lend_stacks *stacks,
				     unsigned index)
{
	return stacks->base + index * lend__stacks_slot_size(stacks) +
	       LEND_PAGE_SIZE;
}

/* The end of a stack: one past its last byte. */
static inline void *lend__stacks_high(const struct lend_stacks *stacks,
				      unsigned index)
{
	return stacks->base +
	       ((size_t)index + 1) * lend__stacks_slot_size(stacks);
}

/* The stack in slot @index. */
static inline struct lend_stack
lend__stacks_at(const struct lend_stacks *stacks, unsigned index)
{
	return (struct lend_stack){
		.low = lend__stacks_low(stacks, index),
		.high = lend__stacks_high(stacks, index),
	};
}

/* The slot that @address is in, guard included, or -1. Any address will do. */
static inline int lend__stacks_index(const struct lend_stacks *stacks,
				     const void *address)
{
	/* An address below the base wraps to a number above every slot. */
	uintptr_t offset = (uintptr_t)address - (uintptr_t)stacks->base;
	uintptr_t index = offset / lend__stacks_slot_size(stacks);

	return index < stacks->slots ? (int)index : -1;
}

#endif
