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
 *
 * Note [apart]
 * There is no number of looks after which it may give up. A connect to a full
 * listener is tried 128 times by the thread that submitted it, whenever that is
 * in the kernel anyway, and is found by nobody until then; what one of the
 * kernel's threads works on may go back to wait elsewhere, and has forgotten
 * that it was cancelled. Not even that it was found says that it ends: a call
 * that finds it with a kernel's thread looks once more, and if it is nowhere
 * then, as it is on its way from there to a wait, that is 0, too. So such an
 * actor asks again, ever more rarely, Note [cancel again], until the
 * operation's actor says that it is over. They share a few
 * words for that, which the last of them frees; the abandoned record has their
 * address where its template was, as it is never submitted again. So such an
 * actor lives no longer than the one that abandoned, and is woken to end.
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

/* Rounds over all workers, of those who come back: the operation may be between
 * two waits. */
#define ROUNDS 2

/* Of an abandoned operation, its actor's and that of who cancels it. */
struct lend_apart {
	struct lend_orphan orphan; /* [const] */
	uint64_t user_data; /* [const] its own, if that is behind others */
	lend_ref actor;	    /* [owner: whose it was] who cancels it */
	int found; /* [const] what the kernel said to whose it was; -EAGAIN */
	_Atomic bool over; /* [I4] */
	_Atomic unsigned holders;
};

/* On the calling actor's worker. Without operations it may have been closed. */
static int cancel_here(const struct lend_orphan *orphan)
{
	if (!lend__ring_in_flight(orphan->ring))
		return 0;
	return lend__cancel_on_ring(orphan->ring, &orphan->target);
}

/* The @attempt-th, from 0. What the kernel said, or -EAGAIN if it was not
 * asked. */
static int cancel_there(struct lend_actor *self,
			const struct lend_orphan *orphan, unsigned attempt,
			unsigned workers)
{
	unsigned to = orphan->ring->deferred ?
			      orphan->ring->index :
			      (orphan->submitter + attempt) % workers;

	lend__suspend_move(self, to);
	return self->worker->index == to ? cancel_here(orphan) : -EAGAIN;
}

void lend__cancel_orphan(const struct lend_orphan *orphan)
{
	struct lend_actor *self = lend__current_actor();
	unsigned workers = lend__runtime_count(self->worker->runtime);

	for (unsigned i = 0; i < ROUNDS * workers; i++) {
		int found = cancel_there(self, orphan, i, workers);

		if (found != -ENOENT && found != -EAGAIN)
			break;
		/* Whoever is cancelled goes on with it. */
		lend__suspend(self, lend_after(LEND_MS));
	}
}

/* ---- by an actor of its own: Note [apart] ---- */

static void let_go(struct lend_apart *apart)
{
	/* Acquire-release: the other one is done with it. */
	if (atomic_fetch_sub_explicit(&apart->holders, 1,
				      memory_order_acq_rel) == 1)
		free(apart);
}

static int cancel_until_over(void *arg)
{
	struct lend_actor *self = lend__current_actor();
	struct lend_apart *apart = arg;

	for (unsigned attempt = 0;; attempt++) {
		unsigned workers = lend__runtime_count(self->worker->runtime);
		struct lend_orphan orphan = apart->orphan;
		int found = attempt ? -EAGAIN : apart->found;

		/* Meanwhile it may be its own turn. */
		if (attempt / workers % 2)
			orphan.target.user_data = apart->user_data;

		/* Relaxed [I4]: nothing is read that it would publish. One that
		 * was found is given its time first. */
		if (found < 0 &&
		    !atomic_load_explicit(&apart->over, memory_order_relaxed))
			found = cancel_there(self, &orphan, attempt, workers);
		/* Who says so signals then, so that none of the two is missed
		 * by whoever looks before it suspends. */
		if (atomic_load_explicit(&apart->over, memory_order_relaxed))
			break;
		lend__suspend(self, lend_after(lend__cancel_again_after(
					    found, attempt, workers)));
	}
	let_go(apart);
	return 0;
}

void lend__pending_orphan_over(struct lend_pending *pending)
{
	struct lend_actor *self = pending->io.actor;
	struct lend_apart *apart = pending->again.apart;
	struct lend_registry *registry = &self->worker->runtime->registry;
	struct lend_actor *actor;

	if (lend_likely(!apart))
		return;
	pending->again.apart = NULL;
	/* Relaxed [I4]: the signal is mail, whose release orders it for whoever
	 * takes that. */
	atomic_store_explicit(&apart->over, true, memory_order_relaxed);
	actor = lend__registry_pin(registry, apart->actor);
	if (actor) {
		lend__actor_signal(actor, LEND_SIGNAL_WAKE);
		lend__registry_unpin(registry, apart->actor);
	}
	let_go(apart);
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

static void cancel_apart(struct lend_pending *pending,
			 const struct lend_orphan *which, int found)
{
	static const struct lend_spawn_options options = { .name = "orphan" };
	struct lend_apart *apart = malloc(sizeof(*apart));

	if (!apart)
		return;
	apart->orphan = *which;
	apart->found = found;
	apart->user_data = lend__op_user_data(&pending->io.op);
	atomic_init(&apart->over, false);
	atomic_init(&apart->holders, 2);
	/* With no place for one more actor, or no memory, one that was not
	 * found goes on until it is over by itself, or its descriptor is
	 * closed, or its actor ends, which each ask until it is. */
	if (lend_spawn(cancel_until_over, apart, &options, &apart->actor))
		free(apart);
	else
		pending->again.apart = apart;
}

/* On the calling actor's worker. What the kernel said, or -EAGAIN if it can not
 * be found there. */
static int cancel_if_here(struct lend_actor *self,
			  const struct lend_orphan *orphan)
{
	/* Cancelling may flush a ring, which is not for the middle of a claim.
	 */
	if (orphan->ring->deferred &&
	    orphan->ring->index != self->worker->index)
		return -EAGAIN;
	lend__claims_revoke(self);
	return cancel_here(orphan);
}

void lend__pending_orphan(struct lend_pending *pending)
{
	struct lend_io_op *op = &pending->io;
	struct lend_orphan orphan = orphan_of(op);

	op->asked = true;
	pending->again.apart = NULL;
	cancel_apart(pending, &orphan, cancel_if_here(op->actor, &orphan));
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
		int found;

		/* One that is not armed just now is not found, no more. */
		if (op->fd == -1 || lend__io_done(op) || !op->op.ring ||
		    !lend__descriptor_is_closing(op->fd))
			continue;
		op->asked = true;
		orphan = orphan_of(op);
		found = cancel_if_here(self, &orphan);
		if (found == -ENOENT || found == -EAGAIN)
			lend__descriptor_tell_closer(op->fd, &orphan);
	}
}
