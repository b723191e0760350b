/*
 * What an operation costs in each of the three interfaces, beside a program
 * that uses liburing on a ring of its own: 64 NOPs in a batch, and 64 pairs of
 * sockets, each with 64 bytes sent and received.
 *
 * Lend: 64 actors on one worker, each with one operation at a time. liburing: a
 * loop that fills 64 SQEs, submits and waits with one call, and looks at each
 * result. Processor time of the whole process, user and kernel; the two are
 * measured in turn within a round, as machines drift.
 */
#include "micro.h"

#include <errno.h>
#include <lend/lend.h>
#include <liburing.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "io/await.h"
#include "io/pending.h"
#include "lend_bench/summary.h"

#define ACTORS	   64
#define BYTES	   64
#define TIMES	   1000 /* operations, or pairs of them, of an actor in a round */
#define ROUNDS_MAX 1000
#define KINDS	   6

/* pairs[i][0] receives what is sent on pairs[i][1]. */
static int pairs[ACTORS][2];
static struct io_uring plain;
static _Atomic unsigned wrong;

static uint64_t cpu_ns(void)
{
	struct timespec time;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
	return (uint64_t)time.tv_sec * LEND_S + (uint64_t)time.tv_nsec;
}

static void expect(bool right)
{
	if (!right)
		wrong++;
}

/* ---- liburing ---- */

static void plain_batch(void (*prepare)(struct io_uring_sqe *, unsigned),
			int result)
{
	struct io_uring_cqe *cqe;
	unsigned head, count = 0;

	for (unsigned i = 0; i < ACTORS; i++) {
		struct io_uring_sqe *sqe = io_uring_get_sqe(&plain);

		prepare(sqe, i);
		io_uring_sqe_set_data64(sqe, i);
	}
	io_uring_submit_and_wait(&plain, ACTORS);
	do {
		unsigned seen = 0;

		io_uring_for_each_cqe(&plain, head, cqe)
		{
			expect(cqe->res == result);
			seen++;
		}
		io_uring_cq_advance(&plain, seen);
		count += seen;
	} while (count < ACTORS && !io_uring_wait_cqe(&plain, &cqe));
}

static void prepare_nop(struct io_uring_sqe *sqe, unsigned i)
{
	(void)i;
	io_uring_prep_nop(sqe);
}

static char buffers[ACTORS][2][BYTES];

static void prepare_send(struct io_uring_sqe *sqe, unsigned i)
{
	io_uring_prep_send(sqe, pairs[i][1], buffers[i][1], BYTES,
			   MSG_NOSIGNAL);
}

static void prepare_recv(struct io_uring_sqe *sqe, unsigned i)
{
	io_uring_prep_recv(sqe, pairs[i][0], buffers[i][0], BYTES, 0);
}

static void plain_nops(void)
{
	for (unsigned i = 0; i < TIMES; i++)
		plain_batch(prepare_nop, 0);
}

static void plain_pairs(void)
{
	for (unsigned i = 0; i < TIMES; i++) {
		plain_batch(prepare_send, BYTES);
		plain_batch(prepare_recv, BYTES);
	}
}

/* ---- lend: what an actor does, once ---- */

/* Not of the public interface: written as the macros of io/operation.h do. */
static int nop_now(uint64_t deadline)
{
	struct lend_io io;
	int res = lend__io_begin(&io, -1, deadline);

	if (res)
		return res;
	do
		io_uring_prep_nop(io.sqe);
	while (!lend__io_run(&io, deadline, &res));
	return res;
}

static int nop_later(struct lend_pending **ret_pending)
{
	struct lend_io io;
	int err = lend__pending_begin(&io, -1, ret_pending);

	if (err)
		return err;
	io_uring_prep_nop(io.sqe);
	lend__pending_submit(&io, *ret_pending);
	return 0;
}

static void nop_sync(const int *pair, char *buffer)
{
	(void)pair;
	(void)buffer;
	expect(nop_now(LEND_FOREVER) == 0);
}

