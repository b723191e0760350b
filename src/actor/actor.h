/*
 * The actor's record: what lies at the top of its stack slot.
 *
 *	high -> +--------------------+
 *	        | struct lend_actor  |
 *	        +--------------------+
 *	        | home of its heap   |  op records, small arguments
 *	        +--------------------+
 *	        | stack, downwards   |
 *	        |        ...         |
 *	        | guard page         |
 *	low ->  +--------------------+
 *
 * Record, home and the frames of a waiting actor share one page, so an actor
 * that waits costs little more than that.
 */
#ifndef LEND_ACTOR_ACTOR_H
#define LEND_ACTOR_ACTOR_H

#include <lend/actor.h>
#include <lend/clock.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "actor/fiber.h"
#include "actor/fp_modes.h"
#include "actor/host.h"
#include "actor/mailbox.h"
#include "base/bits.h"
#include "base/check.h"
#include "base/list.h"
#include "base/pairing.h"
#include "mem/heap.h"

#define LEND_ACTOR_HOME_SIZE 1024

/* Why an actor was woken beside completions and messages: bits of @signals. */
#define LEND_SIGNAL_CANCEL  UINT32_C(0x1)  /* sticky: lend_cancel() */
#define LEND_SIGNAL_WAKE    UINT32_C(0x2)  /* what it waits for may be there */
#define LEND_SIGNAL_CLOSING UINT32_C(0x4)  /* look for what is being closed */
#define LEND_SIGNAL_PERMIT  UINT32_C(0x8)  /* lend_unpark(), while it ran */
#define LEND_SIGNAL_ROOM    UINT32_C(0x10) /* somebody waits for room */
#define LEND_SIGNAL_MAILED                                                     \
	UINT32_C(0x80000000) /* the node is in the mailbox                     \
			      */

struct lend_claim_handle;
struct lend_msg;
struct lend_registry_entry;
struct lend_scope;
struct lend_timers;
struct lend_worker;

/* What io does with mail of operations that nobody awaits, in place of calls
 * that would go up a layer. Thread: the actor itself. */
struct lend_mail_calls {
	/* One that was abandoned is over: free it. */
	void (*orphan)(struct lend_mail *mail);
	/**
	 * The actor receives the notice of one: make a message of it.
	 *
	 * Return: 0
	 *         -EAGAIN  it is not over after all, and no notice any more
	 *         an error: nothing has changed
	 */
	int (*notice)(struct lend_mail *mail, struct lend_msg **ret_msg);
	/* Somebody closes a descriptor, and does not find what is in flight on
	 * it: end the actor's own. It must not suspend. */
	void (*closing)(struct lend_actor *actor);
	/* @cancel_again_ns has passed: cancel again what goes on though the
	 * actor has cancelled it, and set that anew. It may move the actor to
	 * another worker, and takes its mail then. */
	void (*cancel_again)(struct lend_actor *actor) LEND_AWAITS;
};

/* What an actor owes others when it begins to wait. */
#define LEND_OWES_ROOM 1u /* to senders, for whom there was none */
#define LEND_OWES_CALL 2u /* of its @before_wait */

/*
 * Note [lines]
 * Of thousands of actors that wait most of their records are in no cache, so
 * what waking one and running it needs is on two lines: the first is what
 * wakers read and write, the second what the worker and the actor do. On the
 * third is what it needs beside its heap to wait for an operation. What its
 * owner writes of the first is written when it runs anyway, or hardly ever.
 *
 * Note [ahead]
 * Two lines are fetched together with an actor's frames before its turn:
 * rt/lane.h. Whose work is with a record of its own says where that begins,
 * each time before it waits.
 *
 * For others it is the record of whom they woke last. Who wakes somebody mostly
 * wakes the same one again: the next of a ring or of a pipeline, the other one
 * of a dialogue. It was suspended meanwhile, so nobody has fetched the line
 * that is to be changed by a locked instruction, and that would wait for it. A
 * guess that is wrong fetches lines in vain, and of a record that is another's
 * by now as well; at first it is the actor's own, which is there. Waking
 * somebody forgets what was named.
 */
