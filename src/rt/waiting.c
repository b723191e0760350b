/*
 * Who waits for what: see waiting.h. Actors note it themselves before they
 * suspend, by two stores into their own record. It is read while it changes, so
 * it may be late; a pin keeps the record from being another actor's meanwhile.
 */
#include "rt/waiting.h"

#include <lend/clock.h>
#include <lend/opcode.h>

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

/* ---- circles ---- */

/* The one that @waiting waits for. */
static bool follow(struct lend_runtime *runtime, struct lend_waiting *waiting)
{
	uint32_t index;

	return waiting->suspended && find_target(waiting->waits_for, &index) &&
	       lend__waiting_read(runtime, index, waiting);
}

/* Whether someone walks into a circle who starts there; then @at is on it.
 * Where an earlier one came by there is none, so all walks together are as long
 * as there are actors. */
static bool walk(struct lend_runtime *runtime, uint32_t start, uint32_t end,
		 uint32_t *walks, struct lend_waiting *at)
{
	if (!lend__waiting_read(runtime, start, at))
		return false;
	/* Slots beyond @end are of actors that came meanwhile. */
	while (at->ref.index < end && !walks[at->ref.index]) {
		walks[at->ref.index] = start + 1;
		if (!follow(runtime, at))
			return false;
	}
	return at->ref.index < end && walks[at->ref.index] == start + 1;
}

/* From @at back to itself: how many they are; 0: not any more. The one in the
 * lowest slot is left in @at, so that the same circle begins with the same one,
 * whoever else waits for it. */
static uint32_t measure(struct lend_runtime *runtime, uint32_t end,
			struct lend_waiting *at)
{
	uint32_t start = at->ref.index;
	struct lend_waiting next = *at;

	for (uint32_t i = 1; i <= end; i++) {
		if (!follow(runtime, &next))
			return 0;
		if (next.ref.index == start)
			return i;
		if (next.ref.index < at->ref.index)
			*at = next;
	}
	return 0;
}

static void print_circle(struct lend_runtime *runtime,
			 const struct lend_waiting *first, uint32_t length,
			 char text[LEND_CIRCLE_TEXT_MAX])
{
	struct lend_text line = { text, LEND_CIRCLE_TEXT_MAX };
	struct lend_waiting at = *first;

	lend__text_add(&line, "%s", at.title);
	for (uint32_t i = 1; i < length && i < TITLES_MAX; i++)
		if (follow(runtime, &at))
			lend__text_add(&line, " -> %s", at.title);
	if (length > TITLES_MAX)
		lend__text_add(&line, " -> and %u more", length - TITLES_MAX);
	lend__text_add(&line, " -> %s", first->title);
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

bool lend__waiting_find_circle(struct lend_runtime *runtime,
			       const struct lend_circles *but,
			       struct lend_waiting *ret_first,
			       char text[LEND_CIRCLE_TEXT_MAX])
{
	uint32_t end = lend__waiting_end(runtime), length = 0;
	size_t size = lend_align_up(end * sizeof(uint32_t), LEND_PAGE_SIZE);
	struct lend_waiting at;
	void *walks;

	/* Zeroed; and not of malloc(), whose lock may be what is waited for. */
	if (!end || lend__pages_reserve(size, &walks))
		return false;
	for (uint32_t i = 0; i < end && !length; i++)
		if (walk(runtime, i, end, walks, &at)) {
			length = measure(runtime, end, &at);
			if (has_circle(but, &at))
				length = 0;
		}
	lend__pages_unreserve(walks, size);
	if (!length)
		return false;
	*ret_first = at;
	print_circle(runtime, &at, length, text);
	return true;
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
