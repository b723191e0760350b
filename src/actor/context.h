/*
 * The context switch: what differs between processors, and nothing else. Each
 * architecture has one assembly file that defines the three symbols below; what
 * sanitizers and debuggers want to know is fiber.h's business.
 *
 * A suspended context is its stack pointer; the registers a called function
 * must preserve lie above it on its own stack. These are not among them:
 *
 * - The floating point modes (mxcsr and the x87 control word, fpcr): saving
 *   them makes a switch four times as dear. They stay with the thread, so who
 *   changes a rounding mode changes it back before it suspends.
 * - The signal mask and the shadow stack. The latter must be off, so these
 *   objects do not carry the mark that would allow the linker to turn it on.
 */
#ifndef LEND_ACTOR_CONTEXT_H
#define LEND_ACTOR_CONTEXT_H

#include <stddef.h>

/* What lend__context_prepare() may use at the top of a stack, at most. */
#define LEND_CONTEXT_SIZE_MAX 192

/*
 * Make a context that calls fn(arg) when it is switched to for the first time.
 * @fn must not return: there is nothing below it (it traps).
 *
 * @stack_high  the end of the stack, rounded down to 16 bytes
 *
 * Return: its stack pointer, for lend__context_switch().
 */
void *lend__context_prepare(void *stack_high, void (*fn)(void *arg), void *arg);

/*
 * Suspend the running context and resume the one at @sp.
 *
 * @ret_sp  where the suspended one's stack pointer goes; written before @sp is
 *          left for, when nothing of the suspended context is in use any more
 */
void lend__context_switch(void **ret_sp, void *sp);

#endif
