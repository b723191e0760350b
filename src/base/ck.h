/*
 * The only door to Concurrency Kit: a bounded queue with one producer and
 * several consumers.
 *
 * CK's atomics are assembly that ThreadSanitizer does not see, and a consumer
 * reads a slot before it knows that the slot is its own. So what CK does is
 * hidden from it, and the order that the queue establishes is told to it here:
 * everything before a push happens before what follows the pop that took it.
 */
#ifndef LEND_BASE_CK_H
#define LEND_BASE_CK_H

#include <ck_ring.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/bits.h"

#if defined(__SANITIZE_THREAD__)
#define LEND_CK_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define LEND_CK_TSAN 1
#endif
#endif

#ifdef LEND_CK_TSAN
#include <sanitizer/tsan_interface.h>

void AnnotateIgnoreReadsBegin(const char *file, int line);
void AnnotateIgnoreReadsEnd(const char *file, int line);
void AnnotateIgnoreWritesBegin(const char *file, int line);
void AnnotateIgnoreWritesEnd(const char *file, int line);

static inline void lend__ck_enter(void)
{
	AnnotateIgnoreReadsBegin(__FILE__, __LINE__);
	AnnotateIgnoreWritesBegin(__FILE__, __LINE__);
}

static inline void lend__ck_leave(void)
{
	AnnotateIgnoreWritesEnd(__FILE__, __LINE__);
	AnnotateIgnoreReadsEnd(__FILE__, __LINE__);
}
#define lend__ck_release(address) __tsan_release(address)
#define lend__ck_acquire(address) __tsan_acquire(address)
#else
#define lend__ck_enter()	  ((void)0)
#define lend__ck_leave()	  ((void)0)
#define lend__ck_release(address) ((void)(address))
#define lend__ck_acquire(address) ((void)(address))
#endif

struct lend_queue {
	struct ck_ring ring;
	ck_ring_buffer_t *slots;
};

/* @capacity: a power of two; one less can be held. 0 or -ENOMEM. */
static inline int lend_queue_init(struct lend_queue *queue, unsigned capacity)
{
	queue->slots = calloc(capacity, sizeof(*queue->slots));
	if (!queue->slots)
		return -ENOMEM;
	ck_ring_init(&queue->ring, capacity);
	return 0;
}

static inline void lend_queue_fini(struct lend_queue *queue)
{
	free(queue->slots);
	queue->slots = NULL;
}

/* The producer's thread only. False if it is full. */
static inline bool lend_queue_push(struct lend_queue *queue, void *element)
{
	bool pushed;

	/* CK orders the stores before that of the tail; what was read before
	 * must have been read, too, when somebody else has the element. */
	ck_pr_fence_release();
	lend__ck_release(queue);
	lend__ck_enter();
	pushed = ck_ring_enqueue_spmc(&queue->ring, queue->slots, element);
	lend__ck_leave();
	return pushed;
}

/* Any thread. The oldest element, or NULL. */
static inline void *lend_queue_pop(struct lend_queue *queue)
{
	void *element;
	bool popped;

	lend__ck_enter();
	popped = ck_ring_dequeue_spmc(&queue->ring, queue->slots, &element);
	lend__ck_leave();
	if (!popped)
		return NULL;
	lend__ck_acquire(queue);
	return element;
}

/* The producer's thread. The oldest element, or NULL; if there is one also, as
 * a hint, how many come after it, and in @ahead the next two; what is beyond
 * that number is somebody who came earlier, or NULL. Somebody else may pop
 * those. Under ThreadSanitizer there are none, as whatever is done with one
 * would be a race with whoever has it. */
static inline void *lend_queue_pop_ahead(struct lend_queue *queue,
					 void *ahead[2], unsigned *ret_behind)
{
#ifdef LEND_CK_TSAN
	ahead[0] = ahead[1] = NULL;
	*ret_behind = 0;
	return lend_queue_pop(queue);
#else
	struct ck_ring *ring = &queue->ring;
	const ck_ring_buffer_t *slots = queue->slots;
	unsigned tail = ring->p_tail, head = ck_pr_load_uint(&ring->c_head);
	void *element;

	do {
		/* As ck_ring_dequeue_spmc(), but for what a consumer has to do
		 * as the tail and what is in the slots are not its own. */
		if (head == tail)
			return NULL;
		element = slots[head & ring->mask].value;
		/* Who sees this head sees the tail, which we stored before: one
		 * that is behind the head would be very far ahead of it. */
		ck_pr_fence_store_atomic();
	} while (!ck_pr_cas_uint_value(&ring->c_head, head, head + 1, &head));
	/* Read whether they are there or not: that is less than to ask. */
	ahead[0] = slots[(head + 1) & ring->mask].value;
	ahead[1] = slots[(head + 2) & ring->mask].value;
	*ret_behind = tail - head - 1;
	return element;
#endif
}

/* Any thread. The oldest @most elements, or what there is: by one exchange,
 * however many. Return: how many. */
static inline unsigned lend_queue_pop_some(struct lend_queue *queue,
					   void **elements, unsigned most)
{
	struct ck_ring *ring = &queue->ring;
	unsigned head, count;

	lend__ck_enter();
	head = ck_pr_load_uint(&ring->c_head);
	do {
		/* As ck_ring_dequeue_spmc(), with more than one element. The
		 * head before the tail, so that it is not beyond that. */
		ck_pr_fence_load();
		count = ck_pr_load_uint(&ring->p_tail) - head;
		if (count > most)
			count = most;
		if (!count)
			break;
		ck_pr_fence_load();
		for (unsigned i = 0; i < count; i++)
			elements[i] =
				queue->slots[(head + i) & ring->mask].value;
		/* They are read before the producer may fill them again. */
		ck_pr_fence_load_atomic();
	} while (!ck_pr_cas_uint_value(&ring->c_head, head, head + count,
				       &head));
	lend__ck_leave();
	if (count)
		lend__ck_acquire(queue);
	return count;
}

/* Any thread, as a hint: how many elements were popped so far, modulo 2^32. */
static inline unsigned lend_queue_popped(const struct lend_queue *queue)
{
	unsigned popped;

	lend__ck_enter();
	popped = ck_pr_load_uint(&queue->ring.c_head);
	lend__ck_leave();
	return popped;
}

/* Any thread, as a hint; to the producer's, empty is no hint. */
static inline bool lend_queue_is_empty(const struct lend_queue *queue)
{
	bool is_empty;

	lend__ck_enter();
	is_empty = ck_pr_load_uint(&queue->ring.c_head) ==
		   ck_pr_load_uint(&queue->ring.p_tail);
	lend__ck_leave();
	return is_empty;
}

/* Any thread, as a hint. */
static inline unsigned lend_queue_size(const struct lend_queue *queue)
{
	unsigned size;

	lend__ck_enter();
	size = ck_ring_size(&queue->ring);
	lend__ck_leave();
	return size;
}

#endif
