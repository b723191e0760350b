/*
 * The context switch: what differs between processors, and nothing else. Each
 * architecture has a header with the switch, which is inline, and an assembly
 * file with the first frame of a context; what sanitizers and debuggers want to
 * know is fiber.h's business.
 *
 * Note [inline switch]
 * A processor predicts where a return goes to by a stack of its own, of the
 * calls so far, and that knows nothing of our switch. A switch that is called
 * leaves one call too many on it: all returns of the resumed context's callers
 * are predicted one off. An inline one leaves as many as it finds, so where
 * contexts wait in the same place (all that yield, all that receive) their
 * returns are predicted. And the compiler saves just the registers that it
 * needs.
 *
 * A suspended context is the address of its struct lend_context, which lies on
 * its own stack. These are not kept:
 *
 * - The floating point modes (mxcsr and the x87 control word, fpcr): saving
 *   them makes a switch four times as dear. They stay with the thread, so who
 *   changes a rounding mode changes it back before it suspends, or asks to
 *   keep it: lend_keep_fp_modes().
 * - The signal mask and the shadow stack. The latter must be off, so the
 *   assembly does not carry the mark that would allow the linker to turn it on.
 *
 * While the stack pointer is another context's and the program counter is not
 * yet, a backtrace would mix the two: it is told to end there.
 */
#ifndef LEND_ACTOR_CONTEXT_H
#define LEND_ACTOR_CONTEXT_H

#include <stddef.h>

/* Where a context was left. Its other registers are on its stack. */
struct lend_context {
	void *sp;
	void *frame; /* pointer */
	void (*pc)(void);
};

/* Between these an unwinder finds no caller. */
#ifdef __GCC_HAVE_DWARF2_CFI_ASM
#define LEND_CONTEXT_BETWEEN(pc) ".cfi_remember_state\n\t.cfi_undefined " pc
#define LEND_CONTEXT_ARRIVED	 ".cfi_restore_state"
#else
#define LEND_CONTEXT_BETWEEN(pc) ""
#define LEND_CONTEXT_ARRIVED	 ""
#endif

/*
 * lend__context_switch(ret_context, context): suspend the running context and
 * resume @context.
 *
 * @ret_context  where the suspended one goes; written before it is left, when
 *               nothing of it is in use any more
 */
#if defined(__x86_64__)
#include "actor/context_x86_64.h"
#else
#include "actor/context_aarch64.h"
#endif

/* What lend__context_prepare() may use at the top of a stack, at most. */
#define LEND_CONTEXT_SIZE_MAX 192

/*
 * Make a context that calls fn(arg) when it is switched to for the first time.
 * @fn must not return: there is nothing below it (it traps).
 *
 * @stack_high  the end of the stack, rounded down to 16 bytes
 *
 * Return: the suspended context, for lend__context_switch().
 */
static inline void *lend__context_prepare(void *stack_high,
					  void (*fn)(void *arg), void *arg);

/* The first frame of every context. */
void lend__context_start(void);

/* What it finds at its stack pointer. */
struct lend_context_first {
	void (*fn)(void *arg);
	void *arg;
	_Alignas(16) struct lend_context context;
};

static inline void *lend__context_prepare(void *stack_high,
					  void (*fn)(void *arg), void *arg)
{
	struct lend_context_first *first =
		(struct lend_context_first *)((size_t)stack_high &
					      ~(size_t)15) -
		1;

	*first = (struct lend_context_first){
		.fn = fn,
		.arg = arg,
		.context = {
			.sp = first,
			/* A walk along frame pointers ends at NULL. */
			.frame = NULL,
			.pc = lend__context_start,
		},
	};
	return &first->context;
}

#endif
