/*
 * Goal:   the queue is in order, holds what it says, and gives each element to
 *         one consumer.
 */
#include "base/ck.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>

Test(ck, order_and_capacity)
{
	struct lend_queue queue;

	cr_assert_eq(lend_queue_init(&queue, 8), 0);
	cr_expect_null(lend_queue_pop(&queue));
	for (int round = 0; round < 5; round++) {
		for (uintptr_t i = 1; i <= 7; i++)
			cr_assert(lend_queue_push(&queue, (void *)i));
		cr_expect(!lend_queue_push(&queue, (void *)8));
		cr_expect_eq(lend_queue_size(&queue), 7);
		for (uintptr_t i = 1; i <= 7; i++)
			cr_assert_eq((uintptr_t)lend_queue_pop(&queue), i);
		cr_expect_null(lend_queue_pop(&queue));
	}
	lend_queue_fini(&queue);
}

#define ELEMENTS 1000000

static struct lend_queue shared;
static atomic_uint popped;
static atomic_uchar seen[ELEMENTS + 1];

static void *pop_all(void *arg)
{
	(void)arg;
	while (atomic_load(&popped) < ELEMENTS) {
		uintptr_t element = (uintptr_t)lend_queue_pop(&shared);

		if (!element) {
			sched_yield();
			continue;
		}
		cr_assert_eq(atomic_fetch_add(&seen[element], 1), 0);
		atomic_fetch_add(&popped, 1);
	}
	return NULL;
}

Test(ck, each_element_has_one_taker, .timeout = 60)
{
	pthread_t threads[3];

	cr_assert_eq(lend_queue_init(&shared, 64), 0);
	for (int i = 0; i < 3; i++)
		pthread_create(&threads[i], NULL, pop_all, NULL);
	for (uintptr_t i = 1; i <= ELEMENTS;) {
		if (lend_queue_push(&shared, (void *)i))
			i++;
		else
			sched_yield();
	}
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	for (unsigned i = 1; i <= ELEMENTS; i++)
		cr_assert_eq(seen[i], 1);
	lend_queue_fini(&shared);
}

Test(ck, who_comes_next_is_told)
{
	struct lend_queue queue;
	void *elements[3];

	cr_assert_eq(lend_queue_init(&queue, 4), 0);
	cr_expect_eq(lend_queue_pop_ahead(&queue, elements), 0);
	/* Round the end of the ring, too. */
	for (uintptr_t i = 1; i < 9; i += 3) {
		for (uintptr_t k = 0; k < 3; k++)
			cr_assert(lend_queue_push(&queue, (void *)(i + k)));
		for (uintptr_t k = 0; k < 3; k++) {
			cr_expect_eq(lend_queue_pop_ahead(&queue, elements),
				     3 - k);
			for (uintptr_t n = 0; n < 3 - k; n++)
				cr_expect_eq((uintptr_t)elements[n], i + k + n);
		}
		cr_expect_eq(lend_queue_pop_ahead(&queue, elements), 0);
	}
	lend_queue_fini(&queue);
}

Test(ck, room_is_found_when_it_is_looked_for)
{
	struct lend_queue queue;

	cr_assert_eq(lend_queue_init(&queue, 4), 0);
	for (uintptr_t i = 1; i <= 3; i++)
		cr_assert(lend_queue_push_known(&queue, (void *)i));
	cr_expect(!lend_queue_find_room(&queue));
	cr_expect_eq((uintptr_t)lend_queue_pop(&queue), 1);
	cr_expect(!lend_queue_push_known(&queue, (void *)4));
	cr_expect(lend_queue_find_room(&queue));
	cr_expect(lend_queue_push_known(&queue, (void *)4));
	cr_expect(!lend_queue_push_known(&queue, (void *)5));
	for (uintptr_t i = 2; i <= 4; i++)
		cr_expect_eq((uintptr_t)lend_queue_pop(&queue), i);
	cr_expect(lend_queue_find_room(&queue));
	lend_queue_forget_room(&queue);
	cr_expect(!lend_queue_push_known(&queue, (void *)5));
	cr_expect(lend_queue_push(&queue, (void *)5));
	cr_expect_eq((uintptr_t)lend_queue_pop(&queue), 5);
	lend_queue_fini(&queue);
}

/* In a ring that is full and empty all the time. */
#define THIEVES 2
#define MOST	3

static atomic_bool over;

static void take(uintptr_t element)
{
	cr_assert(element >= 1 && element <= ELEMENTS);
	cr_assert_eq(atomic_fetch_add(&seen[element], 1), 0);
}

static void *steal_some(void *arg)
{
	void *elements[MOST];
	unsigned in_vain = 0;

	(void)arg;
	while (!atomic_load(&over)) {
		unsigned count = lend_queue_pop_some(&shared, elements, MOST);

		cr_assert_leq(count, MOST);
		for (unsigned i = 0; i < count; i++)
			take((uintptr_t)elements[i]);
		if (!count && ++in_vain % 256 == 0)
			sched_yield();
	}
	return NULL;
}

Test(ck, owner_and_thieves_take_each_once, .timeout = 60)
{
	pthread_t threads[THIEVES];
	void *elements[3];

	cr_assert_eq(lend_queue_init(&shared, 4), 0);
	for (int i = 0; i < THIEVES; i++)
		pthread_create(&threads[i], NULL, steal_some, NULL);
	for (uintptr_t i = 1; i <= ELEMENTS;) {
		/* Until it is full, and then one: mostly thieves and owner want
		 * the same. The owner alone would do, nobody has to be quick.
		 */
		if (lend_queue_push(&shared, (void *)i)) {
			i++;
			continue;
		}
		if (lend_queue_pop_ahead(&shared, elements))
			take((uintptr_t)elements[0]);
	}
	while (lend_queue_pop_ahead(&shared, elements))
		take((uintptr_t)elements[0]);
	atomic_store(&over, true);
	for (int i = 0; i < THIEVES; i++)
		pthread_join(threads[i], NULL);
	for (unsigned i = 1; i <= ELEMENTS; i++)
		cr_assert_eq(seen[i], 1);
	lend_queue_fini(&shared);
}
