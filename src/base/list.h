/*
 * Intrusive doubly linked list with a sentinel: no allocation, O(1) removal.
 * An element that is in no list points to itself, so removing it twice is
 * harmless. Not synchronised: the list's owner or its lock decides.
 */
#ifndef LEND_BASE_LIST_H
#define LEND_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct lend_list {
	struct lend_list *next;
	struct lend_list *prev;
};

#define lend_container_of(pointer, type, member)                               \
	((type *)((char *)(pointer)-offsetof(type, member)))

static inline void lend_list_init(struct lend_list *list)
{
	list->next = list;
	list->prev = list;
}

static inline bool lend_list_empty(const struct lend_list *list)
{
	return list->next == list;
}

static inline void lend_list_insert_before(struct lend_list *place,
					   struct lend_list *element)
{
	element->next = place;
	element->prev = place->prev;
	place->prev->next = element;
	place->prev = element;
}

static inline void lend_list_push_back(struct lend_list *list,
				       struct lend_list *element)
{
	lend_list_insert_before(list, element);
}

static inline void lend_list_push_front(struct lend_list *list,
					struct lend_list *element)
{
	lend_list_insert_before(list->next, element);
}

static inline void lend_list_remove(struct lend_list *element)
{
	element->prev->next = element->next;
	element->next->prev = element->prev;
	lend_list_init(element);
}

/* The first element, removed; NULL if there is none. */
static inline struct lend_list *lend_list_pop_front(struct lend_list *list)
{
	struct lend_list *element = list->next;

	if (element == list)
		return NULL;
	lend_list_remove(element);
	return element;
}

#define lend_list_for_each(element, list)                                      \
	for (struct lend_list *element = (list)->next; element != (list);      \
	     element = element->next)

#endif
