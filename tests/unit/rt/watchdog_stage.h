/*
 * What tests of the watchdog share: a runtime without threads that its thread
 * looks at. When it looks is up to the test, as what it waits in between is
 * wrapped; so are its clock, what it reads of threads, and what changes the
 * number of workers. Between two looks all of it is the test's.
 */
#ifndef LEND_TESTS_WATCHDOG_STAGE_H
#define LEND_TESTS_WATCHDOG_STAGE_H

#include <lend/clock.h>
#include <stdbool.h>
#include <stdint.h>

#include "rt/runtime.h"
#include "rt/worker.h"

#define STAGE_WORKERS	  4
#define STAGE_WORKERS_MAX 16
#define STAGE_BEGIN	  (100 * LEND_S)
#define STAGE_STALL	  (2 * LEND_MS)
#define STAGE_LIMIT	  LEND_S /* without a safe point */

struct stage {
	struct lend_runtime runtime;
	struct lend_worker workers[STAGE_WORKERS_MAX];

	/* What it sees. */
	uint64_t clock_ns;
	bool blocked[STAGE_WORKERS_MAX];
	uint64_t cpu_ns[STAGE_WORKERS_MAX];
	/* Come to a safe point: as soon as their threads were looked at; while
	 * they are asked where they are. */
	struct lend_worker *goes_on;
	struct lend_worker *goes_on_later;

	/* What it does. */
	uint64_t wait_ns; /* between two looks */
	char said[16384];
	unsigned changes; /* calls of lend__size_set_spares() */
	uint64_t change_deadline;
	int change_error; /* what those return */
};

extern struct stage stage;

/* All workers are parked. */
void stage_set(void);
void stage_strike(void);

/* Start the watchdog: it waits for its first look. */
void stage_start(void);

/* Have it look once. */
void stage_look(void);
void stage_look_at(uint64_t now_ns);

/* It works from now on, and comes to no safe point. */
void stage_get_stuck(unsigned worker, bool is_blocked);
void stage_come_to_safe_point(struct lend_worker *worker);

/* How often the log has it. */
unsigned stage_count_said(const char *what);
/* How many stalls, of any worker. */
unsigned stage_count_told(void);

#endif
