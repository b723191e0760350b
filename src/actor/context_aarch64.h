/*
 * The context switch for aarch64, AAPCS64; see context.h.
 *
 * It is left by br: ret would be predicted to go where the last call came from.
 * Where branch targets are enforced (-mbranch-protection) a place that br goes
 * to needs a mark, which is no instruction elsewhere. Return addresses that are
 * signed stay on their callers' stacks.
 */
#ifndef LEND_ACTOR_CONTEXT_AARCH64_H
#define LEND_ACTOR_CONTEXT_AARCH64_H

#ifdef __ARM_FEATURE_BTI_DEFAULT
#define LEND_CONTEXT_TARGET "hint 36" /* bti j */
#else
#define LEND_CONTEXT_TARGET ""
#endif

/* The vectors themselves are the wide halves of v0 to v31. */
#ifdef __ARM_FEATURE_SVE
#define LEND_CONTEXT_WIDE                                                      \
	, "p0", "p1", "p2", "p3", "p4", "p5", "p6", "p7", "p8", "p9", "p10",   \
		"p11", "p12", "p13", "p14", "p15"
#else
#define LEND_CONTEXT_WIDE
#endif

__attribute__((always_inline)) static inline void
lend__context_switch(void **ret_context, void *context)
{
	struct lend_context self;
	register struct lend_context *from __asm__("x0") = &self;
	register void *to __asm__("x1") = context;
	register void **ret __asm__("x2") = ret_context;

	__asm__ volatile("adr x3, 1f\n\t"
			 "mov x4, sp\n\t"
			 "stp x4, x29, [%[from]]\n\t"
			 "str x3, [%[from], #16]\n\t"
			 "str %[from], [%[ret]]\n\t"
			 "ldr x3, [%[to], #16]\n\t" LEND_CONTEXT_BETWEEN(
				 "x30") "\n\t"
					"ldp x4, x29, [%[to]]\n\t"
					"mov sp, x4\n\t"
					"br x3\n"
					"1:\t" LEND_CONTEXT_ARRIVED
					"\n\t" LEND_CONTEXT_TARGET
			 : [from] "+r"(from), [to] "+r"(to), [ret] "+r"(ret)
			 :
			 : "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10",
			   "x11", "x12", "x13", "x14", "x15", "x16", "x17",
			   "x18", "x19", "x20", "x21", "x22", "x23", "x24",
			   "x25", "x26", "x27", "x28", "x30", "v0", "v1", "v2",
			   "v3", "v4", "v5", "v6", "v7", "v8", "v9", "v10",
			   "v11", "v12", "v13", "v14", "v15", "v16", "v17",
			   "v18", "v19", "v20", "v21", "v22", "v23", "v24",
			   "v25", "v26", "v27", "v28", "v29", "v30", "v31",
			   "memory", "cc" LEND_CONTEXT_WIDE);
}

#endif
