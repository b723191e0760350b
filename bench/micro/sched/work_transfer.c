/*
 * transfer: a leader waits until all others have seen that it leads, then the
 * next one leads. The leader spins and never yields, so each of the others has
 * to come to run elsewhere: a test of the scheduler's promises more than of its
 * speed.
 *
 *  transfer-yield  those who wait yield
 *  transfer-park   those who wait are parked; who hands over wakes them
 *  transfer-all    parked, and as many groups, so as many leaders that spin, as
 *                  workers
 *
 * Actors are not preempted. Where every worker has a leader that spins, the
 * others can not run, and nothing in a cooperative scheduler can help: a leader
 * that has spun for PATIENCE_NS yields, and these rescues are counted. A slice
 * without any was rescued by those who steal from workers that spin.
 */
#include <errno.h>
#include <stdlib.h>

#include "works.h"

#define GROUP	    20
#define PATIENCE_NS (10 * LEND_MS)

/* Spins between two looks at the clock. */
#define SPINS 256

struct group {
	/* [atomic: epoch] its leader is the member @epoch % GROUP */
	_Atomic uint64_t epoch;
	_Atomic uint64_t rescues; /* [atomic: counter] */
} __attribute__((aligned(128)));

static unsigned count_one(unsigned workers)
{
	(void)workers;
	return GROUP;
}

static unsigned count_all(unsigned workers)
{
	return GROUP * workers;
}

static int prepare(struct crowd *crowd)
{
	size_t size = crowd->count / GROUP * sizeof(struct group);
	struct group *groups = aligned_alloc(_Alignof(struct group), size);

	if (!groups)
		return -ENOMEM;
	for (unsigned i = 0; i < crowd->count / GROUP; i++) {
		/* The first member of each leads from the start. */
		atomic_init(&groups[i].epoch, GROUP);
		atomic_init(&groups[i].rescues, 0);
	}
	crowd->data = groups;
	return 0;
}

static void release(struct crowd *crowd)
{
	free(crowd->data);
}

static struct group *group_of(const struct crowd_member *self)
{
	struct group *groups = self->crowd->data;

	return &groups[self->index / GROUP];
}

static struct crowd_member *others_of(const struct crowd_member *self)
{
	return &self->crowd->members[self->index / GROUP * GROUP];
}

static void pause_a_moment(void)
{
#if defined(__x86_64__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield");
#endif
}

/* All have to have seen @epoch. Acquire, paired with run(). */
static int spin_for(struct crowd_member *self, const struct crowd_member *other,
		    uint64_t epoch)
{
	uint64_t until = lend_after(PATIENCE_NS);
	unsigned spins = 0;

	while (atomic_load_explicit(&other->shown, memory_order_acquire) <
	       epoch) {
		int err = 0;

		if (crowd_stops(self->crowd))
			return -ECANCELED;
		pause_a_moment();
		if (++spins % SPINS || lend_now() < until)
			continue;
		atomic_fetch_add_explicit(&group_of(self)->rescues, 1,
					  memory_order_relaxed);
		err = lend_yield();
		if (err)
			return err;
		until = lend_after(PATIENCE_NS);
	}
	return 0;
}

static int lead(struct crowd_member *self, uint64_t epoch, bool parked)
{
	struct crowd_member *others = others_of(self);
	int err = 0;

	for (unsigned i = 0; i < GROUP && !err; i++)
		if (&others[i] != self)
			err = spin_for(self, &others[i], epoch);
	if (err)
		return err;
	crowd_count_at_once(self);
	/* Release, paired with run(). */
	atomic_store_explicit(&group_of(self)->epoch, epoch + 1,
			      memory_order_release);
	for (unsigned i = 0; i < GROUP && parked && !err; i++)
		if (&others[i] != self)
			err = crowd_wake(&others[i]);
	return err;
}

static int run(struct crowd_member *self, bool parked)
{
	struct group *group = group_of(self);
	int err = 0;

	while (!err) {
		/* Acquire, paired with lead(). */
		uint64_t epoch = atomic_load_explicit(&group->epoch,
						      memory_order_acquire);

		/* Release, paired with spin_for(). */
		atomic_store_explicit(&self->shown, epoch,
				      memory_order_release);
		if (epoch % GROUP == self->index % GROUP)
			err = lead(self, epoch, parked);
		else if (parked)
			err = crowd_park();
		else
			err = lend_yield();
	}
	return err;
}

static int run_parked(struct crowd_member *self)
{
	return run(self, true);
}

static int run_yielding(struct crowd_member *self)
{
	return run(self, false);
}

static unsigned rescues(struct crowd *crowd,
			struct crowd_extra extras[CROWD_EXTRAS_MAX])
{
	struct group *groups = crowd->data;
	uint64_t sum = 0;

	for (unsigned i = 0; i < crowd->count / GROUP; i++)
		sum += atomic_exchange_explicit(&groups[i].rescues, 0,
						memory_order_relaxed);
	extras[0] = (struct crowd_extra){ "rescues", (double)sum };
	return 1;
}

/* A group begins on one worker. */
static unsigned place(const struct crowd *crowd, unsigned index)
{
	return index / GROUP % crowd->workers + 1;
}

const struct crowd_work crowd_transfer_yield = {
	.name = "transfer-yield",
	.help = "20 actors; an operation: the leader has spun until all others, "
		"which yield, have seen it",
	.count = count_one,
	.place = place,
	.prepare = prepare,
	.release = release,
	.run = run_yielding,
	.extras = rescues,
};

const struct crowd_work crowd_transfer_park = {
	.name = "transfer-park",
	.help = "the same; the others park and are woken",
	.count = count_one,
	.place = place,
	.prepare = prepare,
	.release = release,
	.run = run_parked,
	.extras = rescues,
};

const struct crowd_work crowd_transfer_all = {
	.name = "transfer-all",
	.help = "transfer-park with as many leaders as workers",
	.count = count_all,
	.place = place,
	.prepare = prepare,
	.release = release,
	.run = run_parked,
	.extras = rescues,
};
