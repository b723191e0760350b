/*
 * Slots, references and ends of actors: see registry.h. Called by the runtime.
 */
#include "actor/registry.h"

#include <errno.h>
#include <sched.h>
#include <string.h>

#include "actor/actor.h"
#include "actor/monitor.h"
#include "actor/scope.h"
#include "base/check.h"
#include "base/condition.h"
#include "mem/pages.h"

#define ALIVE	   (UINT64_C(1) << 31)
#define ENDED	   (UINT64_C(1) << 30) /* joinable, and not joined yet */
#define PINS	   (ENDED - 1)
#define GENERATION 32

/* See colour(). */
#define COLOUR_PAGES	  4
#define COLOUR_LINES	  8
#define COLOURED_SIZE_MIN 65536

static size_t entries_size(unsigned slots)
{
	return lend_align_up(slots * sizeof(struct lend_registry_entry),
			     LEND_PAGE_SIZE);
}

int lend__registry_init(struct lend_registry *registry, unsigned slots,
			size_t stack_size, uint64_t heaps_max)
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
	err = lend__pages_reserve(entries_size(slots), &entries);
	if (err)
		goto fail_heaps;
	registry->entries = entries;
	pthread_mutex_init(&registry->lock, NULL);
	pthread_mutex_init(&registry->zombies_lock, NULL);
	lend__condition_init(&registry->changed);
	return 0;

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
	lend_assert(registry->alive == 0);
	pthread_cond_destroy(&registry->changed);
	pthread_mutex_destroy(&registry->zombies_lock);
	pthread_mutex_destroy(&registry->lock);
	lend__pages_unreserve(registry->entries, entries_size(registry->slots));
	lend__heap_range_fini(&registry->heaps);
	lend__stacks_fini(&registry->stacks);
	registry->entries = NULL;
}

/*
 * How far below its slot's end a record lies.
 *
 * Slots are a power of two apart, so the tops of all stacks fall into the same
 * few sets of the processor's caches: 64 busy actors, with room for 16.
 * Shifting them by pages spreads them over the second level, by lines over the
 * first. The pages above a shifted record are never touched, so they cost
 * nothing, but for at most a fifth of the stack.
 */
static size_t colour(const struct lend_registry *registry, uint32_t index)
{
	size_t pages = registry->stacks.slot_size < COLOURED_SIZE_MIN ?
			       0 :
			       index % COLOUR_PAGES;

	return pages * LEND_PAGE_SIZE +
	       index / COLOUR_PAGES % COLOUR_LINES * LEND_CACHE_LINE;
}

struct lend_actor *lend__registry_at(const struct lend_registry *registry,
				     uint32_t index)
{
	const size_t size = lend_align_up(sizeof(struct lend_actor),
					  LEND_CACHE_LINE);
	char *high = lend__stacks_high(&registry->stacks, index);

	return (struct lend_actor *)(void *)(high - colour(registry, index) -
					     size);
}

static void push_cold_locked(struct lend_registry *registry, uint32_t index)
{
	registry->entries[index].next = registry->cold;
	registry->cold = index + 1;
}

static void count_warm_locked(struct lend_registry *registry, int change)
{
	unsigned count = atomic_load_explicit(&registry->warm_count,
					      memory_order_relaxed);

	atomic_store_explicit(&registry->warm_count, count + (unsigned)change,
			      memory_order_relaxed);
}

/* UINT32_MAX: all are taken. */
static uint32_t pop_free_locked(struct lend_registry *registry)
{
	uint32_t *list = registry->warm ? &registry->warm : &registry->cold;
	uint32_t index;

	if (*list) {
		index = *list - 1;
		if (list == &registry->warm)
			count_warm_locked(registry, -1);
		*list = registry->entries[index].next;
		return index;
	}
	if (registry->used_end < registry->slots)
		return registry->used_end++;
	return UINT32_MAX;
}

