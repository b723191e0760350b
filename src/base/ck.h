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
#include "base/check.h"

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
	/* [owner: the producer] Up to this tail it knows that there is room. */
	unsigned room_until;
};

/* @capacity: a power of two; one less can be held. 0 or -ENOMEM. */
static inline int lend_queue_init(struct lend_queue *queue, unsigned capacity)
{
	queue->slots = calloc(capacity, sizeof(*queue->slots));
	if (!queue->slots)
		return -ENOMEM;
	ck_ring_init(&queue->ring, capacity);
	queue->room_until = capacity - 1;
	return 0;
}

static inline void lend_queue_fini(struct lend_queue *queue)
{
	free(queue->slots);
	queue->slots = NULL;
}

/*
 * The producer's thread only. False if no room is known: then it is looked for
 * by lend_queue_find_room(). As ck_ring_enqueue_spmc(), which looks for it each
 * time; but consumers only make more of it.
 */
static inline bool lend_queue_push_known(struct lend_queue *queue,
					 void *element)
{
	struct ck_ring *ring = &queue->ring;
	unsigned tail = ring->p_tail;

	if (lend_unlikely(tail == queue->room_until))
		return false;
	lend__ck_release(queue);
	lend__ck_enter();
	queue->slots[tail & ring->mask].value = element;
	/* The slot is stored before the tail; and what was read before must
	 * have been read, too, when somebody else has the element. */
	ck_pr_fence_release();
	ck_pr_store_uint(&ring->p_tail, tail + 1);
	lend__ck_leave();
	return true;
}

/* The producer's thread only. Is there room, as far as consumers have come? */
static inline bool lend_queue_find_room(struct lend_queue *queue)
{
	struct ck_ring *ring = &queue->ring;

	lend__ck_enter();
	queue->room_until = ck_pr_load_uint(&ring->c_head) + ring->mask;
	/* They had read the slots before that, which are filled again. */
	ck_pr_fence_acquire();
	lend__ck_leave();
	return queue->room_until != ring->p_tail;
}

/* The producer's thread only: none is known until it is looked for. */
static inline void lend_queue_forget_room(struct lend_queue *queue)
{
	queue->room_until = queue->ring.p_tail;
}

/* The producer's thread only. False if it is full. */
static inline bool lend_queue_push(struct lend_queue *queue, void *element)
{
	return lend_queue_push_known(queue, element) ||
	       (lend_queue_find_room(queue) &&
		lend_queue_push_known(queue, element));
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

/* The producer's thread. The oldest element, which is the first of @elements;
 * the others are the next two, as a hint: somebody else may pop them. Return:
 * how many there were, 0 if there was none; what is beyond that number is
 * somebody who came earlier, or NULL. Under ThreadSanitizer nobody comes next,
 * as whatever is done with one would be a race with whoever has it. */
static inline unsigned lend_queue_pop_ahead(struct lend_queue *queue,
					    void *elements[3])
{
#ifdef LEND_CK_TSAN
	elements[0] = lend_queue_pop(queue);
	elements[1] = elements[2] = NULL;
	return elements[0] != NULL;
#else
	struct ck_ring *ring = &queue->ring;
	const ck_ring_buffer_t *slots = queue->slots;
	unsigned tail = ring->p_tail, head = ck_pr_load_uint(&ring->c_head);

	do {
		/* As ck_ring_dequeue_spmc(), but for what a consumer has to do
		 * as the tail and what is in the slots are not its own. */
		if (head == tail)
			return 0;
		elements[0] = slots[head & ring->mask].value;
		/* Who sees this head sees the tail, which we stored before: one
		 * that is behind the head would be very far ahead of it. */
		ck_pr_fence_store_atomic();
	} while (!ck_pr_cas_uint_value(&ring->c_head, head, head + 1, &head));
	/* Read whether they are there or not: that is less than to ask. */
	elements[1] = slots[(head + 1) & ring->mask].value;
	elements[2] = slots[(head + 2) & ring->mask].value;
	return tail - head;
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
