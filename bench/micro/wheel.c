/*
 * A hierarchical timing wheel: see wheel.h. Called by timers.c.
 */
#include "wheel.h"

#include <stddef.h>

/* Rounded up: never early. */
static uint64_t tick_of(uint64_t key)
{
	return (key + (UINT64_C(1) << WHEEL_TICK_SHIFT) - 1) >>
	       WHEEL_TICK_SHIFT;
}

static void put(struct wheel *wheel, struct wheel_node *node)
{
	uint64_t tick = tick_of(node->key), differ;
	unsigned level = 0, slot;
	struct wheel_node **head;

	/* Past ones wait in the present slot for the next look. */
	if (tick < wheel->tick)
		tick = wheel->tick;
	differ = tick ^ wheel->tick;
	if (differ)
		level = (63 - (unsigned)__builtin_clzll(differ)) / WHEEL_DIGIT;
	slot = tick >> level * WHEEL_DIGIT & (WHEEL_SLOTS - 1);
	head = &wheel->slots[level][slot];
	node->next = *head;
	node->link = head;
	if (node->next)
		node->next->link = &node->next;
	*head = node;
	wheel->occupied[level] |= UINT64_C(1) << slot;
}

void wheel_add(struct wheel *wheel, struct wheel_node *node, uint64_t key)
{
	node->key = key;
	put(wheel, node);
}

void wheel_remove(struct wheel *wheel, struct wheel_node *node)
{
	struct wheel_node **first = &wheel->slots[0][0];
	struct wheel_node **link = node->link;

	*link = node->next;
	if (node->next) {
		node->next->link = link;
	} else if (link >= first && link < first + WHEEL_LEVELS * WHEEL_SLOTS) {
		size_t index = (size_t)(link - first);

		wheel->occupied[index / WHEEL_SLOTS] &= ~(
			UINT64_C(1) << index % WHEEL_SLOTS);
	}
	node->link = NULL;
}

/* The first slot with anything in it and the tick it begins at; NULL: none. */
static struct wheel_node **first_slot(struct wheel *wheel, uint64_t *ret_tick,
				      unsigned *ret_level)
{
	for (unsigned level = 0; level < WHEEL_LEVELS; level++) {
		unsigned shift = level * WHEEL_DIGIT, slot;

		if (!wheel->occupied[level])
			continue;
		slot = (unsigned)__builtin_ctzll(wheel->occupied[level]);
		*ret_tick = (wheel->tick >> shift >> WHEEL_DIGIT
							     << WHEEL_DIGIT |
			     slot)
			    << shift;
		*ret_level = level;
		return &wheel->slots[level][slot];
	}
	return NULL;
}

unsigned wheel_expire(struct wheel *wheel, uint64_t now,
		      void (*due)(struct wheel_node *node))
{
	uint64_t tick = now >> WHEEL_TICK_SHIFT, begin;
	struct wheel_node **head;
	unsigned count = 0, level;

	while ((head = first_slot(wheel, &begin, &level)) && begin <= tick) {
		struct wheel_node *node = *head, *next;

		*head = NULL;
		wheel->occupied[level] &= ~(UINT64_C(1)
					    << (head - wheel->slots[level]));
		if (begin > wheel->tick)
			wheel->tick = begin;
		for (; node; node = next) {
			next = node->next;
			node->link = NULL;
			if (level) {
				put(wheel, node);
			} else {
				due(node);
				count++;
			}
		}
	}
	if (tick > wheel->tick)
		wheel->tick = tick;
	return count;
}
