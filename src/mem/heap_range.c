/*
 * The address range that all I/O heaps share: reserved once, cut into slices
 * of equal size, so that an address names its actor by arithmetic alone. What
 * is in a slice is heap.c's business.
 *
 * Called by the runtime, when it begins and ends, and by whoever must tell
 * from an address whose it is.
 */
#include "mem/heap.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "base/bits.h"
#include "base/check.h"
#include "mem/pages.h"

int lend__heap_range_init(struct lend_heap_range *range, unsigned slices,
			  size_t slice_size, uint64_t held_max)
{
	void *base = NULL;
	int error;

	memset(range, 0, sizeof(*range));
	range->held_max = held_max ? held_max : UINT64_MAX;
	if (slice_size == 0)
		slice_size = LEND_HEAP_SLICE_DEFAULT;
	if (slices == 0 || slices > INT_MAX ||
	    !lend_is_power_of_two(slice_size) ||
	    slice_size < LEND_HEAP_SLICE_MIN ||
	    slice_size > LEND_HEAP_SLICE_MAX)
		return -EINVAL;

	error = lend__pages_reserve(slices * (slice_size + LEND_PAGE_SIZE),
				    &base);
	if (error)
		return error;
	range->base = base;
	range->slice_size = slice_size;
	range->slices = slices;
	range->stride = slice_size + LEND_PAGE_SIZE;
	return 0;
}

void lend__heap_range_fini(struct lend_heap_range *range)
{
	if (range->base)
		lend__pages_unreserve(range->base,
				      range->slices * range->stride);
	lend__pages_unreserve(range->kernel_base,
			      range->slices * range->stride);
	memset(range, 0, sizeof(*range));
}

int lend__heap_range_owner(const struct lend_heap_range *range,
			   const void *address)
{
	uintptr_t offset = (uintptr_t)address - (uintptr_t)range->base;

	if (offset >= range->slices * range->stride ||
	    offset % range->stride >= range->slice_size)
		return -1;
	return (int)(offset / range->stride);
}

static void note_peak(struct lend_heap_totals *totals, uint64_t held)
{
	uint64_t peak = atomic_load_explicit(&totals->held_peak,
					     memory_order_relaxed);

	while (held > peak &&
	       !atomic_compare_exchange_weak_explicit(
		       &totals->held_peak, &peak, held, memory_order_relaxed,
		       memory_order_relaxed))
		;
}

bool lend__heap_range_charge(struct lend_heap_range *range, uint64_t bytes)
{
	struct lend_heap_totals *totals = &range->totals;
	uint64_t held = atomic_load_explicit(&totals->held,
					     memory_order_relaxed);

	/* Not added first and taken back: another, smaller request would be
	 * refused in between for nothing. */
	do {
		if (bytes > range->held_max - held) {
			atomic_store_explicit(&totals->is_short, true,
					      memory_order_relaxed);
			return false;
		}
	} while (!atomic_compare_exchange_weak_explicit(
		&totals->held, &held, held + bytes, memory_order_relaxed,
		memory_order_relaxed));
	note_peak(totals, held + bytes);
	return true;
}

void lend__heap_range_discharge(struct lend_heap_range *range, uint64_t bytes)
{
	struct lend_heap_totals *totals = &range->totals;
	uint64_t held = atomic_fetch_sub_explicit(&totals->held, bytes,
						  memory_order_relaxed);

	lend_assert(held >= bytes);
	if (lend__heap_range_is_short(range) &&
	    held - bytes < range->held_max / 4 * 3)
		atomic_store_explicit(&totals->is_short, false,
				      memory_order_relaxed);
}
