/*
 * A worker: a thread that runs actors and does their I/O.
 */
#ifndef LEND_RT_WORKER_H
#define LEND_RT_WORKER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "actor/actor.h"
#include "actor/message_store.h"
#include "arbiter/arbiter.h"
#include "arbiter/op.h"
#include "rt/affinity.h"
#include "rt/flush.h"
#include "rt/inbox.h"
#include "rt/load.h"
#include "rt/monitor.h"
#include "rt/pinned.h"
#include "rt/run_queue.h"
#include "rt/timers.h"

/* Actors run in one round, before completions and timers get their turn. */
#define LEND_WORKER_ROUND_MAX 256

/* Calls that find at once what they are asked for, in one turn of an actor:
 * Note [budget] in turn.h. */
#define LEND_TURN_CALLS 64

struct lend_backtrace;
struct lend_runtime;

/* [owner] Of the actor that runs: see turn.h. */
struct lend_turn {
	uint32_t calls_left;
	uint32_t look_in;  /* at the clock, in so many calls */
	uint32_t looks;	   /* so far */
	uint64_t began_ns; /* as of the first look */
};

/* [owner] A worker with a short queue that it keeps in view, or NULL: Note
 * [lookout] in steal.c. */
struct lend_lookout {
	struct lend_worker *whom;
	uint64_t since_ns;
	uint32_t taken; /* of its queue, until then */
	bool in_vain;	/* the sentinel has woken up, and not taken anybody */
};

/* [owner] See round.h. */
struct lend_round {
	unsigned ran;  /* actors, so far */
	unsigned most; /* that may, before it is asked anew; 0: it is over */
};

/* What is done with an actor that has just left: Note [straight on]. */
enum lend_worker_after {
	LEND_AFTER_NOTHING, /* nobody has, or it was seen to */
	LEND_AFTER_SUSPEND,
	LEND_AFTER_YIELD,
	LEND_AFTER_MOVE,
	LEND_AFTER_END,
};

/* [atomic: park] Waking is a move from PARKED to NOTIFIED, done once. */
enum lend_park_state {
	LEND_PARK_RUNNING,
	LEND_PARK_PARKED,
	LEND_PARK_NOTIFIED,
};

/* [atomic: E4] Whether a worker stays: see leave.c. */
enum lend_worker_stay {
	LEND_STAYS,
	LEND_ASKED_TO_LEAVE, /* it hands over what it has; may be taken back */
	LEND_LEAVES,	     /* its thread ends */
};

/* A poll on a worker's event descriptor, armed on one ring. */
struct lend_wake_op {
	struct lend_op op;
	_Atomic bool armed;
};

struct lend_worker {
	/* [const] while its thread runs */
	struct lend_runtime *runtime;
	unsigned index;
	pthread_t thread;
	int event_fd;
	struct lend_magazine *magazine; /* free slots for actors */
	struct lend_wake_op *wake_ops;	/* one for each ring that may be */

	/* [owner] */
	struct lend_fiber fiber; /* the thread's own stack */
	struct lend_actor *running;
	struct lend_turn turn;
	struct lend_round round;
	struct lend_actor *left; /* who ran before */
	enum lend_worker_after after;
	struct lend_fp_modes fp_modes; /* of those that do not keep theirs */
	struct lend_ring *bound_ring;  /* nobody else enters it, or NULL */
	uint64_t now_ns;	       /* the clock at the last safe point */
	bool flushes_early; /* [const] the flush policy is not the default */
	struct lend_flush flush;
	bool unwatched; /* it woke up with nothing to do: see monitor.c */
	uint32_t random;
	struct lend_message_store message_store;
	struct lend_lookout lookout;
	struct lend_load load;
	struct lend_affinity affinity;

	/* [owner] written, read by others as counters */
	_Atomic uint64_t switches;
	_Atomic uint64_t steals;
	_Atomic uint64_t steals_far; /* of those: with no cache in common */
	_Atomic uint64_t budget_yields;
	_Atomic uint64_t parks;
	_Atomic uint64_t messages;
	_Atomic uint64_t resubmitted;
	_Atomic uint64_t rearmed; /* series */
	_Atomic uint64_t own_receives;
	_Atomic uint64_t short_receives;
	_Atomic uint64_t copied_receives; /* see lend__buffer_settle() */

	struct lend_stalls stalls;
	struct lend_borrower borrower;
	struct lend_timers timers;

	LEND_CACHE_ALIGNED struct lend_run_queue queue;

	LEND_CACHE_ALIGNED struct lend_pinned pinned;

	/* [atomic: W1] actors sent by other threads, newest first */
	LEND_CACHE_ALIGNED _Atomic(struct lend_actor *) inbox;
	_Atomic uint32_t park_state;
	_Atomic int tid;       /* of the kernel; 0: it can not be asked */
	_Atomic uint32_t stay; /* [atomic: E4] enum lend_worker_stay */
	_Atomic uint64_t wakes;
	_Atomic uint32_t called; /* who woke it: its number plus 1, or 0 */
	/* [atomic: D2] to be filled by the handler of kicks, or NULL */
	_Atomic(struct lend_backtrace *) backtrace;
};

