/*
 * The context switch for x86-64, System V ABI; see context.h.
 *
 * It is left by jmp: a return would be predicted to go where the last call came
 * from. All registers are said to be changed, but for the frame pointer, which
 * the compiler may need to find its variables by, and the stack pointer.
 * Nothing is pushed, as below the stack pointer there may be variables (the red
 * zone).
 */
#ifndef LEND_ACTOR_CONTEXT_X86_64_H
#define LEND_ACTOR_CONTEXT_X86_64_H

/* Where branch targets are enforced a jump needs one. */
#if defined(__CET__) && (__CET__ & 1)
#define LEND_CONTEXT_TARGET "endbr64"
#else
#define LEND_CONTEXT_TARGET ""
#endif

#ifdef __AVX512F__
#define LEND_CONTEXT_WIDE                                                      \
	, "xmm16", "xmm17", "xmm18", "xmm19", "xmm20", "xmm21", "xmm22",       \
		"xmm23", "xmm24", "xmm25", "xmm26", "xmm27", "xmm28", "xmm29", \
		"xmm30", "xmm31", "k0", "k1", "k2", "k3", "k4", "k5", "k6",    \
		"k7"
#else
#define LEND_CONTEXT_WIDE
#endif

__attribute__((always_inline)) static inline void
lend__context_switch(void **ret_context, void *context)
{
	struct lend_context self;
	struct lend_context *from = &self;

	__asm__ volatile(
		"leaq 1f(%%rip), %%rcx\n\t"
		"movq %%rsp, (%[from])\n\t"
		"movq %%rbp, 8(%[from])\n\t"
		"movq %%rcx, 16(%[from])\n\t"
		"movq %[from], (%[ret])\n\t"
		"movq 16(%[to]), %%rcx\n\t" LEND_CONTEXT_BETWEEN(
			"%%rip") "\n\t"
				 "movq 8(%[to]), %%rbp\n\t"
				 "movq (%[to]), %%rsp\n\t"
				 "jmpq *%%rcx\n"
				 "1:\t" LEND_CONTEXT_ARRIVED
				 "\n\t" LEND_CONTEXT_TARGET
		: [from] "+D"(from), [to] "+S"(context), [ret] "+a"(ret_context)
		:
		: "rbx", "rcx", "rdx", "r8", "r9", "r10", "r11", "r12", "r13",
		  "r14", "r15", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5",
		  "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12",
		  "xmm13", "xmm14", "xmm15", "st", "st(1)", "st(2)", "st(3)",
		  "st(4)", "st(5)", "st(6)", "st(7)", "memory",
		  "cc" LEND_CONTEXT_WIDE);
}

#endif
