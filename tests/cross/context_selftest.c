/*
 * The properties of tests/unit/actor and tests/unit/mem/test_stack.c that
 * depend on the processor, as a program that needs nothing but the C library:
 * for architectures that are only at hand as a cross compiler and an emulator.
 *
 * Goal:   what is suspended is resumed as it was, on any thread; stacks are
 *         guarded.
 * Method: compare computations that are interrupted by switches with the same
 *         computations without. Prints each failure and one line of totals.
 */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "actor/fiber.h"
#include "mem/stack.h"

#define SLOT ((size_t)64 * 1024)

static unsigned passed;
static unsigned failed;

#define expect(condition)                                                      \
	do {                                                                   \
		if (condition) {                                               \
			passed++;                                              \
		} else {                                                       \
			failed++;                                              \
			printf("%s:%d: not so: %s\n", __FILE__, __LINE__,      \
			       #condition);                                    \
		}                                                              \
	} while (0)

struct subject {
	struct lend_fiber fiber;
	struct lend_fiber *back; /* who resumed it */
	void (*run)(struct subject *self);
	char number;
	unsigned rounds;
	uint64_t integer;
	double real;
};

static struct lend_stacks stacks;
static char trace[16];
static unsigned trace_length;

static void entry(void *arg)
{
	struct subject *self = arg;

	self->run(self);
	lend__fiber_switch_last(&self->fiber, self->back);
}

static void subject_init(struct subject *subject, unsigned slot,
			 void (*run)(struct subject *self))
{
	int error = lend__stacks_prepare(&stacks, slot);

	expect(error == 0);
	subject->run = run;
	lend__fiber_init(&subject->fiber, lend__stacks_low(&stacks, slot),
			 lend__stacks_high(&stacks, slot), entry, subject);
}

static void resume(struct subject *subject, struct lend_fiber *self)
{
	subject->back = self;
	lend__fiber_switch(self, &subject->fiber);
}

static void pause_subject(struct subject *subject)
{
	/* Without a subject: the same computation, uninterrupted. */
	if (subject)
		lend__fiber_switch(&subject->fiber, subject->back);
}

/* Eight values that live over the switch: x19 to x28, or rbx to r15 and the
 * stack. Not inlined, so that both uses are the same instructions. */
__attribute__((noinline)) static uint64_t mix_integers(uint64_t seed,
						       struct subject *self)
{
	uint64_t a = seed * 3, b = seed ^ 0x5555, c = seed + 7, d = seed << 9;
	uint64_t e = ~seed, f = seed >> 3, g = seed * 31, h = seed - 11;

	for (unsigned round = 0; round < 100; round++) {
		pause_subject(self);
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

/* Eight of them: d8 to d15, or the stack. */
__attribute__((noinline)) static double mix_floats(double seed,
						   struct subject *self)
{
	double a = seed, b = seed * 2, c = seed + 0.25, d = seed - 3;
	double e = -seed, f = seed / 3, g = seed * seed, h = seed + 8;

	for (unsigned round = 0; round < 100; round++) {
		pause_subject(self);
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

static void run_mix(struct subject *self)
{
	self->integer = mix_integers(self->integer, self);
	self->real = mix_floats(self->real, self);
	self->rounds = 0;
}

static void test_registers(void)
{
	struct subject one = { .integer = 0x123456789, .real = 1.75 };
	struct subject two = { .integer = 0xfedcba987, .real = -3.5 };
	struct lend_fiber self;

	lend__fiber_adopt_thread(&self);
	one.rounds = two.rounds = 1;
	subject_init(&one, 0, run_mix);
	subject_init(&two, 1, run_mix);
	while (one.rounds || two.rounds) {
		if (one.rounds)
			resume(&one, &self);
		if (two.rounds)
			resume(&two, &self);
	}
	/* The same operations in the same order: equal to the last bit. */
	expect(one.integer == mix_integers(0x123456789, NULL));
	expect(two.integer == mix_integers(0xfedcba987, NULL));
	expect(one.real == mix_floats(1.75, NULL));
	expect(two.real == mix_floats(-3.5, NULL));
	lend__fiber_fini(&one.fiber);
	lend__fiber_fini(&two.fiber);
	lend__fiber_release_thread(&self);
}

static void run_rounds(struct subject *self)
{
	while (self->rounds--) {
		if (trace_length < sizeof(trace))
			trace[trace_length++] = self->number;
		self->integer++;
		pause_subject(self);
	}
}

static void test_a_million_switches(void)
{
	struct subject subject = { .rounds = 1000000 };
	struct lend_fiber self;

	lend__fiber_adopt_thread(&self);
	subject_init(&subject, 0, run_rounds);
	for (unsigned i = 0; i < 1000001; i++)
		resume(&subject, &self);
	expect(subject.integer == 1000000);
	lend__fiber_fini(&subject.fiber);
	lend__fiber_release_thread(&self);
}

static void test_order(void)
{
	static const char order[] = "abcacbbac";
	struct subject subjects[3] = { 0 };
	struct lend_fiber self;
	unsigned wrong = 0;

	lend__fiber_adopt_thread(&self);
	trace_length = 0;
	for (unsigned i = 0; i < 3; i++) {
		subjects[i].number = (char)('a' + i);
		subjects[i].rounds = 3;
		subject_init(&subjects[i], i, run_rounds);
	}
	for (unsigned i = 0; order[i]; i++)
		resume(&subjects[order[i] - 'a'], &self);
	expect(trace_length == sizeof(order) - 1);
	for (unsigned i = 0; i < trace_length; i++)
		wrong += trace[i] != order[i];
	expect(wrong == 0);
	for (unsigned i = 0; i < 3; i++) {
		resume(&subjects[i], &self);
		lend__fiber_fini(&subjects[i].fiber);
	}
	lend__fiber_release_thread(&self);
}

/* Suspends at the bottom of the recursion, and finds all of it again. */
__attribute__((noinline)) static unsigned descend(unsigned depth,
						  struct subject *self)
{
	volatile char frame[32];
	unsigned below;

	frame[0] = (char)depth;
	if (depth == 0) {
		pause_subject(self);
		return 0;
	}
	below = descend(depth - 1, self);
	return below + (frame[0] == (char)depth);
}

static void run_descend(struct subject *self)
{
	self->integer = descend(self->rounds, self);
}

static void test_deep_recursion(void)
{
	struct subject subject = { .rounds = 200, .integer = 1 };
	struct lend_fiber self;

	lend__fiber_adopt_thread(&self);
	subject_init(&subject, 0, run_descend);
	resume(&subject, &self);
	expect(subject.integer == 1);
	resume(&subject, &self);
	expect(subject.integer == 200);
	lend__fiber_fini(&subject.fiber);
	lend__fiber_release_thread(&self);
}

static void *resume_on_a_new_thread(void *arg)
{
	struct subject *subject = arg;
	struct lend_fiber self;

	lend__fiber_adopt_thread(&self);
	/* Odd, so that the thread changes at every place of the computation. */
	for (unsigned i = 0; i < 7 && subject->rounds; i++)
		resume(subject, &self);
	lend__fiber_release_thread(&self);
	return NULL;
}

static void test_migration(void)
{
	struct subject subject = { .rounds = 1, .integer = 99, .real = 0.5 };

	subject_init(&subject, 0, run_mix);
	while (subject.rounds) {
		pthread_t thread;

		if (pthread_create(&thread, NULL, resume_on_a_new_thread,
				   &subject))
			break;
		pthread_join(thread, NULL);
	}
	expect(subject.rounds == 0);
	expect(subject.integer == mix_integers(99, NULL));
	expect(subject.real == mix_floats(0.5, NULL));
	lend__fiber_fini(&subject.fiber);
}

static sigjmp_buf after_fault;
static void *volatile fault_address;

static void catch_fault(int number, siginfo_t *info, void *context)
{
	(void)number;
	(void)context;
	fault_address = info->si_addr;
	siglongjmp(after_fault, 1);
}

static bool write_faults(char *address)
{
	if (sigsetjmp(after_fault, 1))
		return true;
	*(volatile char *)address = 1;
	return false;
}

static void test_guard(void)
{
	struct sigaction action = {
		.sa_sigaction = catch_fault,
		.sa_flags = SA_SIGINFO,
	};
	struct sigaction saved;
	struct lend_stack stack = lend__stacks_at(&stacks, 2);
	char *low = stack.low;

	expect(sigaction(SIGSEGV, &action, &saved) == 0);
	expect(lend__stacks_prepare(&stacks, 2) == 0);
	expect(!write_faults(low));
	expect(write_faults(low - 1));
	expect(fault_address == low - 1);
	expect(lend__stack_guards(&stack, fault_address));
	lend__stacks_trim(&stacks, 2, lend__stacks_high(&stacks, 2));
	expect(*low == 0);
	expect(write_faults(low - 1));
	sigaction(SIGSEGV, &saved, NULL);
}

int main(void)
{
	if (lend__stacks_init(&stacks, 3, SLOT)) {
		printf("no address space for three stacks\n");
		return EXIT_FAILURE;
	}
	test_registers();
	test_a_million_switches();
	test_order();
	test_deep_recursion();
	test_migration();
	test_guard();
	lend__stacks_fini(&stacks);
	printf("%u passed, %u failed\n", passed, failed);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
