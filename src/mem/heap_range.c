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

#include "base/bits.h"
#include "mem/pages.h"

int lend__heap_range_init(struct lend_heap_range *range, unsigned slices,
			  size_t slice_size)
{
	void *base = NULL;
	int error;

	*range = (struct lend_heap_range){ 0 };
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
	*range = (struct lend_heap_range){ 0 };
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
