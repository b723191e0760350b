/*
 * Goal:   when the kernel refuses to take submissions (EBUSY, EAGAIN), or is
 *         interrupted (EINTR), actors wait, in order, and others go on; nobody
 *         asks the kernel in a loop meanwhile; afterwards each operation has
 *         been submitted exactly once.
 * Method: this kernel refuses nothing, so the door to it (uring/sys.h) is
 *         wrapped by the linker: it refuses when told to. What the operations
 *         write names them, and is counted at the other end.
 */
#include <errno.h>
#include <liburing.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "harness/harness.h"
#include "rt/run_queue.h"
#include "uring/sys.h"

/* ---- the kernel's refusals ---- */

enum refusal {
	NOTHING,
	SUBMISSIONS, /* enters that submit */
	EVERYTHING,  /* those that wait, too */
	SOME,	     /* one of four, at random, and half of what others ask */
};

static _Atomic enum refusal refusal;
static _Atomic int refusal_error;
static _Atomic unsigned enters, refused;
static _Atomic uint64_t random_state;

int __real_lend__sys_enter(int fd, unsigned to_submit, unsigned min_complete,
			   unsigned flags, void *argument, size_t size);
int __wrap_lend__sys_enter(int fd, unsigned to_submit, unsigned min_complete,
			   unsigned flags, void *argument, size_t size);

/* One that takes less than it was asked to does not wait either. */
static int refuse_some(unsigned *to_submit, unsigned *min_complete)
{
	static const int errors[] = { -EBUSY, -EAGAIN, -EINTR };
	uint64_t state = atomic_load(&random_state), number;

	/* Two threads may draw the same number: it is random all the same. */
	number = test_random(&state);
	atomic_store(&random_state, state);
	if (number % 4 == 0)
		return errors[number / 4 % 3];
	if (number % 4 == 1 && *to_submit > 1) {
		*to_submit /= 2;
		*min_complete = 0;
	}
	return 0;
}

int __wrap_lend__sys_enter(int fd, unsigned to_submit, unsigned min_complete,
			   unsigned flags, void *argument, size_t size)
{
	enum refusal mode = atomic_load(&refusal);
	int err = 0;

	atomic_fetch_add(&enters, 1);
	if (mode == EVERYTHING || (mode == SUBMISSIONS && to_submit))
		err = atomic_load(&refusal_error);
	else if (mode == SOME)
		err = refuse_some(&to_submit, &min_complete);
	if (err) {
		atomic_fetch_add(&refused, 1);
		return err;
	}
	return __real_lend__sys_enter(fd, to_submit, min_complete, flags,
				      argument, size);
}

/* ---- who comes before others ---- */

static _Atomic unsigned urgent;

void __real_lend__run_queue_push(struct lend_run_queue *queue,
				 enum lend_run_lane lane,
				 struct lend_actor *actor);
void __wrap_lend__run_queue_push(struct lend_run_queue *queue,
				 enum lend_run_lane lane,
				 struct lend_actor *actor);

void __wrap_lend__run_queue_push(struct lend_run_queue *queue,
				 enum lend_run_lane lane,
				 struct lend_actor *actor)
{
	if (lane == LEND_RUN_URGENT)
		atomic_fetch_add(&urgent, 1);
	__real_lend__run_queue_push(queue, lane, actor);
}

/* ---- operations that leave a trace ---- */

#define WRITERS 200

static int pipe_fds[2];

static int write_number(void *arg)
{
	uint32_t number = (uint32_t)(uintptr_t)arg;
	uint32_t *span = lend_io_alloc(sizeof(*span));
	struct lend_claim_handle *claim;
	struct lend_pending *pending;
	int res;

	*span = number;
	/* Both ways to submit. */
	if (number % 2)
		return (int)lend_write(pipe_fds[1], span, sizeof(*span), -1,
				       LEND_FOREVER);
	res = lend_claim(1, LEND_FOREVER, &claim);
	if (res)
		return res;
	io_uring_prep_write(lend_claim_sqe(claim, 0), pipe_fds[1], span,
			    sizeof(*span), (uint64_t)-1);
	res = lend_claim_commit(claim, &pending);
	if (res)
		return res;
	res = lend_pending_await(pending, LEND_FOREVER);
	lend_pending_free(pending);
	return res;
}