static void await_and_free(int err, struct lend_pending *pending, int result)
{
	if (err) {
		expect(false);
		return;
	}
	expect(lend_pending_await(pending, LEND_FOREVER) == result);
	lend_pending_free(pending);
}

static void nop_async(const int *pair, char *buffer)
{
	struct lend_pending *pending;
	int err = nop_later(&pending);

	(void)pair;
	(void)buffer;
	await_and_free(err, pending, 0);
}

static struct io_uring_sqe *claim_one(struct lend_claim_handle **ret_claim)
{
	return lend_claim(1, LEND_FOREVER, ret_claim) ?
		       NULL :
		       lend_claim_sqe(*ret_claim, 0);
}

static void commit_one(struct lend_claim_handle *claim, int result)
{
	struct lend_pending *pending;
	int err = lend_claim_commit(claim, &pending);

	await_and_free(err, pending, result);
}

static void nop_direct(const int *pair, char *buffer)
{
	struct lend_claim_handle *claim;
	struct io_uring_sqe *sqe = claim_one(&claim);

	(void)pair;
	(void)buffer;
	io_uring_prep_nop(sqe);
	commit_one(claim, 0);
}

static void pair_sync(const int *pair, char *buffer)
{
	expect(lend_send(pair[1], buffer, BYTES, 0, LEND_FOREVER) == BYTES);
	expect(lend_recv(pair[0], buffer, BYTES, 0, LEND_FOREVER) == BYTES);
}

static void pair_async(const int *pair, char *buffer)
{
	struct lend_pending *pending;
	int err = lend_send_async(pair[1], buffer, BYTES, 0, &pending);

	await_and_free(err, pending, BYTES);
	err = lend_recv_async(pair[0], buffer, BYTES, 0, &pending);
	await_and_free(err, pending, BYTES);
}

static void pair_direct(const int *pair, char *buffer)
{
	struct lend_claim_handle *claim;
	struct io_uring_sqe *sqe = claim_one(&claim);

	io_uring_prep_send(sqe, pair[1], buffer, BYTES, MSG_NOSIGNAL);
	commit_one(claim, BYTES);
	sqe = claim_one(&claim);
	io_uring_prep_recv(sqe, pair[0], buffer, BYTES, 0);
	commit_one(claim, BYTES);
}

static const struct kind {
	const char *name;
	void (*once)(const int *pair, char *buffer);
	unsigned plain; /* index of what it is compared with */
	unsigned operations;
} kinds[KINDS] = {
	{ "NOP, synchronous", nop_sync, 0, 1 },
	{ "NOP, asynchronous", nop_async, 0, 1 },
	{ "NOP, direct", nop_direct, 0, 1 },
	{ "64 B sent and received, synchronous", pair_sync, 1, 2 },
	{ "64 B sent and received, asynchronous", pair_async, 1, 2 },
	{ "64 B sent and received, direct", pair_direct, 1, 2 },
};

static void (*const plains[2])(void) = { plain_nops, plain_pairs };

/* ---- the actors ---- */

static const struct kind *kind_now; /* [const] while actors run */

static int work(void *arg)
{
	const int *pair = arg;
	char buffer[BYTES] = { 0 };

	for (unsigned i = 0; i < TIMES; i++)
		kind_now->once(pair, buffer);
	return 0;
}

static int work_all(void *arg)
{
	const struct lend_spawn_options joinable = { .joinable = true };
	lend_ref actors[ACTORS];

	(void)arg;
	for (unsigned i = 0; i < ACTORS; i++)
		if (lend_spawn(work, pairs[i], &joinable, &actors[i]))
			return -1;
	for (unsigned i = 0; i < ACTORS; i++)
		if (lend_join(actors[i], LEND_FOREVER, NULL))
			return -1;
	return 0;
}

/* Processor time of an operation, in ns. */
static double measure_lend(struct lend_runtime *runtime,
			   const struct kind *kind)
{
	const struct lend_spawn_options joinable = { .joinable = true };
	uint64_t began_ns;
	lend_ref first;
	int value = -1;

	kind_now = kind;
	began_ns = cpu_ns();
	if (lend_runtime_spawn(runtime, work_all, NULL, &joinable, &first) ||
	    lend_runtime_join(runtime, first, &value) || value)
		wrong++;
	return (double)(cpu_ns() - began_ns) /
	       (ACTORS * TIMES * kind->operations);
}

