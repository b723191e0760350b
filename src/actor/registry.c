/*
 * Slots, references and ends of actors: see registry.h. Called by the runtime.
 */
#include "actor/registry.h"

#include <errno.h>
#include <sched.h>
#include <string.h>

#include "actor/actor.h"
#include "actor/monitor.h"
#include "actor/room.h"
#include "actor/scope.h"
#include "base/check.h"
#include "base/condition.h"
#include "base/counter.h"
#include "mem/pages.h"

static size_t entries_size(unsigned slots)
{
	return lend_align_up(slots * sizeof(struct lend_registry_entry),
			     LEND_PAGE_SIZE);
}

int lend__registry_init(struct lend_registry *registry, unsigned slots,
			unsigned workers, size_t stack_size, uint64_t heaps_max)
{
	void *entries = NULL;
	int err;

	memset(registry, 0, sizeof(*registry));
	registry->slots = slots;
	err = lend__stacks_init(&registry->stacks, slots, stack_size);
	if (err)
		return err;
	err = lend__heap_range_init(&registry->heaps, slots,
				    LEND_HEAP_SLICE_DEFAULT, heaps_max);
	if (err)
		goto fail_stacks;
	err = lend__slots_init(&registry->free, slots, workers, stack_size);
	if (err)
		goto fail_heaps;
	err = lend__pages_reserve(entries_size(slots), &entries);
	if (err)
		goto fail_slots;
	registry->entries = entries;
	lend__stack_mark_init(&registry->mark);
	pthread_mutex_init(&registry->lock, NULL);
	pthread_mutex_init(&registry->zombies_lock, NULL);
	lend__condition_init(&registry->changed);
	return 0;

fail_slots:
	lend__slots_fini(&registry->free);
fail_heaps:
	lend__heap_range_fini(&registry->heaps);
fail_stacks:
	lend__stacks_fini(&registry->stacks);
	return err;
}

void lend__registry_fini(struct lend_registry *registry)
{
	if (!registry->entries)
		return;
	lend_assert(lend__slots_alive(&registry->free) == 0);
	pthread_cond_destroy(&registry->changed);
	pthread_mutex_destroy(&registry->zombies_lock);
	pthread_mutex_destroy(&registry->lock);
	lend__stack_mark_fini(&registry->mark);
	lend__pages_unreserve(registry->entries, entries_size(registry->slots));
	lend__slots_fini(&registry->free);
	lend__heap_range_fini(&registry->heaps);
	lend__stacks_fini(&registry->stacks);
	registry->entries = NULL;
}

/* Threads that wait for an actor's end, or for the last one's, look again: not
 * at each end of a million, as all of them share a condition. */
static void tell_waiters(struct lend_registry *registry)
{
	pthread_mutex_lock(&registry->lock);
	pthread_cond_broadcast(&registry->changed);
	pthread_mutex_unlock(&registry->lock);
}

/* A slot was given back, or an actor has ended that leaves its slot to others:
 * [G5], Note [closing]. */
static void note_end(struct lend_registry *registry,
		     struct lend_magazine *magazine)
{
	if (lend_likely(!lend__slots_are_closed(&registry->free)))
		return;
	if (magazine)
		lend__slots_return(&registry->free, magazine);
	tell_waiters(registry);
}

/* Give its pages back, and those of its heap. Nobody has it. */
static void trim_slot(struct lend_registry *registry, uint32_t index)
{
	struct lend_registry_entry *entry = &registry->entries[index];

	if (entry->has_slice)
		lend__heap_range_trim(&registry->heaps, index);
	entry->has_slice = false;
	entry->was_looked_at = false;
	lend__stacks_trim(&registry->stacks, index,
			  lend__stacks_high(&registry->stacks, index));
}

/* As if it had never been taken. */
static void put_back(struct lend_registry *registry, uint32_t index)
{
	lend__slots_put_back(&registry->free, index);
	note_end(registry, NULL);
}

static int take_slot(struct lend_registry *registry,
		     struct lend_magazine *magazine, uint32_t *ret_index)
{
	uint32_t index = lend__slots_take(&registry->free, magazine);
	int err;

	if (lend_unlikely(index == LEND_SLOTS_NONE))
		return lend__slots_are_closed(&registry->free) ? -ESHUTDOWN :
								 -ENOMEM;
	err = lend__stacks_prepare(&registry->stacks, index);
	if (lend_unlikely(err)) {
		put_back(registry, index);
		return err;
	}
	if (magazine)
		lend_counter_add(&magazine->spawned, 1);
	else
		atomic_fetch_add_explicit(&registry->spawned_outside, 1,
					  memory_order_relaxed);
	*ret_index = index;
	return 0;
}

