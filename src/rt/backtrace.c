/*
 * Backtraces of stuck workers: see backtrace.h. Called by the watchdog; the
 * handler of kicks calls the answer.
 *
 * Note [backtrace]
 * One that computes is interrupted: its handler unwinds from where it was, by
 * the unwinder that C++ exceptions use. That takes no lock and no memory (since
 * glibc 2.35; before that the lock of the list of modules, which the thread may
 * take again if it has it), runs on the alternate stack, and only reads the one
 * it is about. Names are looked up by who has asked.
 *
 * One that is blocked is left alone. Most calls go on after a signal, but
 * poll(2), nanosleep(2) and others return with EINTR even so, and watching a
 * program must not change what it does. The kernel tells its stack pointer;
 * what looks like a return address above that is taken for one, if there is a
 * call in front of where it points. Where the stack is not an actor's, nothing
 * is known of how far it may be read.
 *
 * Who asks hands over the record by a pointer in the worker, and takes it back
 * if no answer comes. Whoever gets the pointer owns the record, so a handler
 * that comes late finds none.
 */
#include "rt/backtrace.h"

#include <errno.h>
#include <lend/clock.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>
#include <unwind.h>

#include "actor/actor.h"
#include "actor/registry.h"
#include "base/symbol.h"
#include "mem/stack.h"
#include "rt/runtime.h"
#include "rt/thread_state.h"
#include "rt/waiting.h"
#include "rt/worker.h"

/* For the answer: the thread may have no CPU for a while. */
#define PATIENCE_NS LEND_S

/* How far up a stack is looked through. */
#define GUESS_SIZE ((size_t)32 << 10)

/* ---- by the thread itself ---- */

struct walk {
	struct lend_backtrace *backtrace;
	uintptr_t from; /* the handler's own frames are left out; 0: passed */
};

static _Unwind_Reason_Code add_frame(struct _Unwind_Context *context, void *arg)
{
	struct walk *walk = arg;
	struct lend_backtrace *backtrace = walk->backtrace;
	uintptr_t pc = _Unwind_GetIP(context);

	if (!pc || backtrace->count == LEND_BACKTRACE_FRAMES)
		return _URC_END_OF_STACK;
	if (walk->from && pc != walk->from)
		return _URC_NO_REASON;
	walk->from = 0;
	backtrace->frames[backtrace->count++] = (void *)pc;
	return _URC_NO_REASON;
}

static uintptr_t interrupted_pc(const void *context)
{
	const ucontext_t *before = context;

#if defined(__x86_64__)
	return (uintptr_t)before->uc_mcontext.gregs[REG_RIP];
#else
	return (uintptr_t)before->uc_mcontext.pc;
#endif
}

void lend__backtrace_answer(struct lend_worker *worker, const void *context)
{
	/* Acquire [D2], paired with lend__backtrace_ask(): an empty record. */
	struct lend_backtrace *backtrace = atomic_exchange_explicit(
		&worker->backtrace, NULL, memory_order_acquire);
	struct walk walk = { .backtrace = backtrace };

	if (!backtrace)
		return;
	walk.from = interrupted_pc(context);
	_Unwind_Backtrace(add_frame, &walk);
	/* The unwinder did not come by where the thread was, so the handler was
	 * called from somewhere else, as ThreadSanitizer does it: later. */
	if (walk.from) {
		backtrace->frames[backtrace->count++] = (void *)walk.from;
		walk.from = 0;
		_Unwind_Backtrace(add_frame, &walk);
	}
	/* Release [D2], paired with is_answered(). */
	atomic_store_explicit(&backtrace->done, true, memory_order_release);
}

void lend__backtrace_prime(void)
{
	struct lend_backtrace backtrace = { .count = 0 };
	struct walk walk = { .backtrace = &backtrace };

	_Unwind_Backtrace(add_frame, &walk);
}

static void nap(void)
{
	struct timespec time = { .tv_nsec = LEND_MS };

	nanosleep(&time, NULL);
}

static bool is_answered(const struct lend_backtrace *backtrace)
{
	return atomic_load_explicit(&backtrace->done, memory_order_acquire);
}

static void clear(struct lend_backtrace *backtrace, bool guessed)
{
	backtrace->count = 0;
	backtrace->guessed = guessed;
	atomic_store_explicit(&backtrace->done, false, memory_order_relaxed);
}

