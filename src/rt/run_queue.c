/*
 * Runnable actors of a worker: see run_queue.h. Who pushes and takes is
 * worker.c, who steals is steal.c.
 */
#include "rt/run_queue.h"

#include <errno.h>
#include <string.h>

#include "actor/actor.h"
#include "base/counter.h"

/* Of @filled: a lane, the place of the one just woken, the pinned ones, and
 * whether a cycle has begun that is not over. */
#define FILLED(lane)  (1u << (lane))
#define FILLED_NEXT   FILLED(LEND_RUN_LANES)
#define FILLED_PINNED FILLED(LEND_RUN_LANES + 1)
#define FILLED_CYCLE  FILLED(LEND_RUN_LANES + 2)

#define FILLED_OUT_OF_TURN (FILLED_NEXT | FILLED(LEND_RUN_URGENT))

int lend__run_queue_init(struct lend_run_queue *queue)
{
	int err = 0;

	memset(queue, 0, sizeof(*queue));
	for (unsigned i = 0; i < LEND_RUN_LANES; i++)
		if (lend__lane_init(&queue->lanes[i]))
			err = -ENOMEM;
	return err;
}

void lend__run_queue_fini(struct lend_run_queue *queue)
{
	for (unsigned i = 0; i < LEND_RUN_LANES; i++)
		lend__lane_fini(&queue->lanes[i]);
}

/* No room of the lane's ring is known. */
__attribute__((noinline)) static void push_further(struct lend_run_queue *queue,
						   struct lend_lane *lane,
						   struct lend_actor *actor)
{
	if (!lend__lane_push_further(lane, actor))
		lend_counter_add(&queue->overflows, 1);
}

static inline void push(struct lend_run_queue *queue, enum lend_run_lane lane,
			struct lend_actor *actor)
{
	queue->filled |= FILLED(lane);
	if (lend_unlikely(!lend__lane_push(&queue->lanes[lane], actor)))
		push_further(queue, &queue->lanes[lane], actor);
}

void lend__run_queue_push(struct lend_run_queue *queue, enum lend_run_lane lane,
			  struct lend_actor *actor)
{
	push(queue, lane, actor);
}

void lend__run_queue_push_yielded(struct lend_run_queue *queue,
				  struct lend_actor *actor)
{
	push(queue, LEND_RUN_YIELDED, actor);
}

void lend__run_queue_push_next(struct lend_run_queue *queue,
			       struct lend_actor *actor)
{
	/* Relaxed: a thief may have emptied it just now, no more. The first
	 * stays, so that those that one actor wakes run in that order. */
	if (atomic_load_explicit(&queue->next, memory_order_relaxed)) {
		lend__run_queue_push(queue, LEND_RUN_READY, actor);
		return;
	}
	queue->filled |= FILLED_NEXT;
	/* Release [W3], paired with take_next(). */
	atomic_store_explicit(&queue->next, actor, memory_order_release);
}

/* Any thread. */
static struct lend_actor *take_next(struct lend_run_queue *queue)
{
	if (!atomic_load_explicit(&queue->next, memory_order_relaxed))
		return NULL;
	/* Acquire [W3]. */
	return atomic_exchange_explicit(&queue->next, NULL,
					memory_order_acquire);
}

void lend__run_queue_push_pinned(struct lend_run_queue *queue,
				 struct lend_actor *actor, bool urgent)
{
	actor->run_next = urgent ? queue->pinned_first : NULL;
	if (!queue->pinned_last)
		queue->pinned_first = queue->pinned_last = actor;
	else if (urgent)
		queue->pinned_first = actor;
	else
		queue->pinned_last = queue->pinned_last->run_next = actor;
	queue->pinned_count++;
	queue->filled |= FILLED_PINNED;
}

static struct lend_actor *pop_pinned(struct lend_run_queue *queue)
{
	struct lend_actor *actor = queue->pinned_first;

	if (!actor)
		return NULL;
	queue->pinned_first = actor->run_next;
	if (!queue->pinned_first) {
		queue->pinned_last = NULL;
		queue->filled &= ~FILLED_PINNED;
	}
	queue->pinned_count--;
	return actor;
}

/* Of its own queue. */
static inline struct lend_actor *take_woken(struct lend_run_queue *queue)
{
	struct lend_actor *actor = NULL;

	if (queue->filled & FILLED_NEXT)
		actor = take_next(queue);
	queue->filled &= ~FILLED_NEXT;
	if (actor)
		lend_counter_add(&queue->next_hits, 1);
	return actor;
}

static struct lend_actor *take_urgent(struct lend_run_queue *queue)
{
	struct lend_actor *actor = lend__lane_pop(
		&queue->lanes[LEND_RUN_URGENT]);

	if (!actor)
		queue->filled &= ~FILLED(LEND_RUN_URGENT);
	return actor;
}

