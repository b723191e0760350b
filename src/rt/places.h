/*
 * Where in the program something was begun that has to be ended: kept on
 * request, lend_options.report_leaks, so that what an actor leaves behind can
 * be reported with the place that it comes from.
 *
 * What is not ended at an actor's end is ended there (io/ending.c, and timers);
 * descriptors are not, as they may have been handed on by number, which nobody
 * can see: see doc/adr/0034-descriptors-left.md. Those that are open when their
 * runtime ends are reported then.
 *
 * Without the request all of this is a look at one flag, and not in the way of
 * what only transfers data.
 */
#ifndef LEND_RT_PLACES_H
#define LEND_RT_PLACES_H

#include <lend/base.h>
#include <stdatomic.h>
#include <stdbool.h>

struct lend_actor;
struct lend_runtime;

enum lend_place_kind {
	LEND_PLACE_DESCRIPTOR, /* its key: the number */
	LEND_PLACE_OPERATION,  /* the handle; of series, too */
	LEND_PLACE_CLAIM,      /* the handle */
	LEND_PLACE_TIMER,      /* the timer */
};

/* Some runtime keeps places. */
extern _Atomic unsigned lend__places_runtimes;

static inline bool lend__places_used(void)
{
	/* Relaxed: a runtime's actors come after it was counted. */
	return __builtin_expect(atomic_load_explicit(&lend__places_runtimes,
						     memory_order_relaxed) != 0,
				0);
}

/* A runtime that keeps places begins; or ends, all its actors having ended:
 * report its open descriptors. */
void lend__places_begin(void);
void lend__places_end(struct lend_runtime *runtime);

/**
 * The calling actor begins something, or has got a descriptor. Does nothing if
 * its runtime keeps no places, or there is no memory for it.
 *
 * Thread: any; does nothing on others than workers.
 */
void lend__place_note(enum lend_place_kind kind, uintptr_t key);

/* It was ended, or is to be left open. Any thread. */
void lend__place_forget(enum lend_place_kind kind, uintptr_t key);

/* Does @actor's runtime report what it leaves? */
bool lend__places_wanted(const struct lend_actor *actor);

/* A line: "actor conn #12 leaves <text>, begun at ...". What it was is
 * forgotten. Thread: the actor itself. */
LEND_PRINTF(4, 5)
void lend__place_report(const struct lend_actor *actor,
			enum lend_place_kind kind, uintptr_t key,
			const char *format, ...);

/* At @actor's end: lines, for debugging, on descriptors that it has opened and
 * that are open. */
void lend__places_report_open(const struct lend_actor *actor);

#endif
