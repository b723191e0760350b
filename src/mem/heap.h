/*
 * The I/O heap of one actor: memory that does not move while the kernel may
 * still write to it.
 *
 * A heap is two areas. HOME is a small arena that the actor has anyway (the
 * top of its stack page); spans of 64 to 512 bytes live there, and most actors
 * never need more. The SLICE is the actor's share of one reserved address
 * range, so that an address in it names its actor by arithmetic alone; spans
 * of 2 KiB to 2 MiB live there, and small ones that found home full. No page
 * of a slice is touched before the first span that needs it.
 *
 * Both areas are bitmaps over granules: "used", and "last" for the granule
 * that ends a span. So free needs no size, a live span needs no header, and
 * free neighbours are one run of zero bits: there is nothing to coalesce.
 *
 * What all heaps of a range hold is counted when a slice grows and when it
 * gives memory back, not with each span: so a limit on the total costs an
 * allocation nothing.
 *
 * Thread: one heap belongs to one actor; whoever runs that actor may call. What
 * others may call says so. A range may be used by anyone between its init and
 * its fini.
 */
#ifndef LEND_MEM_HEAP_H
#define LEND_MEM_HEAP_H

#include <assert.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <lend/base.h>

#include "base/bits.h"

/* Home: one 64-bit word of granules, spans of 1, 2, 4 or 8 of them. */
#define LEND_HEAP_HOME_GRANULE	64
#define LEND_HEAP_HOME_SPAN_MAX 512
#define LEND_HEAP_HOME_SIZE_MAX 4096

/* Slice: whole bitmap words only, hence the least size. */
#define LEND_HEAP_GRANULE	2048
#define LEND_HEAP_SPAN_MAX	(2u << 20)
#define LEND_HEAP_SLICE_MIN	(128u << 10)
#define LEND_HEAP_SLICE_MAX	(4u << 20)
#define LEND_HEAP_SLICE_DEFAULT LEND_HEAP_SLICE_MAX
#define LEND_HEAP_WORDS_MAX	(LEND_HEAP_SLICE_MAX / LEND_HEAP_GRANULE / 64)

/* A slice that holds no more than this is not worth a system call to trim. */
#define LEND_HEAP_KEEP (64u << 10)

/* What a heap did not need for so long it gives back: lend__heap_settle(). */
#define LEND_HEAP_WINDOW_NS UINT64_C(20000000)

/*
 * The first granule of a slice. All zero is a valid empty slice: what the
 * kernel hands out needs no preparation, and neither does a slice whose pages
 * were given back. The heap marks this granule used before it looks further.
 */
struct lend_heap_slice {
	uint64_t used[LEND_HEAP_WORDS_MAX];
	uint64_t last[LEND_HEAP_WORDS_MAX];
	uint64_t disowned[LEND_HEAP_WORDS_MAX]; /* at a span's first granule */
	/* Charged to the range: handed out, and not given back since. Here, not
	 * in the heap, as it must outlive the actor: the next one inherits the
	 * pages. */
	uint64_t held[LEND_HEAP_WORDS_MAX];
	/* Since when lend__heap_settle() observes it; 0: it does not. */
	uint64_t window_ns;
	/* No granule from this one on is held; how many are. */
	uint16_t granule_end;
	uint16_t held_count;
};

static_assert(sizeof(struct lend_heap_slice) <= LEND_HEAP_GRANULE,
	      "a slice's bookkeeping is its first granule");
static_assert(LEND_HEAP_HOME_SIZE_MAX == 64 * LEND_HEAP_HOME_GRANULE,
	      "home has one bitmap word");

/* What all heaps of a range hold together. A counter is exact at any time, two
 * of them may differ by what happens in between. */
