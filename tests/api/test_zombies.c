/*
 * Goal:   whatever an actor is doing when it is cancelled or ends, its memory
 *         stays until the kernel has let go of it: whoever has it next finds it
 *         untouched, and no operation is left. Rows H2, H3 and X4.
 * Method: one scenario with operations of every kind is run again and again.
 *         The door to the kernel is wrapped by the linker: at the n-th call of
 *         it, before or behind it, a thread cancels the actor; for every n
 *         until the scenario is through without it. The same with lend_exit()
 *         at each of its steps. Afterwards another actor takes its slot and
 *         fills all of its memory with a pattern; then there is data for all
 *         that the first one may have been waiting for: it must still be there,
 *         and the pattern, too. Under AddressSanitizer free spans are poisoned.
 */
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness/harness.h"
#include "uring/sys.h"

/* ---- the door, and who stands behind it ---- */

static _Atomic unsigned calls_left; /* to the one that is chosen; 0: none */
static _Atomic bool behind;
static _Atomic bool has_fired;
static _Atomic bool is_over;
static sem_t wanted, done;
static struct lend_runtime *runtime;
static lend_ref victim_ref;

/* lend_runtime_cancel() is for threads that are not workers. It outlives the
 * runtime: a worker that was chosen at the very end is still to be answered,
 * and until then that waits for it. */
static void *executioner(void *arg)
{
	(void)arg;
	for (;;) {
		while (sem_wait(&wanted))
			;
		if (atomic_load(&is_over))
			return NULL;
		lend_runtime_cancel(runtime, victim_ref);
		sem_post(&done);
	}
}

static void strike(void)
{
	atomic_store(&has_fired, true);
	sem_post(&wanted);
	while (sem_wait(&done))
		;
}

static bool is_chosen(void)
{
	unsigned left = atomic_load(&calls_left);

	while (left &&
	       !atomic_compare_exchange_weak(&calls_left, &left, left - 1))
		;
	return left == 1;
}

int __real_lend__sys_enter(int fd, unsigned to_submit, unsigned min_complete,
			   unsigned flags, void *argument, size_t size);
int __wrap_lend__sys_enter(int fd, unsigned to_submit, unsigned min_complete,
			   unsigned flags, void *argument, size_t size);

int __wrap_lend__sys_enter(int fd, unsigned to_submit, unsigned min_complete,
			   unsigned flags, void *argument, size_t size)
{
	bool chosen = is_chosen();
	int res;

	if (chosen && !atomic_load(&behind))
		strike();
	res = __real_lend__sys_enter(fd, to_submit, min_complete, flags,
				     argument, size);
	if (chosen && atomic_load(&behind))
		strike();
	return res;
}

int __real_lend__sys_register(int fd, unsigned opcode, void *argument,
			      unsigned count);
int __wrap_lend__sys_register(int fd, unsigned opcode, void *argument,
			      unsigned count);

/* Cancellations that the kernel does not act upon. */
static _Atomic bool is_deaf;
static _Atomic unsigned unheard;

int __wrap_lend__sys_register(int fd, unsigned opcode, void *argument,
			      unsigned count)
{
	bool chosen = is_chosen();
	int res;

	if (opcode == IORING_REGISTER_SYNC_CANCEL && atomic_load(&is_deaf)) {
		atomic_fetch_add(&unheard, 1);
		return -EALREADY;
	}
	if (chosen && !atomic_load(&behind))
		strike();
	res = __real_lend__sys_register(fd, opcode, argument, count);
	if (chosen && atomic_load(&behind))
		strike();
	return res;
}

/* ---- the scenario ---- */

static int pipe_fds[2], pair[2], file_fd;
static unsigned exit_at, steps;

/* Returns how an operation that should have given @good has ended: false if the
 * actor is to end. */
static bool step(long res, long good)
{
	if (exit_at && ++steps == exit_at)
		lend_exit(0);
	if (res == good)
		return true;
	CHECK_EQ(res, -ECANCELED);
	return false;
}

static bool synchronous(char *span)
{
	uint64_t soon = lend_after(200 * LEND_US);
	long res;

	if (!step(lend_write(file_fd, span, 4096, 0, LEND_FOREVER), 4096) ||
	    !step(lend_read(file_fd, span, 4096, 0, LEND_FOREVER), 4096) ||
	    !step(lend_send(pair[0], span, 512, 0, LEND_FOREVER), 512) ||
	    !step(lend_recv(pair[1], span, 512, 0, LEND_FOREVER), 512))
		return false;
	/* Deadlines, so that it is cancelled in the middle of that, too. */
	res = lend_read(pipe_fds[0], span, 4096, -1, soon);
	if (!step(res, -ETIMEDOUT))
		return false;
	soon = lend_after(200 * LEND_US);
	return step(lend_poll(pair[0], POLLIN, soon), -ETIMEDOUT);
}

