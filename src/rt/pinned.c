/*
 * Actors that stay on one worker: see pinned.h; and lend_pin().
 */
#include "rt/pinned.h"

#include <lend/actor.h>

#include "actor/actor.h"
#include "base/check.h"
#include "rt/current.h"
#include "rt/inbox.h"
#include "rt/misuse.h"
#include "rt/runtime.h"
#include "rt/worker.h"

void lend__pinned_close(struct lend_worker *worker)
{
	atomic_store_explicit(&worker->pinned.inbox, LEND_INBOX_SEALED,
			      memory_order_relaxed);
}

void lend__pinned_open(struct lend_worker *worker)
{
	/* Release: a record that actors may be sent to. */
	atomic_store_explicit(&worker->pinned.inbox, NULL,
			      memory_order_release);
}

void lend__pinned_settle(struct lend_actor *actor, struct lend_worker *worker)
{
	lend_assert(!actor->pinned_to);
	actor->pinned_to = worker;
	/* Relaxed: its worker looks at it between actors; Note [pinned]. */
	atomic_fetch_add_explicit(&worker->pinned.count, 1,
				  memory_order_relaxed);
}

void lend__pinned_release(struct lend_actor *actor)
{
	if (!actor->pinned_to)
		return;
	atomic_fetch_sub_explicit(&actor->pinned_to->pinned.count, 1,
				  memory_order_relaxed);
	actor->pinned_to = NULL;
}

void lend__pinned_send(struct lend_actor *actor)
{
	struct lend_worker *worker = actor->pinned_to;
	struct lend_actor *head = atomic_load_explicit(&worker->pinned.inbox,
						       memory_order_relaxed);

	do {
		/* Only one that has not run yet: Note [pinned]. */
		while (lend_unlikely(head == LEND_INBOX_SEALED)) {
			lend__pinned_release(actor);
			worker = lend__runtime_pick_worker(worker->runtime);
			lend__pinned_settle(actor, worker);
			head = atomic_load_explicit(&worker->pinned.inbox,
						    memory_order_relaxed);
		}
		actor->run_next = head;
		/* Release [W2], paired with lend__pinned_drain(). */
	} while (!atomic_compare_exchange_weak_explicit(
		&worker->pinned.inbox, &head, actor, memory_order_release,
		memory_order_relaxed));
	lend__worker_wake(worker);
}

void lend__pinned_drain(struct lend_worker *worker)
{
	struct lend_actor *actor = atomic_load_explicit(&worker->pinned.inbox,
							memory_order_relaxed);

	if (!actor || actor == LEND_INBOX_SEALED)
		return;
	/* Acquire [W2]. */
	lend__worker_enqueue_all(
		worker, atomic_exchange_explicit(&worker->pinned.inbox, NULL,
						 memory_order_acquire));
}

bool lend__pinned_has_mail(struct lend_worker *worker)
{
	return atomic_load_explicit(&worker->pinned.inbox,
				    memory_order_seq_cst);
}

void lend__pinned_seal(struct lend_worker *worker)
{
	/* Acquire [W2]. */
	struct lend_actor *actor = lend__inbox_oldest_first(
		atomic_exchange_explicit(&worker->pinned.inbox,
					 LEND_INBOX_SEALED,
					 memory_order_acquire));

	lend_assert(!worker->queue.pinned_count);
	while (actor) {
		struct lend_actor *next = actor->run_next;

		/* It finds the seal, and is pinned elsewhere: Note [pinned]. */
		lend__pinned_send(actor);
		actor = next;
	}
}

/* ---- the interface ---- */

void lend_pin(void)
{
	struct lend_actor *self = lend__current_actor();

	lend_assert_actor(self);
	if (!self->pinned_to)
		lend__pinned_settle(self, self->worker);
}

void lend_unpin(void)
{
	struct lend_actor *self = lend__current_actor();

	lend_assert_actor(self);
	lend__pinned_release(self);
}