static void spawn_writers(lend_ref *refs)
{
	CHECK_EQ(pipe(pipe_fds), 0);
	for (uintptr_t i = 0; i < WRITERS; i++)
		refs[i] = test_spawn_on(1 + i % test_options.workers,
					write_number, (void *)i);
}

static void check_writers(const lend_ref *refs)
{
	unsigned times[WRITERS] = { 0 };
	uint32_t number;

	for (int i = 0; i < WRITERS; i++)
		CHECK_EQ(test_join(refs[i]), sizeof(number));
	close(pipe_fds[1]);
	while (read(pipe_fds[0], &number, sizeof(number)) == sizeof(number))
		if (CHECK(number < WRITERS))
			times[number]++;
	close(pipe_fds[0]);
	for (int i = 0; i < WRITERS; i++)
		CHECK_EQ(times[i], 1);
}

/* ---- others go on ---- */

static _Atomic unsigned ticks;

static int tick(void *arg)
{
	(void)arg;
	while (atomic_load(&refusal) != NOTHING) {
		lend_sleep(lend_after(LEND_MS));
		lend_yield();
		atomic_fetch_add(&ticks, 1);
	}
	return 0;
}

#define REFUSED_NS   (300 * LEND_MS)
#define TICKS_WANTED 10

/* A worker can not tell how the workers fare. */
static void *lift(void *arg)
{
	uint64_t end_ns = lend_after(60 * LEND_S);

	(void)arg;
	usleep(REFUSED_NS / LEND_US);
	/* Few at first, on a machine that is busy with other things. */
	while (atomic_load(&ticks) < TICKS_WANTED && lend_now() < end_ns)
		usleep(1000);
	atomic_store(&refusal, NOTHING);
	return NULL;
}

static void refuse_for_a_while(enum refusal mode, int err, lend_ref *refs)
{
	lend_ref ticker;
	pthread_t lifter;
	unsigned calls;
	uint64_t cpu_ns, span_ns;

	atomic_store(&ticks, 0);
	atomic_store(&refusal_error, err);
	atomic_store(&refusal, mode);
	spawn_writers(refs);
	ticker = test_spawn(tick, NULL);
	calls = atomic_load(&enters);
	cpu_ns = test_cpu_ns();
	span_ns = lend_now();
	CHECK_EQ(pthread_create(&lifter, NULL, lift, NULL), 0);
	CHECK_EQ(test_join(ticker), 0);
	calls = atomic_load(&enters) - calls;
	cpu_ns = test_cpu_ns() - cpu_ns;
	span_ns = lend_now() - span_ns;
	CHECK_EQ(pthread_join(lifter, NULL), 0);
	check_writers(refs);

	printf("%s for %u ms: %u ticks, %u enters, %.1f ms of CPU\n",
	       lend_error_name(err), (unsigned)(span_ns / LEND_MS),
	       atomic_load(&ticks), calls, (double)cpu_ns / LEND_MS);
	CHECK(atomic_load(&ticks) >= TICKS_WANTED);
	/* An interruption calls for another try at once. Of the others each
	 * worker tries every millisecond, and whenever something happens, such
	 * as a tick: a handful of times each. In a loop it would be thousands,
	 * and all the time there is. */
	if (err == -EINTR || test_is_slow())
		return;
	CHECK_IN(calls, 0, 200 * span_ns / LEND_MS);
	/* What a polling thread uses is its own affair. A virtual machine that
	 * is stopped may count that as time of whoever ran. */
	if (!test_options.sqpoll_idle_ms)
		CHECK_IN(cpu_ns, 0, span_ns * 3 / 4);
}

static int others_go_on(void *arg)
{
	static const int errors[] = { -EBUSY, -EAGAIN, -EINTR };
	lend_ref refs[WRITERS];

	(void)arg;
	for (unsigned i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		refuse_for_a_while(SUBMISSIONS, errors[i], refs);
		refuse_for_a_while(EVERYTHING, errors[i], refs);
	}
	return 0;
}

/* ---- first come, first served ---- */

static _Atomic unsigned arrived, served_count;
static unsigned order[WRITERS];