struct lend_actor {
	/* ---- waking it ---- [atomic] any thread, but for what is marked */
	struct lend_mailbox mailbox;
	_Atomic uint32_t signals;
	_Atomic bool urgent; /* run before others when runnable */
	/* [owner] or, of the first, who wakes it: Note [handed] of mailbox.h */
	bool permit;		       /* to go on */
	bool cancelled;		       /* its calls end: lend__actor_judge() */
	bool keeps_fp_modes;	       /* [owner] of its own */
	struct lend_host *host;	       /* [const] while it lives */
	struct lend_actor *run_next;   /* in a run queue's list or an inbox */
	struct lend_worker *pinned_to; /* where it is pinned; NULL: nowhere */
	/* [owner] writes: what to fetch for it; nothing else is done with that.
	 * Note [ahead]. */
	_Atomic(const void *) ahead;
	uint8_t owes; /* [owner] LEND_OWES_* */

	/* ---- running it ---- [owner] the worker that does */
	LEND_CACHE_ALIGNED struct lend_fiber fiber;
	struct lend_worker
		*worker; /* that runs it now; read anew after awaits */
	struct lend_claim_handle *claim; /* open one */
	uint64_t alarm_ns;		 /* look at the clock then, unasked */
	/* For reports: lend__actor_waits(); 0: for nothing */
	_Atomic uint64_t waits_for;
	_Atomic uint64_t since_ns; /* suspended, by its worker's clock */
	uint32_t index;		   /* [const] while it lives */
	uint32_t generation;	   /* [const] */

	/* ---- its operations ---- [owner], but for what is marked */
	struct lend_list pendings;		 /* asynchronous ones */
	void (*end_io)(struct lend_actor *self); /* ends them; NULL: none */
	/* [atomic] provided ones that it has, or that wait in its series */
	_Atomic uint32_t buffers;
	int value; /* at its end */
	/* [lock: the owning timers] */
	_Atomic(struct lend_timers *) timers; /* NULL: not armed */
	struct lend_pairing_node timer;

	struct lend_mail *inbox_first; /* taken from the mailbox: messages, */
	struct lend_mail *inbox_last;  /* and notices of operations */
	/* [atomic: G9] Counted messages, and those of them whose places were
	 * given back; each modulo 2^32, read by others: Note [room]. */
	_Atomic uint32_t taken;
	_Atomic uint32_t given;
	struct lend_registry_entry *entry; /* [const] while it lives */
	struct lend_worker *moving_to;	   /* on its way to that worker */
	const int *also_fds; /* two that its call is about, too; NULL: none */
	const struct lend_mail_calls *mail_calls; /* set with @end_io */
	/* With LEND_OWES_CALL: see to what others wait for, without waiting for
	 * them. True: it may have taken mail, so what the actor is about to
	 * wait for may be there; then it has done something, and has nothing to
	 * do if it is called again at once. */
	bool (*before_wait)(struct lend_actor *self) LEND_AWAITS;
	bool cancel_seen; /* somebody has cancelled it */
	bool late : 1;	  /* @deadline has passed */
	bool ending : 1;  /* its function has returned */
	/* [const] while it lives. The first that is written of a fresh page, so
	 * not a part of a byte: that is read before, and a page that is read
	 * before it is written costs two faults and all processors' caches of
	 * translations. */
	bool joinable;
	uint16_t callbacks;	   /* of the library's that it is in */
	uint16_t uncancellable;	   /* sections that it is in */
	uint64_t deadline;	   /* of the block that it is in */
	uint64_t cancel_again_ns;  /* what it has cancelled; LEND_FOREVER */
	struct lend_list cleanups; /* newest last: see actor/scope.h */
	struct lend_scope *scope;  /* [const] that it is a member of */
	uint32_t scope_owner;	   /* [const] index; for reports, see below */
	uint32_t asked;		   /* questions, for their numbers */
	uint32_t asking;	   /* the number that it waits for; 0: none */
	struct lend_msg *answer;
	struct lend_own_timers *own_timers; /* NULL: it never had any */
	struct lend_fp_modes fp_modes;	    /* if it keeps them */

