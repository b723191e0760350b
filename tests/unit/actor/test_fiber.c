/*
 * Goal:   fibers run when they are switched to and in no other order, go from
 *         thread to thread, end, and leave a stack that can be used again.
 *         Resuming or returning where that is a bug ends the process.
 * Method: fibers on stacks from malloc(), so that a sanitizer sees the edges.
 */
#include "actor/fiber.h"

#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#define STACK_SIZE ((size_t)256 * 1024)

struct subject {
	struct lend_fiber fiber;
	struct lend_fiber *back; /* who resumed it */
	char *stack;
	unsigned number;
	unsigned rounds;
};

static char trace[64];

static void subject_init(struct subject *subject, void (*entry)(void *arg))
{
	subject->stack = malloc(STACK_SIZE);
	cr_assert(subject->stack);
	lend__fiber_init(&subject->fiber, subject->stack,
			 subject->stack + STACK_SIZE, entry, subject);
}

static void subject_fini(struct subject *subject)
{
	lend__fiber_fini(&subject->fiber);
	free(subject->stack);
}

static void resume(struct subject *subject, struct lend_fiber *self)
{
	subject->back = self;
	lend__fiber_switch(self, &subject->fiber);
}

static void pause_subject(struct subject *subject)
{
	lend__fiber_switch(&subject->fiber, subject->back);
}

static void note(char what)
{
	size_t length = strlen(trace);

	cr_assert_lt(length, sizeof(trace) - 1);
	trace[length] = what;
}

static void run_rounds(void *arg)
{
	struct subject *self = arg;

	while (self->rounds--) {
		note((char)('a' + self->number));
		pause_subject(self);
	}
	note((char)('A' + self->number));
	lend__fiber_switch_last(&self->fiber, self->back);
}

Test(fiber, several_run_in_the_order_they_are_resumed)
{
	static const char order[] = "abcabcaABC";
	struct subject subjects[3] = { 0 };
	struct lend_fiber self;

	lend__fiber_adopt_thread(&self);
	for (unsigned i = 0; i < 3; i++) {
		subjects[i].number = i;
		subjects[i].rounds = i == 0 ? 3 : 2;
		subject_init(&subjects[i], run_rounds);
	}
	for (unsigned i = 0; order[i]; i++)
		resume(&subjects[(order[i] | 32) - 'a'], &self);
	cr_expect_str_eq(trace, order);
	for (unsigned i = 0; i < 3; i++)
		subject_fini(&subjects[i]);
	lend__fiber_release_thread(&self);
}

Test(fiber, one_that_never_ran_can_be_finished)
{
	struct subject subject = { 0 };

	subject_init(&subject, run_rounds);
	subject_fini(&subject);
	cr_expect_str_eq(trace, "");
}

/* Leaves a big frame behind: stale red zones, when a sanitizer is there. */
static void end_in_a_deep_frame(void *arg)
{
	struct subject *self = arg;
	char frame[8192];

	snprintf(frame, sizeof(frame), "%u", self->number);
	note(frame[0]);
	lend__fiber_switch_last(&self->fiber, self->back);
}

static void use_whole_stack(void *arg)
{
	struct subject *self = arg;
	char *end = (char *)__builtin_frame_address(0) - 4096;

	memset(self->stack, 0x5a, (size_t)(end - self->stack));
	note('u');
	lend__fiber_switch_last(&self->fiber, self->back);
}

Test(fiber, the_stack_of_an_ended_one_can_be_used_again)
{
	struct subject subject = { .number = 7 };
	struct lend_fiber self;

	lend__fiber_adopt_thread(&self);
	subject_init(&subject, end_in_a_deep_frame);
	resume(&subject, &self);
	for (unsigned i = 0; i < 10; i++) {
		lend__fiber_fini(&subject.fiber);
		lend__fiber_init(&subject.fiber, subject.stack,
				 subject.stack + STACK_SIZE,
				 i % 2 ? use_whole_stack : end_in_a_deep_frame,
				 &subject);
		resume(&subject, &self);
	}
	cr_expect_str_eq(trace, "77u7u7u7u7u");
	subject_fini(&subject);
	lend__fiber_release_thread(&self);
}