int lend__registry_take(struct lend_registry *registry,
			struct lend_magazine *magazine,
			struct lend_scope *scope, bool joinable,
			struct lend_actor **ret_actor)
{
	struct lend_actor *actor;
	uint32_t index;
	int err = 0;

	/* Relaxed: who does not see it yet is told in publish(). */
	if (atomic_load_explicit(&registry->free.closed, memory_order_relaxed))
		return -ESHUTDOWN;
	if (scope)
		err = lend__scope_admit(scope);
	if (err)
		return err;
	err = take_slot(registry, magazine, &index);
	if (err) {
		if (scope)
			lend__scope_dismiss(scope);
		return err;
	}
	actor = lend__registry_at(registry, index);
	actor->index = index;
	actor->joinable = joinable;
	actor->entry = &registry->entries[index];
	*ret_actor = actor;
	return 0;
}

void lend__registry_publish(struct lend_registry *registry,
			    struct lend_actor *actor)
{
	struct lend_registry_entry *entry = actor->entry;
	uint64_t word = atomic_load_explicit(&entry->word,
					     memory_order_relaxed);
	bool ends = false;

	/* Generation 0 is nobody's, so that a zeroed reference is. */
	actor->generation = (uint32_t)(word >> LEND_ENTRY_GENERATION) + 1;
	if (!actor->generation)
		actor->generation = 1;
	/* Release [G1], paired with pin(): the record is complete. Sequentially
	 * consistent [G4], with the load below, paired with the fence in
	 * signal_all(): whoever ends all actors finds this one, or it finds
	 * that all are to end. Without a lock, as there is nothing else to be
	 * done under one. */
	atomic_store_explicit(&entry->word,
			      (uint64_t)actor->generation
					      << LEND_ENTRY_GENERATION |
				      LEND_ENTRY_ALIVE,
			      memory_order_seq_cst);
	if (actor->scope)
		ends = lend__scope_enter(actor);
	/* [G4]. Taken before the end was announced, published after all were
	 * told: it is nobody else's yet, so no pin is needed. */
	if (ends || lend__slots_are_closed(&registry->free))
		lend__actor_signal(actor, LEND_SIGNAL_CANCEL);
}

struct lend_actor *lend__registry_pin(struct lend_registry *registry,
				      lend_ref ref)
{
	struct lend_registry_entry *entry = lend__registry_entry(registry, ref);
	uint64_t word;

	if (!entry)
		return NULL;
	word = atomic_load_explicit(&entry->word, memory_order_relaxed);
	for (;;) {
		if (word >> LEND_ENTRY_GENERATION != ref.generation ||
		    !(word & LEND_ENTRY_ALIVE))
			return NULL;
		/* As many threads as that, each within some instructions. */
		if (lend_unlikely((word & LEND_ENTRY_PINS) ==
				  LEND_ENTRY_PINS)) {
			sched_yield();
			word = atomic_load_explicit(&entry->word,
						    memory_order_relaxed);
			continue;
		}
		/* Acquire [G1]. */
		if (atomic_compare_exchange_weak_explicit(
			    &entry->word, &word, word + LEND_ENTRY_PIN,
			    memory_order_acquire, memory_order_relaxed))
			break;
	}
	return lend__registry_at(registry, ref.index);
}

struct lend_actor *lend__registry_pin_at(struct lend_registry *registry,
					 uint32_t index)
{
	uint64_t word = atomic_load_explicit(&registry->entries[index].word,
					     memory_order_relaxed);
	lend_ref ref = { index, (uint32_t)(word >> LEND_ENTRY_GENERATION) };

	return lend__registry_pin(registry, ref);
}

void lend__registry_unpin(struct lend_registry *registry, lend_ref ref)
{
	/* Release [G2], paired with end(): we no longer touch the record. */
	atomic_fetch_sub_explicit(&registry->entries[ref.index].word,
				  LEND_ENTRY_PIN, memory_order_release);
}

/* From here on nobody finds it; true: and nobody else has the lock, which is to
 * be given back. Note [entry]. */
