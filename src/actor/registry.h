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

#include "actor/actor.h"
#include "actor/slots.h"
#include "actor/stack_mark.h"
#include "base/list.h"
#include "mem/heap.h"
#include "mem/stack.h"

/* Slots that keep their pages though nobody has collected the value of their
 * actor yet; those of others are given back meanwhile. */
#define LEND_REGISTRY_KEPT_WARM 1024

/* See lend__registry_colour(). */
#define LEND_COLOUR_LINES 8

struct lend_actor;
struct lend_scope;

/*
 * Note [entry]
 * The end of an actor, and whoever waits for it, wants to be told of it or
 * collects its value, take turns by a bit of the word, so that actors on
 * different workers have nothing in common. Who finds the bit set offers its
 * processor to who has it: it is held for some instructions, and to tell those
 * who wait. Who has it sees an actor that can not end, or the value of one that
 * has. [G6]
 *
 * An end is one step, when nobody has the bit: ALIVE goes, and if a value is to
 * be collected ENDED comes. From then on nobody can take the bit to add himself
 * to the actor's lists, so these are the actor's own. Whether somebody is going
 * to collect the value has to be known in that step: JOINED says, whenever the
 * bit is free, whether there are joiners. Those who want a message, or to send
 * one, set WATCHED; for them, and to put a value into a scope's list, the end
 * takes the bit and gives it back with ENDED. So who finds that an actor has
 * ended finds its message, too.
 *
 * The slot of one that has left a value becomes free when that is collected and
 * nobody runs on its stack any more: the second of the two, which are changes
 * of the same word, frees it. [G7]
 *
 * A scope's latch is taken with an entry's bit in hand, never the other way.
 */

/* Parts of an entry's word. */
#define LEND_ENTRY_ALIVE      (UINT64_C(1) << 31)
#define LEND_ENTRY_ENDED      (UINT64_C(1) << 30) /* and not joined yet */
#define LEND_ENTRY_LOCKED     (UINT64_C(1) << 29)
#define LEND_ENTRY_IDLE	      (UINT64_C(1) << 28) /* ENDED, off its stack */
#define LEND_ENTRY_MESSAGES   UINT64_C(0xffff000) /* Note [room] in room.h */
#define LEND_ENTRY_MESSAGE    UINT64_C(0x1000)
#define LEND_ENTRY_WATCHED    UINT64_C(0x800) /* there may be some, or senders */
#define LEND_ENTRY_JOINED     UINT64_C(0x400) /* by somebody who waits */
#define LEND_ENTRY_PINS	      UINT64_C(0x3ff)
#define LEND_ENTRY_PIN	      UINT64_C(1)
#define LEND_ENTRY_GENERATION 32 /* shift */

/*
 * Note [own stack]
 * Slots are of one size, and an actor that needs a larger stack than they have
 * gets a mapping besides. Its record and its I/O heap stay where all have them,
 * so that nobody else has to know; what the mapping is stands in the slot where
 * its stack would begin. The spawner sets it before anybody finds the actor;
 * others read it with a pin in hand; who frees the slot, after all pins have
 * gone, unmaps it first.
 */

struct lend_registry_entry {
	/* [atomic: G1, G2, G6, G7, G9] generation << 32 | bits |
	 * messages | pins */
	_Atomic uint64_t word;
	struct lend_scope *scope; /* [lock: entry] in whose list it is */
	int value;	/* exit value: [owner] writes, [lock: entry] */
	uint32_t next;	/* [lock: scope] in its list, + 1 */
	uint32_t prev;	/* [lock: scope] */
	bool kept;	/* [owner] the end left a value, for a join to come */
	bool has_slice; /* [owner] its heap's slice may hold memory */
	bool was_looked_at; /* [owner] by lend__stack_mark_look() */
	bool has_own_stack; /* [const] while it lives: Note [own stack] */
};

struct lend_registry {
	/* [const] */
	struct lend_stacks stacks;
	struct lend_heap_range heaps;
	struct lend_registry_entry *entries;
	unsigned slots;