static double measure_plain(const struct kind *kind)
{
	uint64_t began_ns = cpu_ns();

	plains[kind->plain]();
	return (double)(cpu_ns() - began_ns) /
	       (ACTORS * TIMES * kind->operations);
}

/* ---- a mode ---- */

struct values {
	double lend[ROUNDS_MAX], plain[ROUNDS_MAX];
};

static struct values values[KINDS];

static void print_kind(const struct kind *kind, struct values *of,
		       unsigned rounds)
{
	static double ratios[ROUNDS_MAX];
	struct summary lend, liburing, ratio;

	summary_of_ratios(of->lend, of->plain, rounds, ratios, &ratio);
	summary_of(of->lend, rounds, &lend);
	summary_of(of->plain, rounds, &liburing);
	printf("    %-40s %8.1f %8.1f   %.3f [%.3f .. %.3f]\n", kind->name,
	       liburing.median, lend.median, ratio.median, ratio.low,
	       ratio.high);
}

static int run_mode(enum lend_ring_mode mode, const char *name, unsigned rounds)
{
	const struct lend_options options = { .mode = mode, .workers = 1 };
	struct lend_runtime *runtime;
	int err = lend_runtime_new(&options, &runtime);

	if (err) {
		fprintf(stderr, "lend-bench-internal: operation: %s\n",
			lend_error_text(err));
		return 3;
	}
	/* The first round warms up. */
	for (unsigned round = 0; round <= rounds; round++) {
		for (unsigned k = 0; k < KINDS; k++) {
			unsigned i = round ? round - 1 : 0;

			/* In turn, so that neither is always the first. */
			if (round % 2)
				values[k].plain[i] = measure_plain(&kinds[k]);
			values[k].lend[i] = measure_lend(runtime, &kinds[k]);
			if (round % 2 == 0)
				values[k].plain[i] = measure_plain(&kinds[k]);
		}
	}
	lend_runtime_free(runtime);
	printf("operations in %s mode, CPU ns each, %u actors, %u rounds\n"
	       "    %-40s %8s %8s   %s\n",
	       name, ACTORS, rounds, "", "liburing", "lend",
	       "ratio [95 % interval]");
	for (unsigned k = 0; k < KINDS; k++)
		print_kind(&kinds[k], &values[k], rounds);
	return 0;
}

int micro_operation(unsigned rounds)
{
	const unsigned flags = IORING_SETUP_SINGLE_ISSUER |
			       IORING_SETUP_DEFER_TASKRUN |
			       IORING_SETUP_SUBMIT_ALL;
	int status = 0, err;

	if (rounds > ROUNDS_MAX) {
		fprintf(stderr,
			"lend-bench-internal: operation: %u rounds are too many: 1 to %d\n",
			rounds, ROUNDS_MAX);
		return 2;
	}
	/* Main thread and worker on one CPU: never both at a time. */
	micro_pin(true);
	err = io_uring_queue_init(256, &plain, flags);
	if (!err && io_uring_register_ring_fd(&plain) < 0)
		err = -EINVAL;
	for (unsigned i = 0; !err && i < ACTORS; i++)
		err = socketpair(AF_UNIX, SOCK_STREAM, 0, pairs[i]) ? -errno :
								      0;
	if (err) {
		fprintf(stderr, "lend-bench-internal: operation: %s\n",
			lend_error_text(err));
		return 3;
	}
	status = run_mode(LEND_RING_PRIVATE, "private", rounds);
	if (!status)
		status = run_mode(LEND_RING_BORROWED, "borrowed", rounds);
	if (!status)
		status = run_mode(LEND_RING_SHARED, "shared", rounds);
	if (wrong) {
		fprintf(stderr,
			"lend-bench-internal: operation: %u results are wrong\n",
			wrong);
		status = 1;
	}
	io_uring_queue_exit(&plain);
	return status;
}