static bool end_entry(struct lend_actor *actor)
{
	struct lend_registry_entry *entry = actor->entry;
	uint64_t word = atomic_load_explicit(&entry->word,
					     memory_order_relaxed);

	entry->value = actor->value;
	for (;;) {
		bool kept = actor->joinable && !(word & LEND_ENTRY_JOINED);
		bool locks = (word & LEND_ENTRY_WATCHED) ||
			     (kept && actor->scope);
		uint64_t next = word & ~(LEND_ENTRY_ALIVE | LEND_ENTRY_JOINED |
					 LEND_ENTRY_WATCHED);

		if (lend_unlikely(word & LEND_ENTRY_LOCKED)) {
			sched_yield();
			word = atomic_load_explicit(&entry->word,
						    memory_order_relaxed);
			continue;
		}
		if (lend_unlikely(locks))
			next |= LEND_ENTRY_LOCKED;
		else if (kept)
			next |= LEND_ENTRY_ENDED;
		entry->kept = kept;
		/* [G6]. Acquire: who has come to the lists. Release: the value,
		 * for who collects it. */
		if (atomic_compare_exchange_weak_explicit(
			    &entry->word, &word, next, memory_order_acq_rel,
			    memory_order_relaxed))
			return locks;
	}
}

/* Those who are told while the lock is held. */
static void tell_locked(struct lend_registry *registry,
			struct lend_actor *actor, bool kept)
{
	if (!lend_list_empty(&actor->senders))
		lend__room_refuse_locked(actor);
	if (actor->watchers)
		lend__monitor_tell_locked(registry, actor);
	if (kept && actor->scope)
		lend__scope_leave(actor, true);
	/* Release [G6], as in end_entry(). LOCKED goes, ENDED was not there. */
	atomic_fetch_xor_explicit(&actor->entry->word,
				  kept ? LEND_ENTRY_LOCKED | LEND_ENTRY_ENDED :
					 LEND_ENTRY_LOCKED,
				  memory_order_release);
}

void lend__registry_end(struct lend_registry *registry,
			struct lend_actor *actor)
{
	struct lend_registry_entry *entry = actor->entry;
	bool locked = end_entry(actor);
	/* Ours, until we leave the slot to who collects the value. */
	bool kept = entry->kept;
	bool any_thread = !lend_list_empty(&actor->joiners) &&
			  lend__joiners_wake(actor);

	if (lend_unlikely(locked))
		tell_locked(registry, actor, kept);
	if (!kept && actor->scope)
		lend__scope_leave(actor, false);
	if (lend_unlikely(any_thread))
		tell_waiters(registry);

	/* Acquire [G2]. A pin is held for some instructions; its holder may be
	 * off its CPU, so give it ours. */
	while (atomic_load_explicit(&entry->word, memory_order_acquire) &
	       LEND_ENTRY_PINS)
		sched_yield();
}

static void trim_all(struct lend_registry *registry,
		     const struct lend_surplus *surplus)
{
	for (unsigned i = 0; i < surplus->count; i++)
		trim_slot(registry, surplus->slots[i]);
	lend__slots_cool(&registry->free, surplus->slots, surplus->count);
}

bool lend__registry_settle(struct lend_registry *registry,
			   struct lend_magazine *magazine, uint64_t now_ns)
{
	struct lend_surplus surplus;

	lend__slots_settle(&registry->free, magazine, now_ns, &surplus);
	if (lend_likely(!surplus.count))
		return false;
	trim_all(registry, &surplus);
	note_end(registry, NULL);
	return true;
}

/* Not inline: a surplus is long, and who sees to an actor that has ended is on
 * the stack of the next one, whose page it should not leave. */
__attribute__((noinline)) static void give_along(struct lend_registry *registry,
						 struct lend_magazine *magazine,
						 uint32_t index)
{
	struct lend_surplus surplus;

	lend__slots_give(&registry->free, magazine, index, &surplus);
	if (surplus.count)
		trim_all(registry, &surplus);
}

static void give_slot(struct lend_registry *registry,
		      struct lend_magazine *magazine, uint32_t index)
{
	if (lend_unlikely(!magazine ||
			  !lend__slots_keep(&registry->free, magazine, index)))
		give_along(registry, magazine, index);
	note_end(registry, magazine);
}

/* Its value waits to be collected. Its slot is left to whoever does that; true:
 * somebody has. */
