/*
 * How long a revocation takes.
 *
 * One thread, the borrower, submits a receive on its ring and then computes,
 * without a system call. Another one has data sent to it, so that the kernel
 * has a completion for the borrower, which it keeps until the borrower enters
 * the kernel. Then the decision falls, and the clock runs until the completion
 * is in the queue for the other thread to see:
 *
 *  running  the rescuer is at work, decides, and rescues at once;
 *  parked   somebody else decides, and wakes the rescuer, which sleeps in the
 *           kernel; it then does the same.
 *
 * The decision waits until the borrower is seen to compute: one that another
 * program keeps from its CPU has nothing to be interrupted in. A round in which
 * the completion was there before the decision (some other interrupt came by)
 * says nothing about revocation, is left out, and counted.
 */
#include "micro.h"

#include <errno.h>
#include <lend/clock.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "arbiter/arbiter.h"
#include "arbiter/claim.h"
#include "arbiter/mode.h"
#include "arbiter/poller.h"
#include "histogram.h"

#define STALL_NS LEND_MS
/* Longer than any revocation: then something is broken. */
#define GIVE_UP_NS (5 * LEND_S)

struct bench {
	struct lend_arbiter arbiter;
	struct lend_borrower stuck;
	struct lend_borrower rescuer;
	int pair[2]; /* the borrower receives from the second */
	int wake_fd; /* the parked rescuer is woken by it */
	int done_fd; /* and tells the one who decided */
	bool parked;
	unsigned rounds;
	struct lend_op op;
	char byte;
	bool received; /* [owner: rescuer] */

	/* [atomic: rounds] Release stores, acquire loads: whose turn it is. */
	_Atomic unsigned computing; /* the round the borrower is stuck in */
	_Atomic unsigned released;  /* the round it may leave */
	_Atomic uint64_t decided_ns;
	_Atomic bool failed;
	_Atomic uint64_t beats; /* of the borrower, while it computes */

	/* [owner: rescuer] until it was joined */
	struct histogram woken;	  /* to the rescuer's first instruction */
	struct histogram seized;  /* to the end of the rescue */
	struct histogram visible; /* to the completion */
	unsigned early;
	unsigned not_seized;
};

static void on_done(struct lend_op *op, int32_t res, uint32_t flags, bool more)
{
	struct bench *bench = lend_container_of(op, struct bench, op);

	(void)flags;
	(void)more;
	bench->received = res == 1;
}

static void fail(struct bench *bench, const char *what)
{
	if (!atomic_exchange(&bench->failed, true))
		fprintf(stderr, "lend-bench-internal: %s\n", what);
}

/* ---- the borrower ---- */

static bool submit_receive(struct bench *bench)
{
	struct lend_claim claim;
	struct io_uring_sqe *sqe;

	if (lend__claim_begin(&bench->stuck, 1, NULL, &claim))
		return false;
	sqe = lend__claim_sqe(&claim, 0);
	memset(sqe, 0, sizeof(*sqe));
	lend__op_init(&bench->op, on_done);
	io_uring_prep_recv(sqe, bench->pair[1], &bench->byte, 1, 0);
	io_uring_sqe_set_data64(sqe, lend__op_user_data(&bench->op));
	lend__claim_commit(&bench->stuck, &claim);
	lend__arbiter_flush(&bench->stuck);
	return true;
}

static void *borrower_main(void *arg)
{
	struct bench *bench = arg;
	uint64_t beats = 0;

	micro_pin(true);
	if (lend__arbiter_attach(&bench->arbiter, &bench->stuck, 0)) {
		fail(bench, "the borrower could not attach");
		return NULL;
	}
	for (unsigned round = 1; round <= bench->rounds; round++) {
		if (!submit_receive(bench)) {
			fail(bench, "the borrower got no ring");
			break;
		}
		atomic_store_explicit(&bench->stuck.safe_ns, lend_now(),
				      memory_order_relaxed);
		atomic_store_explicit(&bench->computing, round,
				      memory_order_release);
		while (atomic_load_explicit(&bench->released,
					    memory_order_acquire) < round &&
		       !atomic_load_explicit(&bench->failed,
					     memory_order_relaxed))
			atomic_store_explicit(&bench->beats, ++beats,
					      memory_order_relaxed);
	}
	lend__arbiter_detach(&bench->stuck);
	return NULL;
}