	/* ---- who it is ---- [const] while it lives */
	lend_actor_fn fn;
	void *arg;
	const void *spawned_at; /* the call of its spawn returned to there */
	char name[LEND_ACTOR_NAME_MAX + 1];

	/* ---- [atomic] any thread ---- */
	struct lend_mail signal_mail;

	/* ---- [lock: entry] Note [entry] in registry.h ---- */
	struct lend_list joiners;
	struct lend_list senders;    /* who wait for room: Note [room] */
	struct lend_list scope_link; /* [lock: scope] in its lists */
	struct lend_msg *watchers;   /* to be told of its end */

	LEND_CACHE_ALIGNED struct lend_heap heap;
};

_Static_assert(offsetof(struct lend_actor, mailbox.head) == 0,
	       "lend__actor_init() clears what is behind it");
/* A sanitizer's account of a fiber is longer than that. */
#if !defined(LEND_FIBER_ASAN) && !defined(LEND_FIBER_TSAN)
_Static_assert(offsetof(struct lend_actor, fiber) == LEND_CACHE_LINE &&
		       offsetof(struct lend_actor, pendings) ==
			       2 * LEND_CACHE_LINE,
	       "Note [lines]");
#endif

/* Fill a record that lend__registry_take() gave. It counts as runnable: the
 * caller queues it. The heap and the fiber are the caller's to set up. */
void lend__actor_init(struct lend_actor *actor, struct lend_host *host,
		      lend_actor_fn fn, void *arg, const char *name);

/* Make it runnable if mail for it made that the caller's duty. Any thread. */
static inline void lend__actor_deliver(struct lend_actor *actor,
				       struct lend_mail *mail)
{
	if (lend__mailbox_push(&actor->mailbox, mail))
		actor->host->runnable(actor->host, actor);
}

/**
 * Set a signal, and wake the actor if it is suspended.
 *
 * Thread: any that may be sure that the actor lives (it holds a pin of the
 * registry, or the actor waits for it).
 */
void lend__actor_signal(struct lend_actor *actor, uint32_t signal);

/* The same without a signal, where there is something else to see for it: if it
 * is suspended, that is one locked instruction instead of three. */
void lend__actor_wake(struct lend_actor *actor);

/* Give it the permit to go on that lend_park() waits for. Thread: as for
 * lend__actor_signal(). */
void lend__actor_unpark(struct lend_actor *actor);

/**
 * The same, if the record is that of the actor of @generation and that is
 * suspended. It needs not live: Note [idle] in mailbox.h.
 *
 * Thread: any that may be sure that the record's memory is there.
 *
 * Return: true if it was suspended: the caller makes it runnable
 */
static inline bool lend__actor_unpark_idle(struct lend_actor *actor,
					   uint32_t generation)
{
	if (lend_unlikely(
		    !lend__mailbox_rouse_whom(&actor->mailbox, generation)))
		return false;
	/* Note [handed] in mailbox.h. */
	actor->permit = true;
	return true;
}

/**
 * Sort what has come in: completions to their operations, messages into the
 * inbox, signals into the actor's state.
 *
 * Thread: the actor itself.
 */
void lend__actor_sort_mail(struct lend_actor *actor);

/* May there be any, or a clock to look at? Most of the time there is not. */
static inline bool lend__actor_has_news(const struct lend_actor *actor)
{
	return lend__mailbox_has_mail(&actor->mailbox) ||
	       actor->alarm_ns != LEND_FOREVER;
}

/* Sort it, if so. */
static inline void lend__actor_look(struct lend_actor *actor)
{
	if (lend_unlikely(lend__actor_has_news(actor)))
		lend__actor_sort_mail(actor);
}

