/*
 * Scopes, and the stack of an actor's cleanups, of which they are a part: see
 * include/lend/scope.h for what they mean.
 *
 * Note [scope]
 * A scope is memory of its owner's I/O heap. Its members are linked through
 * their records, and those that have ended and are joinable through their
 * entries in the registry, so a member costs no memory and its end can not
 * fail. All of that is under a latch of the scope's; only which scope an entry
 * is listed by is under the lock of that entry, too, so that who collects a
 * value without knowing of the scope finds it there.
 *
 * The scope is there as long as somebody may touch it: the owner's end closes
 * its scopes before it gives up its heap, a close waits until there is no
 * member, and a member's last touch is where it is counted out, in the same
 * hold of the latch. One that is being spawned is counted before it has a
 * record, so a close waits for it, too. Only the owner and living members may
 * name a scope: both know that it is there.
 *
 * A cancellation comes to the members in steps, so that the latch is not held
 * for long: those that were told move to another list. As a cancelled scope
 * admits nobody, and whoever was admitted before is told where it enters, the
 * first list comes to an end and nobody is left out.
 *
 * Order of locks: that of an entry, the latch, then what a signal takes (none
 * of a scope).
 */
#ifndef LEND_ACTOR_SCOPE_H
#define LEND_ACTOR_SCOPE_H

#include <lend/scope.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/latch.h"
#include "base/list.h"

struct lend_actor;
struct lend_magazine;
struct lend_registry;

/* What an actor does when it ends: in its own list, newest last. */
struct lend_cleanup {
	struct lend_list link; /* [owner] */
	void (*fn)(void *arg); /* NULL: it is a scope's */
	void *arg;
};

#define LEND_SCOPE_MAGIC UINT32_C(0x4c6e5363)

/* What the owner is waiting for. */
enum lend_scope_wait {
	LEND_SCOPE_BUSY,     /* nothing */
	LEND_SCOPE_FOR_ALL,  /* no member lives */
	LEND_SCOPE_FOR_NEXT, /* or one has left a value */
};

struct lend_scope {
	struct lend_cleanup cleanup; /* [owner] */
	uint32_t magic;		     /* [const] and what follows */
	bool cancel_on_failure;
	unsigned actors_max;
	struct lend_registry *registry;
	struct lend_actor *owner;
	uint64_t limit;	   /* its own deadline; LEND_FOREVER */
	uint64_t deadline; /* that its members have: of blocks around it, too */
	uint64_t outside;  /* the owner's when it was opened */

	struct lend_latch latch;

	/* [lock: latch] */
	struct lend_list members; /* not told of a cancellation */
	struct lend_list told;
	unsigned alive; /* members, and those being spawned */
	bool cancelled;
	enum lend_scope_wait waits;
	int failure;	      /* of the first member that failed; 0: none */
	uint32_t ended_first; /* values to be collected: index + 1 */
	uint32_t ended_last;
};

/* Which of its owner's scopes it is, for reports. Made of the address alone:
 * who reads a member's record may find the scope gone. Those of one owner are
 * in one heap, so they differ in the bits that are left. Not -1. */
static inline int lend__scope_number(const struct lend_scope *scope)
{
	return (int)((uintptr_t)scope >> 4 & 0x3fffffff);
}

/**
 * Count somebody in that is about to be spawned.
 *
 * Thread: the owner or a member.
 *
 * Return: 0: lend__scope_adopt() and publication, or
 *         lend__scope_dismiss(), come next
 *         -ECANCELED  the scope was cancelled
 *         -EAGAIN     it has as many as it may have
 */
int lend__scope_admit(struct lend_scope *scope);
void lend__scope_dismiss(struct lend_scope *scope);
/* @actor is fresh, nobody knows it. */
void lend__scope_adopt(struct lend_scope *scope, struct lend_actor *actor);

/* Published: true if it is to be cancelled. */
bool lend__scope_enter(struct lend_actor *actor);
/* Ended. @kept: its value waits in the registry; its entry is locked then. */
void lend__scope_leave(struct lend_actor *actor, bool kept);
/* Somebody collects the value of the ended member @index. Its entry locked. */
void lend__scope_forget(struct lend_registry *registry, uint32_t index);

/* Cancel all members. Thread: the owner or a member. */
void lend__scope_cancel(struct lend_scope *scope);
/* The same for each scope of @owner. Thread: itself. */
void lend__scope_cancel_all(struct lend_actor *owner);
/* The calling member ends with a negative value. */
void lend__scope_note_failure(struct lend_actor *member);

/* The owner begins or ends waiting. True: what it waits for is there. */
bool lend__scope_look(struct lend_scope *scope, enum lend_scope_wait waits);

/* The oldest value that nobody has collected. False: there is none. @magazine:
 * the calling worker's. */
bool lend__scope_take(struct lend_scope *scope, struct lend_magazine *magazine,
		      lend_ref *ret_ref, int *ret_value);

#endif
