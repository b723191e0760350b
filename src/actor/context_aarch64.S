/*
 * The first frame of a context for aarch64; see context.h.
 */

/* Branched to by lend__context_switch(); at the stack pointer is a struct
 * lend_context_first. Its caller is undefined: that is where a backtrace
 * ends. */
	.text
	.globl	lend__context_start
	.hidden	lend__context_start
	.type	lend__context_start, %function
	.balign	16
lend__context_start:
	.cfi_startproc
	.cfi_undefined x30
#ifdef __ARM_FEATURE_BTI_DEFAULT
	hint	36 /* bti j */
#endif
	ldp	x1, x0, [sp]
	blr	x1
	/* fn() does not return; the trap also keeps the return address inside
	 * of this function, where an unwinder looks for it. */
	brk	#1
	.cfi_endproc
	.size	lend__context_start, . - lend__context_start

#ifdef __ARM_FEATURE_BTI_DEFAULT
	/* GNU_PROPERTY_AARCH64_FEATURE_1_AND: BTI. */
	.section .note.gnu.property, "a", %note
	.balign	8
	.long	4, 16, 5
	.asciz	"GNU"
	.long	0xc0000000, 4, 1, 0
#endif
	.section .note.GNU-stack, "", %progbits
