/*
 * The load generator: one thread, one ring, in a process that is not the one
 * under test.
 *
 * With a rate it is an *open loop*: request k is due at k / rate whatever the
 * answers do, goes to the connections in turn, and its latency counts from the
 * moment it was due, so a server that stands still is charged for every
 * request it kept waiting, sent or not. Without one it is a closed loop: each
 * connection keeps some requests outstanding. Its latencies say what a request
 * took under saturation and nothing more.
 */
#ifndef LEND_BENCH_GENERATOR_H
#define LEND_BENCH_GENERATOR_H

#include <stdbool.h>
#include <stdint.h>

#include "histogram.h"
#include "lend_bench/conversation.h"

struct generator_options {
	uint16_t port; /* on 127.0.0.1 */
	struct conversation conversation;
	unsigned connections; /* under load */
	unsigned pipeline;    /* closed loop: outstanding on each */
	uint64_t rate;	      /* open loop: requests/s; 0: closed loop */
	unsigned idle;	      /* more connections: one request at the start */

	uint32_t work_us; /* CPU that each request takes */

	/* One connection more, whose requests burn CPU: one every @every_ns.
	 * They are checked, but not among the others' figures. 0: none. */
	uint32_t burn_us;
	uint64_t every_ns;
};

struct generator_result {
	uint64_t window_ns;
	uint64_t answers; /* that came while the window was open */
	uint64_t errors;  /* wrong answers, broken connections */
	uint64_t lost;	  /* requests without an answer at the end */
	uint64_t burns;	  /* answers to burning requests in the window */
	/* Of the requests that were due (or, in a closed loop, sent) while the
	 * window was open, also of those that were answered later. */
	struct histogram latency;
	struct histogram burn_latency;
	struct histogram late; /* open loop: from due to sent */
};

struct generator;

/**
 * Connect all, and have one request answered on each idle connection.
 *
 * @ret_generator  written only on success
 *
 * Return: 0, or -errno
 */
int generator_open(const struct generator_options *options,
		   struct generator **ret_generator);

/* Put load on for @span_ns. */
void generator_run(struct generator *generator, uint64_t span_ns);

/* The window opens, and closes, here; between two generator_run(). */
void generator_measure(struct generator *generator, bool on);

/* Ask nothing more; wait for the answers that are due, @span_ns at most. */
void generator_drain(struct generator *generator, uint64_t span_ns);

/* Valid until it is closed. */
const struct generator_result *
generator_result(const struct generator *generator);

/* NULL is ignored. Returns NULL. */
struct generator *generator_close(struct generator *generator);

#endif
