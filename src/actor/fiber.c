/*
 * Beginning and end of fibers; the switch itself is inline in fiber.h. Called
 * by the actors and by the workers, and knows neither.
 */
#include "actor/fiber.h"

#include <stdint.h>

/* At the top of a fiber's stack, for its first moments. */
struct fiber_start {
	struct lend_fiber *fiber;
	void (*entry)(void *arg);
	void *arg;
};

static_assert(sizeof(struct fiber_start) + LEND_CONTEXT_SIZE_MAX <=
		      LEND_FIBER_STACK_SIZE_MIN / 2,
	      "the smallest stack has room for the first frame and more");

/* The outermost function of every fiber, called by the assembly trampoline. */
LEND_NORETURN static void fiber_main(void *address)
{
	const struct fiber_start *start = address;

	lend__sanitize_arrive(&start->fiber->sanitize);
	start->entry(start->arg);
	lend_panic("the entry of fiber %p returned", (void *)start->fiber);
}

void lend__fiber_init(struct lend_fiber *fiber, void *stack_low,
		      void *stack_high, void (*entry)(void *arg), void *arg)
{
	uintptr_t high = (uintptr_t)stack_high & ~(uintptr_t)15;
	struct fiber_start *start;

	lend_assert(high >= (uintptr_t)stack_low + LEND_FIBER_STACK_SIZE_MIN);
	lend_assert(entry);

	lend__sanitize_init(&fiber->sanitize, stack_low, stack_high);
	start = (struct fiber_start *)high - 1;
	*start = (struct fiber_start){
		.fiber = fiber,
		.entry = entry,
		.arg = arg,
	};
	fiber->context = lend__context_prepare(start, fiber_main, start);
	lend_assert((char *)fiber->context >=
		    (char *)start - LEND_CONTEXT_SIZE_MAX);
}

void lend__fiber_adopt_thread(struct lend_fiber *fiber)
{
	fiber->context = NULL;
	lend__sanitize_adopt(&fiber->sanitize);
}

void lend__fiber_release_thread(struct lend_fiber *fiber)
{
	/* Suspended, it would be released from a stack that is not its own,
	 * and its thread could never go on. */
	lend_assert(!fiber->context);
}

void lend__fiber_switch_last(struct lend_fiber *from, struct lend_fiber *to)
{
	void *context = to->context;

	lend_assert(from != to && !from->context);
	lend_assert(context);
	to->context = NULL;
	lend__sanitize_leave_last(&from->sanitize, &to->sanitize);
	/* The registers are saved for nothing; it costs a nanosecond, and a
	 * mistaken resume ends in a message instead of in the woods. */
	lend__context_switch(&from->context, context);
	lend_panic("fiber %p was resumed after its last switch", (void *)from);
}

void lend__fiber_fini(struct lend_fiber *fiber)
{
	/* A running fiber has no context, and would lose the stack it stands
	 * on. */
	lend_assert(fiber->context);
	lend__sanitize_fini(&fiber->sanitize);
	fiber->context = NULL;
}