static bool asynchronous(char *span)
{
	struct lend_pending *pending[3];
	long res = lend_read_async(pipe_fds[0], span, 4096, -1, &pending[0]);

	if (!step(res, 0))
		return false;
	if (!step(lend_recv_async(pair[0], span + 4096, 4096, 0, &pending[1]),
		  0))
		return false;
	if (!step(lend_recv_async(pair[1], span + 8192, 64, 0, &pending[2]), 0))
		return false;
	if (!step(lend_send(pair[0], "x", 1, 0, LEND_FOREVER), 1) ||
	    !step(lend_pending_await(pending[2], LEND_FOREVER), 1))
		return false;
	lend_pending_free(pending[2]);
	lend_pending_abandon(pending[1]);
	/* One stays in flight till the end. */
	return step(0, 0);
}

static bool direct(char *span)
{
	struct __kernel_timespec *timeout = (void *)(span + 4096);
	struct lend_claim_handle *claim;
	struct lend_pending *pending[2];
	long res;

	*timeout = (struct __kernel_timespec){ .tv_sec = 1000 };
	res = lend_claim(test_options.depth == 1 ? 1 : 2, LEND_FOREVER, &claim);
	if (!step(res, 0))
		return false;
	io_uring_prep_read(lend_claim_sqe(claim, 0), pipe_fds[0], span, 4096,
			   (uint64_t)-1);
	if (test_options.depth != 1) {
		lend_claim_sqe(claim, 0)->flags |= IOSQE_IO_LINK;
		io_uring_prep_link_timeout(lend_claim_sqe(claim, 1), timeout,
					   0);
	}
	/* Revoked: it is bound anew with the commit. */
	if (!step(lend_yield(), 0))
		return false;
	if (!step(lend_claim_commit(claim, pending), 0))
		return false;
	res = lend_pending_await(pending[0], lend_after(200 * LEND_US));
	return step(res, -ETIMEDOUT);
}

static int victim(void *arg)
{
	char *span = lend_io_alloc(16384), *other = lend_io_alloc(8192);
	struct lend_buffer buffer = { 0 };
	long res;

	(void)arg;
	if (!CHECK(span && other))
		return -1;
	memset(span, 0, 16384);
	if (!synchronous(span) || !asynchronous(span) || !direct(other))
		return 0;
	res = lend_recv_buffer(pair[1], lend_after(200 * LEND_US), &buffer);
	if (!step(res, -ETIMEDOUT))
		return 0;
	step(lend_sleep(lend_after(100 * LEND_US)), 0);
	return 0;
}

/* ---- who comes after it ---- */

#define PATTERN 0x5a

static _Atomic bool is_filled, is_written;

static bool is_pattern(const char *span, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (span[i] != PATTERN)
			return false;
	return true;
}

static int heir(void *arg)
{
	char *small[14], *large[3];
	unsigned count = 0;

	(void)arg;
	/* All of home, less what it may need for records; and the slice. */
	while (count < 14 && (small[count] = lend_io_alloc(64))) {
		memset(small[count], PATTERN, 64);
		count++;
	}
	for (int i = 0; i < 3; i++) {
		large[i] = lend_io_alloc(16384);
		memset(large[i], PATTERN, 16384);
	}
	atomic_store(&is_filled, true);
	while (!atomic_load(&is_written))
		lend_yield();
	for (int i = 0; i < 3; i++)
		CHECK(is_pattern(large[i], 16384));
	for (unsigned i = 0; i < count; i++)
		CHECK(is_pattern(small[i], 64));
	return 0;
}

/* What nobody reads any more is there for us. */
static void expect_unread(int fd)
{
	char bytes[64];

	CHECK_EQ(read(fd, bytes, sizeof(bytes)), 3);
}

