/*
 * Buffers that are given out in parts: see parts.h. What they have in common
 * with those that are given out whole is in buffers.c.
 */
#include "uring/parts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/check.h"
#include "base/counter.h"
#include "uring/compat.h"

static size_t begins_size(const struct lend_buffers *buffers)
{
	return buffers->numbers * sizeof(*buffers->parts->begins);
}

int lend__parts_init(struct lend_buffers *buffers, int fd, unsigned count,
		     unsigned size)
{
	struct lend_parts *parts = calloc(1, sizeof(*parts));
	void *begins;

	lend_assert(count <= LEND_PARTS_BUFFER &&
		    (uint64_t)count * size <= LEND_PARTS_AREA_MAX);
	memset(buffers, 0, sizeof(*buffers));
	if (!parts)
		return -ENOMEM;
	buffers->count = count;
	buffers->size = size;
	buffers->numbers = count * size;
	buffers->parts = parts;
	parts->shared = calloc(count, sizeof(*parts->shared));
	/* Addresses only: as many as a sender can make, who sends one byte at a
	 * time. */
	begins = mmap(NULL, begins_size(buffers), PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	parts->begins = begins == MAP_FAILED ? NULL : begins;
	if (parts->shared && parts->begins)
		return lend__buffers_map(buffers, fd);
	lend__buffers_fini(buffers, -1);
	return -ENOMEM;
}

void lend__parts_fini(struct lend_buffers *buffers)
{
	struct lend_parts *parts = buffers->parts;

	if (parts->begins)
		munmap(parts->begins, begins_size(buffers));
	free(parts->shared);
	free(parts);
	buffers->parts = NULL;
}

/* The one that was given back last, or a new one: so what there is to know of
 * parts takes as much memory as the most that were out at a time. */
static uint32_t take_number(struct lend_buffers *buffers)
{
	struct lend_parts *parts = buffers->parts;
	uint32_t number;

	if (parts->free) {
		number = parts->free - 1;
		parts->free = atomic_load_explicit(&buffers->links[number],
						   memory_order_relaxed);
		return number;
	}
	number = lend__parts_most(parts);
	lend_assert(number < buffers->numbers);
	atomic_store_explicit(&parts->most, number + 1, memory_order_relaxed);
	return number;
}

uint32_t lend__parts_take(struct lend_buffers *buffers, int32_t res,
			  uint32_t flags)
{
	const uint32_t below = (1u << LEND_PARTS_SHIFT) - 1;
	unsigned buffer = flags >> IORING_CQE_BUFFER_SHIFT &
			  (LEND_PARTS_BUFFER - 1);
	struct lend_shared *shared = &buffers->parts->shared[buffer];
	uint32_t size = res > 0 ? (uint32_t)res : 0;
	uint32_t number;

	/* More than it has: the kernel and we do not mean the same place. */
	lend_assert(buffer < buffers->count && !shared->closed);
	lend_assert(size <= buffers->size - shared->used);
	if (!(flags & IORING_CQE_F_BUF_MORE)) {
		shared->closed = true;
		lend__buffers_note_taken(buffers, 1);
	}
	if (!size) {
		if (shared->closed && !shared->out)
			lend__buffers_add(buffers, buffer);
		return flags & below & ~IORING_CQE_F_BUFFER;
	}
	number = take_number(buffers);
	buffers->parts->begins[number] = buffer * buffers->size + shared->used;
	shared->used += size;
	shared->out++;
	lend_counter_add(&buffers->out, 1);
	return (flags & below) | LEND_CQE_F_PART | number << LEND_PARTS_SHIFT;
}

bool lend__parts_return(struct lend_buffers *buffers, uint32_t number,
			unsigned *ret_buffer)
{
	struct lend_parts *parts = buffers->parts;
	unsigned buffer = parts->begins[number] / buffers->size;
	struct lend_shared *shared = &parts->shared[buffer];

	lend_assert(shared->out > 0);
	shared->out--;
	lend_counter_add(&buffers->out, UINT64_MAX);
	atomic_store_explicit(&buffers->links[number], parts->free,
			      memory_order_relaxed);
	parts->free = number + 1;
	*ret_buffer = buffer;
	return shared->closed && !shared->out;
}

bool lend__parts_close(struct lend_buffers *buffers)
{
	bool home = true;

	for (unsigned i = 0; i < buffers->count; i++) {
		buffers->parts->shared[i].closed = true;
		home = home && lend__parts_is_home(buffers, i);
	}
	return home;
}

void lend__parts_open(struct lend_buffers *buffers, unsigned buffer)
{
	buffers->parts->shared[buffer] = (struct lend_shared){ 0 };
}
