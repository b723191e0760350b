/*
 * Actors that are woken in an order nobody knows.
 *
 *  churn     as many slots as half the actors. An operation: choose a slot at
 *            random, be the one who waits there, wake whoever did so far, wait.
 *            Fewer slots than actors, so somebody is always runnable.
 *  locality  the same; each has an array and writes to it at random places
 *            before, and hands it to the one it wakes, which finds its data
 * where the waker ran. "-own": keeps it, and finds it where it ran itself.
 * Migrations, to another thread, are counted.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "works.h"

/* An array of locality, in words: the first level cache holds about one. */
#define ARRAY_WORDS  2048
#define ARRAY_WRITES 100

typedef _Atomic(struct crowd_member *) slot;

static unsigned count_churn(unsigned workers)
{
	return 100 * workers;
}

static unsigned slots_of(const struct crowd *crowd)
{
	return crowd->count / 2;
}

struct places {
	slot *slots;
	uint64_t *arrays; /* of locality; NULL */
};

static void release_churn(struct crowd *crowd)
{
	struct places *places = crowd->data;

	free(places->slots);
	free(places->arrays);
	free(places);
}

static int prepare_churn(struct crowd *crowd)
{
	struct places *places = calloc(1, sizeof(*places));

	if (!places)
		return -ENOMEM;
	places->slots = calloc(slots_of(crowd), sizeof(slot));
	crowd->data = places;
	if (places->slots)
		return 0;
	release_churn(crowd);
	return -ENOMEM;
}

/* Take the place of whoever waits in a random slot. Nobody else has it now. */
static struct crowd_member *take_place(struct crowd_member *self)
{
	struct places *places = self->crowd->data;
	slot *mine = &places->slots[crowd_random(self) % slots_of(self->crowd)];

	return atomic_exchange_explicit(mine, self, memory_order_acq_rel);
}

static int run_churn(struct crowd_member *self)
{
	int err = 0;

	while (!err) {
		struct crowd_member *other = take_place(self);

		if (other)
			err = crowd_wake(other);
		if (!err)
			err = crowd_park();
		crowd_count(self);
	}
	return err;
}

const struct crowd_work crowd_churn = {
	.name = "churn",
	.help = "100 actors a worker, 50 slots; an operation: take the place of "
		"who waits in a random slot, wake him, park",
	.count = count_churn,
	.prepare = prepare_churn,
	.release = release_churn,
	.run = run_churn,
};

/* ---- locality ---- */

/* pthread_self() is const to the compiler, and migrations are not. */
__attribute__((noinline)) static uint64_t thread_now(void)
{
	__asm__ volatile("" ::: "memory");
	return (uint64_t)pthread_self();
}

static int prepare_locality(struct crowd *crowd)
{
	struct places *places;
	int err = prepare_churn(crowd);

	if (err)
		return err;
	places = crowd->data;
	places->arrays = calloc(crowd->count, ARRAY_WORDS * sizeof(uint64_t));
	if (!places->arrays) {
		release_churn(crowd);
		return -ENOMEM;
	}
	for (unsigned i = 0; i < crowd->count; i++)
		crowd->members[i].data =
			&places->arrays[(size_t)i * ARRAY_WORDS];
	return 0;
}

static void write_some(struct crowd_member *self)
{
	volatile uint64_t *words = self->data;

	for (unsigned i = 0; i < ARRAY_WRITES; i++)
		words[crowd_random(self) % ARRAY_WORDS] += i;
}

/* Those who wait have no array: it comes with the message. One is left over
 * whenever a slot was empty, which happens once a slot. */
static int hand_on(struct crowd_member *self, const struct crowd_member *to)
{
	return lend_tell(to->ref, 0, &self->data, sizeof(self->data));
}

static int take_over(struct crowd_member *self)
{
	struct lend_msg *msg;
	int err = lend_receive(LEND_FOREVER, &msg);

	if (err)
		return err;
	memcpy(&self->data, lend_msg_data(msg), sizeof(self->data));
	lend_msg_free(msg);
	return 0;
}

static int go_round(struct crowd_member *self, bool shared)
{
	int err = 0;

	self->value = thread_now();
	while (!err) {
		struct crowd_member *other;

		write_some(self);
		other = take_place(self);
		if (other)
			err = shared ? hand_on(self, other) : crowd_wake(other);
		if (!err)
			err = shared ? take_over(self) : crowd_park();
		crowd_count(self);
		if (self->value != thread_now()) {
			self->value = thread_now();
			atomic_store_explicit(&self->shown, self->shown + 1,
					      memory_order_relaxed);
		}
	}
	return err;
}

static int run_locality(struct crowd_member *self)
{
	return go_round(self, true);
}

static int run_locality_own(struct crowd_member *self)
{
	return go_round(self, false);
}

static unsigned migrations(struct crowd *crowd,
			   struct crowd_extra extras[CROWD_EXTRAS_MAX])
{
	extras[0] = (struct crowd_extra){ "migrations",
					  (double)crowd_shown(crowd) };
	return 1;
}

const struct crowd_work crowd_locality = {
	.name = "locality",
	.help = "churn, with 100 writes to an array of 16 KiB that goes with the "
		"wake-up",
	.count = count_churn,
	.prepare = prepare_locality,
	.release = release_churn,
	.run = run_locality,
	.extras = migrations,
};

const struct crowd_work crowd_locality_own = {
	.name = "locality-own",
	.help = "churn, with 100 writes to an array of 16 KiB of one's own",
	.count = count_churn,
	.prepare = prepare_locality,
	.release = release_churn,
	.run = run_locality_own,
	.extras = migrations,
};