/* There is somebody urgent, or was: the two kinds alternate. */
__attribute__((noinline)) static struct lend_actor *
take_alternately(struct lend_run_queue *queue)
{
	struct lend_actor *actor = NULL;

	if (!queue->next_turn)
		actor = take_woken(queue);
	queue->next_turn = actor != NULL;
	if (!actor)
		actor = take_urgent(queue);
	return actor ? actor : take_woken(queue);
}

static inline struct lend_actor *take_out_of_turn(struct lend_run_queue *queue)
{
	if (lend_unlikely(queue->filled & FILLED(LEND_RUN_URGENT)))
		return take_alternately(queue);
	return take_woken(queue);
}

/* So many of each lane are left of the cycle. */
static inline void count_cycle(struct lend_run_queue *queue, unsigned ready,
			       unsigned yielded)
{
	queue->ready_left = ready;
	queue->yielded_left = yielded;
	if (ready || yielded)
		queue->filled |= FILLED_CYCLE;
	else
		queue->filled &= ~FILLED_CYCLE;
}

static struct lend_actor *take_yielded(struct lend_run_queue *queue)
{
	struct lend_actor *actor = lend__lane_pop(
		&queue->lanes[LEND_RUN_YIELDED]);

	if (!actor) {
		queue->filled &= ~FILLED(LEND_RUN_YIELDED);
		count_cycle(queue, queue->ready_left, 0);
	} else if (queue->yielded_left) {
		count_cycle(queue, queue->ready_left, queue->yielded_left - 1);
	}
	return actor;
}

static struct lend_actor *take_ready(struct lend_run_queue *queue)
{
	struct lend_actor *actor = lend__lane_pop(
		&queue->lanes[LEND_RUN_READY]);

	if (!actor) {
		queue->filled &= ~FILLED(LEND_RUN_READY);
		queue->ready_run = 0;
		/* Thieves may have shortened the cycle. */
		count_cycle(queue, 0, queue->yielded_left);
	} else if (queue->ready_left) {
		count_cycle(queue, queue->ready_left - 1, queue->yielded_left);
	}
	return actor;
}

/* Who has let enough of READY go first, if it is that one's turn. */
static inline struct lend_actor *take_overtaken(struct lend_run_queue *queue)
{
	if (queue->ready_left)
		return NULL;
	if (queue->ready_run < LEND_RUN_READY_MAX) {
		queue->ready_run++;
		return NULL;
	}
	queue->ready_run = 0;
	return take_yielded(queue);
}

/* There may be somebody in both lanes. */
static struct lend_actor *take_of_both(struct lend_run_queue *queue)
{
	struct lend_actor *actor;

	if (!(queue->filled & FILLED_CYCLE))
		count_cycle(queue,
			    lend__lane_length(&queue->lanes[LEND_RUN_READY]),
			    lend__lane_length(&queue->lanes[LEND_RUN_YIELDED]));
	actor = take_overtaken(queue);
	if (!actor)
		actor = take_ready(queue);
	return actor ? actor : take_yielded(queue);
}

/* Whose turn it is of those that are not pinned: Note [fair]. */
static struct lend_actor *take_of_cycle(struct lend_run_queue *queue)
{
	switch (queue->filled &
		(FILLED(LEND_RUN_READY) | FILLED(LEND_RUN_YIELDED))) {
	case 0:
		return NULL;
	case FILLED(LEND_RUN_READY):
		return take_ready(queue);
	case FILLED(LEND_RUN_YIELDED):
		return take_yielded(queue);
	default:
		return take_of_both(queue);
	}
}

static struct lend_actor *take_in_turn(struct lend_run_queue *queue)
{
	struct lend_actor *actor;

	if (queue->filled & FILLED_PINNED) {
		queue->pinned_turn = !queue->pinned_turn;
		if (queue->pinned_turn)
			return pop_pinned(queue);
	}
	actor = take_of_cycle(queue);
	return actor ? actor : pop_pinned(queue);
}

static inline void earn(struct lend_run_queue *queue)
{
	if (queue->credit < LEND_RUN_CREDIT_MAX)
		queue->credit++;
}

/* There are others than those of the cycle. */
__attribute__((noinline)) static struct lend_actor *
take_among_all(struct lend_run_queue *queue)
{
	struct lend_actor *actor;

	if (queue->filled & FILLED_OUT_OF_TURN && queue->credit) {
		actor = take_out_of_turn(queue);
		if (actor) {
			queue->credit--;
			return actor;
		}
	}
	actor = take_in_turn(queue);
	if (actor) {
		earn(queue);
		return actor;
	}
	/* Nobody else is there to wait. */
	return queue->filled & FILLED_OUT_OF_TURN ? take_out_of_turn(queue) :
						    NULL;
}

