/*
 * Pairing heap: see pairing.h. Called by the timers.
 */
#include "base/pairing.h"

#include <stdbool.h>

#include "base/check.h"

static bool is_before(const struct lend_pairing_node *a,
		      const struct lend_pairing_node *b)
{
	return a->key < b->key || (a->key == b->key && a->order < b->order);
}

/* Make the root with the larger key the first child of the other. */
static struct lend_pairing_node *meld(struct lend_pairing_node *a,
				      struct lend_pairing_node *b)
{
	struct lend_pairing_node *small, *large;

	if (!a || !b)
		return a ? a : b;
	small = is_before(a, b) ? a : b;
	large = small == a ? b : a;
	large->prev = small;
	large->next = small->child;
	if (small->child)
		small->child->prev = large;
	small->child = large;
	small->next = NULL;
	small->prev = NULL;
	return small;
}

/* Meld a list of siblings in pairs from the left, then the pairs from the
 * right: the two passes that give the heap its bound. Iterative, as the list
 * may be as long as the heap. */
static struct lend_pairing_node *meld_siblings(struct lend_pairing_node *first)
{
	struct lend_pairing_node *pairs = NULL, *root = NULL;

	while (first) {
		struct lend_pairing_node *second = first->next;
		struct lend_pairing_node *rest = second ? second->next : NULL;
		struct lend_pairing_node *pair;

		first->next = NULL;
		first->prev = NULL;
		if (second) {
			second->next = NULL;
			second->prev = NULL;
		}
		pair = meld(first, second);
		pair->next = pairs;
		pairs = pair;
		first = rest;
	}
	while (pairs) {
		struct lend_pairing_node *rest = pairs->next;

		pairs->next = NULL;
		root = meld(root, pairs);
		pairs = rest;
	}
	return root;
}

void lend_pairing_insert(struct lend_pairing *heap,
			 struct lend_pairing_node *node)
{
	node->child = NULL;
	node->next = NULL;
	node->prev = NULL;
	heap->root = meld(heap->root, node);
}

void lend_pairing_remove(struct lend_pairing *heap,
			 struct lend_pairing_node *node)
{
	struct lend_pairing_node *children = meld_siblings(node->child);

	if (node == heap->root) {
		heap->root = children;
	} else {
		lend_assert(node->prev);
		if (node->prev->child == node)
			node->prev->child = node->next;
		else
			node->prev->next = node->next;
		if (node->next)
			node->next->prev = node->prev;
		heap->root = meld(heap->root, children);
	}
	node->child = NULL;
	node->next = NULL;
	node->prev = NULL;
}
