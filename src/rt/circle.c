/*
 * Actors that wait for each other: see circle.h. Called by who tells of a
 * deadlock, and by reports.
 */
#include "rt/circle.h"

#include "actor/actor.h"
#include "base/bits.h"
#include "mem/pages.h"
#include "rt/runtime.h"
#include "uring/opcode.h"

/* The rest of a circle is a number. Each is LEND_ACTOR_TITLE_SIZE at most. */
#define TITLES_MAX 12

#define DONE UINT32_MAX

/*
 * An actor, for a walk along whom it waits for; slots are counted from 1, 0 is
 * none. Who waits for the members of a scope waits for each of them: one that
 * never ends is enough. But who waits for any one of them goes on as soon as
 * one can, so it is stuck only if all of them are. Which actors may go on is
 * found out first: whoever waits for no actor, and whoever waits for such a
 * one, and so forth. All others are stuck, and each of them waits for one that
 * is, so their ways lead into circles, whichever member is followed for any.
 */
struct node {
	uint32_t target; /* whom it waits for; 0: it was followed */
	uint32_t member; /* the next one to follow of its scope's */
	uint32_t sibling;
	uint32_t owner;	 /* of its scope, who waits for it */
	uint32_t waiter; /* the first one of those that wait for it, */
	uint32_t next;	 /* and after this one of those with its target */
	uint32_t stuck;	 /* members it waits for, but those that may go on */
	bool waits_for_any;
	bool may_go_on;
	uint32_t place; /* on the way; DONE: no circle behind it */
	uint32_t way;	/* the slot in that place of the way, from 0 */
};

struct circle {
	uint32_t first; /* place on the way, from 0 */
	uint32_t length;
	uint32_t lowest; /* from @first on */
};

static void read_node(struct lend_runtime *runtime, struct node *nodes,
		      uint32_t end, uint32_t index)
{
	struct lend_waiting at, owner;
	struct node *whose;
	uint32_t target;

	if (!lend__waiting_read(runtime, index, &at))
		return;
	/* Slots beyond @end are of actors that came meanwhile. */
	if (at.suspended && lend__waiting_target(at.waits_for, &target) &&
	    target < end) {
		nodes[index].target = target + 1;
		nodes[index].next = nodes[target].waiter;
		nodes[target].waiter = index + 1;
	}
	if (at.scope == -1 || at.scope_owner >= end ||
	    !lend__waiting_read(runtime, at.scope_owner, &owner) ||
	    !lend__waiting_for_member(&owner, &at))
		return;
	whose = &nodes[owner.ref.index];
	nodes[index].owner = owner.ref.index + 1;
	nodes[index].sibling = whose->member;
	whose->member = index + 1;
	whose->stuck++;
	whose->waits_for_any = lend__actor_waits_opcode(owner.waits_for) ==
			       LEND_WAITS_MEMBER;
}

/* The way is not needed yet: it has those whose waiters are to be looked at. */
static void let_go_on(struct node *nodes, uint32_t slot, uint32_t *count)
{
	if (!slot || nodes[slot - 1].may_go_on)
		return;
	nodes[slot - 1].may_go_on = true;
	nodes[(*count)++].way = slot - 1;
}

static void find_stuck(struct node *nodes, uint32_t end)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < end; i++)
		if (!nodes[i].target && !nodes[i].member)
			let_go_on(nodes, i + 1, &count);
	while (count) {
		const struct node *node = &nodes[nodes[--count].way];
		struct node *owner = node->owner ? &nodes[node->owner - 1] :
						   NULL;

		for (uint32_t slot = node->waiter; slot;
		     slot = nodes[slot - 1].next)
			let_go_on(nodes, slot, &count);
		if (owner && (!--owner->stuck || owner->waits_for_any))
			let_go_on(nodes, node->owner, &count);
	}
}

/* Another one that the one in slot @index waits for, from 1; 0: none. */
static uint32_t follow(struct node *nodes, uint32_t index)
{
	struct node *node = &nodes[index];
	uint32_t next = node->target;

	if (node->may_go_on)
		return 0;
	node->target = 0;
	if (next || !node->member)
		return next;
	next = node->member;
	node->member = node->waits_for_any ? 0 : nodes[next - 1].sibling;
	return next;
}

/* The slot of one of them; they begin with the one in the lowest, so that the
 * same circle begins with the same one, whoever else waits for it. */
static uint32_t slot_of(const struct node *nodes, const struct circle *circle,
			uint32_t i)
{
	return nodes[circle->first + (circle->lowest + i) % circle->length].way;
}

static void find_lowest(const struct node *nodes, struct circle *circle)
{
	uint32_t lowest = 0;

	circle->lowest = 0;
	for (uint32_t i = 1; i < circle->length; i++)
		if (slot_of(nodes, circle, i) < slot_of(nodes, circle, lowest))
			lowest = i;
	circle->lowest = lowest;
}

static bool waits_for(const struct lend_waiting *waiting,
		      const struct lend_waiting *whom)
{
	uint32_t index;

	return waiting->suspended && lend__waiting_target(waiting->waits_for,
							  &index) ?
		       index == whom->ref.index :
		       lend__waiting_for_member(waiting, whom);
}

