/*
 * Blocks with a deadline and sections without cancellation: see
 * include/lend/scope.h. Both are words of the actor's record, saved by the
 * caller; lend__actor_judge() makes one flag of them.
 */
#include <errno.h>
#include <lend/scope.h>

#include "actor/actor.h"
#include "base/check.h"
#include "rt/current.h"
#include "rt/misuse.h"

uint64_t lend_deadline(void)
{
	struct lend_actor *self = lend__current_actor();

	lend_assert_actor(self);
	return self->deadline;
}

uint64_t lend_deadline_push(uint64_t deadline)
{
	struct lend_actor *self = lend__current_actor();
	uint64_t before;

	lend_assert_actor(self);
	before = self->deadline;
	if (deadline < before)
		lend__actor_limit(self, deadline);
	return before;
}

int lend_deadline_pop(uint64_t before)
{
	struct lend_actor *self = lend__current_actor();

	lend_assert_actor(self);
	lend_assert(before >= self->deadline);
	return lend__actor_limit(self, before) ? -ETIMEDOUT : 0;
}

uint64_t lend_uncancellable_begin(void)
{
	struct lend_actor *self = lend__current_actor();
	uint64_t before;

	lend_assert_actor(self);
	before = self->deadline;
	lend_assert(self->uncancellable < UINT16_MAX);
	self->uncancellable++;
	lend__actor_limit(self, LEND_FOREVER);
	return before;
}

void lend_uncancellable_end(uint64_t before)
{
	struct lend_actor *self = lend__current_actor();

	lend_assert_actor(self);
	lend_assert(self->uncancellable);
	self->uncancellable--;
	lend__actor_limit(self, before);
}
