/*
 * Goal:   a context that is resumed finds the registers that only some
 *         processors have as it left them, where the compiler uses them.
 * Method: two contexts that each have a value of their own in one of them and
 *         switch to and fro. The switch is inline, so it is compiled here for
 *         such a processor; on another one, and with a compiler that can not
 *         do so for a part of a file, the test is skipped.
 */
#include <stdint.h>

#include <criterion/criterion.h>

#include "actor/fiber_sanitize.h"

/* A bare switch is hidden from a sanitizer, which would complain. */
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) &&         \
	!defined(LEND_FIBER_ASAN) && !defined(LEND_FIBER_TSAN)
#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw")
#define WIDE 1
#endif

#include "actor/context.h"

#ifdef WIDE

static _Alignas(64) char stack[64 * 1024];
static void *main_context, *other_context;

/* What became of a value in a mask register that lives over a switch: the
 * compiler chooses one that it takes to be safe, or saves it. */
static uint64_t keep(uint64_t value, void **from, void *to)
{
	uint64_t mask;

	__asm__ volatile("kmovq %1, %0" : "=k"(mask) : "r"(value));
	lend__context_switch(from, to);
	__asm__ volatile("" : "+k"(mask));
	return mask;
}

static void keep_for_ever(void *arg)
{
	(void)arg;
	for (;;)
		keep(UINT64_C(0xfedcba9876543210), &other_context,
		     main_context);
}

#pragma GCC pop_options
#endif

Test(context_wide, mask_registers_survive)
{
#if !defined(WIDE)
	cr_skip_test("not compiled for a processor that has them");
#else
	if (!__builtin_cpu_supports("avx512bw"))
		cr_skip_test("this processor has none");
	other_context = lend__context_prepare(stack + sizeof(stack),
					      keep_for_ever, NULL);
	for (uint64_t value = 1; value < 4; value++)
		cr_expect_eq(keep(value, &main_context, other_context), value);
#endif
}
