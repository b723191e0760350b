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
	void *reserve; /* for its SQEs if it is revoked; NULL: none */
	unsigned count;
	bool storage_is_foreign; /* of malloc(), as the heap was full */
};

/* A claim of so many has memory for its revocation from the start, as it could
 * be refused then, and nobody could wait for anything with it open. It lies in
 * the slice, where their records will be. Fewer need no more than 512 bytes,
 * which would be beside the actor, and push their records out of there. */
#define LEND_CLAIMS_RESERVE 9

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
