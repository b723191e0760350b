/*
 * Address space and the pages in it: the only system calls of the memory
 * layer. Addresses and sizes are multiples of LEND_PAGE_SIZE.
 */
#ifndef LEND_MEM_PAGES_H
#define LEND_MEM_PAGES_H

#include <stddef.h>

#include <lend/base.h>

/*
 * Reserve @size bytes of address space, readable and writable. A page costs
 * memory from its first touch on, and one page at a time: huge pages are off,
 * as a megabyte that nobody asked for would hide what is really used.
 *
 * Thread: any. Blocks: no. Ownership: the caller's, to lend__pages_unreserve().
 *
 * Return: 0
 *         -EINVAL      @size is 0 or not a multiple of the page size
 *         -ENOMEM      no address space (RLIMIT_AS, overcommit_memory=2) or no
 *                      mapping (vm.max_map_count) left
 *         -EOPNOTSUPP  the kernel's pages are not of LEND_PAGE_SIZE
 */
LEND_NODISCARD int lend__pages_reserve(size_t size, void **ret_address);

/* The opposite. NULL is ignored. Where the process has as many mappings as it
 * may (vm.max_map_count), only the memory goes back; the addresses stay taken
 * until the process ends. */
void lend__pages_unreserve(void *address, size_t size);

/*
 * Give the memory of some pages back; they read as zeros afterwards, and the
 * address space stays. Guard pages stay guard pages.
 */
void lend__pages_release(void *address, size_t size);

/*
 * Make pages whose use is a SIGSEGV, for as long as they are reserved. What was
 * in them is lost. Doing it twice is harmless.
 *
 * Where the kernel has MADV_GUARD_INSTALL (6.13) a guard is a mark in the page
 * table. Elsewhere, and on locked memory, it is a mapping of its own: each
 * guard then splits the one around it, and vm.max_map_count (65530 unless set
 * otherwise) allows about 32,700 of them.
 *
 * Thread: any, also at once on different pages of one reservation.
 *
 * Return: 0
 *         -ENOMEM  too many mappings, or no memory for the page table
 */
LEND_NODISCARD int lend__pages_guard(void *address, size_t size);

#endif
