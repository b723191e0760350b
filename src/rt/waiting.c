/*
 * Who waits for what: see waiting.h. Actors note it themselves before they
 * suspend, by two stores into their own record. It is read while it changes, so
 * it may be late; a pin keeps the record from being another actor's meanwhile.
 */
#include "rt/waiting.h"

#include <lend/clock.h>
#include <lend/opcode.h>

#include "actor/scope.h"
#include "base/bits.h"
#include "mem/pages.h"
#include "rt/runtime.h"
#include "rt/worker.h"
#include "uring/opcode.h"

/* Of a circle; the rest is a number. Each is LEND_ACTOR_TITLE_SIZE at most. */
#define TITLES_MAX 12

uint32_t lend__waiting_end(struct lend_runtime *runtime)
{
	return lend__slots_end(&runtime->registry.free);
}

/* It is pinned here, or there is none, and unpinned. */
static bool read_pinned(struct lend_registry *registry,
			const struct lend_actor *actor,
			struct lend_waiting *ret_waiting)
{
	if (!actor)
		return false;
	ret_waiting->ref = lend__actor_ref(actor);
	lend__actor_title(actor->name, actor->index, ret_waiting->title);
	/* Relaxed: nothing that it leads to is read. */
	ret_waiting->suspended = lend__mailbox_is_idle(&actor->mailbox);
	ret_waiting->waits_for = atomic_load_explicit(&actor->waits_for,
						      memory_order_relaxed);
	ret_waiting->since_ns = atomic_load_explicit(&actor->since_ns,
						     memory_order_relaxed);
	/* It may be gone: only its address counts. */
	ret_waiting->scope = actor->scope ? lend__scope_number(actor->scope) :
					    -1;
	ret_waiting->scope_owner = actor->scope_owner;
	ret_waiting->fn = (const void *)(uintptr_t)actor->fn;
	/* What the call returns to may not belong to the caller. */
	ret_waiting->spawned_at = actor->spawned_at ?
					  (const char *)actor->spawned_at - 1 :
					  NULL;
	ret_waiting->stack = lend__registry_stack(registry, actor->index);
	lend__registry_unpin(registry, ret_waiting->ref);
	return true;
}

bool lend__waiting_read(struct lend_runtime *runtime, uint32_t index,
			struct lend_waiting *ret_waiting)
{
	struct lend_registry *registry = &runtime->registry;

	return read_pinned(registry, lend__registry_pin_at(registry, index),
			   ret_waiting);
}

struct lend_actor *lend__waiting_pin_running(const struct lend_worker *worker)
{
	uint64_t running = atomic_load_explicit(&worker->stalls.running,
						memory_order_relaxed);
	lend_ref ref = { .index = (uint32_t)running,
			 .generation = (uint32_t)(running >> 32) };

	return lend__registry_pin(&worker->runtime->registry, ref);
}

bool lend__waiting_running(const struct lend_worker *worker,
			   struct lend_waiting *ret_waiting)
{
	return read_pinned(&worker->runtime->registry,
			   lend__waiting_pin_running(worker), ret_waiting);
}

/* Of those that wait for an actor: which. */
static bool find_target(uint64_t waits_for, uint32_t *ret_index)
{
	uint8_t kind = lend__actor_waits_opcode(waits_for);

	if (kind != LEND_WAITS_END && kind != LEND_WAITS_ANSWER &&
	    kind != LEND_WAITS_PLACE)
		return false;
	*ret_index = (uint32_t)lend__actor_waits_fd(waits_for);
	return true;
}

static void add_target(struct lend_text *line, struct lend_runtime *runtime,
		       uint64_t waits_for, const char *what)
{
	struct lend_waiting target;
	uint32_t index;

	if (find_target(waits_for, &index) &&
	    lend__waiting_read(runtime, index, &target))
		lend__text_add(line, "waits for %s actor %s", what,
			       target.title);
	else
		lend__text_add(line, "waits for %s an actor that has ended",
			       what);
}

static void add_operation(struct lend_text *line, uint64_t waits_for)
{
	unsigned opcode = lend__actor_waits_opcode(waits_for);
	const char *name = lend_opcode_name(opcode);
	int fd = lend__actor_waits_fd(waits_for);

	if (name)
		lend__text_add(line, "waits for %s", name);
	else
		lend__text_add(line, "waits for operation %u", opcode);
	if (fd >= 0)
		lend__text_add(line, " on descriptor %d", fd);
	lend__text_add(line, ", ring %u", lend__actor_waits_ring(waits_for));
}