/* There is nobody but in this lane, and no cycle to be counted. False if its
 * ring is empty. */
static inline bool take_of_only(struct lend_run_queue *queue,
				enum lend_run_lane lane,
				struct lend_actor **ret_actor)
{
	if (lend_unlikely(!lend__lane_pop_ring(&queue->lanes[lane], ret_actor)))
		return false;
	earn(queue);
	return true;
}

struct lend_actor *lend__run_queue_take(struct lend_run_queue *queue)
{
	const unsigned filled = queue->filled;
	struct lend_actor *actor;

	/* Those that yield have the shortest turns. */
	if (lend_likely(filled == FILLED(LEND_RUN_YIELDED)) &&
	    take_of_only(queue, LEND_RUN_YIELDED, &actor))
		return actor;
	if (filled == FILLED(LEND_RUN_READY) &&
	    take_of_only(queue, LEND_RUN_READY, &actor))
		return actor;
	return filled ? take_among_all(queue) : NULL;
}

struct lend_actor *lend__run_queue_take_any(struct lend_run_queue *queue,
					    bool *ret_urgent)
{
	struct lend_actor *actor = lend__lane_pop(
		&queue->lanes[LEND_RUN_URGENT]);

	*ret_urgent = actor != NULL;
	if (!actor)
		actor = take_next(queue);
	for (unsigned i = 0; i < LEND_RUN_LANES && !actor; i++)
		actor = lend__lane_pop(&queue->lanes[i]);
	return actor;
}

unsigned lend__run_queue_length(const struct lend_run_queue *queue)
{
	unsigned length = 0;

	for (unsigned i = 0; i < LEND_RUN_LANES; i++)
		length += lend__lane_length(&queue->lanes[i]);
	return length + (atomic_load_explicit(&queue->next,
					      memory_order_relaxed) != NULL);
}

bool lend__run_queue_has_work(const struct lend_run_queue *queue)
{
	const unsigned filled = queue->filled;

	if (!filled)
		return false;
	if (filled & FILLED_PINNED)
		return true;
	if (filled & FILLED_NEXT &&
	    atomic_load_explicit(&queue->next, memory_order_relaxed))
		return true;
	for (unsigned i = 0; i < LEND_RUN_LANES; i++)
		if (filled & FILLED(i) && lend__lane_has_work(&queue->lanes[i]))
			return true;
	return false;
}

/* ---- stealing ---- */

uint32_t lend__run_queue_taken(const struct lend_run_queue *queue)
{
	uint32_t taken = (uint32_t)atomic_load_explicit(&queue->next_hits,
							memory_order_relaxed);

	/* The one of a list that goes to no ring, at a refill, is one of 256,
	 * and those that follow it tell. */
	for (unsigned i = 0; i < LEND_RUN_LANES; i++)
		taken += lend_queue_popped(&queue->lanes[i].ring);
	return taken;
}

static unsigned steal_lane(struct lend_run_queue *queue,
			   struct lend_run_queue *victim,
			   enum lend_run_lane lane, unsigned most)
{
	struct lend_actor *actors[LEND_RUN_STEAL_MAX];
	unsigned count = lend__lane_pop_some(&victim->lanes[lane], actors,
					     most);

	for (unsigned i = 0; i < count; i++)
		lend__run_queue_push(queue, lane, actors[i]);
	return count;
}

unsigned lend__run_queue_steal_all(struct lend_run_queue *queue,
				   struct lend_run_queue *victim)
{
	struct lend_actor *next = take_next(victim);
	unsigned stolen = 0;

	if (next) {
		lend__run_queue_push(queue, LEND_RUN_READY, next);
		stolen++;
	}
	for (unsigned i = 0; i < LEND_RUN_LANES; i++)
		stolen += steal_lane(queue, victim, i,
				     LEND_RUN_STEAL_MAX - stolen);
	return stolen;
}

unsigned lend__run_queue_steal_half(struct lend_run_queue *queue,
				    struct lend_run_queue *victim,
				    unsigned keeps)
{
	unsigned ready, most, stolen;

	ready = lend__lane_length(&victim->lanes[LEND_RUN_READY]);
	ready = ready > keeps ? ready - keeps : 0;
	most = ready + lend__lane_length(&victim->lanes[LEND_RUN_YIELDED]);
	if (most < LEND_RUN_STEAL_LENGTH)
		return 0;
	most /= 2;
	if (most > LEND_RUN_STEAL_MAX)
		most = LEND_RUN_STEAL_MAX;
	/* Of each lane as much as there is more of it. */
	stolen = steal_lane(queue, victim, LEND_RUN_READY,
			    ready < most ? (ready + 1) / 2 : most);
	return stolen +
	       steal_lane(queue, victim, LEND_RUN_YIELDED, most - stolen);
}
