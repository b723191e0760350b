/*
 * Sending, receiving and freeing messages: see include/lend/mailbox.h.
 * Questions are asks.c.
 */
#include "rt/messages.h"

#include <errno.h>
#include <lend/mailbox.h>
#include <lend/runtime.h>

#include "actor/actor.h"
#include "actor/message.h"
#include "actor/registry.h"
#include "base/check.h"
#include "base/counter.h"
#include "rt/current.h"
#include "rt/runtime.h"
#include "rt/suspend.h"
#include "rt/turn.h"
#include "rt/worker.h"

struct lend_message_store *lend__messages_store(void)
{
	struct lend_worker *worker = lend__current_worker();

	return worker ? &worker->message_store : NULL;
}

static int tell(struct lend_runtime *runtime, struct lend_worker *worker,
		lend_ref to, uint32_t type, const void *data, size_t size)
{
	struct lend_actor *sender = worker ? worker->running : NULL;
	struct lend_actor *actor = lend__registry_pin(&runtime->registry, to);
	int err;

	if (lend_unlikely(!actor))
		return -ESRCH;
	err = lend__message_send(worker ? &worker->message_store : NULL, actor,
				 sender ? lend__actor_ref(sender) :
					  (lend_ref){ 0, 0 },
				 type, data, size);
	lend__registry_unpin(&runtime->registry, to);
	return err;
}

int lend_tell(lend_ref to, uint32_t type, const void *data, size_t size)
{
	struct lend_worker *worker = lend__current_worker();

	if (!worker)
		return -ESRCH;
	lend_counter_add(&worker->messages, 1);
	lend__turn_note(worker);
	return tell(worker->runtime, worker, to, type, data, size);
}

int lend_runtime_tell(struct lend_runtime *runtime, lend_ref to, uint32_t type,
		      const void *data, size_t size)
{
	return tell(runtime, lend__current_worker(), to, type, data, size);
}

int lend_receive(uint64_t deadline, struct lend_msg **ret_msg)
{
	struct lend_actor *self = lend__current_actor();
	bool sorted;

	lend_assert(self);
	lend__turn_spend(self);
	/* While there are others what has come since can wait. Senders have the
	 * mailbox for themselves meanwhile. It waits for a turn's calls at most
	 * (LEND_TURN_CALLS), as there are new ones only where an actor looks at
	 * its mail: when it is back. And if it may not give way, until the
	 * inbox is empty: sorting alone puts anything in. */
	sorted = !self->inbox_first || self->alarm_ns != LEND_FOREVER;
	if (sorted)
		lend__actor_sort_mail(self);
	for (;;) {
		int err = lend__message_take(self, ret_msg);

		if (err != -ENOENT)
			return err;
		/* Those that there were may be nobody's any more. */
		if (lend_unlikely(!sorted)) {
			lend__actor_sort_mail(self);
			sorted = true;
			continue;
		}
		err = lend__suspend_for(self, LEND_WAITS_MESSAGE, -1, deadline);
		if (err)
			return err;
	}
}

struct lend_msg *lend_msg_free(struct lend_msg *msg)
{
	lend__message_free(lend__messages_store(), msg);
	return NULL;
}
