/*
 * Lanes: see lane.h. Here is what happens rarely, or to thieves.
 */
#include "rt/lane.h"

#include "base/check.h"

/* Actors that go from the list to the ring under one lock. */
#define REFILL_MAX 256

int lend__lane_init(struct lend_lane *lane)
{
	pthread_mutex_init(&lane->lock, NULL);
	return lend_queue_init(&lane->ring, LEND_LANE_RING_SIZE);
}

void lend__lane_fini(struct lend_lane *lane)
{
	lend_queue_fini(&lane->ring);
	pthread_mutex_destroy(&lane->lock);
}

static void list_push(struct lend_lane *lane, struct lend_actor *actor)
{
	actor->run_next = NULL;
	pthread_mutex_lock(&lane->lock);
	if (lane->last)
		lane->last->run_next = actor;
	else
		lane->first = actor;
	lane->last = actor;
	atomic_store_explicit(&lane->listed, lend__lane_listed(lane) + 1,
			      memory_order_relaxed);
	pthread_mutex_unlock(&lane->lock);
}

bool lend__lane_push_further(struct lend_lane *lane, struct lend_actor *actor)
{
	if (!lend__lane_listed(lane) && lend_queue_push(&lane->ring, actor))
		return true;
	list_push(lane, actor);
	return false;
}

static struct lend_actor *list_pop_locked(struct lend_lane *lane)
{
	struct lend_actor *actor = lane->first;

	if (!actor)
		return NULL;
	lane->first = actor->run_next;
	if (!lane->first)
		lane->last = NULL;
	atomic_store_explicit(&lane->listed, lend__lane_listed(lane) - 1,
			      memory_order_relaxed);
	return actor;
}

struct lend_actor *lend__lane_refill(struct lend_lane *lane)
{
	struct lend_actor *first, *actor;

	pthread_mutex_lock(&lane->lock);
	first = list_pop_locked(lane);
	/* Thieves may empty the ring meanwhile, but nobody else fills it. */
	for (unsigned i = 0; i < REFILL_MAX; i++) {
		actor = list_pop_locked(lane);
		if (!actor)
			break;
		if (!lend_queue_push(&lane->ring, actor))
			lend_panic("a queue that was empty is full");
	}
	if (lane->first)
		lend_queue_forget_room(&lane->ring);
	pthread_mutex_unlock(&lane->lock);
	return first;
}

unsigned lend__lane_pop_some(struct lend_lane *lane, struct lend_actor **actors,
			     unsigned most)
{
	unsigned count = lend_queue_pop_some(&lane->ring, (void **)actors,
					     most);

	if (count == most || !lend__lane_listed(lane))
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