static void drop_all(int fd)
{
	char bytes[1024];

	while (recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
		;
}

static void check_memory_is_free(void)
{
	lend_ref ref;

	drop_all(pair[0]);
	drop_all(pair[1]);
	atomic_store(&is_filled, false);
	atomic_store(&is_written, false);
	ref = test_spawn(heir, NULL);
	while (!atomic_load(&is_filled))
		lend_yield();
	CHECK_EQ(write(pipe_fds[1], "abc", 3), 3);
	CHECK_EQ(write(pair[0], "abc", 3), 3);
	CHECK_EQ(write(pair[1], "abc", 3), 3);
	/* An operation that is left would complete now. */
	CHECK_EQ(lend_sleep(lend_after(200 * LEND_US)), 0);
	expect_unread(pipe_fds[0]);
	expect_unread(pair[0]);
	expect_unread(pair[1]);
	atomic_store(&is_written, true);
	CHECK_EQ(test_join(ref), 0);
}

static bool run_victim(void)
{
	bool fired;

	steps = 0;
	atomic_store(&has_fired, false);
	CHECK_EQ(lend_spawn(victim, NULL,
			    &(struct lend_spawn_options){ .joinable = true },
			    &victim_ref),
		 0);
	CHECK_EQ(test_join(victim_ref), 0);
	atomic_store(&calls_left, 0);
	fired = atomic_load(&has_fired);
	check_memory_is_free();
	return fired;
}

static void open_all(void)
{
	FILE *file = tmpfile();

	CHECK_EQ(pipe(pipe_fds), 0);
	test_pair(pair);
	file_fd = dup(fileno(file));
	fclose(file);
}

static void close_all(void)
{
	CHECK_EQ(lend_close(pipe_fds[0]), 0);
	CHECK_EQ(lend_close(pipe_fds[1]), 0);
	CHECK_EQ(lend_close(pair[0]), 0);
	CHECK_EQ(lend_close(pair[1]), 0);
	CHECK_EQ(lend_close(file_fd), 0);
}

/* Calls of the door that a run may have, workers' idling included. */
#define CALLS_MAX 400

static int cancelled_at_every_call(void *arg)
{
	(void)arg;
	runtime = lend_runtime_current();
	exit_at = 0;
	open_all();
	for (int side = 0; side < 2; side++) {
		unsigned n = 1, misses = 0;

		atomic_store(&behind, side == 1);
		/* How many calls a run has depends on who comes when, so that
		 * one miss is not the end. */
		for (; n < CALLS_MAX && misses < 3; n++) {
			atomic_store(&calls_left, n);
			misses = run_victim() ? 0 : misses + 1;
		}
		printf("%s: %u calls\n", side ? "behind" : "before", n - 1);
		CHECK(n > 5);
	}
	close_all();
	return 0;
}

static int exits_at_every_step(void *arg)
{
	(void)arg;
	open_all();
	exit_at = 0;
	run_victim();
	for (exit_at = 1; exit_at < 100; exit_at++) {
		run_victim();
		if (steps < exit_at)
			break;
	}
	CHECK(exit_at > 15);
	exit_at = 0;
	close_all();
	return 0;
}

/* ---- an operation that does not end ---- */

static _Atomic bool is_reading;

static int stuck_reader(void *arg)
{
	struct lend_pending *pending;
	char *span = lend_io_alloc(4096);

	(void)arg;
	CHECK_EQ(lend_read_async(pipe_fds[0], span, 4096, -1, &pending), 0);
	/* Whoever is cancelled before begins nothing. */
	atomic_store(&is_reading, true);
	CHECK_EQ(lend_pending_await(pending, LEND_FOREVER), -ECANCELED);
	lend_pending_free(pending);
	return 0;
}

static int give_and_take(void *arg)
{
	char byte;

	(void)arg;
	for (int i = 0; i < 100; i++) {
		CHECK_EQ(lend_send(pair[0], "x", 1, 0, LEND_FOREVER), 1);
		CHECK_EQ(lend_recv(pair[1], &byte, 1, 0, LEND_FOREVER), 1);
	}
	return 0;
}

#define DEAF_NS (600 * LEND_MS)

/*
 * The kernel may take as long as a disk does not answer. The actor stays, with
 * its memory, and whoever joins it waits; nobody else notices, and it does not
 * ask the kernel all the time.
 */
static int end_that_takes_long_hinders_nobody(void *arg)
{
	uint64_t until;
	lend_ref stuck;
	int value;

	(void)arg;
	open_all();
	atomic_store(&is_reading, false);
	stuck = test_spawn(stuck_reader, NULL);
	while (!atomic_load(&is_reading))
		CHECK_EQ(lend_sleep(lend_after(LEND_MS)), 0);
	atomic_store(&unheard, 0);
	atomic_store(&is_deaf, true);
	CHECK_EQ(lend_cancel(stuck), 0);
	until = lend_after(DEAF_NS);
	do
		CHECK_EQ(test_join(test_spawn(give_and_take, NULL)), 0);
	while (lend_now() < until || !atomic_load(&unheard));
	CHECK_EQ(lend_join(stuck, lend_now(), &value), -ETIMEDOUT);
	/* Every 5 ms it would be 120 times. */
	CHECK_IN(atomic_load(&unheard), 1, 45);
	atomic_store(&is_deaf, false);
	CHECK_EQ(test_join(stuck), 0);
	close_all();
	return 0;
}

int main(int argc, char **argv)
{
	pthread_t thread;

	test_init(argc, argv, 100);
	sem_init(&wanted, 0, 0);
	sem_init(&done, 0, 0);
	if (pthread_create(&thread, NULL, executioner, NULL))
		return 1;
	test_actor("cancelled_at_every_call", cancelled_at_every_call);
	atomic_store(&is_over, true);
	sem_post(&wanted);
	pthread_join(thread, NULL);
	test_actor("exits_at_every_step", exits_at_every_step);
	/* Their polling thread hears of cancellations by SQEs, too. */
	if (test_options.sqpoll_idle_ms)
		test_skip("end_that_takes_long_hinders_nobody",
			  "the door is not the only way to a polling thread");
	else
		test_actor("end_that_takes_long_hinders_nobody",
			   end_that_takes_long_hinders_nobody);
	return test_finish();
}
