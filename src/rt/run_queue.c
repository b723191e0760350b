/*
 * Runnable actors of a worker: see run_queue.h. Who pushes and takes is
 * worker.c, who steals is steal.c.
 */
#include "rt/run_queue.h"

#include <errno.h>
#include <string.h>

#include "actor/actor.h"
#include "base/check.h"
#include "base/counter.h"

/* Actors that go from the list to the ring under one lock. */
#define REFILL_MAX 256

/* A victim keeps its work if there is less of it than this. */
#define STEAL_LENGTH 8

/* Of @filled: a lane, and the place of the one just woken. */
#define FILLED(lane) (1u << (lane))
#define FILLED_NEXT  FILLED(LEND_RUN_LANES)

#define FILLED_OUT_OF_TURN (FILLED_NEXT | FILLED(LEND_RUN_URGENT))

/* ---- a lane ---- */

static int lane_init(struct lend_lane *lane)
{
	pthread_mutex_init(&lane->lock, NULL);
	return lend_queue_init(&lane->ring, LEND_RUN_QUEUE_SIZE);
}

static void lane_fini(struct lend_lane *lane)
{
	lend_queue_fini(&lane->ring);
	pthread_mutex_destroy(&lane->lock);
}

/* As a hint; none to the owner, who alone makes it longer, is none. */
static unsigned listed(const struct lend_lane *lane)
{
	return atomic_load_explicit(&lane->listed, memory_order_relaxed);
}

static unsigned lane_length(const struct lend_lane *lane)
{
	return lend_queue_size(&lane->ring) + listed(lane);
}

/* The same of less work. */
static inline bool lane_has_work(const struct lend_lane *lane)
{
	return !lend_queue_is_empty(&lane->ring) || listed(lane);
}

/* The ring has no room, or the list has somebody, behind whom it goes. */
__attribute__((noinline, cold)) static void
overflow(struct lend_run_queue *queue, struct lend_lane *lane,
	 struct lend_actor *actor)
{
	actor->run_next = NULL;
	pthread_mutex_lock(&lane->lock);
	if (lane->last)
		lane->last->run_next = actor;
	else
		lane->first = actor;
	lane->last = actor;
	atomic_store_explicit(&lane->listed, listed(lane) + 1,
			      memory_order_relaxed);
	pthread_mutex_unlock(&lane->lock);
	lend_counter_add(&queue->overflows, 1);
}

static struct lend_actor *list_pop_locked(struct lend_lane *lane)
{
	struct lend_actor *actor = lane->first;

	if (!actor)
		return NULL;
	lane->first = actor->run_next;
	if (!lane->first)
		lane->last = NULL;
	atomic_store_explicit(&lane->listed, listed(lane) - 1,
			      memory_order_relaxed);
	return actor;
}

static inline void lane_push(struct lend_run_queue *queue,
			     struct lend_lane *lane, struct lend_actor *actor)
{
	if (lend_unlikely(listed(lane)) ||
	    lend_unlikely(!lend_queue_push(&lane->ring, actor)))
		overflow(queue, lane, actor);
}

/* The ring is empty: the list's oldest, and what follows goes into the ring,
 * which thieves may empty meanwhile, but nobody else fills. */
__attribute__((noinline, cold)) static struct lend_actor *
refill(struct lend_lane *lane)
{
	struct lend_actor *first, *actor;

	pthread_mutex_lock(&lane->lock);
	first = list_pop_locked(lane);
	for (unsigned i = 0; i < REFILL_MAX; i++) {
		actor = list_pop_locked(lane);
		if (!actor)
			break;
		if (!lend_queue_push(&lane->ring, actor))
			lend_panic("a queue that was empty is full");
	}
	pthread_mutex_unlock(&lane->lock);
	return first;
}

/*
 * Those that come next are fetched from memory while this one runs: of hundreds
 * of actors the records and stacks do not stay in the first-level cache. First
 * the record's two lines, a turn later what it leads to: where the stack was
 * left. A thief may have taken them, and their place may be another's by now;
 * then this is for nothing, no more. The record stays readable whatever becomes
 * of the actor.
 *
 * Always inline: gcc 12 takes a function that only prefetches for one without
 * effects, and leaves out the call.
 */
