/*
 * Actors that stay on one worker.
 *
 * They are neither in the run queue, which others steal from, nor in the inbox,
 * which others empty while its worker is stuck, but in a list of their own
 * beside that queue and an inbox of their own, which only their worker takes
 * from. The library may move one to another worker for what can be done only
 * there (the end of an operation in another's ring); it is back when the call
 * returns.
 *
 * Note [pinned]
 * A worker that has pinned actors does not leave: see leave.c. It counts them;
 * a spawn counts before it sends. So one that has looked, found none and seals
 * its inbox may find such that were sent meanwhile, or have such come to the
 * seal. Neither has run yet, so it is pinned elsewhere.
 */
#ifndef LEND_RT_PINNED_H
#define LEND_RT_PINNED_H

#include <stdatomic.h>
#include <stdbool.h>

struct lend_actor;
struct lend_worker;

struct lend_pinned {
	/* [atomic: W2] sent by other threads, newest first */
	_Atomic(struct lend_actor *) inbox;
	_Atomic unsigned count; /* pinned here */
};

/* Where there is no thread, nothing is taken: sent ones go to other workers. */
void lend__pinned_close(struct lend_worker *worker);
void lend__pinned_open(struct lend_worker *worker);

/* @worker runs @actor from here on, and nobody else does. Thread: the actor, on
 * @worker, or who spawns it. */
void lend__pinned_settle(struct lend_actor *actor, struct lend_worker *worker);
/* No longer, if so. Thread: the worker that ran it last. */
void lend__pinned_release(struct lend_actor *actor);

/* Queue a runnable one from another thread; wakes its worker. */
void lend__pinned_send(struct lend_actor *actor);
/* Queue what came in. Thread: @worker's own. */
void lend__pinned_drain(struct lend_worker *worker);
/* Has any come in? Thread: @worker's own, before it sleeps: Note [parking] in
 * idle.c. */
bool lend__pinned_has_mail(struct lend_worker *worker);
/* The worker leaves: take no more, and send on what has come. Own thread. */
void lend__pinned_seal(struct lend_worker *worker);

#endif