/* The same for one that was suspended, and may have been handed some. */
static inline void lend__actor_look_woken(struct lend_actor *actor)
{
	if (lend__mailbox_has_handed(&actor->mailbox) ||
	    lend__actor_has_news(actor))
		lend__actor_sort_mail(actor);
}

/* In the place of an opcode: it waits for something else. */
#define LEND_WAITS_BLOCKING UINT8_MAX /* a thread of the blocking pool */
#define LEND_WAITS_MESSAGE  UINT8_C(254)
#define LEND_WAITS_TIME	    UINT8_C(253) /* to pass: it sleeps */
/* Its number is in the place of the descriptor: lend__scope_number(). */
#define LEND_WAITS_MEMBERS UINT8_C(252) /* of its scope: all of them */
#define LEND_WAITS_ROOM	   UINT8_C(251) /* in a ring */
/* Of an actor, whose index is in the place of the descriptor. */
#define LEND_WAITS_END	      UINT8_C(250)
#define LEND_WAITS_ANSWER     UINT8_C(249)
#define LEND_WAITS_PERMIT     UINT8_C(248) /* from whomever */
#define LEND_WAITS_PLACE      UINT8_C(247) /* in its mailbox */
#define LEND_WAITS_SERVER     UINT8_C(246) /* of its own, to end */
#define LEND_WAITS_CONNECTION UINT8_C(245) /* of its server's, to end */
#define LEND_WAITS_CLOSE      UINT8_C(244) /* others use the descriptor */
#define LEND_WAITS_MEMBER     UINT8_C(243) /* as MEMBERS, but for one of them */

/**
 * Decide whether the actor's calls end with -ECANCELED from now on, and when to
 * look again: after a signal, and when a section or a block begins or ends.
 *
 * The one place that writes @cancelled, which is all that those who wait look
 * at: a deadline of a block, a section without cancellation and a scope's end
 * cost them nothing.
 *
 * Thread: the actor itself.
 */
void lend__actor_judge(struct lend_actor *actor);

/* When to see to what it has cancelled: then @mail_calls->cancel_again() is
 * called where it waits next, or yields. Thread: the actor itself. */
void lend__actor_cancel_again(struct lend_actor *actor, uint64_t again_ns);

/* Begin or end a block of the actor's with another deadline; true if the one
 * so far had passed. */
bool lend__actor_limit(struct lend_actor *actor, uint64_t deadline);

/* Put a message or a notice at the end of the inbox, or take it out of it,
 * wherever it is. Thread: the actor itself. */
void lend__actor_append_mail(struct lend_actor *actor, struct lend_mail *mail);
void lend__actor_remove_mail(struct lend_actor *actor, struct lend_mail *mail);

/* What a suspended actor waits for: an operation, on a descriptor (-1: none),
 * in flight on a ring. */
static inline uint64_t lend__actor_waits(uint8_t opcode, int fd, unsigned ring)
{
	return (uint64_t)(uint32_t)(fd + 1) << 32 |
	       (uint64_t)((ring + 1) & 0xffff) << 8 | opcode;
}

static inline uint8_t lend__actor_waits_opcode(uint64_t waits_for)
{
	return (uint8_t)waits_for;
}

static inline int lend__actor_waits_fd(uint64_t waits_for)
{
	return (int)(uint32_t)(waits_for >> 32) - 1;
}

static inline unsigned lend__actor_waits_ring(uint64_t waits_for)
{
	return (unsigned)(waits_for >> 8 & 0xffff) - 1;
}

static inline lend_ref lend__actor_ref(const struct lend_actor *actor)
{
	return (lend_ref){ actor->index, actor->generation };
}

static inline bool lend__ref_equal(lend_ref a, lend_ref b)
{
	return a.index == b.index && a.generation == b.generation;
}

/* What people are told of an actor: its name and index, "worker #7". */
#define LEND_ACTOR_TITLE_SIZE (LEND_ACTOR_NAME_MAX + 16)

void lend__actor_title(const char *name, uint32_t index,
		       char title[LEND_ACTOR_TITLE_SIZE]);

#endif
