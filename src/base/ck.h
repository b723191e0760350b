/*
 * The only door to Concurrency Kit: a bounded queue with one producer and
 * several consumers.
 *
 * CK's atomics are assembly that ThreadSanitizer does not see, so the order
 * they establish is told to it here, at the queue: everything before a push
 * happens before what follows the pop that took it.
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
void __tsan_acquire(void *address);
void __tsan_release(void *address);
#define lend__ck_release(address) __tsan_release(address)
#define lend__ck_acquire(address) __tsan_acquire(address)
#define LEND_CK_UNCHECKED	   __attribute__((no_sanitize("thread")))
#else
#define lend__ck_release(address) ((void)(address))
#define lend__ck_acquire(address) ((void)(address))
#define LEND_CK_UNCHECKED
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
LEND_CK_UNCHECKED static inline bool lend_queue_push(struct lend_queue *queue,
						     void *element)
{
	lend__ck_release(queue);
	return ck_ring_enqueue_spmc(&queue->ring, queue->slots, element);
}

/* Any thread. The oldest element, or NULL. */
LEND_CK_UNCHECKED static inline void *lend_queue_pop(struct lend_queue *queue)
{
	void *element;

	if (!ck_ring_dequeue_spmc(&queue->ring, queue->slots, &element))
		return NULL;
	lend__ck_acquire(queue);
	return element;
}

/* Any thread, as a hint. */
LEND_CK_UNCHECKED static inline unsigned
lend_queue_size(const struct lend_queue *queue)
{
	return ck_ring_size(&queue->ring);
}

#endif