struct lend_heap_totals {
	/* [atomic: totals] relaxed: they order nothing. Bytes of slices that
	 * were handed out and not given back to the system since. */
	_Atomic uint64_t held;
	_Atomic uint64_t held_peak;
	_Atomic uint64_t slices;   /* that hold something */
	_Atomic uint64_t trims;	   /* times memory was given back */
	_Atomic uint64_t trimmed;  /* bytes */
	_Atomic uint64_t refusals; /* requests for want of room */
	_Atomic uint64_t returns;  /* spans freed by others than their owner */
	/* Somebody was refused for the limit: all give back what they can. */
	_Atomic bool is_short;
};

/* But for the totals all fields are set by init and constant until fini. */
struct lend_heap_range {
	char *base;
	size_t slice_size;
	unsigned slices;
	/* From slice to slice. A page more than a slice, which nobody uses: at
	 * a power of two the same page of every slice would lie in the same
	 * sets of the processor's caches, and a hundred busy actors would have
	 * room for sixteen there. */
	size_t stride;
	uint64_t held_max; /* of all slices together; UINT64_MAX: no limit */
	/* The same memory at other addresses, for the kernel: heap_view.c.
	 * NULL: there is one view for all. */
	char *kernel_base;
	LEND_CACHE_ALIGNED struct lend_heap_totals totals;
};

/* Embedded in the actor's record; its owner's part is one cache line. Words
 * that change together are kept apart on purpose: side by side gcc stores them
 * one by one and loads them as one vector, which stalls until the stores have
 * retired. */
struct lend_heap {
	uint64_t home_used; /* bits beyond the end of home are always set */
	char *home;
	uint64_t home_last;
	struct lend_heap_slice *slice;
	uint64_t home_disowned; /* at a span's first granule */
	struct lend_heap_range *range;
	uint32_t used;	     /* bytes in live spans, both areas */
	uint32_t limit;	     /* @used is never above it */
	uint16_t slice_used; /* granules of live spans in the slice */
	uint16_t slice_peak; /* the most of them since @window_ns */
	uint8_t home_count;  /* granules */
	uint8_t word_hint;   /* every word below it is full */
	bool slice_touched;  /* false: do not even read *@slice */
	bool is_large;	     /* lend__heap_settle() may find a surplus */
	/* [atomic: H1] Spans that others have freed, linked by their first
	 * words; LEND_HEAP_NOBODY when no owner will look any more. */
	LEND_CACHE_ALIGNED _Atomic(void *) returned;
};

static_assert(offsetof(struct lend_heap, returned) == 64,
	      "a cache line of the actor");
static_assert(LEND_HEAP_SLICE_MAX / LEND_HEAP_GRANULE <= UINT16_MAX,
	      "granules are counted in 16 bits");

/* In the place of a list of returned spans: the heap's actor has ended. */
#define LEND_HEAP_NOBODY ((void *)1)

/*
 * Reserve addresses for @slices slices; commits no memory.
 *
 * @slices      1 to INT_MAX
 * @slice_size  bytes, a power of two from LEND_HEAP_SLICE_MIN to
 *              LEND_HEAP_SLICE_MAX; 0 means LEND_HEAP_SLICE_DEFAULT
 * @held_max    bytes that all slices together may hold; 0: no limit
 *
 * Return: 0
 *         -EINVAL      an argument out of its range
 *         -ENOMEM      the system has no such stretch of addresses
 *         -EOPNOTSUPP  the kernel's pages are not of LEND_PAGE_SIZE
 */
LEND_NODISCARD int lend__heap_range_init(struct lend_heap_range *range,
					 unsigned slices, size_t slice_size,
					 uint64_t held_max);

/* Give the addresses back. Every heap on @range has been finished. Harmless on
 * a zeroed range and after a failed init. */
void lend__heap_range_fini(struct lend_heap_range *range);

/* The index of the slice that @address is in, -1 if it is in none. Addresses
 * in a home are in none: they are part of a stack. */
int lend__heap_range_owner(const struct lend_heap_range *range,
			   const void *address);

