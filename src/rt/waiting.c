/*
 * Who waits for what: see waiting.h. Actors note it themselves before they
 * suspend, by two stores into their own record. It is read while it changes, so
 * it may be late; a pin keeps the record from being another actor's meanwhile.
 */
#include "rt/waiting.h"

#include <lend/clock.h>
#include <lend/opcode.h>

#include "actor/scope.h"
#include "rt/runtime.h"
#include "rt/worker.h"
#include "uring/opcode.h"

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

bool lend__waiting_target(uint64_t waits_for, uint32_t *ret_index)
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

	if (lend__waiting_target(waits_for, &index) &&
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

bool lend__waiting_for_member(const struct lend_waiting *owner,
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
	lend__text_add(line, "; in a scope of actor %s%s", owner.title,
		       lend__waiting_for_member(&owner, member) ?
			       ", which waits for it" :
			       "");
}
