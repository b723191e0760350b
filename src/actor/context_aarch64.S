/*
 * The context switch for aarch64, AAPCS64; see context.h.
 *
 * A suspended context, from its stack pointer upwards:
 *
 *	0 x19 .. x28   80 x29 (frame pointer)   88 x30 (where to go on)
 *	96 d8 .. d15   160 end
 *
 * It is left by br: ret would be predicted to go back where this very call
 * came from. Where branch targets are enforced (-mbranch-protection) br may not
 * land behind a call, but ret may, so there it is ret, and the object says that
 * it can be enforced. Nothing here signs return addresses: the callers that do
 * keep theirs on their own stacks, and this function is a leaf.
 */

#ifdef __ARM_FEATURE_BTI_DEFAULT
#define LANDING_PAD hint 34 /* bti c */
#define RESUME	    ret
#else
#define LANDING_PAD
#define RESUME	    br x30
#endif

	.macro	save_pair first, second, offset
	stp	\first, \second, [sp, #\offset]
	.cfi_rel_offset \first, \offset
	.cfi_rel_offset \second, \offset + 8
	.endm

	.macro	restore_pair first, second, offset
	ldp	\first, \second, [sp, #\offset]
	.cfi_restore \first
	.cfi_restore \second
	.endm

	.macro	function name
	.globl	\name
	.hidden	\name
	.type	\name, %function
	.balign	16
\name:
	.endm

	.text

/* void lend__context_switch(void **ret_sp, void *sp) */
	function lend__context_switch
	.cfi_startproc
	LANDING_PAD
	sub	sp, sp, #160
	.cfi_adjust_cfa_offset 160
	save_pair x19, x20, 0
	save_pair x21, x22, 16
	save_pair x23, x24, 32
	save_pair x25, x26, 48
	save_pair x27, x28, 64
	save_pair x29, x30, 80
	save_pair d8, d9, 96
	save_pair d10, d11, 112
	save_pair d12, d13, 128
	save_pair d14, d15, 144
	mov	x2, sp
	str	x2, [x0]
	/* Both stacks look the same here, so an unwinder that looks at the
	 * stack pointer finds the one or the other caller, never a mixture. */
	mov	sp, x1
	restore_pair x19, x20, 0
	restore_pair x21, x22, 16
	restore_pair x23, x24, 32
	restore_pair x25, x26, 48
	restore_pair x27, x28, 64
	restore_pair x29, x30, 80
	restore_pair d8, d9, 96
	restore_pair d10, d11, 112
	restore_pair d12, d13, 128
	restore_pair d14, d15, 144
	add	sp, sp, #160
	.cfi_adjust_cfa_offset -160
	RESUME
	.cfi_endproc
	.size	lend__context_switch, . - lend__context_switch

/* void *lend__context_prepare(void *stack_high, void (*fn)(void *), void *arg)
 */
	function lend__context_prepare
	.cfi_startproc
	LANDING_PAD
	and	x0, x0, #-16
	sub	x0, x0, #160
	adr	x3, context_start
	stp	x1, x2, [x0, #0]
	stp	xzr, xzr, [x0, #16]
	stp	xzr, xzr, [x0, #32]
	stp	xzr, xzr, [x0, #48]
	stp	xzr, xzr, [x0, #64]
	/* A walk along frame pointers ends at 0. */
	stp	xzr, x3, [x0, #80]
	stp	xzr, xzr, [x0, #96]
	stp	xzr, xzr, [x0, #112]
	stp	xzr, xzr, [x0, #128]
	stp	xzr, xzr, [x0, #144]
	ret
	.cfi_endproc
	.size	lend__context_prepare, . - lend__context_prepare

/* The first frame of every context, reached from lend__context_switch(). Its
 * caller is undefined: that is where a backtrace ends. */
	.type	context_start, %function
	.balign	16
context_start:
	.cfi_startproc
	.cfi_undefined x30
	mov	x0, x20
	blr	x19
	/* fn() does not return; the trap also keeps the return address inside
	 * of this function, where an unwinder looks for it. */
	brk	#1
	.cfi_endproc
	.size	context_start, . - context_start

#ifdef __ARM_FEATURE_BTI_DEFAULT
	/* GNU_PROPERTY_AARCH64_FEATURE_1_AND: BTI. */
	.section .note.gnu.property, "a", %note
	.balign	8
	.long	4, 16, 5
	.asciz	"GNU"
	.long	0xc0000000, 4, 1, 0
#endif
	.section .note.GNU-stack, "", %progbits
