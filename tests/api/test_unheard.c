/*
 * Goal:   K4: an operation that its actor has abandoned or cancelled ends,
 *         however often the kernel does not find it or only finds it running,
 *         and whatever the actor does meanwhile; one that ends by itself, or by
 *         its actor's end, leaves nobody who looks for it.
 * Method: the door to the kernel is wrapped by the linker: a number of
 *         cancellations is answered without the kernel's seeing them. How many
 *         were answered like that is counted, and the end of the operation
 *         waited for, whenever it comes.
 */
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "harness/harness.h"
#include "uring/sys.h"

/* ---- the door ---- */

static _Atomic unsigned deaf; /* cancellations that are not heard */
static _Atomic unsigned unheard;
static int answer; /* to those */

int __real_lend__sys_register(int fd, unsigned opcode, void *argument,
			      unsigned count);
int __wrap_lend__sys_register(int fd, unsigned opcode, void *argument,
			      unsigned count);

static bool is_heard(void)
{
	unsigned left = atomic_load(&deaf);

	while (left && !atomic_compare_exchange_weak(&deaf, &left, left - 1))
		;
	return !left;
}

/* By user_data; those by descriptor are a close's. */
int __wrap_lend__sys_register(int fd, unsigned opcode, void *argument,
			      unsigned count)
{
	const struct io_uring_sync_cancel_reg *cancel = argument;

	if (opcode == IORING_REGISTER_SYNC_CANCEL && !cancel->flags &&
	    !is_heard()) {
		atomic_fetch_add(&unheard, 1);
		return answer;
	}
	return __real_lend__sys_register(fd, opcode, argument, count);
}

/* ---- what is abandoned ---- */

#define FOR_EVER 1000000000

static int fds[2];
static char byte;

static void abandon_read(unsigned misses, int say)
{
	struct lend_pending *pending;

	atomic_store(&unheard, 0);
	answer = say;
	CHECK_EQ(lend_read_async(fds[0], &byte, 1, -1, &pending), 0);
	atomic_store(&deaf, misses);
	lend_pending_abandon(pending);
}

static void wait_until_free(size_t before)
{
	while (lend_io_used() > before)
		CHECK_EQ(lend_sleep(lend_after(100 * LEND_US)), 0);
}

/* Nobody but the caller. */
static void wait_until_alone(void)
{
	struct lend_stats stats;

	for (;;) {
		lend_stats_read(lend_runtime_current(), &stats);
		if (stats.actors == 1)
			break;
		CHECK_EQ(lend_sleep(lend_after(100 * LEND_US)), 0);
	}
}

static void check_ended(void)
{
	char got = 0;

	/* What was abandoned does not take it. */
	CHECK_EQ(write(fds[1], "x", 1), 1);
	CHECK_EQ(lend_read(fds[0], &got, 1, -1, LEND_FOREVER), 1);
	CHECK_EQ(got, 'x');
}

static void close_both(void)
{
	atomic_store(&deaf, 0);
	CHECK_EQ(lend_close(fds[0]), 0);
	CHECK_EQ(lend_close(fds[1]), 0);
}

/* More often than all workers could look twice. */
static unsigned many(void)
{
	return 3 * test_options.workers + 1;
}

static int ends_it_in_spite_of(int say)
{
	size_t before = lend_io_used();

	CHECK_EQ(pipe2(fds, O_CLOEXEC), 0);
	abandon_read(many(), say);
	wait_until_free(before);
	/* A polling thread is also asked by an SQE. */
	if (!test_options.sqpoll_idle_ms)
		CHECK_EQ(atomic_load(&unheard), many());
	check_ended();
	wait_until_alone();
	close_both();
	return 0;
}

static int not_found(void *arg)
{
	(void)arg;
	return ends_it_in_spite_of(-ENOENT);
}

/* As the kernel says it when it has waited for the end of its own thread's
 * work, for no time. */
static int found_running(void *arg)
{
	(void)arg;
	return ends_it_in_spite_of(-ETIME);
}

static int already(void *arg)
{
	(void)arg;
	return ends_it_in_spite_of(-EALREADY);
}

static int ends_by_itself(void *arg)
{
	size_t before = lend_io_used();

	(void)arg;
	CHECK_EQ(pipe2(fds, O_CLOEXEC), 0);
	abandon_read(FOR_EVER, -EALREADY);
	while (atomic_load(&unheard) < many())
		CHECK_EQ(lend_sleep(lend_after(100 * LEND_US)), 0);
	CHECK_EQ(write(fds[1], "x", 1), 1);
	wait_until_free(before);
	wait_until_alone();
	close_both();
	return 0;
}

static int leave_it(void *arg)
{
	(void)arg;
	abandon_read(many(), -ENOENT);
	return 6;
}

