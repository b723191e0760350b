/*
 * What a claim and its commit cost on a loan that is held and has room, beside
 * what a program does that uses liburing on a ring of its own: get an SQE, fill
 * it, move the tail. Nobody enters the kernel while the clock runs.
 *
 * The functions that are measured are never inlined, and named in
 * bench/claim_cost.py, which has callgrind count their instructions.
 */
#include "micro.h"

#include <lend/clock.h>
#include <liburing.h>
#include <stdio.h>
#include <string.h>

#include "arbiter/arbiter.h"
#include "arbiter/claim.h"
#include "arbiter/mode.h"
#include "arbiter/poller.h"
#include "histogram.h"

/* SQEs between two drains; within the ring's depth. */
#define COUNT 1024
#define KINDS 4

static struct lend_arbiter arbiter;
static struct lend_borrower borrower;
static struct lend_op ops[COUNT];
static struct io_uring plain;

static void on_done(struct lend_op *op, int32_t res, uint32_t flags, bool more)
{
	(void)op;
	(void)res;
	(void)flags;
	(void)more;
}

/* ---- what is measured ---- */

/* liburing 2.3: io_uring_get_sqe(), and what io_uring_submit() does before it
 * enters: the index array, the tail. */
static __attribute__((noinline)) void raw_claims(void)
{
	struct io_uring_sq *sq = &plain.sq;
	unsigned mask = *sq->kring_mask;

	for (unsigned i = 0; i < COUNT; i++) {
		struct io_uring_sqe *sqe = io_uring_get_sqe(&plain);
		unsigned tail = *sq->ktail;

		io_uring_prep_nop(sqe);
		sqe->user_data = 0;
		sq->array[tail & mask] = sq->sqe_head & mask;
		sq->sqe_head++;
		io_uring_smp_store_release(sq->ktail, tail + 1);
	}
}

/* A claim without an operation's record, as raw_claims() has none. */
static __attribute__((noinline)) void lend_claims(void)
{
	for (unsigned i = 0; i < COUNT; i++) {
		struct lend_claim claim;
		struct io_uring_sqe *sqe;

		if (lend__claim_begin(&borrower, 1, NULL, &claim))
			return;
		sqe = lend__claim_sqe(&claim, 0);
		io_uring_prep_nop(sqe);
		sqe->user_data = 0;
		lend__claim_commit(&borrower, &claim);
	}
}

/* With the record that every operation of an actor has. */
static __attribute__((noinline)) void lend_claims_with_op(void)
{
	for (unsigned i = 0; i < COUNT; i++) {
		struct lend_claim claim;
		struct io_uring_sqe *sqe;

		if (lend__claim_begin(&borrower, 1, NULL, &claim))
			return;
		sqe = lend__claim_sqe(&claim, 0);
		io_uring_prep_nop(sqe);
		sqe->user_data = lend__op_user_data(&ops[i]);
		lend__claim_commit(&borrower, &claim);
	}
}

/* What all of them have: the loop, and filling an SQE. */
static __attribute__((noinline)) void only_fill(void)
{
	for (unsigned i = 0; i < COUNT; i++) {
		struct io_uring_sqe *sqe = &plain.sq.sqes[i];

		io_uring_prep_nop(sqe);
		sqe->user_data = 0;
		__asm__ volatile("" ::: "memory");
	}
}

static const struct kind {
	const char *name;
	const char *what;
	void (*run)(void);
} kinds[KINDS] = {
	{ "only_fill", "filling an SQE alone", only_fill },
	{ "raw_claims", "liburing: get_sqe, fill, move the tail", raw_claims },
	{ "lend_claims", "lend: claim, fill, commit", lend_claims },
	{ "lend_claims_with_op", "the same with the operation's record",
	  lend_claims_with_op },
};

/* ---- around it ---- */

static bool drain_plain(void)
{
	struct io_uring_cqe *cqe;
	unsigned head, count = 0;

	if (io_uring_sq_ready(&plain) > 0 && io_uring_submit(&plain) < 0)
		return false;
	io_uring_for_each_cqe(&plain, head, cqe) count++;
	io_uring_cq_advance(&plain, count);
	return count == 0 || count == COUNT;
}

static bool drain_lend(void)
{
	uint64_t before = lend__ring_in_flight(&arbiter.pool.rings[0]);

	lend__arbiter_flush(&borrower);
	while (lend__poller_poll(&arbiter.pool.rings[0], lend_now()))
		continue;
	return (before == 0 || before == COUNT) &&
	       lend__ring_in_flight(&arbiter.pool.rings[0]) == 0;
}

/* The ring of plain liburing counts what is to be submitted by itself. */
static bool run_once(const struct kind *kind, struct histogram *histogram)
{
	uint64_t began_ns, took_ns;

	for (unsigned i = 0; i < COUNT; i++)
		lend__op_init(&ops[i], on_done);
	began_ns = lend_now();
	kind->run();
	took_ns = lend_now() - began_ns;
	/* In hundredths of a nanosecond for each. */
	histogram_add(histogram, took_ns * 100 / COUNT);
	return drain_plain() && drain_lend();
}

static int prepare(void)
{
	const struct lend_arbiter_options options = {
		.mode = &lend__mode_borrowed,
		.rings = 1,
		.depth = COUNT,
		.stall_ns = LEND_S,
	};
	struct lend_features features;
	int err = lend__features_probe(&features);

	if (!err)
		err = lend__arbiter_init(&arbiter, &options, &features);
	if (!err)
		err = lend__arbiter_attach(&arbiter, &borrower, 0);
	if (!err)
		err = io_uring_queue_init(COUNT, &plain,
					  arbiter.pool.rings[0].setup_flags);
	if (err)
		fprintf(stderr, "lend-bench-internal: claim: %s\n",
			lend_error_text(err));
	return err;
}

int micro_claim(unsigned rounds)
{
	static struct histogram histograms[KINDS];

	micro_pin(true);
	if (prepare())
		return 3;
	/* Interleaved; the first round warms up and borrows the ring. */
	for (unsigned round = 0; round <= rounds; round++) {
		if (round == 1)
			memset(histograms, 0, sizeof(histograms));
		for (unsigned k = 0; k < KINDS; k++) {
			if (!run_once(&kinds[k], &histograms[k])) {
				fprintf(stderr,
					"lend-bench-internal: claim: %s: operations are missing\n",
					kinds[k].name);
				return 1;
			}
		}
	}
	printf("claims on a held loan, ns each, %u rounds of %d\n    %-40s %8s %8s %8s\n",
	       rounds, COUNT, "", "p10", "median", "p90");
	for (unsigned k = 0; k < KINDS; k++)
		printf("    %-40s %8.2f %8.2f %8.2f\n", kinds[k].what,
		       (double)histogram_ns(&histograms[k], 0.1) / 100,
		       (double)histogram_ns(&histograms[k], 0.5) / 100,
		       (double)histogram_ns(&histograms[k], 0.9) / 100);
	io_uring_queue_exit(&plain);
	lend__arbiter_detach(&borrower);
	lend__arbiter_fini(&arbiter);
	return 0;
}