	struct lend_slots free;	      /* which slots have no actor */
	struct lend_stack_mark mark;  /* how deep stacks were */
	pthread_mutex_t zombies_lock; /* for heaps that nobody owns: zombie.c */
	pthread_mutex_t lock;	      /* of @changed alone */
	pthread_cond_t changed;	  /* a joiner's actor ended, or the last one */
	_Atomic unsigned zombies; /* ended, but spans of them live */
	_Atomic uint64_t spawned_outside; /* counter: by threads, not actors */
};

/* @slots: at most this many actors. @workers: at most. @heaps_max: bytes that
 * their I/O heaps' slices may hold together; 0: no limit. 0 or -ENOMEM,
 * -EINVAL. */
int lend__registry_init(struct lend_registry *registry, unsigned slots,
			unsigned workers, size_t stack_size,
			uint64_t heaps_max);
void lend__registry_fini(struct lend_registry *registry);

/**
 * A slot for a new actor: its record's memory, and its name for all time.
 *
 * Nobody else can find it before lend__registry_publish().
 *
 * @magazine  the calling worker's; NULL on other threads
 * @scope     that it is to be a member of, which counts it from now on; NULL:
 *            none
 *
 * Return: 0
 *         -ENOMEM     all slots are taken, or no guard page could be made
 *         -ESHUTDOWN  lend__registry_close() was called
 *         -ECANCELED, -EAGAIN  as lend__scope_admit_locked()
 */
int lend__registry_take(struct lend_registry *registry,
			struct lend_magazine *magazine,
			struct lend_scope *scope, bool joinable,
			struct lend_actor **ret_actor);
void lend__registry_publish(struct lend_registry *registry,
			    struct lend_actor *actor);

/* That of the actor that @ref names, though it may be another one's by now.
 * NULL: it names none. */
static inline struct lend_registry_entry *
lend__registry_entry(const struct lend_registry *registry, lend_ref ref)
{
	return ref.index < registry->slots && ref.generation ?
		       &registry->entries[ref.index] :
		       NULL;
}

/*
 * How far below its slot's end a record lies.
 *
 * Slots are whole pages apart, so what is at the tops of all stacks would fall
 * into the same few sets of the processor's first-level cache: 64 busy actors,
 * with room for 8. Shifting them by lines spreads them.
 */
static inline size_t lend__registry_colour(uint32_t index)
{
	return index % LEND_COLOUR_LINES * LEND_CACHE_LINE;
}

/* The record of slot @index, whatever it holds. */
static inline struct lend_actor *
lend__registry_at(const struct lend_registry *registry, uint32_t index)
{
	const size_t size = lend_align_up(sizeof(struct lend_actor),
					  LEND_CACHE_LINE);
	char *high = lend__stacks_high(&registry->stacks, index);

	return (struct lend_actor *)(void *)(high -
					     lend__registry_colour(index) -
					     size);
}

/* The record of the slot that @ref names, whoever's it is by now. NULL: there
 * is no such slot. */
static inline struct lend_actor *
lend__registry_whoever(const struct lend_registry *registry, lend_ref ref)
{
	return lend_likely(ref.index < registry->slots) ?
		       lend__registry_at(registry, ref.index) :
		       NULL;
}

static inline struct lend_stack *
lend__registry_own_stack(const struct lend_registry *registry, uint32_t index)
{
	char *home = (char *)lend__registry_at(registry, index) -
		     LEND_ACTOR_HOME_SIZE;

	return (struct lend_stack *)(void *)home - 1;
}

/* Where the frames of the actor in slot @index are. Thread: its owner, or who
 * has it pinned. */
static inline struct lend_stack
lend__registry_stack(const struct lend_registry *registry, uint32_t index)
{
	return lend_unlikely(registry->entries[index].has_own_stack) ?
		       *lend__registry_own_stack(registry, index) :
		       lend__stacks_at(&registry->stacks, index);
}

/* Give an actor that nobody knows of yet a stack of its own, which is the
 * registry's from then on. */
void lend__registry_set_stack(struct lend_registry *registry,
			      struct lend_actor *actor,
			      const struct lend_stack *stack);

