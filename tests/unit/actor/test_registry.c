/*
 * Goal:   a reference names one actor or nobody; a joinable one's value is
 *         there for one join, before or after its end; slots are used again.
 * Method: records without fibers, whose end is called by hand.
 */
#include "actor/registry.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>

#include "actor/actor.h"

static struct lend_registry registry;
static unsigned runnable_calls;

static void count_runnable(struct lend_host *host, struct lend_actor *actor)
{
	(void)host;
	(void)actor;
	runnable_calls++;
}

static struct lend_host host = { .runnable = count_runnable };

static void init(void)
{
	cr_assert_eq(lend__registry_init(&registry, 4, 1, 16384, 0), 0);
}

static void fini(void)
{
	lend__registry_fini(&registry);
}

static struct lend_actor *spawn(bool joinable)
{
	struct lend_actor *actor;

	if (lend__registry_take(&registry, NULL, NULL, joinable, &actor))
		return NULL;
	lend__actor_init(actor, &host, NULL, NULL, "test");
	lend__heap_init(&actor->heap, &registry.heaps, actor->index,
			(char *)actor - LEND_ACTOR_HOME_SIZE,
			LEND_ACTOR_HOME_SIZE, 0);
	lend__registry_publish(&registry, actor);
	return actor;
}

static void end(struct lend_actor *actor, int value)
{
	actor->value = value;
	lend__registry_end(&registry, actor);
	lend__registry_free(&registry, NULL, actor);
}

Test(registry, reference_names_one_actor, .init = init, .fini = fini)
{
	struct lend_actor *actor = spawn(false);
	lend_ref ref = lend__actor_ref(actor), nobody = { 0, 0 };

	cr_expect_null(lend__registry_pin(&registry, nobody));
	cr_expect_null(lend__registry_pin(&registry, (lend_ref){ 99, 1 }));
	cr_expect_eq(lend__registry_pin(&registry, ref), actor);
	lend__registry_unpin(&registry, ref);
	end(actor, 0);
	cr_expect_null(lend__registry_pin(&registry, ref));
	for (int i = 0; i < 10; i++) {
		struct lend_actor *other = spawn(false);

		cr_expect_null(lend__registry_pin(&registry, ref));
		cr_expect_neq(other->generation == ref.generation &&
				      other->index == ref.index,
			      1);
		end(other, 0);
	}
}

/* A zeroed reference stays nobody's. */
Test(registry, generations_begin_anew_at_one, .init = init, .fini = fini)
{
	struct lend_actor *actor = spawn(false);
	uint32_t index = actor->index;
	lend_ref last = { index, UINT32_MAX };
	lend_ref nobody = { index, 0 };

	end(actor, 0);
	atomic_store(&registry.entries[index].word,
		     (uint64_t)(UINT32_MAX - 1) << LEND_ENTRY_GENERATION);
	actor = spawn(false);
	cr_assert_eq(actor->index, index, "not the same place");
	cr_expect_eq(actor->generation, UINT32_MAX);
	cr_expect_eq(lend__registry_pin(&registry, last), actor);
	lend__registry_unpin(&registry, last);
	end(actor, 0);
	actor = spawn(false);
	cr_assert_eq(actor->index, index, "not the same place");
	cr_expect_eq(actor->generation, 1);
	cr_expect_null(lend__registry_pin(&registry, last));
	cr_expect_null(lend__registry_pin(&registry, nobody));
	end(actor, 0);
}

Test(registry, value_waits_for_one_join, .init = init, .fini = fini)
{
	struct lend_actor *actor = spawn(true);
	lend_ref ref = lend__actor_ref(actor);
	struct lend_joiner joiner = { .waiter = NULL };

	end(actor, 42);
	cr_expect_null(lend__registry_pin(&registry, ref));
	cr_expect_eq(lend__registry_join(&registry, NULL, ref, &joiner), 0);
	cr_expect(atomic_load(&joiner.ended));
	cr_expect_eq(joiner.value, 42);
	cr_expect_eq(lend__registry_join(&registry, NULL, ref, &joiner),
		     -ESRCH);
}

Test(registry, joiners_are_told, .init = init, .fini = fini)
{
	struct lend_actor *actor = spawn(true), *waiter = spawn(false);
	lend_ref ref = lend__actor_ref(actor);
	struct lend_joiner one = { .waiter = waiter }, two = { .waiter = NULL };
	struct lend_joiner gone = { .waiter = waiter };

	cr_assert(lend__mailbox_idle(&waiter->mailbox, waiter->generation));
	cr_expect_eq(lend__registry_join(&registry, NULL, ref, &one), 0);
	cr_expect_eq(lend__registry_join(&registry, NULL, ref, &two), 0);
	cr_expect_eq(lend__registry_join(&registry, NULL, ref, &gone), 0);
	lend__registry_leave(&registry, ref, &gone);
	cr_expect(!atomic_load(&one.ended));
	end(actor, 7);
	cr_expect(atomic_load(&one.ended) && one.value == 7);
	cr_expect(atomic_load(&two.ended) && two.value == 7);
	cr_expect(!atomic_load(&gone.ended));
	cr_expect_eq(runnable_calls, 1);
	lend__registry_leave(&registry, ref, &one);
	cr_expect_eq(lend__registry_join(&registry, NULL, ref, &one), -ESRCH);
	end(waiter, 0);
}