/*
 * Make an empty heap.
 *
 * @index        its slice; no other live heap has it, and the one that had it
 *               was finished
 * @home         aligned to 64 bytes; fresh memory which the heap alone uses
 *               until lend__heap_fini(); may be NULL if @home_size is 0
 * @home_size    bytes, a multiple of 64, at most LEND_HEAP_HOME_SIZE_MAX
 * @limit_bytes  spans, rounded up to their classes and both areas counted,
 *               never hold more; 0 means that only the slice's size limits
 */
void lend__heap_init(struct lend_heap *heap, struct lend_heap_range *range,
		     unsigned index, void *home, size_t home_size,
		     size_t limit_bytes);

/*
 * End an empty heap; home and slice may then serve something else.
 *
 * The slice's pages stay, as giving them back costs a system call and a flush
 * on every processor, and the next actor on this index wants them. Whoever
 * does not expect one soon calls lend__heap_trim() first.
 */
void lend__heap_fini(struct lend_heap *heap);

/*
 * Take a span: the smallest class that holds @size, at the lowest feasible
 * address. Its contents are undefined. All of lend__heap_span_size() bytes
 * may be used.
 *
 * Classes are 64, 128, 256 and 512 bytes at home, aligned to 64; then 2 KiB,
 * aligned to itself, and the powers of two up to 2 MiB, aligned to 4 KiB (as
 * direct I/O wants). A small request that finds home full takes 2 KiB.
 *
 * @size      bytes, 1 to LEND_HEAP_SPAN_MAX
 * @ret_span  written only on success
 *
 * Return: 0
 *         -EINVAL  @size is 0
 *         -E2BIG   @size is above LEND_HEAP_SPAN_MAX
 *         -ENOMEM  the heap's limit or that of all heaps together would be
 *                  passed, or no free run is long enough
 */
LEND_NODISCARD int lend__heap_alloc(struct lend_heap *heap, size_t size,
				    void **ret_span);

/*
 * The same at home, or not at all: for what is worth having only where it
 * costs no further page.
 *
 * At a multiple of its size from the beginning of home, so that room for others
 * of its size is not cut up.
 *
 * @size      bytes, a power of two from 64 to 512
 * @ret_span  written only on success
 *
 * Return: whether there was room
 */
LEND_NODISCARD bool lend__heap_alloc_home(struct lend_heap *heap, size_t size,
					  void **ret_span);

/* Give a span back. NULL is fine; anything else that is not the start of a
 * live span of @heap ends the process. */
void lend__heap_free(struct lend_heap *heap, void *span);

/* Free every live span that is not disowned, and what others have returned:
 * their owner has ended. */
void lend__heap_free_all(struct lend_heap *heap);

/* Is @span an address in this heap? */
bool lend__heap_has(const struct lend_heap *heap, const void *span);

/* ---- spans that change hands: heap_returns.c ---- */

/* The live span @span outlives its owner: lend__heap_free_all() leaves it. */
void lend__heap_disown(struct lend_heap *heap, void *span);

/*
 * Free a span from outside: its owner takes it back when it runs out of room,
 * or at its next lend__heap_take_back().
 *
 * Thread: any; the heap's owner has not ended, or @span is disowned
 *
 * Return: false if nobody will take it back, as the owner has ended: nothing
 *         was done
 */
LEND_NODISCARD bool lend__heap_return(struct lend_heap *heap, void *span);

/* Free what others have returned. */
void lend__heap_take_back(struct lend_heap *heap);

/*
 * The owner has ended, and spans of it that are disowned still live.
 *
 * Return: true; whoever frees one of them from now on gets false from
 *               lend__heap_return(), and sees the heap as it is now
 *         false: the last of them have been returned, the heap is empty
 */
LEND_NODISCARD bool lend__heap_abandon(struct lend_heap *heap);

/* The bytes of the live span that starts at @span: its class. */
size_t lend__heap_span_size(const struct lend_heap *heap, const void *span);

