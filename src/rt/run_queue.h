/*
 * What a worker runs next: its runnable actors, in an order that is fair.
 *
 *	out of turn   next: the one that the running actor has just woken
 *	              URGENT: there are SQEs for it, which are kept for it
 *	in turn       those that are pinned
 *	              READY: completions and messages
 *	              YIELDED: those that gave way
 *
 * Note [fair]
 * Each pick in turn earns one out of turn; LEND_RUN_CREDIT_MAX of them are
 * kept. The two kinds out of turn alternate. In turn, pinned actors and the
 * others alternate. The others have cycles, which begin while there is somebody
 * in READY and in YIELDED: first those that were in READY then, then those that
 * were in YIELDED, each of which lets at most LEND_RUN_READY_MAX that have come
 * to READY since go first. So who yields is behind everybody who was runnable
 * before (who spawns and yields does not spawn faster than that can run), and
 * completions and messages that come later overtake it, but not for ever.
 *
 * Whatever the others do, a runnable actor waits for a bounded number of turns,
 * its own included. With n actors before it in its lane they are at most
 *
 *	READY    2 p r + c,  where r = (n + 1) (1 + 1/k) + 1
 *	YIELDED  2 p r + c,  where r = (n + 1) (k + 1) + R + R'
 *	pinned   2 r + c,    where r = 2 (n + 1)
 *	URGENT   4 (n + 1)
 *	next     4
 *
 * with k = LEND_RUN_READY_MAX, c = LEND_RUN_CREDIT_MAX, p = 2 if there are
 * pinned ones, else 1; R and R' are those in READY when the present cycle and
 * the next one begin. The first 2 is for the picks that were earned. Each lane
 * is first in, first out, however long: what its ring has no room for waits in
 * a list behind it. A thief takes the oldest of a lane, and has an empty queue;
 * so nobody is further from its turn for having been stolen. Only a rescue from
 * a worker that is stuck may put actors behind those of their rescuer.
 */
#ifndef LEND_RT_RUN_QUEUE_H
#define LEND_RT_RUN_QUEUE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "rt/lane.h"

/* Note [fair]. */
#define LEND_RUN_CREDIT_MAX 8
#define LEND_RUN_READY_MAX  4

/* A victim keeps its work if there is less of it than this. */
#define LEND_RUN_STEAL_LENGTH 8

/* At most so many are stolen at once. */
#define LEND_RUN_STEAL_MAX 64

enum lend_run_lane {
	LEND_RUN_URGENT,
	LEND_RUN_READY,
	LEND_RUN_YIELDED,
	LEND_RUN_LANES,
};

struct lend_run_queue {
	/* [owner] */
	struct lend_actor *pinned_first; /* nobody takes those */
	struct lend_actor *pinned_last;
	unsigned pinned_count;
	unsigned filled;       /* who may have somebody: see run_queue.c */
	unsigned credit;       /* picks out of turn that were earned */
	unsigned ready_left;   /* of this cycle */
	unsigned yielded_left; /* of this cycle */
	unsigned ready_run;    /* that went before the next of YIELDED */
	bool pinned_turn;      /* the last one in turn was pinned */
	bool next_turn;	       /* the last one was next, of the two kinds */

	/* [owner] written, read by others as counters */
	_Atomic uint64_t next_hits;
	_Atomic uint64_t overflows;

	/* [atomic: W3] Owner fills; owner and thieves empty. */
	_Atomic(struct lend_actor *) next;
	struct lend_lane lanes[LEND_RUN_LANES];
};

/* 0 or -ENOMEM; lend__run_queue_fini() can finish a half-built one. */
int lend__run_queue_init(struct lend_run_queue *queue);
void lend__run_queue_fini(struct lend_run_queue *queue);

/* ---- by the owner ---- */

/* At the end of a lane. */
void lend__run_queue_push(struct lend_run_queue *queue, enum lend_run_lane lane,
			  struct lend_actor *actor);

/* The same for those that give way, which is most of what some programs do. */
void lend__run_queue_push_yielded(struct lend_run_queue *queue,
				  struct lend_actor *actor);

/* To be the next one; to the end of READY, if somebody else is that. */
void lend__run_queue_push_next(struct lend_run_queue *queue,
			       struct lend_actor *actor);

/* At the end of those that are pinned; or before them, if it is urgent. */
void lend__run_queue_push_pinned(struct lend_run_queue *queue,
				 struct lend_actor *actor, bool urgent);

/* The one whose turn it is, or NULL. */
struct lend_actor *lend__run_queue_take(struct lend_run_queue *queue);

/* One of those that are not pinned, in any order, or NULL; whether it is
 * urgent. */
struct lend_actor *lend__run_queue_take_any(struct lend_run_queue *queue,
					    bool *ret_urgent);

/* Is there anybody? Those that are pinned count. */
bool lend__run_queue_has_work(const struct lend_run_queue *queue);

/* ---- by any thread ---- */

/* How many there are, as a hint; without those that are pinned. */
unsigned lend__run_queue_length(const struct lend_run_queue *queue);

/* How many of those that are not pinned were taken so far, by whomever; modulo
 * 2^32. A hint: who has somebody waiting, and has not taken anybody since the
 * last look, is in the same turn still. */
uint32_t lend__run_queue_taken(const struct lend_run_queue *queue);

/**
 * Take actors from @victim: half of READY and YIELDED, if they are not few. The
 * oldest of a lane come first, and stay in the order and the lane.
 *
 * @keeps  so many of READY do not count: which ones is all the same, as who is
 *         taken is the oldest in any case
 *
 * Thread: the owner of @queue.
 *
 * Return: how many, at most LEND_RUN_STEAL_MAX
 */
unsigned lend__run_queue_steal_half(struct lend_run_queue *queue,
				    struct lend_run_queue *victim,
				    unsigned keeps);

/* The same for everybody. */
unsigned lend__run_queue_steal_all(struct lend_run_queue *queue,
				   struct lend_run_queue *victim);

#endif
