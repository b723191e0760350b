/*
 * The process under test: one runtime, one workload, one run.
 *
 * The engine starts it (the hidden command `lend-bench subject`), shares a
 * piece of memory with it and tells it by single bytes when the window opens
 * and closes. So its processor time is the runtime's and nothing else's, and
 * no run inherits memory from another.
 */
#ifndef LEND_BENCH_SUBJECT_H
#define LEND_BENCH_SUBJECT_H

#include <lend/lend.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "histogram.h"
#include "lend_bench/config.h"

/* Engine to subject, and back. */
enum {
	SAY_OPEN = 'O',	  /* the window opens */
	SAY_CLOSE = 'C',  /* it closes */
	SAY_QUIT = 'Q',	  /* end; each is answered by the same byte */
	SAY_READY = 'R',  /* started */
	SAY_FAILED = 'F', /* not started: see shared->failure */
};

struct crew;

/* Everything at one moment. */
struct sample {
	uint64_t when_ns;
	uint64_t cpu_ns; /* of the process, all threads */
	uint64_t operations;
	struct lend_stats stats;
};

enum { SAMPLE_OPEN, SAMPLE_CLOSE, SAMPLES_COUNT };

#define EXTRAS_MAX 24

/* A number that only some workloads have. */
struct extra {
	char name[32];
	double value;
};

struct extras {
	unsigned count;
	struct extra list[EXTRAS_MAX];
};

/* Drops what is one too many, which an assertion of the tests would see. */
void extras_add(struct extras *extras, const char *name, double value);

/* [engine] before the subject starts, [subject] afterwards; each side reads
 * what the other wrote only after a byte said so. */
struct shared {
	struct config config;
	/* [engine] The window of a served workload, as its engine sees it:
	 * a byte would be read when the process gets around to it. 0: it has
	 * not opened, or not closed, yet. */
	_Atomic uint64_t opened_ns;
	_Atomic uint64_t closed_ns;
	/* [subject] */
	uint16_t port;
	int error; /* -errno of what failed at the start */
	char failure[256];
	struct sample samples[SAMPLES_COUNT];
	struct histogram latency; /* of the window; empty if served */
	/* Of the whole run, for workloads that are not served. */
	uint64_t started;
	uint64_t finished;
	uint64_t errors;
	uint64_t patience_ns; /* [engine] what the end may take */
	uint64_t burned_ns;   /* CPU that requests burned within the window */
	struct extras extras;
};

struct subject {
	/* [const] after the start */
	struct shared *shared;
	const struct config *config;
	struct lend_runtime *runtime;
	struct crew *crew; /* NULL if it is served */
	void *own;	   /* the workload's */

	/* [atomic] relaxed: actors look at them, the main thread sets them */
	_Atomic bool measuring; /* the window is open */
	_Atomic bool stopping;
	_Atomic bool tampered; /* what was to go wrong has */
	_Atomic uint64_t burned_ns;
};

static inline bool subject_is_measuring(const struct subject *subject)
{
	return atomic_load_explicit(&subject->measuring, memory_order_relaxed);
}

static inline bool subject_is_stopping(const struct subject *subject)
{
	return atomic_load_explicit(&subject->stopping, memory_order_relaxed);
}

/* Is it now that @tamper has to happen? True once a run, and never without the
 * option that asks for it. */
bool subject_tampers(struct subject *subject, enum tamper tamper);

/* Say why the start failed; returns @error. */
int subject_fail(struct subject *subject, int error, const char *what);

/* The command: @argv is "subject", the control socket, the shared memory. */
int subject_main(int argc, char **argv);

#endif
