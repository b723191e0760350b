/*
 * Operations that their actor has abandoned: see lend_pending_abandon(). Their
 * records stay in the actor's list and heap until the last CQE, whose mail has
 * the actor free them; its end ends what is left, as with any other. And those
 * whose descriptor is being closed by somebody who does not find them.
 *
 * Cancelling may need another worker: a ring with a single issuer hears its own
 * thread alone, and what a thread of the kernel works on is found only from the
 * thread that submitted. The actor is not to suspend, so a small actor of its
 * own does that. It knows the operation by its user_data, which never means
 * another one, so it need not care whether the record is still there.
 */
#include <errno.h>
#include <lend/actor.h>
#include <lend/clock.h>
#include <stdlib.h>

#include "io/cancel.h"
#include "io/descriptors.h"
#include "io/pending.h"
#include "rt/claims.h"
#include "rt/current.h"
#include "rt/runtime.h"
#include "rt/suspend.h"
#include "rt/worker.h"

/* Rounds over all workers: the operation may be between two waits. */
#define ROUNDS 2

/* On the calling actor's worker. Without operations it may have been closed. */
static int cancel_here(const struct lend_orphan *orphan)
{
	if (!lend__ring_in_flight(orphan->ring))
		return 0;
	return lend__cancel_on_ring(orphan->ring, &orphan->target);
}

void lend__cancel_orphan(const struct lend_orphan *orphan)
{
	struct lend_actor *self = lend__current_actor();
	unsigned workers = lend__runtime_count(self->worker->runtime);

	for (unsigned i = 0; i < ROUNDS * workers; i++) {
		unsigned to = orphan->ring->deferred ?
				      orphan->ring->index :
				      (orphan->submitter + i) % workers;

		lend__suspend_move(self, to);
		if (self->worker->index == to && cancel_here(orphan) != -ENOENT)
			break;
		/* Whoever is cancelled goes on with it. */
		if (lend__suspend(self, lend_after(LEND_MS)))
			break;
	}
}

static int cancel_orphan(void *arg)
{
	const struct lend_orphan orphan = *(struct lend_orphan *)arg;

	free(arg);
	lend__cancel_orphan(&orphan);
	return 0;
}

/* The links of a claim's chain lie one behind the other in the actor's list,
 * but for those that are over and freed. */
const struct lend_io_op *lend__pending_first(const struct lend_io_op *op)
{
	const struct lend_io_op *first = op;
	const struct lend_pending *at;

	/* Claims alone make chains. */
	if (lend_likely(!op->once))
		return op;
	at = lend_container_of(op, struct lend_pending, io);
	for (const struct lend_list *link = at->link.prev;
	     link != &op->actor->pendings; link = link->prev) {
		at = lend_container_of(link, struct lend_pending, link);
		if (!at->io.once || !(at->again.op_flags & LEND_IO_LINKS))
			break;
		if (!at->io.mail.arrived)
			first = &at->io;
	}
	return first;
}

static struct lend_orphan orphan_of(const struct lend_io_op *which)
{
	const struct lend_io_op *op = lend__pending_first(which);

	return (struct lend_orphan){
		.ring = op->op.ring,
		.target = { .user_data = lend__op_user_data(&op->op),
			    .fd = -1 },
		.submitter = op->op.submitter,
	};
}

static void cancel_apart(const struct lend_orphan *which)
{
	static const struct lend_spawn_options options = { .name = "orphan" };
	struct lend_orphan *orphan = malloc(sizeof(*orphan));

	if (!orphan)
		return;
	*orphan = *which;
	/* With no place for one more actor it goes on until it is over by
	 * itself, or its actor ends. */
	if (lend_spawn(cancel_orphan, orphan, &options, NULL))
		free(orphan);
}

/* On the calling actor's worker, if it can be found there. */
static bool cancel_if_here(struct lend_actor *self,
			   const struct lend_orphan *orphan)
{
	/* Cancelling may flush a ring, which is not for the middle of a claim.
	 */
	return (!orphan->ring->deferred ||
		orphan->ring->index == self->worker->index) &&
	       !lend__claims_revoke(self) && cancel_here(orphan) != -ENOENT;
}

void lend__pending_orphan(struct lend_pending *pending)
{
	struct lend_io_op *op = &pending->io;
	struct lend_orphan orphan = orphan_of(op);

	op->asked = true;
	if (!cancel_if_here(op->actor, &orphan))
		cancel_apart(&orphan);
}

/* The closer asks again until they are over, so nothing is remembered. What is
 * not found here it looks for itself: there may be no place for one more actor,
 * and is none while the runtime is drained. */
void lend__pending_end_closing(struct lend_actor *self)
{
	lend_list_for_each (link, &self->pendings) {
		struct lend_io_op *op =
			&lend_container_of(link, struct lend_pending, link)->io;
		struct lend_orphan orphan;

		/* One that is not armed just now is not found, no more. */
		if (op->fd == -1 || lend__io_done(op) || !op->op.ring ||
		    !lend__descriptor_is_closing(op->fd))
			continue;
		op->asked = true;
		orphan = orphan_of(op);
		if (!cancel_if_here(self, &orphan))
			lend__descriptor_tell_closer(op->fd, &orphan);
	}
}
