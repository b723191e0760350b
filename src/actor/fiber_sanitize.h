/*
 * What the sanitizers and valgrind must be told about stacks that the operating
 * system knows nothing of. The only file that calls them. Three variants of the
 * same six functions; without a sanitizer those on the path of a switch are
 * empty.
 *
 *	lend__sanitize_init()        a stack becomes a fiber's
 *	lend__sanitize_adopt()       the calling thread's stack does
 *	lend__sanitize_leave()       right before a switch, on the stack left;
 *	lend__sanitize_leave_last()  for the last time
 *	lend__sanitize_arrive()      right after it, on the stack arrived at
 *	lend__sanitize_fini()        the fiber ended or never ran
 */
#ifndef LEND_ACTOR_FIBER_SANITIZE_H
#define LEND_ACTOR_FIBER_SANITIZE_H

#include <stddef.h>

#if defined(__SANITIZE_ADDRESS__)
#define LEND_FIBER_ASAN 1
#elif defined(__SANITIZE_THREAD__)
#define LEND_FIBER_TSAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define LEND_FIBER_ASAN 1
#elif __has_feature(thread_sanitizer)
#define LEND_FIBER_TSAN 1
#endif
#endif

#if defined(LEND_FIBER_ASAN)

#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>

struct lend_fiber_sanitize {
	const void *low;
	size_t size;
	/* Frames that AddressSanitizer moved off the stack to find a use after
	 * return. They follow the fiber from thread to thread. */
	void *fake_stack;
	/* Who switched to us last, for _arrive(). */
	struct lend_fiber_sanitize *previous;
};

static inline void lend__sanitize_init(struct lend_fiber_sanitize *self,
				       void *low, void *high)
{
	self->low = low;
	self->size = (size_t)((char *)high - (char *)low);
	self->fake_stack = NULL;
	self->previous = NULL;
}

/* The bounds of a thread's stack are not known here. They become known when
 * the thread has left it, which is before anyone can switch back to it. */
static inline void lend__sanitize_adopt(struct lend_fiber_sanitize *self)
{
	*self = (struct lend_fiber_sanitize){ 0 };
}

static inline void lend__sanitize_leave(struct lend_fiber_sanitize *from,
					struct lend_fiber_sanitize *to)
{
	to->previous = from;
	__sanitizer_start_switch_fiber(&from->fake_stack, to->low, to->size);
}

static inline void lend__sanitize_leave_last(struct lend_fiber_sanitize *from,
					     struct lend_fiber_sanitize *to)
{
	to->previous = from;
	__sanitizer_start_switch_fiber(NULL, to->low, to->size);
}

/* Nobody else knows yet that @self->previous is suspended: whoever tells runs
 * on this stack, later. So its bounds can be written without a lock. */
static inline void lend__sanitize_arrive(struct lend_fiber_sanitize *self)
{
	__sanitizer_finish_switch_fiber(self->fake_stack, &self->previous->low,
					&self->previous->size);
}

/* The frames that were never left have their red zones still, which would hit
 * the next user of the memory. */
static inline void lend__sanitize_fini(struct lend_fiber_sanitize *self)
{
	__asan_unpoison_memory_region(self->low, self->size);
}

#elif defined(LEND_FIBER_TSAN)

#include <sanitizer/tsan_interface.h>

/* ThreadSanitizer (of gcc 12) has room for about 8000 fibers and threads. */
struct lend_fiber_sanitize {
	void *fiber;
	/* Written on both sides of a switch. The stack pointer that a switch
	 * saves is written by assembly, which ThreadSanitizer does not see;
	 * with this it reports a fiber that is resumed before it has left. */
	unsigned switches;
};

static inline void lend__sanitize_init(struct lend_fiber_sanitize *self,
				       void *low, void *high)
{
	(void)low;
	(void)high;
	self->fiber = __tsan_create_fiber(0);
	self->switches = 0;
}

static inline void lend__sanitize_adopt(struct lend_fiber_sanitize *self)
{
	self->fiber = __tsan_get_current_fiber();
	self->switches = 0;
}

/* Flags 0: what @from did happens before what @to does, which is true, as they
 * run on one thread, and nothing is claimed about other threads. From the call
 * to the switch proper there must be no access to memory: it would be noted as
 * @to's. Nor a return: each instrumented function notes its entry and its exit,
 * and the exit would be taken from @to's calls, which underflow. So this is
 * inlined at every optimisation level. */
__attribute__((always_inline)) static inline void
lend__sanitize_leave(struct lend_fiber_sanitize *from,
		     struct lend_fiber_sanitize *to)
{
	void *fiber = to->fiber;

	from->switches++;
	to->switches++;
	__tsan_switch_to_fiber(fiber, 0);
}

__attribute__((always_inline)) static inline void
lend__sanitize_leave_last(struct lend_fiber_sanitize *from,
			  struct lend_fiber_sanitize *to)
{
	lend__sanitize_leave(from, to);
}

static inline void lend__sanitize_arrive(struct lend_fiber_sanitize *self)
{
	(void)self;
}

static inline void lend__sanitize_fini(struct lend_fiber_sanitize *self)
{
	__tsan_destroy_fiber(self->fiber);
}

#else

#ifdef LEND_HAVE_VALGRIND
#include <valgrind/valgrind.h>
#else
#define VALGRIND_STACK_REGISTER(low, high) ((void)(low), (void)(high), 0)
#define VALGRIND_STACK_DEREGISTER(id)	   ((void)(id))
#endif

struct lend_fiber_sanitize {
	unsigned valgrind_id;
};

static inline void lend__sanitize_init(struct lend_fiber_sanitize *self,
				       void *low, void *high)
{
	self->valgrind_id = VALGRIND_STACK_REGISTER(low, high);
}

static inline void lend__sanitize_adopt(struct lend_fiber_sanitize *self)
{
	self->valgrind_id = 0;
}

static inline void lend__sanitize_leave(struct lend_fiber_sanitize *from,
					struct lend_fiber_sanitize *to)
{
	(void)from;
	(void)to;
}

static inline void lend__sanitize_leave_last(struct lend_fiber_sanitize *from,
					     struct lend_fiber_sanitize *to)
{
	(void)from;
	(void)to;
}

static inline void lend__sanitize_arrive(struct lend_fiber_sanitize *self)
{
	(void)self;
}

static inline void lend__sanitize_fini(struct lend_fiber_sanitize *self)
{
	VALGRIND_STACK_DEREGISTER(self->valgrind_id);
}

#endif

#endif