static bool leave_to_join(struct lend_registry *registry, uint32_t index,
			  bool was_zombie)
{
	struct lend_registry_entry *entry = &registry->entries[index];

	/* No actor any more, and no free slot yet; counted before somebody can
	 * find it idle. */
	if (!was_zombie)
		atomic_fetch_add_explicit(&registry->free.kept, 1,
					  memory_order_seq_cst);
	/* [G7], paired with lend__entry_unlock_collected(). Release: what was
	 * done with the slot, for who frees it. Acquire: that it is free. */
	return !(atomic_fetch_or_explicit(&entry->word, LEND_ENTRY_IDLE,
					  memory_order_acq_rel) &
		 LEND_ENTRY_ENDED);
}

/* A free slot keeps its pages for the next actor, the first ones of its heap's
 * slice too. Where slices have a limit in common, what nobody uses must not
 * count. */
static void trim_heap(struct lend_registry *registry, struct lend_actor *actor)
{
	struct lend_registry_entry *entry = actor->entry;
	bool is_large = actor->heap.is_large;

	if (actor->heap.slice_touched)
		entry->has_slice = true;
	lend__heap_fini(&actor->heap);
	if (lend_unlikely(entry->has_slice &&
			  (is_large ||
			   lend__heap_range_is_limited(&registry->heaps)))) {
		lend__heap_range_trim(&registry->heaps, actor->index);
		entry->has_slice = false;
	}
}

void lend__registry_free_slot(struct lend_registry *registry,
			      struct lend_magazine *magazine,
			      struct lend_actor *actor, bool was_zombie)
{
	uint32_t index = actor->index;
	bool kept = actor->entry->kept;

	trim_heap(registry, actor);
	/* The record may go with its page. */
	if (lend_unlikely(lend__heap_range_is_short(&registry->heaps)) ||
	    (kept &&
	     atomic_load_explicit(&registry->free.kept, memory_order_relaxed) >=
		     LEND_REGISTRY_KEPT_WARM))
		trim_slot(registry, index);
	if (kept && !leave_to_join(registry, index, was_zombie)) {
		note_end(registry, NULL);
		return;
	}
	if (kept || was_zombie)
		atomic_fetch_sub_explicit(&registry->free.kept, 1,
					  memory_order_relaxed);
	give_slot(registry, magazine, index);
}

void lend__registry_free(struct lend_registry *registry,
			 struct lend_magazine *magazine,
			 struct lend_actor *actor)
{
	if (magazine)
		lend__stack_mark_look(registry, magazine, actor);
	if (lend_unlikely(actor->entry->has_own_stack))
		lend__registry_drop_stack(registry, actor);
	if (lend_unlikely(!lend__heap_empty(&actor->heap)) &&
	    lend__zombie_begin(registry, actor)) {
		note_end(registry, NULL);
		return;
	}
	lend__registry_free_slot(registry, magazine, actor, false);
}

int lend__registry_nap_locked(struct lend_registry *registry, uint64_t deadline)
{
	return lend__condition_wait(&registry->changed, &registry->lock,
				    deadline);
}

int lend__registry_wait(struct lend_registry *registry, uint64_t deadline)
{
	int err = 0;

	pthread_mutex_lock(&registry->lock);
	for (;;) {
		lend__slots_return_all(&registry->free);
		if (!lend__slots_alive(&registry->free))
			break;
		if (err)
			goto unlock;
		err = lend__registry_nap_locked(registry, deadline);
	}
	err = 0;
unlock:
	pthread_mutex_unlock(&registry->lock);
	return err;
}

void lend__registry_close(struct lend_registry *registry)
{
	lend__slots_close(&registry->free);
}

void lend__registry_signal_all(struct lend_registry *registry, uint32_t signal)
{
	unsigned end = lend__slots_end(&registry->free);

	/* [G4], after the store of @closed, paired with publish(): whoever we
	 * do not find alive from here on finds the registry closed. */
	atomic_thread_fence(memory_order_seq_cst);
	for (unsigned i = 0; i < end; i++) {
		struct lend_actor *actor = lend__registry_pin_at(registry, i);

		if (!actor)
			continue;
		lend__actor_signal(actor, signal);
		lend__registry_unpin(registry, lend__actor_ref(actor));
	}
}

void lend__registry_reuse(struct lend_registry *registry,
			  struct lend_magazine *magazine, uint32_t index)
{
	atomic_fetch_sub_explicit(&registry->free.kept, 1,
				  memory_order_relaxed);
	give_slot(registry, magazine, index);
}
