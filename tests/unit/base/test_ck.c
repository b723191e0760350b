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

#define ELEMENTS 300000

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
