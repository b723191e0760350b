/*
 * The kernel's own view of the I/O heaps: see heap.h. Called by the runtime, in
 * hardened builds, and by the operation layer.
 *
 * Note [two views]
 * While the kernel works on a buffer the program must not. To have the
 * processor see to that, its pages have to be closed to the program and open to
 * the kernel; but the kernel uses a program's buffers through the program's own
 * page tables, with the program's rights: what is closed to one is to the other
 * (EFAULT), and a protection key does not tell them apart either. So the memory
 * is a file in memory that is mapped twice: at the addresses that the program
 * knows, and at others that go into SQEs only. The program's pages are closed
 * by mprotect(); the kernel's stay open.
 *
 * Each closed span splits a mapping, of which there are vm.max_map_count. One
 * that can not be closed stays open: what is lost is a check.
 */
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/check.h"
#include "mem/heap.h"
#include "mem/pages.h"

static size_t range_size(const struct lend_heap_range *range)
{
	return range->slices * range->stride;
}

int lend__heap_range_split(struct lend_heap_range *range)
{
	const int rights = PROT_READ | PROT_WRITE;
	size_t size = range_size(range);
	int fd = memfd_create("lend-heap", MFD_CLOEXEC);
	char *view;
	int err = 0;

	lend_assert(!range->kernel_base);
	if (fd < 0)
		return -errno;
	if (ftruncate(fd, (off_t)size)) {
		err = -errno;
		goto close_file;
	}
	view = mmap(NULL, size, rights, MAP_SHARED | MAP_NORESERVE, fd, 0);
	if (view == MAP_FAILED) {
		err = -errno;
		goto close_file;
	}
	/* In the place of what was reserved: it is there, or what was there
	 * stays. */
	if (mmap(range->base, size, rights,
		 MAP_SHARED | MAP_NORESERVE | MAP_FIXED, fd, 0) == MAP_FAILED) {
		err = -errno;
		munmap(view, size);
		goto close_file;
	}
	(void)madvise(range->base, size, MADV_NOHUGEPAGE);
	(void)madvise(view, size, MADV_NOHUGEPAGE);
	range->kernel_base = view;

close_file:
	/* The mappings keep the file. */
	close(fd);
	return err;
}

void *lend__heap_range_close(struct lend_heap_range *range, void *address,
			     size_t size, bool is_written,
			     struct lend_heap_hold *ret_hold)
{
	const uintptr_t page = LEND_PAGE_SIZE;
	uintptr_t offset = (uintptr_t)address - (uintptr_t)range->base;
	uintptr_t from, to;

	*ret_hold = (struct lend_heap_hold){ 0 };
	if (!range->kernel_base || offset >= range_size(range) ||
	    size > range_size(range) - offset)
		return address;
	from = lend_align_up(offset, page);
	to = (offset + size) & ~(page - 1);
	if (from >= to)
		return address;
	if (mprotect(range->base + from, to - from,
		     is_written ? PROT_NONE : PROT_READ))
		return address;
	ret_hold->page = (uint32_t)(from / page);
	ret_hold->count = (uint32_t)((to - from) / page);
	return range->kernel_base + offset;
}

void lend__heap_range_open(struct lend_heap_range *range,
			   struct lend_heap_hold hold)
{
	int err;

	if (!hold.count)
		return;
	/* Mappings are merged by it, not split: there is always room. Of two
	 * operations on one page the first to end opens it. */
	err = mprotect(range->base + (size_t)hold.page * LEND_PAGE_SIZE,
		       (size_t)hold.count * LEND_PAGE_SIZE,
		       PROT_READ | PROT_WRITE);
	lend_assert(err == 0);
}

void lend__heap_range_release(struct lend_heap_range *range, void *address,
			      size_t size)
{
	if (!range->kernel_base)
		lend__pages_release(address, size);
	else if (size)
		(void)madvise(address, size, MADV_REMOVE);
}