static int actors_end(void *arg)
{
	(void)arg;
	CHECK_EQ(pipe2(fds, O_CLOEXEC), 0);
	CHECK_EQ(test_join(test_spawn(leave_it, NULL)), 6);
	check_ended();
	wait_until_alone();
	close_both();
	return 0;
}

/* The one that was before it ends by itself, so that it is its own turn. */
static int second_of_two(void *arg)
{
	struct lend_claim_handle *claim;
	struct lend_pending *pendings[2];
	size_t before = lend_io_used();
	int first[2];
	char other;

	(void)arg;
	CHECK_EQ(pipe2(fds, O_CLOEXEC), 0);
	CHECK_EQ(pipe2(first, O_CLOEXEC), 0);
	atomic_store(&unheard, 0);
	answer = -ENOENT;
	CHECK_EQ(lend_claim(2, LEND_FOREVER, &claim), 0);
	io_uring_prep_read(lend_claim_sqe(claim, 0), first[0], &other, 1,
			   (uint64_t)-1);
	lend_claim_sqe(claim, 0)->flags |= IOSQE_IO_LINK;
	io_uring_prep_read(lend_claim_sqe(claim, 1), fds[0], &byte, 1,
			   (uint64_t)-1);
	CHECK_EQ(lend_claim_commit(claim, pendings), 0);
	atomic_store(&deaf, FOR_EVER);
	lend_pending_abandon(pendings[1]);
	while (!atomic_load(&unheard))
		CHECK_EQ(lend_sleep(lend_after(100 * LEND_US)), 0);
	CHECK_EQ(write(first[1], "x", 1), 1);
	CHECK_EQ(lend_pending_await(pendings[0], LEND_FOREVER), 1);
	lend_pending_free(pendings[0]);
	atomic_store(&deaf, 0);
	wait_until_free(before);
	check_ended();
	close_both();
	CHECK_EQ(lend_close(first[0]), 0);
	CHECK_EQ(lend_close(first[1]), 0);
	return 0;
}

/* ---- what is cancelled, and not awaited ---- */

#define NOTICE 5

static struct lend_pending *cancel_read(unsigned misses, int say)
{
	struct lend_pending *pending;

	atomic_store(&unheard, 0);
	answer = say;
	CHECK_EQ(lend_read_async(fds[0], &byte, 1, -1, &pending), 0);
	atomic_store(&deaf, misses);
	lend_pending_cancel(pending);
	return pending;
}

static void receive_notice(struct lend_pending *pending, int result)
{
	struct lend_notice notice;
	struct lend_msg *msg;

	CHECK_EQ(lend_receive(LEND_FOREVER, &msg), 0);
	CHECK_EQ(lend_msg_type(msg), NOTICE);
	memcpy(&notice, lend_msg_data(msg), sizeof(notice));
	CHECK(notice.pending == pending);
	CHECK_EQ(notice.result, result);
	lend_msg_free(msg);
}

static void hear_of(struct lend_pending *pending)
{
	lend_pending_notify(pending, NOTICE);
	receive_notice(pending, -ECANCELED);
}

static void poll_and_sleep(struct lend_pending *pending)
{
	while (!lend_pending_done(pending))
		CHECK_EQ(lend_sleep(lend_after(100 * LEND_US)), 0);
}

static void poll_and_yield(struct lend_pending *pending)
{
	while (!lend_pending_done(pending))
		CHECK_EQ(lend_yield(), 0);
}

static void await_any(struct lend_pending *pending)
{
	struct lend_pending *two[] = { NULL, pending };

	CHECK_EQ(lend_pending_await_any(two, 2, LEND_FOREVER), 1);
}

static int is_told_in_spite_of(int say, void (*wait)(struct lend_pending *))
{
	struct lend_pending *pending;
	struct lend_stats stats;

	CHECK_EQ(pipe2(fds, O_CLOEXEC), 0);
	pending = cancel_read(many(), say);
	wait(pending);
	CHECK_EQ(lend_pending_result(pending), -ECANCELED);
	if (!test_options.sqpoll_idle_ms)
		CHECK_EQ(atomic_load(&unheard), many());
	/* It needs no other's help, which might be refused. */
	lend_stats_read(lend_runtime_current(), &stats);
	CHECK_EQ(stats.spawned, 1);
	lend_pending_free(pending);
	check_ended();
	close_both();
	return 0;
}

static int notice_not_found(void *arg)
{
	(void)arg;
	return is_told_in_spite_of(-ENOENT, hear_of);
}

static int notice_running(void *arg)
{
	(void)arg;
	return is_told_in_spite_of(-ETIME, hear_of);
}

static int notice_already(void *arg)
{
	(void)arg;
	return is_told_in_spite_of(-EALREADY, hear_of);
}

