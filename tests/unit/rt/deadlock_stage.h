/*
 * What tests of deadlocks share: workers without threads, all of them parked,
 * and actors without fibers. What a look is to see is set by hand.
 */
#ifndef LEND_TESTS_DEADLOCK_STAGE_H
#define LEND_TESTS_DEADLOCK_STAGE_H

#include <stdint.h>

#include "actor/actor.h"
#include "rt/runtime.h"
#include "rt/worker.h"
#include "uring/ring.h"

#define STAGE_WORKERS 2
#define STAGE_ACTORS  200

struct stage {
	struct lend_runtime runtime;
	struct lend_worker workers[STAGE_WORKERS];
	struct lend_wake_op wake_ops[STAGE_WORKERS];
	struct lend_ring ring;
	struct lend_actor *actors[STAGE_ACTORS];
	unsigned actors_count;

	/* The log, and the level of its last line. */
	char said[16384];
	enum lend_log_level level_said;
};

extern struct stage stage;

/* Nobody lives. */
void stage_set(void);
void stage_strike(void);

/* It is suspended, and waits for that: LEND_WAITS_... */
void stage_wait_for(struct lend_actor *actor, uint8_t kind, int whom);
/* It already is: it waits for something else now. */
void stage_wait_anew_for(struct lend_actor *actor, uint8_t kind, int whom);

/* Nobody sees it before it is published. */
struct lend_actor *stage_spawn(const char *name);
struct lend_actor *stage_spawn_suspended(const char *name, uint8_t kind,
					 int whom);
/* It waits for a message. */
struct lend_actor *stage_spawn_reader(void);

/* How often the log has it. */
unsigned stage_count_said(const char *what);
/* How often it says that nothing can run. */
unsigned stage_count_told(void);

/* A look tells that for the first time. */
void stage_expect_told(void);

#endif