Test(fiber, one_resumes_another_directly)
{
	struct subject first = { .number = 0, .rounds = 1 };
	struct subject second = { .number = 1, .rounds = 1 };
	struct lend_fiber self;

	lend__fiber_adopt_thread(&self);
	subject_init(&first, run_rounds);
	subject_init(&second, run_rounds);
	/* We start the first, it "goes back" to the second, that to us. */
	first.back = &second.fiber;
	second.back = &self;
	lend__fiber_switch(&self, &first.fiber);
	cr_expect_str_eq(trace, "ab");
	lend__fiber_switch(&self, &second.fiber);
	first.back = &self;
	lend__fiber_switch(&self, &first.fiber);
	cr_expect_str_eq(trace, "abBA");
	subject_fini(&first);
	subject_fini(&second);
	lend__fiber_release_thread(&self);
}

static double harmonic(struct subject *self)
{
	double sum = 0;

	while (self->rounds) {
		sum += 1.0 / self->rounds--;
		pause_subject(self);
	}
	return sum;
}

static double harmonic_result;

static void run_harmonic(void *arg)
{
	struct subject *self = arg;

	harmonic_result = harmonic(self);
	lend__fiber_switch_last(&self->fiber, self->back);
}

static void *resume_on_a_new_thread(void *arg)
{
	struct lend_fiber self;

	lend__fiber_adopt_thread(&self);
	resume(arg, &self);
	lend__fiber_release_thread(&self);
	return NULL;
}

Test(fiber, one_is_resumed_by_thread_after_thread)
{
	enum { ROUNDS = 20 };
	struct subject subject = { .rounds = ROUNDS };
	double expected = 0;

	subject_init(&subject, run_harmonic);
	for (unsigned i = 0; i < ROUNDS + 1; i++) {
		pthread_t thread;

		cr_assert_eq(pthread_create(&thread, NULL,
					    resume_on_a_new_thread, &subject),
			     0);
		cr_assert_eq(pthread_join(thread, NULL), 0);
	}
	for (unsigned i = ROUNDS; i > 0; i--)
		expected += 1.0 / i;
	cr_expect(harmonic_result == expected);
	subject_fini(&subject);
}

static void return_at_once(void *arg)
{
	(void)arg;
}

Test(fiber, an_entry_that_returns_is_a_panic, .signal = SIGABRT)
{
	struct subject subject = { 0 };
	struct lend_fiber self;

	lend__fiber_adopt_thread(&self);
	subject_init(&subject, return_at_once);
	resume(&subject, &self);
}

Test(fiber, one_resumed_after_its_last_switch_is_a_panic, .signal = SIGABRT)
{
	struct subject subject = { 0 };
	struct lend_fiber self;

	lend__fiber_adopt_thread(&self);
	subject_init(&subject, run_rounds);
	subject.rounds = 0;
	resume(&subject, &self);
	resume(&subject, &self);
}

static void finish_oneself(void *arg)
{
	struct subject *self = arg;

	lend__fiber_fini(&self->fiber);
}

Test(fiber, finishing_one_that_runs_is_a_panic, .signal = SIGABRT)
{
	struct subject subject = { 0 };
	struct lend_fiber self;

	lend__fiber_adopt_thread(&self);
	subject_init(&subject, finish_oneself);
	resume(&subject, &self);
}

Test(fiber, a_stack_too_small_is_a_panic, .signal = SIGABRT)
{
	static _Alignas(16) char small[LEND_FIBER_STACK_SIZE_MIN];
	struct lend_fiber fiber;

	lend__fiber_init(&fiber, small, small + sizeof(small) - 16,
			 return_at_once, NULL);
}