int lend__backtrace_ask(struct lend_worker *stuck, int signal_number,
			struct lend_backtrace *backtrace)
{
	int tid = atomic_load_explicit(&stuck->tid, memory_order_relaxed);
	uint64_t end_ns = lend_after(PATIENCE_NS);

	if (!tid)
		return -ESRCH;
	clear(backtrace, false);
	/* Release [D2], paired with the answer. */
	atomic_store_explicit(&stuck->backtrace, backtrace,
			      memory_order_release);
	syscall(SYS_tgkill, getpid(), tid, signal_number);
	while (!is_answered(backtrace) && lend_now() < end_ns)
		nap();
	/* Acquire: if it is back, nobody has touched it. */
	if (atomic_exchange_explicit(&stuck->backtrace, NULL,
				     memory_order_acquire))
		return -ETIMEDOUT;
	/* The handler has it, and is at it. */
	while (!is_answered(backtrace))
		nap();
	return 0;
}

/* ---- from its stack ---- */

/* Does a call end right before @pc? */
__attribute__((no_sanitize("address", "thread"))) static bool
follows_call(uintptr_t pc)
{
#if defined(__x86_64__)
	const unsigned char *code = (const unsigned char *)pc;

	if (!lend__symbol_is_code((const void *)(pc - 8)) ||
	    !lend__symbol_is_code((const void *)pc))
		return false;
	if (code[-5] == 0xe8)
		return true;
	/* call *...: ff /2, by a register, or with up to five bytes more. */
	for (int back = 2; back <= 7; back++)
		if (code[-back] == 0xff && (code[1 - back] & 0x38) == 0x10)
			return true;
	return false;
#else
	const uint32_t *code = (const uint32_t *)pc - 1;

	if (pc & 3 || !lend__symbol_is_code(code))
		return false;
	/* bl, blr */
	return (*code & 0xfc000000) == 0x94000000 ||
	       (*code & 0xfffffc1f) == 0xd63f0000;
#endif
}

/* The words of a stack that is in use by somebody else. */
__attribute__((no_sanitize("address", "thread"), noinline)) static uintptr_t
peek(uintptr_t address)
{
	return *(const volatile uintptr_t *)address;
}

static void look_through(uintptr_t at, uintptr_t end,
			 struct lend_backtrace *backtrace)
{
	at = (at + 7) & ~(uintptr_t)7;
	if (at < end && end - at > GUESS_SIZE)
		end = at + GUESS_SIZE;
	for (; at < end && backtrace->count < LEND_BACKTRACE_FRAMES; at += 8) {
		uintptr_t word = peek(at);

		if (word > LEND_PAGE_SIZE && follows_call(word))
			backtrace->frames[backtrace->count++] = (void *)word;
	}
}

/* Slots stay mapped, whoever is in them by now. */
static void look_through_slot(const struct lend_registry *registry,
			      unsigned index, uintptr_t sp,
			      struct lend_backtrace *backtrace)
{
	/* Above it is the actor's record. */
	uintptr_t end = (uintptr_t)lend__registry_at(registry, index) -
			LEND_ACTOR_HOME_SIZE;

	if (sp >= (uintptr_t)lend__stacks_low(&registry->stacks, index))
		look_through(sp, end, backtrace);
}

/* A stack of its own stays as long as its actor does, hence the pin: Note [own
 * stack]. */
static void look_through_own(const struct lend_worker *worker, uintptr_t sp,
			     struct lend_backtrace *backtrace)
{
	struct lend_registry *registry = &worker->runtime->registry;
	struct lend_actor *actor = lend__waiting_pin_running(worker);
	struct lend_stack stack;

	if (!actor)
		return;
	stack = lend__registry_stack(registry, actor->index);
	if (sp >= (uintptr_t)stack.low && sp < (uintptr_t)stack.high)
		look_through(sp, (uintptr_t)stack.high, backtrace);
	lend__registry_unpin(registry, lend__actor_ref(actor));
}

void lend__backtrace_guess(const struct lend_worker *worker,
			   const struct lend_thread_state *state,
			   struct lend_backtrace *backtrace)
{
	const struct lend_registry *registry = &worker->runtime->registry;
	int index = lend__stacks_index(&registry->stacks,
				       (const void *)state->sp);

	clear(backtrace, true);
	if (state->pc)
		backtrace->frames[backtrace->count++] = (void *)state->pc;
	if (index >= 0)
		look_through_slot(registry, (unsigned)index, state->sp,
				  backtrace);
	else
		look_through_own(worker, state->sp, backtrace);
}
