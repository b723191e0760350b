/*
 * The floating point modes of a thread: rounding, what is trapped, whether
 * denormal numbers are zeros. A switch leaves them alone, see context.h; an
 * actor that has asked for it keeps its own: lend_keep_fp_modes().
 */
#ifndef LEND_ACTOR_FP_MODES_H
#define LEND_ACTOR_FP_MODES_H

#include <stdint.h>

#if defined(__x86_64__)

struct lend_fp_modes {
	uint32_t sse; /* with what exceptions have been noted */
	uint16_t x87;
};

static inline void lend__fp_modes_read(struct lend_fp_modes *modes)
{
	__asm__ volatile("stmxcsr %0\n\tfnstcw %1"
			 : "=m"(modes->sse), "=m"(modes->x87)
			 :
			 : "memory");
}

static inline void lend__fp_modes_write(const struct lend_fp_modes *modes)
{
	__asm__ volatile("ldmxcsr %0\n\tfldcw %1"
			 :
			 : "m"(modes->sse), "m"(modes->x87)
			 : "memory");
}

#else

struct lend_fp_modes {
	uint64_t fpcr;
};

static inline void lend__fp_modes_read(struct lend_fp_modes *modes)
{
	__asm__ volatile("mrs %0, fpcr" : "=r"(modes->fpcr) : : "memory");
}

static inline void lend__fp_modes_write(const struct lend_fp_modes *modes)
{
	__asm__ volatile("msr fpcr, %0" : : "r"(modes->fpcr) : "memory");
}

#endif

#endif