/* Found, and it goes on all the same: it was about to wait elsewhere. */
static int notice_found(void *arg)
{
	struct lend_pending *pending;

	(void)arg;
	CHECK_EQ(pipe2(fds, O_CLOEXEC), 0);
	pending = cancel_read(1, 0);
	hear_of(pending);
	lend_pending_free(pending);
	close_both();
	return 0;
}

static int polled_asleep(void *arg)
{
	(void)arg;
	return is_told_in_spite_of(-ENOENT, poll_and_sleep);
}

static int polled_yielding(void *arg)
{
	(void)arg;
	return is_told_in_spite_of(-ENOENT, poll_and_yield);
}

static int any_of_them(void *arg)
{
	(void)arg;
	return is_told_in_spite_of(-ENOENT, await_any);
}

static int abandoned_later(void *arg)
{
	size_t before = lend_io_used();

	(void)arg;
	CHECK_EQ(pipe2(fds, O_CLOEXEC), 0);
	lend_pending_abandon(cancel_read(many(), -ENOENT));
	wait_until_free(before);
	if (!test_options.sqpoll_idle_ms)
		CHECK_EQ(atomic_load(&unheard), many());
	check_ended();
	wait_until_alone();
	close_both();
	return 0;
}

static _Thread_local int thread_mark;

/* Never merged with another call: a thread may have changed in between. */
__attribute__((noinline)) static uintptr_t thread_of(void)
{
	__asm__ volatile("" ::: "memory");
	return (uintptr_t)&thread_mark;
}

static int pinned_later(void *arg)
{
	uintptr_t thread = thread_of();
	struct lend_pending *pending;

	(void)arg;
	/* It is asked about on other workers meanwhile. */
	pending = cancel_read(many(), -ENOENT);
	CHECK(thread_of() == thread);
	while (!lend_pending_done(pending)) {
		CHECK_EQ(lend_sleep(lend_after(100 * LEND_US)), 0);
		CHECK(thread_of() == thread);
	}
	CHECK_EQ(lend_pending_result(pending), -ECANCELED);
	lend_pending_free(pending);
	return 0;
}

static int pinned_stay(void *arg)
{
	const struct lend_spawn_options options = {
		.joinable = true,
		.pinned = true,
	};
	lend_ref ref;

	(void)arg;
	CHECK_EQ(pipe2(fds, O_CLOEXEC), 0);
	CHECK_EQ(lend_spawn(pinned_later, NULL, &options, &ref), 0);
	CHECK_EQ(test_join(ref), 0);
	check_ended();
	close_both();
	return 0;
}

/* It is not asked about after its end. */
static int result_comes_first(void *arg)
{
	struct lend_pending *pending;

	(void)arg;
	CHECK_EQ(pipe2(fds, O_CLOEXEC), 0);
	pending = cancel_read(FOR_EVER, -EALREADY);
	while (atomic_load(&unheard) < many())
		CHECK_EQ(lend_sleep(lend_after(100 * LEND_US)), 0);
	lend_pending_notify(pending, NOTICE);
	CHECK_EQ(write(fds[1], "x", 1), 1);
	receive_notice(pending, 1);
	lend_pending_free(pending);
	close_both();
	return 0;
}

int main(int argc, char **argv)
{
	test_init(argc, argv, 60);
	test_actor("abandoned_ends_though_not_found", not_found);
	test_actor("abandoned_ends_though_found_running", found_running);
	test_actor("abandoned_ends_though_found_already", already);
	test_actor("nobody_looks_for_what_ended_by_itself", ends_by_itself);
	test_actor("nobody_looks_for_what_ended_with_its_actor", actors_end);
	test_actor("cancelled_is_told_though_not_found", notice_not_found);
	test_actor("cancelled_is_told_though_found_running", notice_running);
	test_actor("cancelled_is_told_though_found_already", notice_already);
	test_actor("cancelled_is_told_though_found_in_vain", notice_found);
	test_actor("cancelled_ends_while_its_actor_sleeps", polled_asleep);
	test_actor("cancelled_ends_while_its_actor_yields", polled_yielding);
	test_actor("cancelled_ends_while_any_is_awaited", any_of_them);
	test_actor("cancelled_then_abandoned_ends", abandoned_later);
	test_actor("cancelled_by_a_pinned_one_leaves_it_there", pinned_stay);
	test_actor("cancelled_that_comes_first_has_its_result",
		   result_comes_first);
	if (test_options.depth == 1)
		test_skip("abandoned_ends_in_its_turn", "no room for two");
	else if (test_options.sqpoll_idle_ms)
		test_skip("abandoned_ends_in_its_turn",
			  "a polling thread is also asked by an SQE");
	else
		test_actor("abandoned_ends_in_its_turn", second_of_two);
	return test_finish();
}