__attribute__((always_inline)) static inline void look_ahead(void *ahead[2])
{
	const struct lend_actor *next = ahead[0], *later = ahead[1];
	const char *left_at;

	if (next) {
		left_at = lend__fiber_left_at(&next->fiber);
		__builtin_prefetch(left_at);
		__builtin_prefetch(left_at + LEND_CACHE_LINE);
	}
	if (later) {
		__builtin_prefetch(later);
		__builtin_prefetch(&later->fiber);
	}
}

/* Owner. */
static inline struct lend_actor *lane_pop(struct lend_lane *lane)
{
	void *ahead[2];
	struct lend_actor *actor = lend_queue_pop_ahead(&lane->ring, ahead);

	if (lend_likely(actor != NULL)) {
		look_ahead(ahead);
		return actor;
	}
	return lend_likely(!listed(lane)) ? NULL : refill(lane);
}

/* A thief: the oldest @most, or what there is. */
static unsigned lane_pop_some(struct lend_lane *lane,
			      struct lend_actor **actors, unsigned most)
{
	unsigned count = lend_queue_pop_some(&lane->ring, (void **)actors,
					     most);

	if (count == most || !listed(lane))
		return count;
	pthread_mutex_lock(&lane->lock);
	/* The owner may have refilled the ring: those come first. */
	count += lend_queue_pop_some(&lane->ring, (void **)actors + count,
				     most - count);
	while (count < most && (actors[count] = list_pop_locked(lane)))
		count++;
	pthread_mutex_unlock(&lane->lock);
	return count;
}

/* ---- the queue ---- */

int lend__run_queue_init(struct lend_run_queue *queue)
{
	int err = 0;

	memset(queue, 0, sizeof(*queue));
	for (unsigned i = 0; i < LEND_RUN_LANES; i++)
		if (lane_init(&queue->lanes[i]))
			err = -ENOMEM;
	return err;
}

void lend__run_queue_fini(struct lend_run_queue *queue)
{
	for (unsigned i = 0; i < LEND_RUN_LANES; i++)
		lane_fini(&queue->lanes[i]);
}

void lend__run_queue_push(struct lend_run_queue *queue, enum lend_run_lane lane,
			  struct lend_actor *actor)
{
	queue->filled |= FILLED(lane);
	lane_push(queue, &queue->lanes[lane], actor);
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
}

static struct lend_actor *pop_pinned(struct lend_run_queue *queue)
{
	struct lend_actor *actor = queue->pinned_first;

	if (!actor)
		return NULL;
	queue->pinned_first = actor->run_next;
	if (!queue->pinned_first)
		queue->pinned_last = NULL;
	queue->pinned_count--;
	return actor;
}

/* Of its own queue. */
static struct lend_actor *take_woken(struct lend_run_queue *queue)
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
	struct lend_actor *actor = NULL;

	if (queue->filled & FILLED(LEND_RUN_URGENT))
		actor = lane_pop(&queue->lanes[LEND_RUN_URGENT]);
	if (!actor)
		queue->filled &= ~FILLED(LEND_RUN_URGENT);
	return actor;
}

__attribute__((noinline)) static struct lend_actor *
take_out_of_turn(struct lend_run_queue *queue)
{
	struct lend_actor *actor = NULL;

	if (!queue->next_turn)
		actor = take_woken(queue);
	queue->next_turn = actor != NULL;
	if (!actor)
		actor = take_urgent(queue);
	return actor ? actor : take_woken(queue);
}

static inline struct lend_actor *take_yielded(struct lend_run_queue *queue)
{
	struct lend_actor *actor = lane_pop(&queue->lanes[LEND_RUN_YIELDED]);

	if (lend_unlikely(!actor)) {
		queue->yielded_left = 0;
		queue->filled &= ~FILLED(LEND_RUN_YIELDED);
	} else if (queue->yielded_left) {
		queue->yielded_left--;
	}
	return actor;
}

/* Who has let enough of READY go first. */
__attribute__((noinline)) static struct lend_actor *
take_overtaken(struct lend_run_queue *queue)
{
	queue->ready_run = 0;
	return take_yielded(queue);
}

