/*
 * Timing wheel: see wheel.h. Called by the timers of workers.
 *
 * A node in a slot has that slot in the place of its first child, which tells
 * it from one in the heap: nodes are not inside of a wheel.
 */
#include "base/wheel.h"

#include <stdbool.h>
#include <string.h>

#include "base/bits.h"
#include "base/check.h"

static uint64_t tick_of(uint64_t key)
{
	return key >> LEND_WHEEL_TICK_SHIFT;
}

void lend_wheel_init(struct lend_wheel *wheel)
{
	memset(wheel, 0, sizeof(*wheel));
}

/* ---- slots ---- */

static struct lend_wheel_slot *slot_of(const struct lend_wheel *wheel,
				       const struct lend_pairing_node *node)
{
	uintptr_t place = (uintptr_t)node->child;

	return place - (uintptr_t)wheel->slots < sizeof(wheel->slots) ?
		       (struct lend_wheel_slot *)place :
		       NULL;
}

static void push(struct lend_wheel *wheel, unsigned level, unsigned index,
		 struct lend_pairing_node *node)
{
	struct lend_wheel_slot *slot = &wheel->slots[level][index];

	node->child = (struct lend_pairing_node *)(void *)slot;
	node->prev = NULL;
	node->next = slot->first;
	if (slot->first) {
		slot->first->prev = node;
		if (node->key < slot->min)
			slot->min = node->key;
	} else {
		slot->min = node->key;
		wheel->occupied[level][index / 64] |= UINT64_C(1) << index % 64;
		wheel->levels |= UINT32_C(1) << level;
	}
	slot->first = node;
}

static void note_empty(struct lend_wheel *wheel,
		       const struct lend_wheel_slot *slot)
{
	size_t place = (size_t)(slot - wheel->slots[0]);
	size_t level = place / LEND_WHEEL_SLOTS;
	size_t index = place % LEND_WHEEL_SLOTS;
	uint64_t others = 0;

	wheel->occupied[level][index / 64] &= ~(UINT64_C(1) << index % 64);
	for (unsigned i = 0; i < LEND_WHEEL_WORDS; i++)
		others |= wheel->occupied[level][i];
	if (!others)
		wheel->levels &= ~(UINT32_C(1) << level);
	if (wheel->opening == slot)
		wheel->opening = NULL;
}

static void unlink_from(struct lend_wheel *wheel, struct lend_wheel_slot *slot,
			struct lend_pairing_node *node)
{
	if (node->next)
		node->next->prev = node->prev;
	if (node->prev)
		node->prev->next = node->next;
	else
		slot->first = node->next;
	if (!slot->first)
		note_empty(wheel, slot);
}

/* The lowest level has the first ones, as the levels above it begin where its
 * last slot ends. NULL: all are empty. */
static struct lend_wheel_slot *first_slot(const struct lend_wheel *wheel,
					  unsigned *ret_level)
{
	unsigned level, word = 0, index;

	if (!wheel->levels)
		return NULL;
	level = (unsigned)__builtin_ctz(wheel->levels);
	while (!wheel->occupied[level][word])
		word++;
	index = 64 * word +
		(unsigned)__builtin_ctzll(wheel->occupied[level][word]);
	*ret_level = level;
	return (struct lend_wheel_slot *)&wheel->slots[level][index];
}

/* ---- nodes ---- */

static void put(struct lend_wheel *wheel, struct lend_pairing_node *node)
{
	uint64_t tick = tick_of(node->key);
	unsigned level;

	if (tick <= wheel->tick) {
		lend_pairing_insert(&wheel->near, node);
		return;
	}
	level = (63 - (unsigned)__builtin_clzll(tick ^ wheel->tick)) /
		LEND_WHEEL_DIGIT;
	push(wheel, level,
	     tick >> level * LEND_WHEEL_DIGIT & (LEND_WHEEL_SLOTS - 1), node);
}

void lend_wheel_add(struct lend_wheel *wheel, struct lend_pairing_node *node,
		    uint64_t key, uint64_t now_ns)
{
	/* Else @tick follows what is due, and may be far behind, or ahead. */
	if (!wheel->near.root && !wheel->levels)
		wheel->tick = tick_of(now_ns);
	node->key = key;
	node->order = wheel->near.added++;
	put(wheel, node);
}

void lend_wheel_remove(struct lend_wheel *wheel, struct lend_pairing_node *node)
{
	struct lend_wheel_slot *slot = slot_of(wheel, node);

	if (slot)
		unlink_from(wheel, slot, node);
	else
		lend_pairing_remove(&wheel->near, node);
}

/* ---- opening ---- */

static bool begin_opening(struct lend_wheel *wheel, uint64_t now_tick)
{
	unsigned level = 0;
	struct lend_wheel_slot *slot = first_slot(wheel, &level);
	uint64_t begin;

	if (!slot)
		return false;
	/* Where its nodes begin, not itself: few of them, and those that are
	 * close to each other, pass over levels. */
	begin = tick_of(slot->min);
	if (begin > now_tick && (level < LEND_WHEEL_AHEAD_LEVEL ||
				 begin - now_tick > LEND_WHEEL_AHEAD))
		return false;
	lend_debug_assert(begin > wheel->tick);
	wheel->tick = begin;
	wheel->opening = slot;
	return true;
}

static void open_some(struct lend_wheel *wheel, unsigned *work)
{
	for (; wheel->opening && *work; --*work) {
		struct lend_pairing_node *node = wheel->opening->first;

		unlink_from(wheel, wheel->opening, node);
		put(wheel, node);
	}
}

struct lend_pairing_node *lend_wheel_take(struct lend_wheel *wheel,
					  uint64_t now_ns, unsigned *work)
{
	for (;;) {
		struct lend_pairing_node *first = wheel->near.root;

		/* What is being opened may have earlier ones of its tick. */
		if (first && first->key <= now_ns &&
		    (!wheel->opening || tick_of(first->key) < wheel->tick)) {
			lend_pairing_remove(&wheel->near, first);
			return first;
		}
		if (!wheel->opening && !begin_opening(wheel, tick_of(now_ns)))
			return NULL;
		if (!*work)
			return NULL;
		open_some(wheel, work);
	}
}

static uint64_t ahead_of(uint64_t key)
{
	const uint64_t span = LEND_WHEEL_AHEAD << LEND_WHEEL_TICK_SHIFT;

	return key > span ? key - span : 0;
}

uint64_t lend_wheel_next(const struct lend_wheel *wheel, uint64_t *ret_ahead_ns)
{
	const struct lend_pairing_node *near = wheel->near.root;
	uint64_t next_ns = near ? near->key : UINT64_MAX;
	unsigned level = 0;
	const struct lend_wheel_slot *slot = first_slot(wheel, &level);

	*ret_ahead_ns = UINT64_MAX;
	if (wheel->opening) {
		*ret_ahead_ns = 0;
		if (wheel->opening->min < next_ns)
			next_ns = wheel->opening->min;
	} else if (slot && level >= LEND_WHEEL_AHEAD_LEVEL) {
		*ret_ahead_ns = ahead_of(slot->min);
	}
	return slot && slot->min < next_ns ? slot->min : next_ns;
}