Test(registry, value_is_left_when_all_joiners_have_given_up, .init = init,
     .fini = fini)
{
	struct lend_actor *actor = spawn(true), *waiter = spawn(false);
	lend_ref ref = lend__actor_ref(actor);
	struct lend_joiner gone[2] = { { .waiter = waiter },
				       { .waiter = waiter } };
	struct lend_joiner late = { .waiter = NULL };

	for (int i = 0; i < 2; i++)
		cr_assert_eq(
			lend__registry_join(&registry, NULL, ref, &gone[i]), 0);
	for (int i = 0; i < 2; i++)
		lend__registry_leave(&registry, ref, &gone[i]);
	end(actor, 9);
	cr_assert_eq(lend__registry_join(&registry, NULL, ref, &late), 0);
	cr_expect(atomic_load(&late.ended) && late.value == 9);
	end(waiter, 0);
}

Test(registry, slots_run_out_and_come_back, .init = init, .fini = fini)
{
	struct lend_actor *actors[4];
	struct lend_joiner joiner = { .waiter = NULL };
	lend_ref ref;

	for (int i = 0; i < 4; i++)
		cr_assert(actors[i] = spawn(i == 3));
	cr_expect_null(spawn(false));
	end(actors[0], 0);
	cr_assert(actors[0] = spawn(false));
	/* Ended and not joined: its place is taken. */
	ref = lend__actor_ref(actors[3]);
	end(actors[3], 1);
	cr_expect_null(spawn(false));
	cr_expect_eq(lend__registry_join(&registry, NULL, ref, &joiner), 0);
	cr_assert(actors[3] = spawn(false));
	for (int i = 0; i < 4; i++)
		end(actors[i], 0);
}

Test(registry, closed_one_refuses_and_tells_latecomers, .init = init,
     .fini = fini)
{
	struct lend_actor *late, *none;

	/* Taken before, published after everybody was told. */
	cr_assert_eq(lend__registry_take(&registry, NULL, NULL, false, &late),
		     0);
	lend__registry_close(&registry);
	lend__registry_signal_all(&registry, LEND_SIGNAL_CANCEL);
	lend__actor_init(late, &host, NULL, NULL, NULL);
	lend__heap_init(&late->heap, &registry.heaps, late->index,
			(char *)late - LEND_ACTOR_HOME_SIZE,
			LEND_ACTOR_HOME_SIZE, 0);
	lend__registry_publish(&registry, late);
	cr_expect_eq(lend__registry_take(&registry, NULL, NULL, false, &none),
		     -ESHUTDOWN);
	lend__actor_sort_mail(late);
	cr_expect(late->cancelled);
	end(late, 0);
}

/* Pins from other threads while actors come and go: a pinned record is that of
 * the reference, until it is unpinned. */
static atomic_bool stop;
static _Atomic uint64_t shared_ref;
static atomic_uint pins;

static void *pin_all_the_time(void *arg)
{
	(void)arg;
	while (!atomic_load(&stop)) {
		uint64_t word = atomic_load(&shared_ref);
		lend_ref ref = { (uint32_t)word, (uint32_t)(word >> 32) };
		struct lend_actor *actor = lend__registry_pin(&registry, ref);

		if (!actor)
			continue;
		cr_assert_eq(actor->generation, ref.generation);
		cr_assert_eq(actor->value, 0, "pinned while it was freed");
		lend__registry_unpin(&registry, ref);
		atomic_fetch_add(&pins, 1);
	}
	return NULL;
}

/* A line of the first-level cache is in one of 64 sets, by these bits of its
 * address. */
static unsigned set_of(const void *address)
{
	return (unsigned)((uintptr_t)address / LEND_CACHE_LINE % 64);
}

/* Where the same is in all records, it is not in the same place of the cache.
 */
Test(registry, records_are_spread_over_the_cache)
{
	unsigned used[64] = { 0 };

	cr_assert_eq(lend__registry_init(&registry, 64, 1, 16384, 0), 0);
	for (uint32_t i = 0; i < 64; i++) {
		const struct lend_actor *actor = lend__registry_at(&registry,
								   i);

		cr_expect_leq(++used[set_of(actor)], 64 / LEND_COLOUR_LINES);
	}
	lend__registry_fini(&registry);
}

Test(registry, pins_hold, .init = init, .fini = fini, .timeout = 60)
{
	pthread_t threads[2];

	for (int i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, pin_all_the_time, NULL);
	for (int i = 0; i < 50000 || atomic_load(&pins) < 1000; i++) {
		struct lend_actor *actor = spawn(false);

		atomic_store(&shared_ref,
			     (uint64_t)actor->generation << 32 | actor->index);
		if (i % 64 == 0)
			sched_yield();
		lend__registry_end(&registry, actor);
		/* Nobody may see this. */
		actor->value = 1;
		lend__registry_free(&registry, NULL, actor);
	}
	atomic_store(&stop, true);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
}