/* The same for its end: nobody is on it, or knows of it, any more. */
void lend__registry_drop_stack(struct lend_registry *registry,
			       struct lend_actor *actor);

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
void lend__registry_free(struct lend_registry *registry,
			 struct lend_magazine *magazine,
			 struct lend_actor *actor);

/* Free a span of another actor's heap; it is an assertion that there is such a
 * heap. Thread: any; the actor has not ended, or the span is disowned. */
void lend__registry_free_span(struct lend_registry *registry, void *span);

/* ---- zombie.c ---- */

/* Leave the heap of an ended actor to those who hold its disowned spans. False:
 * there are none any more. */
LEND_NODISCARD bool lend__zombie_begin(struct lend_registry *registry,
				       struct lend_actor *actor);
/* Give up the memory and the slot of one that is not alive any more. */
void lend__registry_free_slot(struct lend_registry *registry,
			      struct lend_magazine *magazine,
			      struct lend_actor *actor, bool was_zombie);

/* Trim what nobody has needed for a while, some of it, if it is time for the
 * worker of @magazine to look. True: there may be more. Thread: that worker. */
bool lend__registry_settle(struct lend_registry *registry,
			   struct lend_magazine *magazine, uint64_t now_ns);

/* That of worker @worker. */
static inline struct lend_magazine *
lend__registry_magazine(const struct lend_registry *registry, unsigned worker)
{
	return &registry->free.magazines[worker];
}

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

/* The slot of an ended actor whose value was collected is free for another. */
void lend__registry_reuse(struct lend_registry *registry,
			  struct lend_magazine *magazine, uint32_t index);

/* ---- join.c ---- */

/* How far a joiner is. */
enum lend_join {
	LEND_JOIN_WAITS,
	LEND_JOIN_TELLING, /* @value is there, the waiter is being woken */
	LEND_JOIN_TOLD,	   /* nobody else knows of it any more */
};

/* Somebody who waits for an actor's end, or for room in its mailbox; in its own
 * memory. */
struct lend_joiner {
	struct lend_list link;	   /* [lock: entry] */
	struct lend_actor *waiter; /* signalled; NULL: a thread on @changed */
	int value;
	_Atomic uint32_t ended; /* [atomic: G3] enum lend_join */
};

/**
 * Start waiting for @ref, or learn at once how it ended.
 *
 * Return: 0 and @joiner->ended says whether it is over already; if it is not,
 *         lend__registry_leave() must be called before the joiner's memory is
 *         used for something else
 *         -ESRCH
 */
int lend__registry_join(struct lend_registry *registry,
			struct lend_magazine *magazine, lend_ref ref,
			struct lend_joiner *joiner);
void lend__registry_leave(struct lend_registry *registry, lend_ref ref,
			  struct lend_joiner *joiner);

/* The joiner's waiter, which is an actor, is woken with @value. It is in no
 * list any more. The entry locked, or the actor has ended. */
void lend__joiner_tell(struct lend_joiner *joiner, int value);

/* @actor has ended, its value is known. True: threads are among those who wait,
 * and have to be woken. Thread: the actor itself. */
bool lend__joiners_wake(struct lend_actor *actor);

/* ---- an entry's lock: Note [entry] ---- */

/* False: neither an actor of that generation nor a value that it has left. */
LEND_NODISCARD bool lend__entry_lock(struct lend_registry_entry *entry,
				     uint32_t generation);
void lend__entry_unlock(struct lend_registry_entry *entry);
/* And from now on the word has these bits, or not: of JOINED and WATCHED. */
void lend__entry_unlock_with(struct lend_registry_entry *entry, uint64_t bits);
void lend__entry_unlock_without(struct lend_registry_entry *entry,
				uint64_t bits);

/* Its value was collected. True: lend__registry_reuse() comes next. */
LEND_NODISCARD bool
lend__entry_unlock_collected(struct lend_registry_entry *entry);

static inline bool lend__entry_is_alive(const struct lend_registry_entry *entry)
{
	return atomic_load_explicit(&entry->word, memory_order_relaxed) &
	       LEND_ENTRY_ALIVE;
}

#endif