static int take_locked(struct lend_registry *registry, struct lend_scope *scope,
		       uint32_t *ret_index)
{
	uint32_t index;
	int err = 0;

	if (atomic_load_explicit(&registry->closed, memory_order_relaxed))
		return -ESHUTDOWN;
	if (scope)
		err = lend__scope_admit_locked(scope);
	if (err)
		return err;
	index = pop_free_locked(registry);
	if (index == UINT32_MAX) {
		if (scope)
			lend__scope_dismiss_locked(scope);
		return -ENOMEM;
	}
	registry->alive++;
	registry->spawned++;
	*ret_index = index;
	return 0;
}

/* As if it had never been taken. */
static void put_back(struct lend_registry *registry, struct lend_scope *scope,
		     uint32_t index)
{
	pthread_mutex_lock(&registry->lock);
	registry->alive--;
	registry->spawned--;
	if (scope)
		lend__scope_dismiss_locked(scope);
	push_cold_locked(registry, index);
	pthread_mutex_unlock(&registry->lock);
}

int lend__registry_take(struct lend_registry *registry,
			struct lend_scope *scope, bool joinable,
			struct lend_actor **ret_actor)
{
	struct lend_actor *actor;
	uint32_t index;
	int err;

	pthread_mutex_lock(&registry->lock);
	err = take_locked(registry, scope, &index);
	pthread_mutex_unlock(&registry->lock);
	if (err)
		return err;
	err = lend__stacks_prepare(&registry->stacks, index);
	if (err) {
		put_back(registry, scope, index);
		return err;
	}
	actor = lend__registry_at(registry, index);
	actor->index = index;
	actor->joinable = joinable;
	*ret_actor = actor;
	return 0;
}

void lend__registry_publish(struct lend_registry *registry,
			    struct lend_actor *actor)
{
	struct lend_registry_entry *entry = &registry->entries[actor->index];
	uint64_t word = atomic_load_explicit(&entry->word,
					     memory_order_relaxed);
	bool ends = false;

	/* Generation 0 is nobody's, so that a zeroed reference is. */
	actor->generation = (uint32_t)(word >> GENERATION) + 1;
	if (!actor->generation)
		actor->generation = 1;
	/* Release [G1], paired with pin(): the record is complete. Sequentially
	 * consistent [G4], with the load below, paired with the fence in
	 * signal_all(): whoever ends all actors finds this one, or it finds
	 * that all are to end. Without a lock, as there is nothing else to be
	 * done under one. */
	atomic_store_explicit(&entry->word,
			      (uint64_t)actor->generation << GENERATION | ALIVE,
			      memory_order_seq_cst);
	if (actor->scope) {
		pthread_mutex_lock(&registry->lock);
		ends = lend__scope_enter_locked(actor);
		pthread_mutex_unlock(&registry->lock);
	}
	/* [G4]. Taken before the end was announced, published after all were
	 * told: it is nobody else's yet, so no pin is needed. */
	if (ends ||
	    atomic_load_explicit(&registry->closed, memory_order_seq_cst))
		lend__actor_signal(actor, LEND_SIGNAL_CANCEL);
}

struct lend_actor *lend__registry_pin(struct lend_registry *registry,
				      lend_ref ref)
{
	struct lend_registry_entry *entry;
	uint64_t word;

	if (ref.index >= registry->slots || !ref.generation)
		return NULL;
	entry = &registry->entries[ref.index];
	word = atomic_load_explicit(&entry->word, memory_order_relaxed);
	do {
		if (word >> GENERATION != ref.generation || !(word & ALIVE))
			return NULL;
		/* Acquire [G1]. */
	} while (!atomic_compare_exchange_weak_explicit(
		&entry->word, &word, word + 1, memory_order_acquire,
		memory_order_relaxed));
	return lend__registry_at(registry, ref.index);
}

