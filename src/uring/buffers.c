/*
 * Provided buffers of one ring: see buffers.h.
 *
 * The stack of returned buffers is popped as a whole (exchange with 0), never
 * one by one, so it has no ABA problem: a push only needs the head it links to
 * to be the head at the moment of its compare-and-swap, whatever happened in
 * between.
 */
#include "uring/buffers.h"

#include <errno.h>
#include <liburing.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/bits.h"
#include "base/check.h"
#include "base/counter.h"
#include "uring/compat.h"
#include "uring/parts.h"
#include "uring/sys.h"

static void *map(size_t size)
{
	void *base = mmap(NULL, size, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return base == MAP_FAILED ? NULL : base;
}

static size_t ring_size(const struct lend_buffers *buffers)
{
	return lend_align_up(buffers->count * sizeof(struct io_uring_buf),
			     LEND_PAGE_SIZE);
}

char *lend__buffers_at(const struct lend_buffers *buffers, unsigned number)
{
	if (buffers->parts)
		return buffers->base + buffers->parts->begins[number];
	return buffers->base + (uint64_t)number * buffers->size;
}

/* Give buffer @number to the kernel. */
static void add(struct lend_buffers *buffers, unsigned number)
{
	struct io_uring_buf *buf =
		&buffers->ring->bufs[buffers->tail & (buffers->count - 1)];

	/* Field by field: the first entry's last field is the ring's tail. */
	buf->addr = (uint64_t)(uintptr_t)buffers->base +
		    (uint64_t)number * buffers->size;
	buf->len = buffers->size;
	buf->bid = (uint16_t)(buffers->parts ? number | LEND_PARTS_BUFFER :
					       number);
	if (buffers->parts)
		lend__parts_open(buffers, number);
	buffers->entries[number] = buffers->tail;
	buffers->tail++;
	lend_counter_add(&buffers->added, 1);
}

static void publish(struct lend_buffers *buffers)
{
	/* Release, paired with the kernel's acquire of the tail. */
	__atomic_store_n(&buffers->ring->tail, buffers->tail, __ATOMIC_RELEASE);
}

void lend__buffers_add(struct lend_buffers *buffers, unsigned buffer)
{
	add(buffers, buffer);
	publish(buffers);
}

/* The kernel gets the first @count, if there are so many. */
static void open_to(struct lend_buffers *buffers, unsigned count)
{
	/* Relaxed: its only writer. */
	unsigned opened = atomic_load_explicit(&buffers->opened,
					       memory_order_relaxed);

	if (count > buffers->count)
		count = buffers->count;
	/* First, so that nobody sees more in the kernel than there are. */
	atomic_store_explicit(&buffers->opened, count, memory_order_relaxed);
	for (unsigned i = opened; i < count; i++)
		add(buffers, i);
	publish(buffers);
}

void lend__buffers_open_more(struct lend_buffers *buffers)
{
	unsigned opened = atomic_load_explicit(&buffers->opened,
					       memory_order_relaxed);

	if (lend_unlikely(buffers->ring && opened < buffers->count))
		open_to(buffers, opened + LEND_BUFFERS_MORE);
}

static uint16_t group_of(const struct lend_buffers *buffers)
{
	return buffers->parts ? LEND_PARTS_GROUP : LEND_BUFFERS_GROUP;
}

static int register_ring(const struct lend_buffers *buffers, int fd)
{
	struct lend__buffer_reg reg = {
		.ring_addr = (uint64_t)(uintptr_t)buffers->ring,
		.ring_entries = buffers->count,
		.bgid = group_of(buffers),
		.flags = buffers->parts ? IOU_PBUF_RING_INC : 0,
	};
	int err = lend__sys_register(fd, IORING_REGISTER_PBUF_RING, &reg, 1);

	return err < 0 ? err : 0;
}

/* Addresses only, as there are numbers for far more parts than there ever
 * are; they cost memory where they are used. */
static void *map_words(const struct lend_buffers *buffers)
{
	return map(buffers->numbers * sizeof(uint32_t));
}

static void unmap_words(const struct lend_buffers *buffers, void *words)
{
	if (words)
		munmap(words, buffers->numbers * sizeof(uint32_t));
}

int lend__buffers_map(struct lend_buffers *buffers, int fd)
{
	int err;

	lend_assert(lend_is_power_of_two(buffers->count) &&
		    buffers->count <= 32768);
	buffers->links = map_words(buffers);
	buffers->owners = map_words(buffers);
	buffers->filled = map_words(buffers);
	buffers->entries = calloc(buffers->count, sizeof(*buffers->entries));
	buffers->base = map((size_t)buffers->count * buffers->size);
	buffers->ring = map(ring_size(buffers));
	if (!buffers->links || !buffers->owners || !buffers->filled ||
	    !buffers->entries || !buffers->base || !buffers->ring)
		err = -ENOMEM;
	else
		err = register_ring(buffers, fd);
	if (err) {
		lend__buffers_fini(buffers, -1);
		return err;
	}
	open_to(buffers, buffers->parts ? buffers->count : LEND_BUFFERS_FIRST);
	return 0;
}

int lend__buffers_init(struct lend_buffers *buffers, int fd, unsigned count,
		       unsigned size)
{
	memset(buffers, 0, sizeof(*buffers));
	buffers->count = count;
	buffers->numbers = count;
	buffers->size = size;
	return lend__buffers_map(buffers, fd);
}

static void close_ring(struct lend_buffers *buffers, int fd)
{
	struct lend__buffer_reg reg = { .bgid = group_of(buffers) };

	if (!buffers->ring)
		return;
	if (fd >= 0)
		lend__sys_register(fd, IORING_UNREGISTER_PBUF_RING, &reg, 1);
	munmap(buffers->ring, ring_size(buffers));
	buffers->ring = NULL;
}

void lend__buffers_fini(struct lend_buffers *buffers, int fd)
{
	close_ring(buffers, fd);
	if (buffers->base)
		munmap(buffers->base, (size_t)buffers->count * buffers->size);
	unmap_words(buffers, buffers->links);
	unmap_words(buffers, buffers->owners);
	unmap_words(buffers, buffers->filled);
	free(buffers->entries);
	if (buffers->parts)
		lend__parts_fini(buffers);
	memset(buffers, 0, sizeof(*buffers));
}

unsigned lend__buffers_behind(const struct lend_buffers *buffers,
			      unsigned number, unsigned i)
{
	unsigned entry = buffers->entries[number] + i;

	/* Entries of buffers that were taken stay as they are until one that
	 * was given back is added, which whoever calls this does not do
	 * meanwhile. */
	return buffers->ring->bufs[entry & (buffers->count - 1)].bid;
}

static void push(struct lend_buffers *buffers, unsigned number)
{
	uint64_t head = atomic_load_explicit(&buffers->returned,
					     memory_order_relaxed);
	uint64_t first;

	do {
		/* Relaxed: the release below publishes it. */
		atomic_store_explicit(&buffers->links[number], (uint32_t)head,
				      memory_order_relaxed);
		first = ((head >> 32) + 1) << 32 | (number + 1);
		/* Release [U1], paired with the drain's acquire: our last read
		 * of the buffer comes before the kernel may write it again. */
	} while (!atomic_compare_exchange_weak_explicit(
		&buffers->returned, &head, first, memory_order_release,
		memory_order_relaxed));
}

void lend__buffers_give(struct lend_buffers *buffers, unsigned number)
{
	lend_assert(number < buffers->numbers);
	/* Given twice it would be in the list twice, and the list a circle. */
	lend_assert(atomic_load_explicit(&buffers->owners[number],
					 memory_order_relaxed));
	lend__buffers_own(buffers, number, 0);
	push(buffers, number);
}

/* Nobody has had one from that number on. */
static unsigned most_of(const struct lend_buffers *buffers)
{
	return buffers->parts ? lend__parts_most(buffers->parts) :
				atomic_load_explicit(&buffers->opened,
						     memory_order_relaxed);
}

void lend__buffers_give_all(struct lend_buffers *buffers, uint32_t owner)
{
	for (unsigned i = 0; buffers->base && i < most_of(buffers); i++)
		if (atomic_load_explicit(&buffers->owners[i],
					 memory_order_relaxed) == owner)
			lend__buffers_give(buffers, i);
}

void lend__buffers_drain(struct lend_buffers *buffers)
{
	uint32_t next;

	if (!lend__buffers_has_returned(buffers))
		return;
	/* Acquire [U1]. */
	next = (uint32_t)atomic_exchange_explicit(&buffers->returned, 0,
						  memory_order_acquire);
	while (next) {
		unsigned number = next - 1;

		next = atomic_load_explicit(&buffers->links[number],
					    memory_order_relaxed);
		if (!buffers->parts ||
		    lend__parts_return(buffers, number, &number))
			add(buffers, number);
	}
	publish(buffers);
}

/*
 * The kernel takes buffers in the order of the entries, and tells of each that
 * it took. So those that it has not taken are the last ones of the ring. They
 * go to where given ones wait for a ring, those that are held come there when
 * they are given back.
 */
void lend__buffers_detach(struct lend_buffers *buffers, int fd)
{
	uint64_t in_use, home;

	if (!buffers->ring)
		return;
	lend__buffers_drain(buffers);
	if (buffers->parts) {
		if (lend__parts_close(buffers))
			lend__buffers_fini(buffers, fd);
		else
			close_ring(buffers, fd);
		return;
	}
	in_use = lend__buffers_in_use(buffers);
	if (!in_use) {
		lend__buffers_fini(buffers, fd);
		return;
	}
	home = atomic_load_explicit(&buffers->opened, memory_order_relaxed) -
	       in_use;
	for (unsigned i = 1; i <= home; i++) {
		uint16_t place = (uint16_t)(buffers->tail - i);

		push(buffers,
		     buffers->ring->bufs[place & (buffers->count - 1)].bid);
	}
	atomic_store_explicit(&buffers->is_detached, true,
			      memory_order_relaxed);
	close_ring(buffers, fd);
}

int lend__buffers_attach(struct lend_buffers *buffers, int fd)
{
	int err;

	lend_assert(buffers->base && !buffers->ring);
	buffers->ring = map(ring_size(buffers));
	if (!buffers->ring)
		return -ENOMEM;
	err = register_ring(buffers, fd);
	if (err) {
		close_ring(buffers, -1);
		return err;
	}
	buffers->tail = 0;
	atomic_store_explicit(&buffers->added, 0, memory_order_relaxed);
	atomic_store_explicit(&buffers->taken, 0, memory_order_relaxed);
	atomic_store_explicit(&buffers->is_detached, false,
			      memory_order_relaxed);
	/* Before the drain: those that come back with it are not home yet. */
	for (unsigned i = 0; buffers->parts && i < buffers->count; i++)
		if (lend__parts_is_home(buffers, i))
			add(buffers, i);
	publish(buffers);
	lend__buffers_drain(buffers);
	return 0;
}
