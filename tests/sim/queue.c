/*
 * Who is runnable, where, and for how long: the run queues are called through
 * here. An actor is in one queue at a time, nobody runs who was not in one, and
 * nobody waits for more turns of others than Note [fair] of rt/run_queue.h
 * allows. A thief takes whom it takes behind this door; who has come to its
 * queue is seen afterwards, before anybody can be taken from it but by thieves.
 * So while one steals it is not certain who waits with its victim, and since
 * when: he may have been taken and, from the thief, taken back.
 */
#include "actor/actor.h"
#include "base/bits.h"
#include "rt/run_queue.h"
#include "rt/worker.h"
#include "sim.h"

#define ACTORS_MAX 2048

/* "next", beside the lanes. */
enum place {
	PLACE_NEXT = LEND_RUN_LANES,
	PLACE_PINNED,
};

struct waiting {
	bool queued;
	int place;
	unsigned worker;    /* whose queue */
	uint64_t since;	    /* turns of that worker until then */
	uint64_t elsewhere; /* turns that it waited in other queues */
};

static struct waiting waiting[ACTORS_MAX];
static uint64_t turns[LEND_WORKERS_MAX];
static bool stealing[LEND_WORKERS_MAX];	   /* is in the middle of it */
static unsigned thieves[LEND_WORKERS_MAX]; /* in the middle, from this one */
static unsigned queued;

__typeof__(lend__run_queue_push) __real_lend__run_queue_push;
__typeof__(lend__run_queue_push) __wrap_lend__run_queue_push;
__typeof__(lend__run_queue_push_yielded) __wrap_lend__run_queue_push_yielded;
__typeof__(lend__run_queue_push_next) __real_lend__run_queue_push_next;
__typeof__(lend__run_queue_push_next) __wrap_lend__run_queue_push_next;
__typeof__(lend__run_queue_push_pinned) __real_lend__run_queue_push_pinned;
__typeof__(lend__run_queue_push_pinned) __wrap_lend__run_queue_push_pinned;
__typeof__(lend__run_queue_take) __real_lend__run_queue_take;
__typeof__(lend__run_queue_take) __wrap_lend__run_queue_take;
__typeof__(lend__run_queue_take_any) __real_lend__run_queue_take_any;
__typeof__(lend__run_queue_take_any) __wrap_lend__run_queue_take_any;
__typeof__(lend__run_queue_steal_half) __real_lend__run_queue_steal_half;
__typeof__(lend__run_queue_steal_half) __wrap_lend__run_queue_steal_half;
__typeof__(lend__run_queue_steal_all) __real_lend__run_queue_steal_all;
__typeof__(lend__run_queue_steal_all) __wrap_lend__run_queue_steal_all;

static unsigned owner_of(const struct lend_run_queue *queue)
{
	return lend_container_of(queue, struct lend_worker, queue)->index;
}

static struct waiting *record_of(const struct lend_actor *actor)
{
	if (actor->index >= ACTORS_MAX)
		sim_fail("records of the simulation", "actor %u", actor->index);
	return &waiting[actor->index];
}

/* Turns of others at most, if there were never more actors in queues. */
static uint64_t bound(int place)
{
	const uint64_t k = LEND_RUN_READY_MAX, c = LEND_RUN_CREDIT_MAX;
	const uint64_t n = sim_report->crowd_max;

	switch (place) {
	case LEND_RUN_URGENT:
		return 4 * (n + 1);
	case LEND_RUN_READY:
		return 4 * (n + 1 + (n + k) / k + 1) + c;
	case LEND_RUN_YIELDED:
		return 4 * ((n + 1) * (k + 1) + 2 * n) + c;
	case PLACE_NEXT:
		return 4;
	default:
		return 4 * (n + 1) + c;
	}
}

static void enter(struct lend_run_queue *queue, const struct lend_actor *actor,
		  int place)
{
	struct waiting *record = record_of(actor);

	if (record->queued)
		sim_fail("an actor is in one queue",
			 "actor %u, of worker %u, comes to that of worker %u",
			 actor->index, record->worker, owner_of(queue));
	if (++queued > sim_report->crowd_max)
		sim_report->crowd_max = queued;
	*record = (struct waiting){
		.queued = true,
		.place = place,
		.worker = owner_of(queue),
		.since = turns[owner_of(queue)],
	};
}

/* What it has waited in this queue until its worker had had so many turns; is
 * it more than it may? */
static uint64_t end_wait(const struct waiting *record, unsigned actor,
			 uint64_t until, bool certain)
{
	uint64_t waited = until > record->since ? until - record->since : 0;

	if (certain && waited > bound(record->place))
		sim_fail("a runnable actor waits for a bounded number of turns",
			 "actor %u, for %llu turns of worker %u, in lane %d",
			 actor, (unsigned long long)waited, record->worker,
			 record->place);
	return waited;
}

