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
#include <sys/mman.h>
#include <unistd.h>

#include "base/bits.h"

/* Reserve without committing. Huge pages would commit 2 MiB for the first
 * byte of a slice, which is what slices are there to avoid. */
static int range_reserve(size_t size, void **ret_base)
{
	void *base;

	if (sysconf(_SC_PAGESIZE) != LEND_PAGE_SIZE)
		return -EOPNOTSUPP;
	base = mmap(NULL, size, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (base == MAP_FAILED)
		return -errno;
	/* Fails on kernels built without huge pages: then all is well too. */
	(void)madvise(base, size, MADV_NOHUGEPAGE);
	*ret_base = base;
	return 0;
}

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

	error = range_reserve(slices * slice_size, &base);
	if (error)
		return error;
	range->base = base;
	range->slice_size = slice_size;
	range->slices = slices;
	range->slice_shift = (unsigned)__builtin_ctzll(slice_size);
	return 0;
}

void lend__heap_range_fini(struct lend_heap_range *range)
{
	if (range->base)
		munmap(range->base, range->slices * range->slice_size);
	*range = (struct lend_heap_range){ 0 };
}

int lend__heap_range_owner(const struct lend_heap_range *range,
			   const void *address)
{
	uintptr_t offset = (uintptr_t)address - (uintptr_t)range->base;

	if (offset >= range->slices * range->slice_size)
		return -1;
	return (int)(offset >> range->slice_shift);
}
