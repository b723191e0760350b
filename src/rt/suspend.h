/*
 * Suspending the calling actor, and waiting for submission slots: what every
 * call that waits is built on.
 */
#ifndef LEND_RT_SUSPEND_H
#define LEND_RT_SUSPEND_H

#include <lend/base.h>
#include <stdbool.h>
#include <stdint.h>

struct lend_actor;
struct lend_claim;
struct lend_worker;

/**
 * Let others run until there is mail for the calling actor, or @deadline.
 *
 * It may return early, so callers loop on what they wait for. Mail is sorted
 * when it returns. An open claim is revoked first.
 */
void lend__suspend(struct lend_actor *self, uint64_t deadline) LEND_AWAITS;

/**
 * The same for a call that gives up: the body of its waiting loop.
 *
 * Return: 0, look again
 *         -ECANCELED  the actor was cancelled
 *         -ETIMEDOUT  @deadline has passed
 */
int lend__suspend_until(struct lend_actor *self, uint64_t deadline) LEND_AWAITS;

/* The same, and a report says meanwhile that it waits for @kind,
 * LEND_WAITS_...; on @whom, an actor's index or -1. */
int lend__suspend_for(struct lend_actor *self, uint8_t kind, int whom,
		      uint64_t deadline) LEND_AWAITS;

/* As lend__suspend(), and a report says what for. */
void lend__suspend_as(struct lend_actor *self, uint8_t kind, int whom,
		      uint64_t deadline) LEND_AWAITS;

/* Queue the actor that runs behind the others, and let them run. 0, or
 * -ECANCELED: it has had its turn, and was cancelled. */
int lend__suspend_yield(struct lend_worker *worker) LEND_AWAITS;

/* An actor's first and last: whoever ran before is seen to, and whoever comes
 * next is switched to. @self has no more to do, and its record is gone. */
void lend__suspend_begin(struct lend_actor *self);
LEND_NORETURN void lend__suspend_end(struct lend_actor *self);

/* Let worker @index run the calling actor from here on, for a while. */
void lend__suspend_move(struct lend_actor *self, unsigned index) LEND_AWAITS;

/* Back to the worker that it is pinned to, if it was moved from there. */
void lend__suspend_return(struct lend_actor *self) LEND_AWAITS;

/**
 * Claim @count SQEs on whatever ring the calling actor's worker has.
 *
 * Return: 0
 *         -E2BIG, -EINVAL      see lend__claim_begin()
 *         -EAGAIN              no room, and @deadline is LEND_NOW
 *         -ETIMEDOUT, -ECANCELED
 */
int lend__suspend_claim(struct lend_actor *self, unsigned count,
			uint64_t deadline,
			struct lend_claim *claim) LEND_AWAITS;

#endif