/* ---- the decision ---- */

/* Is the borrower on its CPU? Wait until it is. */
static void await_beat(struct bench *bench)
{
	uint64_t before = atomic_load_explicit(&bench->beats,
					       memory_order_relaxed);

	while (atomic_load_explicit(&bench->beats, memory_order_relaxed) ==
		       before &&
	       !atomic_load_explicit(&bench->failed, memory_order_relaxed))
		continue;
}

/* Wait until the borrower has been stuck for long, then send it data. False:
 * its completion was visible at once. */
static bool set_scene(struct bench *bench, unsigned round)
{
	while (atomic_load_explicit(&bench->computing, memory_order_acquire) <
		       round &&
	       !atomic_load_explicit(&bench->failed, memory_order_relaxed))
		continue;
	while (lend_now() < atomic_load_explicit(&bench->stuck.safe_ns,
						 memory_order_relaxed) +
				    STALL_NS)
		continue;
	await_beat(bench);
	if (send(bench->pair[0], "x", 1, MSG_NOSIGNAL) != 1)
		fail(bench, "sending failed");
	await_beat(bench);
	return !lend__ring_has_cqe(&bench->arbiter.pool.rings[0]);
}

/* ---- the rescue ---- */

static void rescue(struct bench *bench, uint64_t decided_ns, bool counts)
{
	const struct lend_ring *ring = &bench->arbiter.pool.rings[0];
	uint64_t woken_ns = lend_now(), seized_ns, visible_ns;
	unsigned seized = lend__arbiter_rescue(&bench->rescuer, woken_ns);

	seized_ns = lend_now();
	do
		visible_ns = lend_now();
	while (!lend__ring_has_cqe(ring) &&
	       visible_ns < decided_ns + GIVE_UP_NS);
	if (!lend__ring_has_cqe(ring)) {
		fail(bench, "no completion within 5 s");
		return;
	}
	if (!counts) {
		bench->early++;
		return;
	}
	bench->not_seized += seized != 1;
	histogram_add(&bench->woken, woken_ns - decided_ns);
	histogram_add(&bench->seized, seized_ns - decided_ns);
	histogram_add(&bench->visible, visible_ns - decided_ns);
}

/* Take the completion, and let the borrower go on. */
static void finish_round(struct bench *bench, unsigned round)
{
	bench->received = false;
	lend__poller_poll(&bench->arbiter.pool.rings[0], lend_now());
	if (!bench->received)
		fail(bench, "the data did not come with the completion");
	atomic_store_explicit(&bench->released, round, memory_order_release);
}

static bool is_failed(struct bench *bench)
{
	return atomic_load_explicit(&bench->failed, memory_order_relaxed);
}

static void *parked_main(void *arg)
{
	struct bench *bench = arg;
	uint64_t count;

	micro_pin(false);
	if (lend__arbiter_attach(&bench->arbiter, &bench->rescuer, 1))
		fail(bench, "the rescuer could not attach");
	for (unsigned round = 1; round <= bench->rounds; round++) {
		struct pollfd poll_fd = { .fd = bench->wake_fd,
					  .events = POLLIN };
		uint64_t decided_ns;

		if (poll(&poll_fd, 1, 10000) != 1 || is_failed(bench))
			break;
		decided_ns = atomic_load_explicit(&bench->decided_ns,
						  memory_order_acquire);
		rescue(bench, decided_ns & ~UINT64_C(1), decided_ns & 1);
		if (read(bench->wake_fd, &count, sizeof(count)) < 0)
			fail(bench, "an event descriptor is gone");
		finish_round(bench, round);
		count = 1;
		if (write(bench->done_fd, &count, sizeof(count)) < 0)
			fail(bench, "an event descriptor is gone");
	}
	lend__arbiter_detach(&bench->rescuer);
	return NULL;
}

/* Decide, and have the parked rescuer do it. The lowest bit of the time says
 * whether the round counts. */