static inline struct lend_actor *take_ready(struct lend_run_queue *queue)
{
	struct lend_actor *actor;

	if (!queue->ready_left && queue->ready_run >= LEND_RUN_READY_MAX &&
	    queue->yielded_left) {
		actor = take_overtaken(queue);
		if (actor)
			return actor;
	}
	actor = lane_pop(&queue->lanes[LEND_RUN_READY]);
	if (lend_unlikely(!actor))
		queue->filled &= ~FILLED(LEND_RUN_READY);
	else if (queue->ready_left)
		queue->ready_left--;
	else
		queue->ready_run++;
	return actor;
}

/* Whose turn it is of those that are not pinned: Note [fair]. */
static struct lend_actor *take_of_cycle(struct lend_run_queue *queue)
{
	struct lend_actor *actor;

	if (!queue->ready_left && !queue->yielded_left) {
		queue->ready_left = lane_length(&queue->lanes[LEND_RUN_READY]);
		queue->yielded_left = lane_length(
			&queue->lanes[LEND_RUN_YIELDED]);
	}
	if (queue->filled & FILLED(LEND_RUN_READY)) {
		actor = take_ready(queue);
		if (actor)
			return actor;
	}
	/* Thieves may have shortened the cycle. */
	queue->ready_left = 0;
	queue->ready_run = 0;
	return take_yielded(queue);
}

static inline struct lend_actor *take_in_turn(struct lend_run_queue *queue)
{
	struct lend_actor *actor;

	if (lend_unlikely(queue->pinned_first != NULL)) {
		queue->pinned_turn = !queue->pinned_turn;
		if (queue->pinned_turn)
			return pop_pinned(queue);
	}
	actor = take_of_cycle(queue);
	return lend_likely(actor != NULL) ? actor : pop_pinned(queue);
}

struct lend_actor *lend__run_queue_take(struct lend_run_queue *queue)
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
	if (lend_likely(actor != NULL)) {
		if (queue->credit < LEND_RUN_CREDIT_MAX)
			queue->credit++;
		return actor;
	}
	/* Nobody else is there to wait. */
	return queue->filled & FILLED_OUT_OF_TURN ? take_out_of_turn(queue) :
						    NULL;
}

struct lend_actor *lend__run_queue_take_any(struct lend_run_queue *queue,
					    bool *ret_urgent)
{
	struct lend_actor *actor = lane_pop(&queue->lanes[LEND_RUN_URGENT]);

	*ret_urgent = actor != NULL;
	if (!actor)
		actor = take_next(queue);
	for (unsigned i = 0; i < LEND_RUN_LANES && !actor; i++)
		actor = lane_pop(&queue->lanes[i]);
	return actor;
}

unsigned lend__run_queue_length(const struct lend_run_queue *queue)
{
	unsigned length = 0;

	for (unsigned i = 0; i < LEND_RUN_LANES; i++)
		length += lane_length(&queue->lanes[i]);
	return length + (atomic_load_explicit(&queue->next,
					      memory_order_relaxed) != NULL);
}

bool lend__run_queue_has_work(const struct lend_run_queue *queue)
{
	if (queue->pinned_first)
		return true;
	if (!queue->filled)
		return false;
	if (atomic_load_explicit(&queue->next, memory_order_relaxed))
		return true;
	for (unsigned i = 0; i < LEND_RUN_LANES; i++)
		if (lane_has_work(&queue->lanes[i]))
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
	unsigned count = lane_pop_some(&victim->lanes[lane], actors, most);

	for (unsigned i = 0; i < count; i++)
		lend__run_queue_push(queue, lane, actors[i]);
	return count;
}

static unsigned steal_all(struct lend_run_queue *queue,
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

unsigned lend__run_queue_steal(struct lend_run_queue *queue,
			       struct lend_run_queue *victim, bool all)
{
	unsigned ready, most, stolen;

	if (all)
		return steal_all(queue, victim);
	ready = lane_length(&victim->lanes[LEND_RUN_READY]);
	most = ready + lane_length(&victim->lanes[LEND_RUN_YIELDED]);
	if (most < STEAL_LENGTH)
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
