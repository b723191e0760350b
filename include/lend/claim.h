/*
 * Claims: SQEs of one's own, filled with liburing's io_uring_prep_*().
 *
 *	struct lend_claim_handle *claim;
 *	int results[2];
 *
 *	lend_claim(2, LEND_FOREVER, &claim);
 *	io_uring_prep_read(lend_claim_sqe(claim, 0), fd, buffer, size, 0);
 *	lend_claim_link_timeout(claim, 1, lend_after(LEND_S));
 *	lend_claim_run(claim, results);
 *
 * lend_claim_commit() in place of lend_claim_run() gives handles, to be awaited
 * one by one.
 *
 * All SQEs of a claim are on one ring and appear to the kernel at once, so a
 * chain is never split. A claim is meant to be short: fill and commit. If the
 * actor suspends in between, the claim lets go of the ring (its SQEs move to
 * the actor's memory) and binds anew at its commit, wherever the actor then
 * runs; SQE pointers do not survive that, so fetch them again.
 *
 * Not allowed in an SQE: IOSQE_CQE_SKIP_SUCCESS, IOSQE_IO_DRAIN,
 * IOSQE_FIXED_FILE, registered buffers (they belong to one ring). What the SQE
 * points to must stay until the operation is over.
 *
 * An operation linked behind others is ended, by whatever means, together with
 * the one of its chain whose turn it is: the kernel knows it no sooner.
 *
 * When a ring or a worker is removed at run time, what merely waits on it ends
 * with -ECANCELED. The calls of io.h submit such an operation again; one of a
 * claim ends, as only its author knows what its chain meant. Who sees
 * -ECANCELED without having asked for it may claim and commit again: what was
 * done in part has another result.
 */
#ifndef LEND_CLAIM_H
#define LEND_CLAIM_H

#include <lend/base.h>
#include <lend/clock.h>
#include <lend/pending.h>

struct io_uring_sqe;
struct lend_claim_handle;

LEND_BEGIN_DECLS

/**
 * Reserve @count consecutive SQEs on a ring.
 *
 * If the ring at hand is full it is flushed, then another is borrowed, then
 * the actor waits, first come, first served; the caller sees only that the
 * call took longer.
 *
 * @count      SQEs wanted, 1 to the depth of the rings
 * @deadline   how long to wait for room; LEND_NOW does not wait
 * @ret_claim  written only on success
 *
 * Thread: an actor, with no other claim open.
 * Blocks: suspends the actor until there is room.
 * Ownership: the caller ends it with lend_claim_commit() or
 *            lend_claim_abandon().
 *
 * Return: 0
 *         -E2BIG      @count is above the depth of the rings
 *         -EINVAL     @count is 0
 *         -EBUSY      the actor has an open claim
 *         -EAGAIN     no room, and @deadline is LEND_NOW
 *         -ETIMEDOUT  no room until @deadline
 *         -ECANCELED  the actor was cancelled
 *         -ENOMEM     the actor's I/O heap is full: a claim has 64 bytes for
 *                     each SQE there until it ends, to make way when the actor
 *                     suspends
 */
LEND_API LEND_NODISCARD int
lend_claim(unsigned count, uint64_t deadline,
	   struct lend_claim_handle **ret_claim) LEND_AWAITS;

/**
 * The @i-th SQE of a claim, zeroed at first. Its user_data is the library's.
 *
 * @i  0 to count - 1
 *
 * Thread: the claim's actor. Blocks: no.
 * Ownership: the pointer is good until the actor suspends.
 */
LEND_API struct io_uring_sqe *lend_claim_sqe(struct lend_claim_handle *claim,
					     unsigned i);

/**
 * Submit a claim's SQEs. They reach the kernel at the worker's next safe
 * point, all together.
 *
 * If the claim was revoked meanwhile this waits for room again, as
 * lend_claim() does.
 *
 * @ret_pending  one handle for each SQE, in order; the claim's count of them
 *
 * Thread: the claim's actor. Blocks: suspends the actor if it was revoked.
 * Ownership: ends the claim, whatever it returns; each handle is freed by
 *            lend_pending_free() after its operation is over.
 *
 * Return: 0
 *         -EINVAL     an SQE has a flag that is not allowed
 *         -EBADF      an SQE's descriptor is being closed
 *         -ECANCELED  the actor was cancelled
 *         -ENOMEM     the actor's I/O heap is full
 *         In these cases nothing was submitted.
 */
LEND_API LEND_NODISCARD int
lend_claim_commit(struct lend_claim_handle *claim,
		  struct lend_pending **ret_pending) LEND_AWAITS;

/**
 * Make the @i-th SQE a timeout of the kernel's, linked to the one before it: if
 * that has not ended by @deadline it ends with -ECANCELED, and the timeout with
 * -ETIME. Otherwise the timeout's own result is -ECANCELED, or -ENOENT or
 * -EALREADY if it came too late.
 *
 * Most deadlines are better kept by the library, which does that for all calls
 * that have one: a timer of its own costs less than an SQE. A link timeout ends
 * an operation in the middle of a chain, whose rest is then cancelled.
 *
 * @i         1 to count - 1; the SQE before it must be filled already
 * @deadline  LEND_NOW and LEND_FOREVER, too
 *
 * Thread: the claim's actor. Blocks: no.
 */
LEND_API void lend_claim_link_timeout(struct lend_claim_handle *claim,
				      unsigned i, uint64_t deadline);

/**
 * Submit a claim's SQEs and wait for all of them.
 *
 * @ret_results  the results, in order; the claim's count of them; written only
 *               on success
 *
 * Thread: the claim's actor. Blocks: suspends the actor. If that is cancelled,
 * so are they.
 * Ownership: ends the claim, whatever it returns.
 *
 * Return: 0, or an error of lend_claim_commit(): nothing was submitted then
 */
LEND_API LEND_NODISCARD int lend_claim_run(struct lend_claim_handle *claim,
					   int *ret_results) LEND_AWAITS;

/**
 * Give a claim's SQEs back unused.
 *
 * Thread: the claim's actor. Blocks: no.
 */
LEND_API void lend_claim_abandon(struct lend_claim_handle *claim);

LEND_END_DECLS

#endif