struct lend_actor *lend__registry_pin_at(struct lend_registry *registry,
					 uint32_t index)
{
	uint64_t word = atomic_load_explicit(&registry->entries[index].word,
					     memory_order_relaxed);
	lend_ref ref = { index, (uint32_t)(word >> GENERATION) };

	return lend__registry_pin(registry, ref);
}

void lend__registry_unpin(struct lend_registry *registry, lend_ref ref)
{
	/* Release [G2], paired with end(): we no longer touch the record. */
	atomic_fetch_sub_explicit(&registry->entries[ref.index].word, 1,
				  memory_order_release);
}

/* Threads wait for a condition all of them share, and wake up for nothing if
 * it is signalled at each end of a million actors. */
static void wake_joiners_locked(struct lend_registry *registry,
				struct lend_actor *actor)
{
	struct lend_list *link;
	bool any_thread = false;

	while ((link = lend_list_pop_front(&actor->joiners))) {
		struct lend_joiner *joiner = lend_container_of(
			link, struct lend_joiner, link);
		struct lend_actor *waiter = joiner->waiter;

		joiner->value = actor->value;
		/* Release [G3], paired with the waiter's acquire; afterwards
		 * the joiner may be gone. The lock keeps the waiter itself: it
		 * has to take it to leave. */
		atomic_store_explicit(&joiner->ended, true,
				      memory_order_release);
		if (waiter)
			lend__actor_signal(waiter, LEND_SIGNAL_WAKE);
		else
			any_thread = true;
	}
	if (any_thread)
		pthread_cond_broadcast(&registry->changed);
}

void lend__registry_end(struct lend_registry *registry,
			struct lend_actor *actor)
{
	struct lend_registry_entry *entry = &registry->entries[actor->index];
	bool kept;

	/* Under the lock, so that a joiner finds it either alive or ended. */
	pthread_mutex_lock(&registry->lock);
	entry->value = actor->value;
	entry->idle = false;
	kept = actor->joinable && lend_list_empty(&actor->joiners);
	if (kept)
		atomic_fetch_or_explicit(&entry->word, ENDED,
					 memory_order_relaxed);
	atomic_fetch_and_explicit(&entry->word, ~ALIVE, memory_order_relaxed);
	wake_joiners_locked(registry, actor);
	if (actor->watchers)
		lend__monitor_tell_locked(registry, actor);
	if (actor->scope)
		lend__scope_leave_locked(actor, kept);
	pthread_mutex_unlock(&registry->lock);

	/* Acquire [G2]. A pin is held for some instructions; its holder may be
	 * off its CPU, so give it ours. */
	while (atomic_load_explicit(&entry->word, memory_order_acquire) & PINS)
		sched_yield();
}

/* Is its memory to be kept for the next actor? The lock is not held, so who
 * come together may each keep one too many. ENDED may go meanwhile, by a join,
 * but not come. */
static bool keep_warm(const struct lend_registry *registry, uint32_t index)
{
	const struct lend_registry_entry *entry = &registry->entries[index];

	return !lend__heap_range_is_short(&registry->heaps) &&
	       atomic_load_explicit(&registry->warm_count,
				    memory_order_relaxed) <
		       LEND_REGISTRY_WARM &&
	       !(atomic_load_explicit(&entry->word, memory_order_relaxed) &
		 ENDED);
}

static void push_free_locked(struct lend_registry *registry, uint32_t index,
			     bool warm)
{
	struct lend_registry_entry *entry = &registry->entries[index];

	entry->idle = true;
	if (warm) {
		entry->next = registry->warm;
		registry->warm = index + 1;
		count_warm_locked(registry, 1);
	} else if (!(atomic_load_explicit(&entry->word, memory_order_relaxed) &
		     ENDED)) {
		push_cold_locked(registry, index);
	}
}