static void decide_for_parked(struct bench *bench, unsigned round)
{
	bool counts = set_scene(bench, round);
	uint64_t one = 1;

	atomic_store_explicit(&bench->decided_ns,
			      (lend_now() & ~UINT64_C(1)) | counts,
			      memory_order_release);
	if (write(bench->wake_fd, &one, sizeof(one)) < 0 ||
	    read(bench->done_fd, &one, sizeof(one)) < 0)
		fail(bench, "an event descriptor is gone");
}

static void decide_and_rescue(struct bench *bench, unsigned round)
{
	bool counts = set_scene(bench, round);

	rescue(bench, lend_now(), counts);
	finish_round(bench, round);
}

static void decide_all(struct bench *bench)
{
	pthread_t parked;

	if (bench->parked)
		pthread_create(&parked, NULL, parked_main, bench);
	else if (lend__arbiter_attach(&bench->arbiter, &bench->rescuer, 1))
		fail(bench, "the rescuer could not attach");
	for (unsigned round = 1; round <= bench->rounds && !is_failed(bench);
	     round++) {
		if (bench->parked)
			decide_for_parked(bench, round);
		else
			decide_and_rescue(bench, round);
	}
	if (bench->parked)
		pthread_join(parked, NULL);
	else
		lend__arbiter_detach(&bench->rescuer);
}

/* ---- all ---- */

static void print(const char *what, const struct histogram *histogram)
{
	printf("    %-34s %8.1f %8.1f %8.1f %8.1f\n", what,
	       (double)histogram_ns(histogram, 0.5) / 1e3,
	       (double)histogram_ns(histogram, 0.9) / 1e3,
	       (double)histogram_ns(histogram, 0.99) / 1e3,
	       (double)histogram->max_ns / 1e3);
}

static int open_bench(struct bench *bench)
{
	const struct lend_arbiter_options options = {
		.mode = &lend__mode_borrowed,
		.rings = 1,
		.depth = 8,
		.stall_ns = STALL_NS,
	};
	struct lend_features features;
	int err = lend__features_probe(&features);

	if (err)
		return err;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, bench->pair))
		return -errno;
	bench->wake_fd = eventfd(0, EFD_CLOEXEC);
	bench->done_fd = eventfd(0, EFD_CLOEXEC);
	if (bench->wake_fd < 0 || bench->done_fd < 0)
		return -errno;
	return lend__arbiter_init(&bench->arbiter, &options, &features);
}

static int measure(bool parked, unsigned rounds)
{
	/* Large, and zeroed anew for each kind. */
	static struct bench bench;
	pthread_t borrower;
	int err;

	memset(&bench, 0, sizeof(bench));
	bench.parked = parked;
	bench.rounds = rounds;
	err = open_bench(&bench);
	if (err) {
		fprintf(stderr, "lend-bench-internal: revoke: %s\n",
			lend_error_text(err));
		return 3;
	}
	pthread_create(&borrower, NULL, borrower_main, &bench);
	decide_all(&bench);
	pthread_join(borrower, NULL);
	lend__arbiter_fini(&bench.arbiter);
	close(bench.pair[0]);
	close(bench.pair[1]);
	close(bench.wake_fd);
	close(bench.done_fd);
	if (atomic_load(&bench.failed))
		return 1;
	printf("  %s rescuer, %llu rounds (%u more left out: visible before the decision)\n",
	       parked ? "parked" : "running",
	       (unsigned long long)bench.visible.total, bench.early);
	if (parked)
		print("decision to rescuer awake", &bench.woken);
	print("decision to ring seized", &bench.seized);
	print("decision to completion visible", &bench.visible);
	if (bench.not_seized)
		printf("    %u times the ring was not seized\n",
		       bench.not_seized);
	return 0;
}

int micro_revoke(unsigned rounds)
{
	int status;

	/* The threads inherit it: waking up is measured, not economy. */
	prctl(PR_SET_TIMERSLACK, 1000);
	if (!micro_pin(false)) {
		fputs("lend-bench-internal: revoke needs two CPUs\n", stderr);
		return 3;
	}
	printf("revocation of a ring whose borrower computes, in us\n    %-34s %8s %8s %8s %8s\n",
	       "", "median", "p90", "p99", "max");
	status = measure(false, rounds);
	return status ? status : measure(true, rounds);
}