void lend__waiting_describe(struct lend_runtime *runtime, uint64_t waits_for,
			    char *text, size_t size)
{
	struct lend_text line = { text, size };

	if (!waits_for) {
		lend__text_add(&line, "waits for no operation");
		return;
	}
	switch (lend__actor_waits_opcode(waits_for)) {
	case LEND_WAITS_BLOCKING:
		lend__text_add(&line, "waits for a blocking function");
		break;
	case LEND_WAITS_MESSAGE:
		lend__text_add(&line, "waits for a message");
		break;
	case LEND_WAITS_PERMIT:
		lend__text_add(&line, "is parked: it waits for lend_unpark()");
		break;
	case LEND_WAITS_TIME:
		lend__text_add(&line, "sleeps");
		break;
	case LEND_WAITS_MEMBERS:
		lend__text_add(&line, "waits for the members of its scope");
		break;
	case LEND_WAITS_MEMBER:
		lend__text_add(&line,
			       "waits for one of the members of its scope");
		break;
	case LEND_WAITS_ROOM:
		lend__text_add(&line, "waits for room in a ring");
		break;
	case LEND_WAITS_END:
		add_target(&line, runtime, waits_for, "the end of");
		break;
	case LEND_WAITS_ANSWER:
		add_target(&line, runtime, waits_for, "an answer of");
		break;
	case LEND_WAITS_PLACE:
		add_target(&line, runtime, waits_for, "room in the mailbox of");
		break;
	case LEND_WAITS_SERVER:
		lend__text_add(&line, "waits for the end of its HTTP server");
		break;
	case LEND_WAITS_CONNECTION:
		lend__text_add(&line, "waits for a connection to end");
		break;
	case LEND_WAITS_CLOSE:
		lend__text_add(&line, "closes descriptor %d, which is in use",
			       lend__actor_waits_fd(waits_for));
		break;
	default:
		add_operation(&line, waits_for);
		break;
	}
}

/* ---- scopes ---- */

static bool waits_for_member(const struct lend_waiting *owner,
			     const struct lend_waiting *member)
{
	uint8_t kind = lend__actor_waits_opcode(owner->waits_for);

	return owner->suspended && member->scope != -1 &&
	       member->scope_owner == owner->ref.index &&
	       (kind == LEND_WAITS_MEMBERS || kind == LEND_WAITS_MEMBER) &&
	       lend__actor_waits_fd(owner->waits_for) == member->scope;
}

void lend__waiting_add_scope(struct lend_text *line,
			     struct lend_runtime *runtime,
			     const struct lend_waiting *member)
{
	struct lend_waiting owner;

	if (member->scope == -1 ||
	    !lend__waiting_read(runtime, member->scope_owner, &owner))
		return;
	lend__text_add(
		line, "; in a scope of actor %s%s", owner.title,
		waits_for_member(&owner, member) ? ", which waits for it" : "");
}

/* ---- circles ---- */

#define DONE UINT32_MAX

/*
 * An actor, for a walk along whom it waits for; slots are counted from 1, 0 is
 * none. Who waits for the members of a scope waits for each of them: one that
 * never ends is enough. But who waits for any one of them may go on as long as
 * one can, so that only a sole member is followed.
 */
struct node {
	uint32_t target; /* whom it waits for; 0: it was followed */
	uint32_t member; /* the next one to follow of its scope's */
	uint32_t sibling;
	uint32_t waits_for_any;
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
	if (at.suspended && find_target(at.waits_for, &target))
		nodes[index].target = target + 1;
	if (at.scope == -1 || at.scope_owner >= end ||
	    !lend__waiting_read(runtime, at.scope_owner, &owner) ||
	    !waits_for_member(&owner, &at))
		return;
	whose = &nodes[owner.ref.index];
	nodes[index].sibling = whose->member;
	whose->member = index + 1;
	whose->waits_for_any = lend__actor_waits_opcode(owner.waits_for) ==
			       LEND_WAITS_MEMBER;
}

/* Another one that the one in slot @index waits for, from 1; 0: none. */
static uint32_t follow(struct node *nodes, uint32_t index)
{
	struct node *node = &nodes[index];
	uint32_t next = node->target;

	node->target = 0;
	if (next || !node->member)
		return next;
	next = node->member;
	node->member = nodes[next - 1].sibling;
	return node->waits_for_any && node->member ? 0 : next;
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

	return waiting->suspended && find_target(waiting->waits_for, &index) ?
		       index == whom->ref.index :
		       waits_for_member(waiting, whom);
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
			lend__text_add(&line, "%s -> ", at.title);
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
	uint32_t end;
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
		/* Slots beyond @end are of actors that came meanwhile. */
		if (next > search->end)
			next = 0;
	} while (length);
	return false;
}

bool lend__waiting_find_circle(struct lend_runtime *runtime,
			       const struct lend_circles *but,
			       struct lend_waiting *ret_first,
			       char text[LEND_CIRCLE_TEXT_MAX])
{
	uint32_t end = lend__waiting_end(runtime);
	size_t size = lend_align_up(end * sizeof(struct node), LEND_PAGE_SIZE);
	struct search search = { runtime, but, ret_first, text, NULL, end };
	bool is_found = false;
	void *memory;

	/* Zeroed; and not of malloc(), whose lock may be what is waited for. */
	if (!end || lend__pages_reserve(size, &memory))
		return false;
	search.nodes = memory;
	/* Members are put before those that are there already. */
	for (uint32_t i = end; i--;)
		read_node(runtime, search.nodes, end, i);
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

bool lend__waiting_note_circle(struct lend_runtime *runtime,
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