void lend__registry_free_slot(struct lend_registry *registry, uint32_t index,
			      bool was_zombie)
{
	struct lend_actor *actor = lend__registry_at(registry, index);
	bool warm = keep_warm(registry, index);

	/* A warm slot keeps its pages for the next actor, the first ones of its
	 * heap's slice too; otherwise both go back to the system. Where slices
	 * have a limit in common, what nobody uses must not count. */
	if (!warm || actor->heap.is_large ||
	    lend__heap_range_is_limited(&registry->heaps))
		lend__heap_trim(&actor->heap);
	lend__heap_fini(&actor->heap);
	if (!warm)
		lend__stacks_trim(&registry->stacks, index,
				  lend__stacks_high(&registry->stacks, index));

	pthread_mutex_lock(&registry->lock);
	push_free_locked(registry, index, warm);
	if (was_zombie)
		registry->zombies--;
	else if (--registry->alive == 0)
		pthread_cond_broadcast(&registry->changed);
	pthread_mutex_unlock(&registry->lock);
}

void lend__registry_free(struct lend_registry *registry, uint32_t index)
{
	struct lend_actor *actor = lend__registry_at(registry, index);

	if (lend_unlikely(!lend__heap_empty(&actor->heap)) &&
	    lend__zombie_begin(registry, actor))
		return;
	lend__registry_free_slot(registry, index, false);
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
	while (registry->alive && !err)
		err = lend__registry_nap_locked(registry, deadline);
	err = registry->alive ? -ETIMEDOUT : 0;
	pthread_mutex_unlock(&registry->lock);
	return err;
}

void lend__registry_close(struct lend_registry *registry)
{
	pthread_mutex_lock(&registry->lock);
	atomic_store_explicit(&registry->closed, true, memory_order_relaxed);
	pthread_mutex_unlock(&registry->lock);
}

void lend__registry_signal_all(struct lend_registry *registry, uint32_t signal)
{
	unsigned end;

	pthread_mutex_lock(&registry->lock);
	end = registry->used_end;
	pthread_mutex_unlock(&registry->lock);
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

void lend__registry_release_locked(struct lend_registry *registry,
				   uint32_t index)
{
	struct lend_registry_entry *entry = &registry->entries[index];

	atomic_fetch_and_explicit(&entry->word, ~ENDED, memory_order_relaxed);
	if (entry->idle)
		push_cold_locked(registry, index);
}

/* Not joined before it ended: the value waits in the entry. */
static int join_ended_locked(struct lend_registry *registry, lend_ref ref,
			     struct lend_joiner *joiner)
{
	struct lend_registry_entry *entry = &registry->entries[ref.index];
	uint64_t word = atomic_load_explicit(&entry->word,
					     memory_order_relaxed);

	if (word >> GENERATION != ref.generation || !(word & ENDED))
		return -ESRCH;
	joiner->value = entry->value;
	atomic_store_explicit(&joiner->ended, true, memory_order_relaxed);
	if (entry->scope)
		lend__scope_forget_locked(registry, ref.index);
	lend__registry_release_locked(registry, ref.index);
	return 0;
}

int lend__registry_join(struct lend_registry *registry, lend_ref ref,
			struct lend_joiner *joiner)
{
	struct lend_actor *actor;
	int err = 0;

	lend_list_init(&joiner->link);
	atomic_init(&joiner->ended, false);
	if (ref.index >= registry->slots || !ref.generation)
		return -ESRCH;
	pthread_mutex_lock(&registry->lock);
	/* Alive under the lock: its end comes to the joiners' list after us. */
	actor = lend__registry_pin(registry, ref);
	if (actor) {
		lend_list_push_back(&actor->joiners, &joiner->link);
		lend__registry_unpin(registry, ref);
	} else {
		err = join_ended_locked(registry, ref, joiner);
	}
	pthread_mutex_unlock(&registry->lock);
	return err;
}

void lend__registry_leave(struct lend_registry *registry,
			  struct lend_joiner *joiner)
{
	pthread_mutex_lock(&registry->lock);
	lend_list_remove(&joiner->link);
	pthread_mutex_unlock(&registry->lock);
}