static int want_slots(void *arg)
{
	unsigned place = atomic_fetch_add(&arrived, 1);
	unsigned depth = test_options.depth, count = 1 + place % depth;
	struct lend_claim_handle *claim;
	int err = lend_claim(count, LEND_FOREVER, &claim);

	(void)arg;
	if (err)
		return err;
	order[atomic_fetch_add(&served_count, 1)] = place;
	for (unsigned i = 0; i < count; i++)
		io_uring_prep_nop(lend_claim_sqe(claim, i));
	/* Published, so that its slots are taken until the next flush. */
	struct lend_pending *pending[64];

	err = lend_claim_commit(claim, pending);
	for (unsigned i = 0; !err && i < count; i++) {
		CHECK_EQ(lend_pending_await(pending[i], LEND_FOREVER), 0);
		lend_pending_free(pending[i]);
	}
	return err;
}

static int waiters_keep_their_order(void *arg)
{
	lend_ref refs[WRITERS];
	pthread_t lifter;

	(void)arg;
	atomic_store(&arrived, 0);
	atomic_store(&served_count, 0);
	atomic_store(&refusal_error, -EBUSY);
	atomic_store(&refusal, SUBMISSIONS);
	atomic_store(&urgent, 0);
	for (int i = 0; i < WRITERS; i++)
		refs[i] = test_spawn_on(1, want_slots, NULL);
	CHECK_EQ(pthread_create(&lifter, NULL, lift, NULL), 0);
	for (int i = 0; i < WRITERS; i++)
		CHECK_EQ(test_join(refs[i]), 0);
	CHECK_EQ(pthread_join(lifter, NULL), 0);
	/* The first few found free slots; for the others there was one line,
	 * in which some wanted one slot and some all. */
	for (unsigned i = 0; i < WRITERS; i++)
		CHECK_EQ(order[i], i);
	/* Each of those went before all others when its slots were free. */
	CHECK_IN(atomic_load(&urgent), WRITERS - test_options.depth, WRITERS);
	return 0;
}

/* ---- at random ---- */

static int ping(void *arg)
{
	int fd = *(int *)arg;
	char byte = 0;

	for (int i = 0; i < 100; i++) {
		if (!CHECK_EQ(lend_send(fd, "p", 1, 0, LEND_FOREVER), 1) ||
		    !CHECK_EQ(lend_recv(fd, &byte, 1, 0, LEND_FOREVER), 1))
			return -1;
		/* Deadlines that pass, so that something is cancelled. */
		if (i % 10 == 0)
			CHECK_EQ(lend_recv(fd, &byte, 1, 0,
					   lend_after(300 * LEND_US)),
				 -ETIMEDOUT);
	}
	return 0;
}

static int pong(void *arg)
{
	int fd = *(int *)arg;
	char byte;

	for (int i = 0; i < 100; i++)
		if (!CHECK_EQ(lend_recv(fd, &byte, 1, 0, LEND_FOREVER), 1) ||
		    !CHECK_EQ(lend_send(fd, "p", 1, 0, LEND_FOREVER), 1))
			return -1;
	return 0;
}

static int some_are_refused(void *arg)
{
	int pairs[10][2];
	lend_ref refs[20], writers[WRITERS];

	(void)arg;
	atomic_store(&refused, 0);
	atomic_store(&refusal, SOME);
	spawn_writers(writers);
	for (int i = 0; i < 10; i++) {
		test_pair(pairs[i]);
		refs[2 * i] = test_spawn(ping, &pairs[i][0]);
		refs[2 * i + 1] = test_spawn(pong, &pairs[i][1]);
	}
	for (int i = 0; i < 20; i++)
		CHECK_EQ(test_join(refs[i]), 0);
	check_writers(writers);
	atomic_store(&refusal, NOTHING);
	CHECK(atomic_load(&refused) > 0);
	for (int i = 0; i < 10; i++) {
		CHECK_EQ(lend_close(pairs[i][0]), 0);
		CHECK_EQ(lend_close(pairs[i][1]), 0);
	}
	return 0;
}

int main(int argc, char **argv)
{
	test_init(argc, argv, 60);
	atomic_store(&random_state, test_seed(argc, argv, 3));
	if (!test_options.depth)
		test_options.depth = 8;
	test_actor("others_go_on", others_go_on);
	if (test_options.workers > 1)
		test_skip("waiters_keep_their_order",
			  "who comes first is known of one worker");
	else
		test_actor("waiters_keep_their_order",
			   waiters_keep_their_order);
	test_watchdog(60);
	test_actor("some_are_refused", some_are_refused);
	return test_finish();
}
