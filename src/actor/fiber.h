/*
 * A fiber: a stack and the place where it was left. Only the mechanism; what
 * runs when is the scheduler's business, where the stack comes from is
 * mem/stack.h's.
 *
 * Who may do what: a fiber is running on one thread, or suspended. A suspended
 * one may be resumed by any thread, so it must not become known to others
 * before it has been left; whoever publishes it runs on the stack that was
 * switched to. The caller provides that ordering, as for any other memory that
 * passes between threads.
 *
 * Note [thread-locals and fibers]: a function that calls lend__fiber_switch()
 * may go on on another thread, but the compiler does not know. It may keep the
 * address of a thread-local variable, errno included, from before the switch.
 * So such a function touches none, not even through one that may be inlined.
 */
#ifndef LEND_ACTOR_FIBER_H
#define LEND_ACTOR_FIBER_H

#include <assert.h>
#include <stddef.h>

#include <lend/base.h>

#include "actor/context.h"
#include "actor/fiber_sanitize.h"
#include "base/check.h"

/* The least that a fiber's stack may have; entry() wants much more. */
#define LEND_FIBER_STACK_SIZE_MIN 1024

/* Must not move from init on: its own stack has its address. */
struct lend_fiber {
	/* [owner: whoever may resume it] NULL while it runs: one that is
	 * resumed a second time faults at once, at address 0, instead of
	 * running twice on one stack. */
	void *context;
	struct lend_fiber_sanitize sanitize;
};

static_assert(sizeof(struct lend_fiber) <= 48,
	      "a fiber is part of the actor's record, which shares a page");

/*
 * Make a fiber that calls entry(arg) when it is first switched to.
 *
 * @stack_low   the first byte of its stack
 * @stack_high  the end of its stack, rounded down to 16 bytes; at least
 *              LEND_FIBER_STACK_SIZE_MIN above @stack_low
 * @entry       ends by lend__fiber_switch_last(); to return is a panic
 *
 * Thread:    any
 * Ownership: the stack is lent until lend__fiber_fini()
 */
void lend__fiber_init(struct lend_fiber *fiber, void *stack_low,
		      void *stack_high, void (*entry)(void *arg), void *arg);

/*
 * Make the calling thread's own stack a fiber that runs, so that it can be
 * switched from and back to. To be resumed on this thread only.
 */
void lend__fiber_adopt_thread(struct lend_fiber *fiber);

/* The opposite, on the same thread and stack. */
void lend__fiber_release_thread(struct lend_fiber *fiber);

/*
 * Suspend @from, which is running here, and resume @to, which is suspended.
 * Returns when someone switches to @from, perhaps on another thread: see Note
 * [thread-locals and fibers].
 *
 * Inline: Note [inline switch] in context.h.
 */
static inline void lend__fiber_switch(struct lend_fiber *from,
				      struct lend_fiber *to)
{
	void *context = to->context;

	lend_debug_assert(from != to && !from->context);
	lend_debug_assert(context);
	to->context = NULL;
	lend__sanitize_leave(&from->sanitize, &to->sanitize);
	lend__context_switch(&from->context, context);
	lend__sanitize_arrive(&from->sanitize);
}

/* Where its stack was left, as a hint: it may run by now, or be another's.
 * Thread: any. */
static inline const void *lend__fiber_left_at(const struct lend_fiber *fiber)
{
	return __atomic_load_n(&fiber->context, __ATOMIC_RELAXED);
}

/*
 * Leave @from, which is running here, for ever, and resume @to, which then
 * calls lend__fiber_fini(from). To resume @from again is a panic.
 */
LEND_NORETURN void lend__fiber_switch_last(struct lend_fiber *from,
					   struct lend_fiber *to);

/*
 * Take the stack back. On another stack, after lend__fiber_switch_last() or
 * before a first run; a fiber that is suspended half-way has no end.
 */
void lend__fiber_fini(struct lend_fiber *fiber);

#endif
