/*
 * The first frame of a context for x86-64; see context.h.
 */

/* Jumped to by lend__context_switch(); at the stack pointer is a struct
 * lend_context_first. Its caller is undefined: that is where a backtrace
 * ends. */
	.text
	.globl	lend__context_start
	.hidden	lend__context_start
	.type	lend__context_start, @function
	.balign	16
lend__context_start:
	.cfi_startproc
	.cfi_undefined %rip
#if defined(__CET__) && (__CET__ & 1)
	endbr64
#endif
	movq	8(%rsp), %rdi
	callq	*(%rsp)
	/* fn() does not return; the trap also keeps the return address inside
	 * of this function, where an unwinder looks for it. */
	ud2
	.cfi_endproc
	.size	lend__context_start, . - lend__context_start

	.section .note.GNU-stack, "", @progbits
