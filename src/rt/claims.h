/*
 * The open claim of an actor: what happens to it when the actor suspends.
 */
#ifndef LEND_RT_CLAIMS_H
#define LEND_RT_CLAIMS_H

#include "arbiter/claim.h"

struct lend_actor;

/* What lend_claim() gives out: see include/lend/claim.h. */
struct lend_claim_handle {
	struct lend_claim claim;
	struct lend_actor *actor;
	/* For its SQEs if it is revoked. A claim has that from the start, as it
	 * could be refused then, and nobody could wait for anything with the
	 * claim open. */
	void *reserve;
	unsigned count;
	/* Here, if they are few. */
	LEND_CACHE_ALIGNED struct io_uring_sqe sqes[];
};

/* So many SQEs lie behind the handle, in a span beside the actor. The reserve
 * of more lies in the slice: beside the actor it would push their records out
 * of there. */
#define LEND_CLAIMS_BESIDE 3

/* The actor is about to leave its worker: move its open claim's SQEs into the
 * reserve, and free its slots. Nothing to do if there is none, or it was
 * revoked before. */
void lend__claims_revoke(struct lend_actor *self);

#endif
