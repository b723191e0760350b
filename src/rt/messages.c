/*
 * Sending, receiving and freeing messages: see include/lend/mailbox.h.
 * Questions are asks.c.
 */
#include "rt/messages.h"

#include <errno.h>
#include <lend/mailbox.h>
#include <lend/runtime.h>
#include <limits.h>

#include "actor/actor.h"
#include "actor/message.h"
#include "actor/registry.h"
#include "actor/room.h"
#include "base/check.h"
#include "base/counter.h"
#include "rt/current.h"
#include "rt/misuse.h"
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

	return lend__message_send(
		&runtime->registry, worker ? &worker->message_store : NULL, to,
		sender ? lend__actor_ref(sender) : (lend_ref){ 0, 0 }, type,
		data, size);
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

/* There is no room for @msg. It is the receiver's if this returns 0. */
static int wait_for_room(struct lend_actor *self, lend_ref to,
			 struct lend_msg *msg, uint64_t deadline)
{
	struct lend_registry *registry = &self->worker->runtime->registry;
	struct lend_room_waiter waiter = {
		.joiner = { .waiter = self },
		.msg = msg,
	};
	struct lend_joiner *joiner = &waiter.joiner;
	int err = lend__room_wait(registry, to, &waiter);

	if (err)
		return err;
	/* Acquire [G3]: it is the receiver's, or ours again. */
	while (!atomic_load_explicit(&joiner->ended, memory_order_acquire)) {
		err = lend__suspend_for(self, LEND_WAITS_PLACE, (int)to.index,
					deadline);
		if (err)
			break;
	}
	lend__registry_leave(registry, to, joiner);
	/* It may have been sent while we gave up. */
	if (atomic_load_explicit(&joiner->ended, memory_order_acquire))
		err = joiner->value;
	return err;
}

static int tell_late(struct lend_actor *self, lend_ref to, uint32_t type,
		     const void *data, size_t size, uint64_t deadline)
{
	struct lend_msg *msg;
	int err;

	if (lend__ref_equal(to, lend__actor_ref(self)))
		return -EDEADLK;
	if (deadline == LEND_NOW)
		return -ETIMEDOUT;
	msg = lend__message_new(&self->worker->message_store,
				lend__actor_ref(self), type, data, size);
	if (!msg)
		return -ENOMEM;
	msg->counted = true;
	err = wait_for_room(self, to, msg, deadline);
	if (err)
		lend__message_free(&self->worker->message_store, msg);
	return err;
}

int lend_tell_wait(lend_ref to, uint32_t type, const void *data, size_t size,
		   uint64_t deadline)
{
	struct lend_actor *self = lend__current_actor();
	struct lend_worker *worker;
	int err;

	if (!self)
		return -EINVAL;
	lend__turn_spend(self);
	/* Else one that always finds room would never end. */
	if (lend_unlikely(self->cancelled))
		return -ECANCELED;
	worker = self->worker;
	lend_counter_add(&worker->messages, 1);
	err = tell(worker->runtime, worker, to, type, data, size);
	if (lend_likely(err != -EAGAIN))
		return err;
	return tell_late(self, to, type, data, size, deadline);
}

int lend_runtime_tell(struct lend_runtime *runtime, lend_ref to, uint32_t type,
		      const void *data, size_t size)
{
	struct lend_worker *worker = lend__current_worker();
	int err;

	if (worker && worker->runtime == runtime)
		return tell(runtime, worker, to, type, data, size);
	/* Once the message is there its receiver may end, if it was the last
	 * one its runtime, too, and whoever has told it is about to wake a
	 * worker: the runtime waits for its own threads, and for pins. */
	if (!lend__registry_pin(&runtime->registry, to))
		return -ESRCH;
	err = tell(runtime, worker, to, type, data, size);
	lend__registry_unpin(&runtime->registry, to);
	return err;
}

/* The inbox is empty. What those have who wait for room is there, too, for who
 * does not wait itself; whose calls end gets no more of it. */
static bool lets_in(struct lend_actor *self)
{
	if (self->cancelled)
		return false;
	lend__room_admit(self, UINT_MAX);
	lend__actor_look(self);
	return self->inbox_first != NULL;
}

int lend_receive(uint64_t deadline, struct lend_msg **ret_msg)
{
	struct lend_actor *self = lend__current_actor();
	bool sorted;

	lend_assert_actor(self);
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
		if (lend_unlikely(self->owes & LEND_OWES_ROOM) && lets_in(self))
			continue;
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