static void add_title(struct lend_text *line, const struct node *node,
		      const char *title)
{
	lend__text_add(line, "%s", title);
	if (node->waits_for_any && node->stuck > 1)
		lend__text_add(line, ", for any of %u members of its scope",
			       node->stuck);
	lend__text_add(line, " -> ");
}

/* Not any more, perhaps: the walk took longer than a look does. */
static bool print_circle(struct lend_runtime *runtime, const struct node *nodes,
			 const struct circle *circle,
			 struct lend_waiting *ret_first,
			 char text[LEND_CIRCLE_TEXT_MAX])
{
	struct lend_text line = { text, LEND_CIRCLE_TEXT_MAX };
	struct lend_waiting first, at, next;

	if (!lend__waiting_read(runtime, slot_of(nodes, circle, 0), &first))
		return false;
	at = first;
	for (uint32_t i = 1; i <= circle->length; i++) {
		if (i <= TITLES_MAX)
			add_title(&line, &nodes[at.ref.index], at.title);
		if (!lend__waiting_read(runtime, slot_of(nodes, circle, i),
					&next) ||
		    !waits_for(&at, &next))
			return false;
		at = next;
	}
	if (circle->length > TITLES_MAX)
		lend__text_add(&line, "and %u more -> ",
			       circle->length - TITLES_MAX);
	lend__text_add(&line, "%s", first.title);
	*ret_first = first;
	return true;
}

/* Who is in a circle may have been woken since, by a message that changes
 * nothing, so not since when it waits counts, but whom for. */
static bool has_circle(const struct lend_circles *circles,
		       const struct lend_waiting *first)
{
	for (unsigned i = 0; circles && i < circles->count; i++)
		if (lend__ref_equal(first->ref, circles->refs[i]) &&
		    first->waits_for == circles->waits_for[i])
			return true;
	return false;
}

/* What is looked for, and where it goes to. */
struct search {
	struct lend_runtime *runtime;
	const struct lend_circles *but;
	struct lend_waiting *ret_first;
	char *text;
	struct node *nodes;
};

/* The last of a way of @length waits for the one in place @first of it. */
static bool is_wanted(const struct search *search, uint32_t first,
		      uint32_t length)
{
	struct circle circle = { .first = first, .length = length - first };
	struct lend_waiting lowest;

	find_lowest(search->nodes, &circle);
	if (!print_circle(search->runtime, search->nodes, &circle, &lowest,
			  search->text) ||
	    has_circle(search->but, &lowest))
		return false;
	*search->ret_first = lowest;
	return true;
}

/* Whether someone walks into a circle who starts there. Where an earlier one
 * came by there is none, so all walks together are as long as there are actors
 * and waits. */
static bool walk(const struct search *search, uint32_t start)
{
	struct node *nodes = search->nodes;
	uint32_t next = start + 1, length = 0;

	do {
		struct node *node = next ? &nodes[next - 1] : NULL;

		if (!node) {
			nodes[nodes[--length].way].place = DONE;
		} else if (!node->place) {
			nodes[length].way = next - 1;
			node->place = ++length;
		} else if (node->place != DONE &&
			   is_wanted(search, node->place - 1, length)) {
			return true;
		}
		next = length ? follow(nodes, nodes[length - 1].way) : 0;
	} while (length);
	return false;
}

bool lend__circle_find(struct lend_runtime *runtime,
		       const struct lend_circles *but,
		       struct lend_waiting *ret_first,
		       char text[LEND_CIRCLE_TEXT_MAX])
{
	uint32_t end = lend__waiting_end(runtime);
	size_t size = lend_align_up(end * sizeof(struct node), LEND_PAGE_SIZE);
	struct search search = { runtime, but, ret_first, text, NULL };
	bool is_found = false;
	void *memory;

	/* Zeroed; and not of malloc(), whose lock may be what is waited for. */
	if (!end || lend__pages_reserve(size, &memory))
		return false;
	search.nodes = memory;
	/* Members are put before those that are there already. */
	for (uint32_t i = end; i--;)
		read_node(runtime, search.nodes, end, i);
	find_stuck(search.nodes, end);
	for (uint32_t i = 0; i < end && !is_found; i++)
		if (!search.nodes[i].place)
			is_found = walk(&search, i);
	lend__pages_unreserve(memory, size);
	return is_found;
}

static bool is_broken(struct lend_runtime *runtime,
		      const struct lend_circles *circles, unsigned i)
{
	struct lend_waiting at;

	return !lend__waiting_read(runtime, circles->refs[i].index, &at) ||
	       !lend__ref_equal(at.ref, circles->refs[i]) ||
	       at.waits_for != circles->waits_for[i];
}

bool lend__circle_note(struct lend_runtime *runtime,
		       struct lend_circles *circles,
		       const struct lend_waiting *first)
{
	unsigned i = 0;

	while (i < circles->count && !is_broken(runtime, circles, i))
		i++;
	if (i == LEND_CIRCLES_MAX)
		return false;
	if (i == circles->count)
		circles->count++;
	circles->refs[i] = first->ref;
	circles->waits_for[i] = first->waits_for;
	return true;
}
