/*
 * Descriptors that close with an actor: see owner.h.
 */
#include "io/owner.h"

#include <errno.h>
#include <lend/io.h>
#include <lend/scope.h>
#include <stdatomic.h>
#include <stdint.h>

#include "actor/actor.h"
#include "base/check.h"
#include "io/descriptors.h"
#include "rt/current.h"
#include "rt/misuse.h"
#include "rt/places.h"

/* Addresses only, as the table of descriptors. Not in its words: those are
 * looked at by every operation, these by nobody who does not ask for it. */
static _Atomic(struct lend_actor *) owners[LEND_DESCRIPTORS_MAX];

/* Relaxed everywhere: who writes has an operation counted on the descriptor, or
 * is its one closer; the count [D1] orders the two. */
static bool disown(int fd, struct lend_actor *self)
{
	return atomic_compare_exchange_strong_explicit(&owners[fd], &self, NULL,
						       memory_order_relaxed,
						       memory_order_relaxed);
}

static void close_own(void *arg)
{
	int fd = (int)(intptr_t)arg;

	if (disown(fd, lend__current_actor()))
		(void)lend_close(fd);
}

int lend_defer_close(int fd)
{
	struct lend_actor *self = lend__current_actor();
	int err;

	lend_assert_actor(self);
	if (fd >= LEND_DESCRIPTORS_MAX)
		return -EBADF;
	err = lend__descriptor_enter(fd);
	if (err)
		return err;
	if (atomic_load_explicit(&owners[fd], memory_order_relaxed) != self) {
		err = lend_defer(close_own, (void *)(intptr_t)fd);
		if (!err)
			atomic_store_explicit(&owners[fd], self,
					      memory_order_relaxed);
	}
	lend__descriptor_leave(fd);
	return err;
}

int lend_keep_open(int fd)
{
	struct lend_actor *self = lend__current_actor();

	lend_assert_actor(self);
	if (fd < 0 || fd >= LEND_DESCRIPTORS_MAX)
		return -EBADF;
	if (lend__places_used())
		lend__place_forget(LEND_PLACE_DESCRIPTOR, (uintptr_t)fd);
	if (disown(fd, self))
		lend_undefer(close_own, (void *)(intptr_t)fd);
	return 0;
}

void lend__owner_forget(int fd)
{
	struct lend_actor *self = lend__current_actor(), *owner;

	if (fd >= LEND_DESCRIPTORS_MAX)
		return;
	if (lend__places_used())
		lend__place_forget(LEND_PLACE_DESCRIPTOR, (uintptr_t)fd);
	if (lend_likely(
		    !atomic_load_explicit(&owners[fd], memory_order_relaxed)))
		return;
	owner = atomic_exchange_explicit(&owners[fd], NULL,
					 memory_order_relaxed);
	/* Others find at their end that it is not theirs any more. */
	if (owner && owner == self)
		lend_undefer(close_own, (void *)(intptr_t)fd);
}
