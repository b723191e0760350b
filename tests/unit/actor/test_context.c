/*
 * Goal:   a context that is resumed finds its registers, its stack and its
 *         floating point values as it left them.
 * Method: two contexts on stacks of their own, or on the test's, switch to and
 *         fro with values that the compiler must keep in registers meanwhile.
 *         No fibers here: under a sanitizer, which is not told of these
 *         switches, the tests are skipped; test_fiber.c runs there.
 */
#include <stdint.h>
#include <stdio.h>

#include <criterion/criterion.h>

#include "actor/context.h"
#include "actor/fiber_sanitize.h"

static _Alignas(64) char stack[256 * 1024];
static void *main_sp;
static void *other_sp;
static uint64_t count;
static const void *seen_arg;
static uintptr_t seen_alignment;

static void skip_if_sanitized(void)
{
#if defined(LEND_FIBER_ASAN) || defined(LEND_FIBER_TSAN)
	cr_skip_test("a bare switch is hidden from the sanitizer");
#endif
}

static void start(void (*fn)(void *arg), void *arg)
{
	skip_if_sanitized();
	count = 0;
	other_sp = lend__context_prepare(stack + sizeof(stack), fn, arg);
	cr_assert_lt((uintptr_t)other_sp, (uintptr_t)stack + sizeof(stack));
	cr_assert_geq((uintptr_t)other_sp,
		      (uintptr_t)stack + sizeof(stack) - LEND_CONTEXT_SIZE_MAX);
}

static void to_other(void)
{
	lend__context_switch(&main_sp, other_sp);
}

static void to_main(void)
{
	lend__context_switch(&other_sp, main_sp);
}

static void count_for_ever(void *arg)
{
	/* An object the ABI wants at 16 bytes: movaps faults if it is not. */
	_Alignas(16) volatile char aligned[16];

	seen_arg = arg;
	seen_alignment = (uintptr_t)aligned % 16;
	for (;;) {
		count++;
		to_main();
	}
}

Test(context, starts_with_its_argument_on_an_aligned_stack)
{
	int arg;

	start(count_for_ever, &arg);
	to_other();
	cr_expect_eq(count, 1);
	cr_expect_eq(seen_arg, &arg);
	cr_expect_eq(seen_alignment, 0);
}

Test(context, starts_aligned_on_an_odd_stack_end)
{
	int arg;

	start(count_for_ever, &arg);
	other_sp = lend__context_prepare(stack + sizeof(stack) - 13,
					 count_for_ever, &arg);
	to_other();
	cr_expect_eq(seen_arg, &arg);
	cr_expect_eq(seen_alignment, 0);
}

Test(context, switches_a_million_times, .timeout = 60)
{
	start(count_for_ever, NULL);
	for (unsigned i = 0; i < 1000000; i++)
		to_other();
	cr_expect_eq(count, 1000000);
}

/*
 * More values live over the switch than there are registers for: some are in
 * callee-saved registers, some on the stack. The seed keeps the compiler from
 * knowing them.
 */
static uint64_t mix_integers(uint64_t seed, void (*go)(void))
{
	uint64_t a = seed * 3, b = seed ^ 0x5555, c = seed + 7, d = seed << 9;
	uint64_t e = ~seed, f = seed >> 3, g = seed * 31, h = seed - 11;

	for (unsigned round = 0; round < 100; round++) {
		go();
		a += b ^ round;
		b += c;
		c ^= d * 3;
		d += e;
		e ^= f + round;
		f += g;
		g ^= h;
		h += a;
	}
	return a ^ b ^ c ^ d ^ e ^ f ^ g ^ h;
}

static double mix_floats(double seed, void (*go)(void))
{
	double a = seed, b = seed * 2, c = seed + 0.25, d = seed - 3;
	double e = -seed, f = seed / 3, g = seed * seed, h = seed + 8;

	for (unsigned round = 0; round < 100; round++) {
		go();
		a = a / 2 + b;
		b = b / 2 - c;
		c = c / 2 + d;
		d = d / 2 - e;
		e = e / 2 + f;
		f = f / 2 - g;
		g = g / 2 + h;
		h = h / 2 - a;
	}
	return a + b + c + d + e + f + g + h;
}

static void go_nowhere(void)
{
}

static void mix_for_ever(void *arg)
{
	const uint64_t *seed = arg;

	for (;;) {
		mix_integers(*seed, to_main);
		mix_floats((double)*seed, to_main);
	}
}

Test(context, integer_registers_and_locals_survive)
{
	volatile uint64_t seed = 0x123456789abcdef;
	uint64_t other_seed = 0xfedcba987654321;

	start(mix_for_ever, &other_seed);
	cr_expect_eq(mix_integers(seed, to_other),
		     mix_integers(seed, go_nowhere));
}

Test(context, floating_point_values_survive)
{
	volatile double seed = 1.75;
	uint64_t other_seed = 17;

	start(mix_for_ever, &other_seed);
	/* The same operations in the same order: equal to the last bit. */
	cr_expect(mix_floats(seed, to_other) == mix_floats(seed, go_nowhere));
}

#if defined(__x86_64__)
/* Each callee-saved register by its name, whatever the compiler does. */
static uint64_t damaged_registers(void)
{
	uint64_t damage;

	__asm__ volatile("pushq %%rbp\n\t"
			 "movq $1, %%rbx\n\t"
			 "movq $2, %%rbp\n\t"
			 "movq $3, %%r12\n\t"
			 "movq $4, %%r13\n\t"
			 "movq $5, %%r14\n\t"
			 "movq $6, %%r15\n\t"
			 "callq *%%rax\n\t"
			 "xorq $1, %%rbx\n\t"
			 "xorq $2, %%rbp\n\t"
			 "xorq $3, %%r12\n\t"
			 "xorq $4, %%r13\n\t"
			 "xorq $5, %%r14\n\t"
			 "xorq $6, %%r15\n\t"
			 "movq %%rbx, %%rax\n\t"
			 "orq %%rbp, %%rax\n\t"
			 "orq %%r12, %%rax\n\t"
			 "orq %%r13, %%rax\n\t"
			 "orq %%r14, %%rax\n\t"
			 "orq %%r15, %%rax\n\t"
			 "popq %%rbp\n\t"
			 : "=a"(damage)
			 : "a"(to_other), "D"(&main_sp), "S"(other_sp)
			 : "rbx", "rcx", "rdx", "r8", "r9", "r10", "r11", "r12",
			   "r13", "r14", "r15", "memory", "cc");
	return damage;
}

Test(context, each_callee_saved_register_survives)
{
	uint64_t other_seed = 0x0f0f0f0f0f0f0f0f;

	start(mix_for_ever, &other_seed);
	for (unsigned i = 0; i < 10; i++)
		cr_expect_eq(damaged_registers(), 0);
}
#endif

/* Suspends at the bottom of the recursion, and finds all of it again. */
static uint64_t descend(unsigned depth)
{
	volatile char frame[64];
	uint64_t below;

	frame[0] = (char)depth;
	if (depth == 0) {
		to_main();
		return 0;
	}
	below = descend(depth - 1);
	return below + (frame[0] == (char)depth);
}

static void descend_once(void *arg)
{
	const unsigned *depth = arg;

	count = descend(*depth);
	to_main();
}

Test(context, a_deep_recursion_survives)
{
	unsigned depth = 1000;

	start(descend_once, &depth);
	to_other();
	cr_assert_eq(count, 0, "it is at the bottom now");
	to_other();
	cr_expect_eq(count, depth);
}
