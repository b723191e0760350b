/*
 * Goal:   P8: of a thread is known whether it computes or is blocked, in which
 *         call and on what, where its stack is, and what processor time it has
 *         used, whatever its name is.
 * Method: a thread that does nothing but compute, or wait for a byte; it is
 *         asked about until it is there, as nobody knows when that is.
 */
#include "rt/thread_state.h"

#include <criterion/criterion.h>
#include <lend/clock.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define NEVER (30 * LEND_S)

/* It looks like the end of the name and a state. */
static const char name[] = "a) R (b) D 1";

static int fds[2];
static _Atomic int tid;
static _Atomic bool enough;
static _Atomic uintptr_t frame;

static void begin(void)
{
	pthread_setname_np(pthread_self(), name);
	atomic_store(&frame, (uintptr_t)__builtin_frame_address(0));
	atomic_store(&tid, gettid());
}

static void *wait_for_byte(void *arg)
{
	char byte;

	begin();
	cr_assert_eq(read(fds[0], &byte, 1), 1);
	return arg;
}

static void *compute(void *arg)
{
	begin();
	while (!atomic_load(&enough))
		continue;
	return arg;
}

static pthread_t start(void *(*fn)(void *))
{
	pthread_t thread;

	cr_assert_eq(pipe(fds), 0);
	cr_assert_eq(pthread_create(&thread, NULL, fn, NULL), 0);
	while (!atomic_load(&tid))
		usleep(100);
	return thread;
}

static void end(pthread_t thread)
{
	pthread_join(thread, NULL);
	close(fds[0]);
	close(fds[1]);
}

/* It has nothing else to wait in. */
static struct lend_thread_state wait_until_blocked(void)
{
	uint64_t end_ns = lend_after(NEVER);
	struct lend_thread_state state;

	do {
		usleep(100);
		lend__thread_state_read(atomic_load(&tid), &state);
	} while ((!state.blocked || state.call != SYS_read) &&
		 lend_now() < end_ns);
	return state;
}

Test(thread_state, who_is_blocked_is_in_a_call)
{
	pthread_t thread = start(wait_for_byte);
	struct lend_thread_state state = wait_until_blocked();
	uintptr_t at = atomic_load(&frame);
	char text[96], expected[96];

	cr_expect(state.blocked);
	cr_expect_eq(state.code, 'S');
	cr_expect_eq(state.call, SYS_read);
	cr_expect_eq(state.first_argument, (unsigned)fds[0]);
	cr_expect_leq(state.sp, at + 4096);
	cr_expect_geq(state.sp, at - 65536);
	cr_expect_neq(state.pc, 0);
	cr_expect(state.pc < at - 65536 || state.pc > at + 65536,
		  "not in the code");
	snprintf(expected, sizeof(expected),
		 "is blocked in read() on descriptor %d", fds[0]);
	lend__thread_state_print(&state, text, sizeof(text));
	cr_expect_str_eq(text, expected);
	cr_expect_eq(write(fds[1], "e", 1), 1);
	end(thread);
}

/* The machine may stop it for a moment. */
Test(thread_state, who_computes_is_not_blocked)
{
	pthread_t thread = start(compute);
	uint64_t end_ns = lend_after(NEVER);
	struct lend_thread_state state;
	char text[96];

	do
		lend__thread_state_read(atomic_load(&tid), &state);
	while (state.code != 'R' && lend_now() < end_ns);
	cr_expect_eq(state.code, 'R');
	cr_expect_not(state.blocked);
	lend__thread_state_print(&state, text, sizeof(text));
	cr_expect_str_eq(text, "computes");
	atomic_store(&enough, true);
	end(thread);
}

/* Of its own, not of the process: as the C library has it in between. */
Test(thread_state, processor_time_is_a_threads)
{
	pthread_t thread = start(compute);
	uint64_t end_ns = lend_after(NEVER), before_ns, now_ns, after_ns;
	struct timespec time;
	clockid_t id;

	cr_assert_eq(pthread_getcpuclockid(thread, &id), 0);
	do {
		before_ns = lend__thread_state_cpu_ns(atomic_load(&tid));
		cr_assert_eq(clock_gettime(id, &time), 0);
		now_ns = (uint64_t)time.tv_sec * LEND_S +
			 (uint64_t)time.tv_nsec;
		after_ns = lend__thread_state_cpu_ns(atomic_load(&tid));
		cr_expect_leq(before_ns, now_ns);
		cr_expect_leq(now_ns, after_ns);
	} while (after_ns < 10 * LEND_MS && lend_now() < end_ns);
	cr_expect_geq(after_ns, 10 * LEND_MS);
	atomic_store(&enough, true);
	end(thread);
	cr_expect_eq(lend__thread_state_cpu_ns(0), 0);
}

Test(thread_state, what_is_not_known_is_not_told)
{
	struct lend_thread_state state;
	char text[96];

	/* There is no such thread. */
	lend__thread_state_read(0, &state);
	cr_expect_not(state.blocked);
	cr_expect_eq(state.call, -1);
	lend__thread_state_print(&state, text, sizeof(text));
	cr_expect_str_eq(text, "computes or blocks");

	state = (struct lend_thread_state){ .code = 'D', .blocked = true };
	state.call = -1;
	lend__thread_state_print(&state, text, sizeof(text));
	cr_expect_str_eq(text, "is blocked");
	state.call = SYS_futex;
	lend__thread_state_print(&state, text, sizeof(text));
	cr_expect_str_eq(text, "is blocked in futex()");
	state.call = 4711;
	lend__thread_state_print(&state, text, sizeof(text));
	cr_expect_str_eq(text, "is blocked in system call 4711");
}