/* Is no span live? */
bool lend__heap_empty(const struct lend_heap *heap);

/* Bytes in live spans, each counted as its class. */
size_t lend__heap_used(const struct lend_heap *heap);

/* ---- two views of the same memory: heap_view.c ---- */

/* Hardened builds have them. Not under ThreadSanitizer, which has no room for
 * so many addresses, nor in the simulation, whose kernel keeps account of them.
 */
#if defined(LEND_DEBUG) && !defined(__SANITIZE_THREAD__)
#define LEND_HEAP_VIEWS 1
#else
#define LEND_HEAP_VIEWS 0
#endif

/*
 * Map the range's memory a second time, for the kernel, so that pages can be
 * closed to the program while an operation works on them. Nothing was allocated
 * yet.
 *
 * Return: 0, or -errno of memfd_create(2), mmap(2): there is one view as before
 */
int lend__heap_range_split(struct lend_heap_range *range);

/* Pages that are closed to the program; all zero: none. */
struct lend_heap_hold {
	uint32_t page;	/* from the range's base on */
	uint32_t count; /* 0: none */
};

/*
 * The kernel is about to be given @size bytes at @address, to write to, or to
 * read. The pages that are wholly in there can not be used (or not be written)
 * until lend__heap_range_open(); parts of pages stay as they are.
 *
 * Thread: any. Blocks: no; two system calls' time, with the other.
 *
 * Return: the address for the kernel; @address if nothing was closed, since no
 *         whole page is in there, the range has one view, or the system has no
 *         room for more mappings
 */
void *lend__heap_range_close(struct lend_heap_range *range, void *address,
			     size_t size, bool is_written,
			     struct lend_heap_hold *ret_hold);

/* The kernel has let go of it. */
void lend__heap_range_open(struct lend_heap_range *range,
			   struct lend_heap_hold hold);

/* Give back pages of a slice. */
void lend__heap_range_release(struct lend_heap_range *range, void *address,
			      size_t size);

/* ---- giving memory back: heap_trim.c ---- */

/*
 * Give the pages of the slice that no live span uses back to the system; an
 * empty slice gives back all. One system call per free run: for idle moments,
 * not after each free. If the system refuses (locked memory), the pages stay.
 */
void lend__heap_trim(struct lend_heap *heap);

/* Give back what the slice @index of no heap holds: its last owner has left it
 * for the next one, which is not expected soon. */
void lend__heap_range_trim(struct lend_heap_range *range, unsigned index);

/*
 * The actor is about to wait. A heap that for LEND_HEAP_WINDOW_NS has needed
 * less than a quarter of what it holds is trimmed; one that needs it for each
 * of a series of bursts is left alone.
 *
 * @now_ns  not 0
 *
 * Return: when to call again, if the actor still waits then; UINT64_MAX: no
 *         need
 */
uint64_t lend__heap_settle(struct lend_heap *heap, uint64_t now_ns);

/* ---- the range's account: heap_range.c ---- */

/* A slice is about to hold @bytes more. False: the limit is reached. */
LEND_NODISCARD bool lend__heap_range_charge(struct lend_heap_range *range,
					    uint64_t bytes);
/* A slice has given @bytes back. */
void lend__heap_range_discharge(struct lend_heap_range *range, uint64_t bytes);

/* Is there a limit on what all slices hold? */
static inline bool
lend__heap_range_is_limited(const struct lend_heap_range *range)
{
	return range->held_max != UINT64_MAX;
}

/* Was somebody refused for the limit, and is it near still? */
static inline bool
lend__heap_range_is_short(const struct lend_heap_range *range)
{
	return atomic_load_explicit(&range->totals.is_short,
				    memory_order_relaxed);
}

/* Walk everything and assert that it is consistent. For tests and for
 * expensive assertions; cost grows with the slice's size. */
void lend__heap_check(const struct lend_heap *heap);

#endif
