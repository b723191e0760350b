/*
 * Address space and pages; see pages.h. Called by the stacks and the I/O
 * heaps. Keeps no record of anything: who reserves knows what is where.
 */
#include "mem/pages.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/check.h"

/* Newer than the C library's headers may be. */
#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#endif
#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif

enum guard_kind {
	GUARD_UNKNOWN,
	GUARD_BY_MARK,
	GUARD_BY_MAPPING,
};

/* [atomic: probe] What this kernel can do; the same for all, found once. */
static atomic_int guard_kind = GUARD_UNKNOWN;

static bool is_page_aligned(const void *address, size_t size)
{
	return (((uintptr_t)address | size) & (LEND_PAGE_SIZE - 1)) == 0;
}

int lend__pages_reserve(size_t size, void **ret_address)
{
	void *address;

	if (size == 0 || !is_page_aligned(NULL, size))
		return -EINVAL;
	/* aarch64 kernels exist with 16 and 64 KiB. */
	if (sysconf(_SC_PAGESIZE) != LEND_PAGE_SIZE)
		return -EOPNOTSUPP;
	address = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	/* Valgrind, for one, calls what it has no room for EINVAL. */
	if (address == MAP_FAILED)
		return -ENOMEM;
	/* Refused by kernels that have no huge pages: then they are off. */
	(void)madvise(address, size, MADV_NOHUGEPAGE);
	*ret_address = address;
	return 0;
}

void lend__pages_unreserve(void *address, size_t size)
{
	if (!address || munmap(address, size) == 0)
		return;
	/* The kernel makes one mapping of neighbours, and a hole in it costs
	 * one more than there may be. */
	lend_assert(errno == ENOMEM);
	lend__pages_release(address, size);
}

void lend__pages_release(void *address, size_t size)
{
	lend_assert(is_page_aligned(address, size));
	/* It is refused on locked memory, which its owner wants to keep. */
	if (size)
		(void)madvise(address, size, MADV_DONTNEED);
}

/*
 * Does MADV_GUARD_INSTALL work? That it is accepted does not prove it: user
 * mode emulators answer 0 to advice they do not know, and a guard that is not
 * there is worse than an expensive one. So ask for the page, too: the request
 * fails on a guard page only.
 */
static enum guard_kind probe_guard_kind(void)
{
	enum guard_kind kind = GUARD_BY_MAPPING;
	void *page;

	if (lend__pages_reserve(LEND_PAGE_SIZE, &page))
		return GUARD_UNKNOWN;
	if (madvise(page, LEND_PAGE_SIZE, MADV_GUARD_INSTALL) == 0 &&
	    madvise(page, LEND_PAGE_SIZE, MADV_POPULATE_READ) != 0)
		kind = GUARD_BY_MARK;
	lend__pages_unreserve(page, LEND_PAGE_SIZE);
	return kind;
}

int lend__pages_guard(void *address, size_t size)
{
	/* Relaxed: it orders nothing, and who finds it unset asks again and
	 * gets the same answer. */
	int kind = atomic_load_explicit(&guard_kind, memory_order_relaxed);

	lend_assert(is_page_aligned(address, size));
	if (kind == GUARD_UNKNOWN) {
		kind = probe_guard_kind();
		atomic_store_explicit(&guard_kind, kind, memory_order_relaxed);
	}
	if (kind == GUARD_BY_MARK) {
		if (madvise(address, size, MADV_GUARD_INSTALL) == 0)
			return 0;
		/* EINVAL is locked memory: that can have a mapping. */
		if (errno != EINVAL)
			return -errno;
	}
	if (mprotect(address, size, PROT_NONE))
		return -errno;
	return 0;
}
