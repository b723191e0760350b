/*
 * The registry: from a reference to the actor it names, or to nothing.
 *
 * Every slot has a word of state: its generation, whether somebody lives
 * there, and how many threads hold a pin on it. A pin keeps the record's
 * memory from being used by another actor, for the few instructions that a
 * message or a signal takes. Stack slots and heap slices have the same index.
 */
#ifndef LEND_ACTOR_REGISTRY_H
#define LEND_ACTOR_REGISTRY_H

#include <lend/actor.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "mem/heap.h"
#include "mem/stack.h"

/* Slots that keep their pages after an actor ended, for the next one. */
#define LEND_REGISTRY_WARM 128

struct lend_actor;
struct lend_scope;

struct lend_registry_entry {
	/* [atomic: G1] generation << 32 | alive << 31 | ended << 30 | pins */
	_Atomic uint64_t word;
	int value;     /* [lock] exit value, while ended */
	uint32_t next; /* [lock] in the free list, or its scope's list, + 1 */
	uint32_t prev; /* [lock] in its scope's list, + 1 */
	bool idle;     /* [lock] ended, its stack no longer in use */
	struct lend_scope *scope; /* [lock] in whose list it is, while ended */
};

struct lend_registry {
	/* [const] */
	struct lend_stacks stacks;
	struct lend_heap_range heaps;
	struct lend_registry_entry *entries;
	unsigned slots;

	pthread_mutex_t zombies_lock; /* for heaps that nobody owns: zombie.c */
	pthread_mutex_t lock;
	pthread_cond_t changed; /* a joiner's actor ended, or the last one */
	uint32_t warm;		/* [lock] free slots with pages, + 1 */
	uint32_t cold;		/* [lock] free slots without, + 1 */
	/* [lock] writes; read without it as a hint */
	_Atomic unsigned warm_count;
	unsigned used_end;   /* [lock] slots from here on are untouched */
	unsigned alive;	     /* [lock] actors that have not ended */
	unsigned zombies;    /* [lock] ended, but spans of them live */
	uint64_t spawned;    /* [lock] counter: slots taken */
	_Atomic bool closed; /* [lock] writes: no more actors */
};

/* @slots: at most this many actors. @heaps_max: bytes that their I/O heaps'
 * slices may hold together; 0: no limit. 0 or -ENOMEM, -EINVAL. */
int lend__registry_init(struct lend_registry *registry, unsigned slots,
			size_t stack_size, uint64_t heaps_max);
void lend__registry_fini(struct lend_registry *registry);

/**
 * A slot for a new actor: its record's memory, and its name for all time.
 *
 * Nobody else can find it before lend__registry_publish().
 *
 * @scope  that it is to be a member of, which counts it from now on; NULL: none
 *
 * Return: 0
 *         -ENOMEM     all slots are taken, or no guard page could be made
 *         -ESHUTDOWN  lend__registry_close() was called
 *         -ECANCELED, -EAGAIN  as lend__scope_admit_locked()
 */
int lend__registry_take(struct lend_registry *registry,
			struct lend_scope *scope, bool joinable,
			struct lend_actor **ret_actor);
void lend__registry_publish(struct lend_registry *registry,
			    struct lend_actor *actor);

/* The record of slot @index, whatever it holds. */
struct lend_actor *lend__registry_at(const struct lend_registry *registry,
				     uint32_t index);

/* That of the actor that lives at @entry, or lived there last. */
static inline uint32_t
lend__registry_generation(const struct lend_registry_entry *entry)
{
	return (uint32_t)(atomic_load_explicit(&entry->word,
					       memory_order_relaxed) >>
			  32);
}

/* The actor @ref names, pinned, or NULL. Thread: any. Blocks: no. */
struct lend_actor *lend__registry_pin(struct lend_registry *registry,
				      lend_ref ref);
/* The actor that lives in slot @index, pinned, or NULL. */
struct lend_actor *lend__registry_pin_at(struct lend_registry *registry,
					 uint32_t index);
void lend__registry_unpin(struct lend_registry *registry, lend_ref ref);

/**
 * The actor has ended: nobody finds it any more, its joiners are woken.
 *
 * Waits for pins to go, which are held for instructions only; afterwards no
 * mail can come. Thread: the actor itself.
 */
void lend__registry_end(struct lend_registry *registry,
			struct lend_actor *actor);

/* The ended actor's stack is no longer in use, its heap has nothing but
 * disowned spans: give up its memory. Its slot is free for another at once, or
 * after its join if it is joinable; but not before the last disowned span is
 * freed. Thread: the worker it ran on last. */
void lend__registry_free(struct lend_registry *registry, uint32_t index);

/* Free a span of another actor's heap; it is an assertion that there is such a
 * heap. Thread: any; the actor has not ended, or the span is disowned. */
void lend__registry_free_span(struct lend_registry *registry, void *span);

/* ---- zombie.c ---- */

/* Leave the heap of an ended actor to those who hold its disowned spans. False:
 * there are none any more. */
LEND_NODISCARD bool lend__zombie_begin(struct lend_registry *registry,
				       struct lend_actor *actor);
/* Give up the memory and the slot of one that is not alive any more. */
void lend__registry_free_slot(struct lend_registry *registry, uint32_t index,
			      bool was_zombie);

/* Wait until no actor lives. 0 or -ETIMEDOUT. Thread: none that an actor needs
 * to end. Blocks: the thread. */
int lend__registry_wait(struct lend_registry *registry, uint64_t deadline);

/* Until some actor has ended, or @deadline. 0 or -ETIMEDOUT. Lock held. */
int lend__registry_nap_locked(struct lend_registry *registry,
			      uint64_t deadline);

/* Refuse new actors. Thread: any. */
void lend__registry_close(struct lend_registry *registry);

/* Signal every actor that lives. Thread: any. */
void lend__registry_signal_all(struct lend_registry *registry, uint32_t signal);

/* An ended actor's value is collected: its place is free for another. */
void lend__registry_release_locked(struct lend_registry *registry,
				   uint32_t index);

/* Somebody who waits for an actor's end; in its own memory. */
struct lend_joiner {
	struct lend_list link;	   /* [lock] */
	struct lend_actor *waiter; /* signalled; NULL: a thread on @changed */
	int value;
	_Atomic bool ended;
};

/**
 * Start waiting for @ref, or learn at once how it ended.
 *
 * Return: 0 and @joiner->ended says whether it is over already; if it is not,
 *         lend__registry_leave() must be called before the joiner's memory is
 *         used for something else
 *         -ESRCH
 */
int lend__registry_join(struct lend_registry *registry, lend_ref ref,
			struct lend_joiner *joiner);
void lend__registry_leave(struct lend_registry *registry,
			  struct lend_joiner *joiner);

#endif