/* Run actors until the runtime stops, or the worker has left. Own thread. */
void lend__worker_run(struct lend_worker *worker);

int lend__worker_init(struct lend_worker *worker, struct lend_runtime *runtime,
		      unsigned index);
void lend__worker_fini(struct lend_worker *worker);

/* Queue a runnable actor. Thread: the worker's own. */
void lend__worker_enqueue(struct lend_worker *worker, struct lend_actor *actor);

/* The same for one that was woken, perhaps by the actor that runs: then it may
 * be the next one. */
void lend__worker_enqueue_woken(struct lend_worker *worker,
				struct lend_actor *actor);

/* The same for one that is urgent, or pinned to this worker. */
void lend__worker_enqueue_special(struct lend_worker *worker,
				  struct lend_actor *actor);

/* Is it one like any other? */
static inline bool lend__worker_is_plain(const struct lend_worker *worker,
					 const struct lend_actor *actor)
{
	return lend_likely(
		!atomic_load_explicit(&actor->urgent, memory_order_relaxed) &&
		actor->pinned_to != worker);
}

/* The same for one that has given way. */
static inline void lend__worker_enqueue_yielded(struct lend_worker *worker,
						struct lend_actor *actor)
{
	if (lend__worker_is_plain(worker, actor))
		lend__run_queue_push_yielded(&worker->queue, actor);
	else
		lend__worker_enqueue_special(worker, actor);
}

/* Queue one that the caller has woken: here, unless it is pinned to another
 * worker of the same runtime. Thread: the worker's own. */
static inline void lend__worker_resume(struct lend_worker *worker,
				       struct lend_actor *actor)
{
	if (lend_unlikely(actor->pinned_to && actor->pinned_to != worker))
		lend__pinned_send(actor);
	else
		lend__worker_enqueue_woken(worker, actor);
}

/* Queue what came out of an inbox. Thread: the worker's own. */
void lend__worker_enqueue_all(struct lend_worker *worker,
			      struct lend_actor *newest);

/* Queue a runnable actor from another thread, and wake the worker; or another
 * one, if it has left. */
void lend__worker_send(struct lend_worker *worker, struct lend_actor *actor);

/* Is there anything to run, but for what completions bring? Own thread. */
bool lend__worker_has_work(struct lend_worker *worker);

/* Send everything runnable to workers that stay. Own thread. */
void lend__worker_hand_over(struct lend_worker *worker);

/* Take what is in the inbox, and have whoever sends from here on go to another
 * worker. Own thread. */
void lend__worker_seal(struct lend_worker *worker);

/* ---- steal.c ---- */

/* How many workers a thief looks at. */
#define LEND_STEAL_PROBES 8

/* Take runnable actors of another worker, that has many, or is slow: of the one
 * that has called, of who is in view, then of those that are near, @probes of
 * all that are at work. Own thread. */
bool lend__worker_steal(struct lend_worker *worker, unsigned probes);

/* How long the sentinel may sleep before it looks for actors to take. Own
 * thread. */
uint64_t lend__worker_lookout(struct lend_worker *worker);

/* ---- leave.c ---- */

/* From here on what is sent to it goes to other workers, and so does what was
 * sent before. Own thread; or, if it could not be started, who tried to. */
void lend__worker_close(struct lend_worker *worker);

/* A step towards its end, for a worker that was asked to leave. Own thread.
 * True: the thread is to end now. */
bool lend__worker_leave(struct lend_worker *worker);

/* ---- idle.c ---- */

/* Wait for work inside the kernel. Own thread. */
void lend__worker_park(struct lend_worker *worker);

/* Wake it if it is parked: at most one system call, once. Any thread.
 * True if it was parked. */
bool lend__worker_wake(struct lend_worker *worker);

/* A number below 65,536, at random. Own thread. */
static inline unsigned lend__worker_draw(struct lend_worker *worker)
{
	worker->random = worker->random * 1664525u + 1013904223u;
	return worker->random / 65536;
}

/* Wake one parked worker, if there is any: one that is near. Thread: the
 * worker's own, which has something to be taken. */
void lend__worker_wake_one(struct lend_worker *worker);

/* The same for one that may help: which has been idle for longer. */
void lend__worker_wake_idle(struct lend_worker *worker);

/* A queue this long wakes a parked worker; a shorter one is faster run here
 * than handed over, as waking costs both sides about 10 us. */
#define LEND_WAKE_LENGTH 16

/* So many are runnable here: if they are many wake one worker, which takes half
 * of them, and wakes the next one by the same rule. Connections count only for
 * a worker that is busy: Note [affinity] in steal.c. Own thread. */
static inline void lend__worker_share(struct lend_worker *worker,
				      unsigned length)
{
	if (length <= LEND_WAKE_LENGTH)
		return;
	if (length > LEND_WAKE_LENGTH + lend__affinity_keeps(&worker->affinity))
		lend__worker_wake_one(worker);
	else if (lend__load_is_busy(&worker->load, worker->now_ns))
		lend__worker_wake_idle(worker);
}

/* Wake all that are parked: what each of them watches has to be decided anew.
 * Any thread. */
void lend__worker_wake_all(struct lend_runtime *runtime);

#endif
