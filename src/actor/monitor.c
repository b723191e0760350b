/*
 * Those who want to be told of an actor's end: see monitor.h.
 */
#include "actor/monitor.h"

#include <errno.h>
#include <lend/mailbox.h>
#include <stddef.h>
#include <string.h>

#include "actor/actor.h"
#include "actor/message.h"
#include "actor/registry.h"
#include "base/check.h"

static struct lend_msg *next_of(const struct lend_msg *msg)
{
	return msg->mail.next ? lend_container_of(msg->mail.next,
						  struct lend_msg, mail) :
				NULL;
}

/* NULL: it does not live, and nothing is locked. */
static struct lend_actor *lock_living(struct lend_registry *registry,
				      lend_ref ref)
{
	struct lend_registry_entry *entry = lend__registry_entry(registry, ref);

	if (!entry || !lend__entry_lock(entry, ref.generation))
		return NULL;
	if (lend__entry_is_alive(entry))
		return lend__registry_at(registry, ref.index);
	lend__entry_unlock(entry);
	return NULL;
}

int lend__monitor_add(struct lend_registry *registry, lend_ref ref,
		      lend_ref watcher, uint32_t type)
{
	const struct lend_ended ended = { .actor = ref };
	struct lend_msg *msg = lend__message_new(NULL, ref, type, &ended,
						 sizeof(ended));
	struct lend_actor *actor;

	if (!msg)
		return -ENOMEM;
	msg->watcher = watcher;
	/* Its end finds WATCHED, and us in the list. */
	actor = lock_living(registry, ref);
	if (!actor) {
		lend_msg_free(msg);
		return -ESRCH;
	}
	msg->mail.next = actor->watchers ? &actor->watchers->mail : NULL;
	actor->watchers = msg;
	lend__entry_unlock_with(&registry->entries[ref.index],
				LEND_ENTRY_WATCHED);
	return 0;
}

/* Those of @watcher, taken out of the list. */
static struct lend_msg *take_out(struct lend_actor *actor, lend_ref watcher)
{
	struct lend_msg *taken = NULL, *kept = NULL, *next;

	for (struct lend_msg *msg = actor->watchers; msg; msg = next) {
		struct lend_msg **list =
			lend__ref_equal(msg->watcher, watcher) ? &taken : &kept;

		next = next_of(msg);
		msg->mail.next = *list ? &(*list)->mail : NULL;
		*list = msg;
	}
	actor->watchers = kept;
	return taken;
}

int lend__monitor_remove(struct lend_registry *registry, lend_ref ref,
			 lend_ref watcher)
{
	struct lend_msg *taken = NULL, *next;
	struct lend_actor *actor;

	actor = lock_living(registry, ref);
	if (actor) {
		taken = take_out(actor, watcher);
		lend__entry_unlock(&registry->entries[ref.index]);
	}
	if (!taken)
		return -ESRCH;
	for (; taken; taken = next) {
		next = next_of(taken);
		lend__message_free(NULL, taken);
	}
	return 0;
}

static void tell(struct lend_registry *registry, struct lend_msg *msg,
		 int value)
{
	lend_ref ref = msg->watcher;
	struct lend_actor *watcher = lend__registry_pin(registry, ref);

	if (!watcher) {
		lend__message_free(NULL, msg);
		return;
	}
	memcpy(msg->data + offsetof(struct lend_ended, value), &value,
	       sizeof(value));
	lend__actor_deliver(watcher, &msg->mail);
	lend__registry_unpin(registry, ref);
}

void lend__monitor_tell_locked(struct lend_registry *registry,
			       struct lend_actor *actor)
{
	struct lend_msg *msg = actor->watchers, *next;

	actor->watchers = NULL;
	for (; msg; msg = next) {
		next = next_of(msg);
		tell(registry, msg, actor->value);
	}
}
