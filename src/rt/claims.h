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
	unsigned count;
	bool storage_is_foreign; /* of malloc(), as the heap was full */
};

/**
 * Move the open claim's SQEs into the actor's I/O heap, free its slots.
 *
 * Return: 0, also if there is none or it was revoked before
 *         -ENOMEM  no memory at all; the claim is as it was
 */
int lend__claims_revoke(struct lend_actor *self);

/* Free what a revoked claim's SQEs lay in. */
void lend__claims_free_storage(struct lend_claim_handle *handle);

#endif
