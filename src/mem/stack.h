/*
 * The stacks of all fibers: slots of one size in one reservation, so that a
 * stack costs no mapping, and its address names its slot. A slot is
 *
 *	base            low                                 high
 *	| guard page    | grows down from high, by faults   |
 *
 * and costs memory only where it was touched. Which slot is free is not known
 * here: the caller owns a slot or does not, and passes it on with its own
 * synchronisation.
 *
 * The guard catches a stack that grows page by page. A frame larger than a page
 * can step over it, unless it was compiled with -fstack-clash-protection.
 */
#ifndef LEND_MEM_STACK_H
#define LEND_MEM_STACK_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <lend/base.h>

#include "base/bits.h"

#define LEND_STACK_SLOT_SIZE_MIN ((size_t)16 << 10)
#define LEND_STACK_SLOT_SIZE_MAX ((size_t)8 << 20)
#define LEND_STACK_SLOTS_MAX	 (1u << 20)

struct lend_stacks {
	/* [const] */
	char *base;
	size_t slot_size;
	unsigned slot_shift; /* slot_size is 1 << slot_shift */
	unsigned slots;
	/* [atomic: guards] A byte a slot, written by the slot's owner: 1 when
	 * its guard is there. Bits would need a locked instruction. */
	atomic_uchar *guarded;
};

/*
 * Reserve @slots stacks. Nothing is touched and no guard is set yet.
 *
 * @slots      1 to LEND_STACK_SLOTS_MAX
 * @slot_size  bytes, guard included; a power of two, LEND_STACK_SLOT_SIZE_MIN
 *             to LEND_STACK_SLOT_SIZE_MAX
 *
 * Return: 0
 *         -EINVAL      @slots or @slot_size is out of range
 *         -ENOMEM      not that much address space
 *         -EOPNOTSUPP  as lend__pages_reserve()
 */
LEND_NODISCARD int lend__stacks_init(struct lend_stacks *stacks, unsigned slots,
				     size_t slot_size);

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

/* Bytes from the end of stack @index down to the lowest page of it that
 * somebody has touched since it was trimmed: one system call for each 256 KiB,
 * and one more. Any thread. */
size_t lend__stacks_touched(const struct lend_stacks *stacks, unsigned index);

/* The first byte of a stack, above its guard page. */
static inline void *lend__stacks_low(const struct lend_stacks *stacks,
				     unsigned index)
{
	return stacks->base + ((size_t)index << stacks->slot_shift) +
	       LEND_PAGE_SIZE;
}

/* The end of a stack: one past its last byte. */
static inline void *lend__stacks_high(const struct lend_stacks *stacks,
				      unsigned index)
{
	return stacks->base + (((size_t)index + 1) << stacks->slot_shift);
}

/* The slot that @address is in, guard included, or -1. Any address will do. */
static inline int lend__stacks_index(const struct lend_stacks *stacks,
				     const void *address)
{
	/* An address below the base wraps to a number above every slot. */
	uintptr_t offset = (uintptr_t)address - (uintptr_t)stacks->base;

	if (offset >> stacks->slot_shift >= stacks->slots)
		return -1;
	return (int)(offset >> stacks->slot_shift);
}

/*
 * The slot whose guard page, already set, has @address in it, or -1: whose
 * stack overflowed, asked with the address of a fault.
 *
 * Thread: any, in a signal handler too
 */
int lend__stacks_owner(const struct lend_stacks *stacks, const void *address);

#endif
