/*
 * What an actor leaves behind in io when it ends: an open claim, operations in
 * flight, buffers of the rings. Called through the actor's end_io, from
 * wherever its function or lend_exit() ended it.
 */
#include <lend/claim.h>
#include <lend/opcode.h>
#include <stdio.h>

#include "arbiter/arbiter.h"
#include "io/await.h"
#include "io/pending.h"
#include "rt/claims.h"
#include "rt/current.h"
#include "rt/places.h"
#include "rt/runtime.h"
#include "rt/worker.h"

/* Buffers of the rings that the actor still holds. */
static void give_buffers(struct lend_actor *self)
{
	/* Relaxed: what its series had they have given back. */
	if (!atomic_load_explicit(&self->buffers, memory_order_relaxed))
		return;
	lend__arbiter_give_buffers(&lend__current_worker()->runtime->arbiter,
				   self->index + 1);
	atomic_store_explicit(&self->buffers, 0, memory_order_relaxed);
}

static void report_pending(struct lend_actor *self,
			   const struct lend_pending *pending)
{
	char text[96];

	/* A series may not be armed just now. */
	if (pending->end)
		snprintf(text, sizeof(text), "an open series on descriptor %d",
			 pending->io.fd);
	else
		lend_pending_format(pending, text, sizeof(text));
	lend__place_report(self, LEND_PLACE_OPERATION, (uintptr_t)pending,
			   "%s%s", pending->end ? "" : "the handle of ", text);
}

/* What it should have ended itself. Handles that it has abandoned are fine. */
static void report(struct lend_actor *self)
{
	unsigned buffers = atomic_load_explicit(&self->buffers,
						memory_order_relaxed);
	char title[LEND_ACTOR_TITLE_SIZE];

	if (self->claim)
		lend__place_report(self, LEND_PLACE_CLAIM,
				   (uintptr_t)self->claim, "an open claim");
	lend_list_for_each (link, &self->pendings) {
		const struct lend_pending *pending = lend_container_of(
			link, struct lend_pending, link);

		if (pending->io.mail.kind != LEND_MAIL_ORPHAN)
			report_pending(self, pending);
	}
	if (!buffers)
		return;
	lend__actor_title(self->name, self->index, title);
	lend__log(&self->worker->runtime->log, LEND_LOG_WARNING,
		  "actor %s leaves %u buffers of the runtime's", title,
		  buffers);
}

void lend__io_end_all(struct lend_actor *self)
{
	if (lend__places_wanted(self))
		report(self);
	if (self->claim)
		lend_claim_abandon(self->claim);
	while (!lend_list_empty(&self->pendings)) {
		struct lend_pending *pending = lend_container_of(
			self->pendings.next, struct lend_pending, link);

		if (pending->end) {
			pending->end(pending);
			continue;
		}
		/* It is not for its mail to free it any more. */
		if (pending->io.mail.kind == LEND_MAIL_ORPHAN) {
			pending->io.mail.kind = LEND_MAIL_OP;
			lend__pending_orphan_over(pending);
		}
		lend__io_abort(&pending->io);
		lend__io_end_pending(pending);
	}
	give_buffers(self);
}

void lend__io_watch_end(struct lend_actor *self)
{
	/* Whoever sets one of its own calls this before. */
	if (lend_likely(self->end_io != NULL))
		return;
	self->mail_calls = &lend__pending_mail_calls;
	self->end_io = lend__io_end_all;
}