static void leave(const struct lend_run_queue *queue,
		  const struct lend_actor *actor)
{
	struct waiting *record = record_of(actor);
	uint64_t waited;

	if (!record->queued || record->worker != owner_of(queue))
		sim_fail("nobody runs who was not in the queue",
			 "actor %u, which worker %u takes", actor->index,
			 owner_of(queue));
	waited = record->elsewhere + end_wait(record, actor->index,
					      turns[record->worker],
					      !stealing[record->worker] &&
						      !thieves[record->worker]);
	if (waited > sim_report->wait_max)
		sim_report->wait_max = waited;
	record->queued = false;
	queued--;
}

void __wrap_lend__run_queue_push(struct lend_run_queue *queue,
				 enum lend_run_lane lane,
				 struct lend_actor *actor)
{
	enter(queue, actor, (int)lane);
	__real_lend__run_queue_push(queue, lane, actor);
	if (sim_mutation == SIM_MUTATE_QUEUE_TWICE &&
	    sim_random_below(&sim.schedule, 64) == 0)
		__wrap_lend__run_queue_push(queue, lane, actor);
}

void __wrap_lend__run_queue_push_yielded(struct lend_run_queue *queue,
					 struct lend_actor *actor)
{
	__wrap_lend__run_queue_push(queue, LEND_RUN_YIELDED, actor);
}

void __wrap_lend__run_queue_push_next(struct lend_run_queue *queue,
				      struct lend_actor *actor)
{
	/* A thief may empty the place meanwhile; nobody else fills it. */
	enter(queue, actor,
	      atomic_load(&queue->next) ? (int)LEND_RUN_READY : PLACE_NEXT);
	__real_lend__run_queue_push_next(queue, actor);
}

void __wrap_lend__run_queue_push_pinned(struct lend_run_queue *queue,
					struct lend_actor *actor, bool urgent)
{
	enter(queue, actor, PLACE_PINNED);
	__real_lend__run_queue_push_pinned(queue, actor, urgent);
}

/* A mistake: one actor in 16 lets all others go first, for ever. */
static struct lend_actor *starve(struct lend_run_queue *queue,
				 struct lend_actor *actor)
{
	struct lend_actor *other;

	if (!actor || actor->index % 16 != 5 || actor->pinned_to)
		return actor;
	other = __real_lend__run_queue_take(queue);
	if (!other)
		return actor;
	__real_lend__run_queue_push(queue, LEND_RUN_YIELDED, actor);
	return other;
}

struct lend_actor *__wrap_lend__run_queue_take(struct lend_run_queue *queue)
{
	struct lend_actor *actor = __real_lend__run_queue_take(queue);

	if (sim_mutation == SIM_MUTATE_STARVE)
		actor = starve(queue, actor);
	if (actor) {
		leave(queue, actor);
		turns[owner_of(queue)]++;
	}
	return actor;
}

struct lend_actor *__wrap_lend__run_queue_take_any(struct lend_run_queue *queue,
						   bool *ret_urgent)
{
	struct lend_actor *actor = __real_lend__run_queue_take_any(queue,
								   ret_urgent);

	if (actor)
		leave(queue, actor);
	return actor;
}

/* Whoever is in the queue of a thief has come just now, as it was empty: from
 * @victim, which had had @until turns when the theft began, or from others that
 * were the victim's own victims and had not seen it come. */
static void arrive(const struct lend_run_queue *queue, int lane,
		   unsigned victim, uint64_t until)
{
	const struct lend_queue *ring = &queue->lanes[lane].ring;
	unsigned worker = owner_of(queue);

	for (unsigned i = ring->ring.c_head; i != ring->ring.p_tail; i++) {
		const struct lend_actor *actor =
			ring->slots[i & ring->ring.mask].value;
		struct waiting *record = record_of(actor);

		if (!record->queued)
			continue;
		record->elsewhere += end_wait(record, actor->index, until,
					      record->worker == victim &&
						      !stealing[victim] &&
						      thieves[victim] == 1);
		record->place = lane;
		record->worker = worker;
		record->since = turns[worker];
	}
}

static void begin_steal(const struct lend_run_queue *queue,
			const struct lend_run_queue *victim)
{
	stealing[owner_of(queue)] = true;
	thieves[owner_of(victim)]++;
}

static unsigned end_steal(struct lend_run_queue *queue,
			  const struct lend_run_queue *victim, unsigned stolen,
			  uint64_t until)
{
	sim_report->counts[SIM_COUNT_STEALS] += stolen;
	for (int lane = 0; stolen && lane < LEND_RUN_LANES; lane++)
		arrive(queue, lane, owner_of(victim), until);
	thieves[owner_of(victim)]--;
	stealing[owner_of(queue)] = false;
	return stolen;
}

unsigned __wrap_lend__run_queue_steal_half(struct lend_run_queue *queue,
					   struct lend_run_queue *victim,
					   unsigned keeps)
{
	uint64_t until = turns[owner_of(victim)];

	begin_steal(queue, victim);
	return end_steal(
		queue, victim,
		__real_lend__run_queue_steal_half(queue, victim, keeps), until);
}

unsigned __wrap_lend__run_queue_steal_all(struct lend_run_queue *queue,
					  struct lend_run_queue *victim)
{
	uint64_t until = turns[owner_of(victim)];

	begin_steal(queue, victim);
	return end_steal(queue, victim,
			 __real_lend__run_queue_steal_all(queue, victim),
			 until);
}
