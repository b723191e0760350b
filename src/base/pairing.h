/*
 * Pairing heap: an intrusive priority queue of 64-bit keys, smallest first, and
 * of equal ones the first that was added.
 *
 * Chosen over an array heap because adding never allocates, so arming a timer
 * can not fail. Add and the smallest element are O(1), removal is O(log n)
 * amortised (Fredman, Sedgewick, Sleator, Tarjan: "The pairing heap", 1986).
 * Not synchronised.
 */
#ifndef LEND_BASE_PAIRING_H
#define LEND_BASE_PAIRING_H

#include <stddef.h>
#include <stdint.h>

struct lend_pairing_node {
	uint64_t key;
	uint64_t order;			 /* among those of the same key */
	struct lend_pairing_node *child; /* the first one */
	struct lend_pairing_node *next;	 /* sibling */
	struct lend_pairing_node *prev;	 /* sibling, or parent of a first */
};

struct lend_pairing {
	struct lend_pairing_node *root; /* the smallest; NULL: empty */
	uint64_t added;			/* the next one's @order */
};

/* Key and order are set. The key is not written to: others may be reading
 * it. */
void lend_pairing_insert(struct lend_pairing *heap,
			 struct lend_pairing_node *node);

static inline void lend_pairing_add(struct lend_pairing *heap,
				    struct lend_pairing_node *node,
				    uint64_t key)
{
	node->key = key;
	node->order = heap->added++;
	lend_pairing_insert(heap, node);
}

/* @node is in @heap. */
void lend_pairing_remove(struct lend_pairing *heap,
			 struct lend_pairing_node *node);

#endif
