/*
 * Goal:   a wait ends when it is signalled, or when its deadline has passed by
 *         the library's clock, not before.
 */
#include "base/condition.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <lend/clock.h>
#include <stdbool.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition;
static bool come;

static void setup(void)
{
	lend__condition_init(&condition);
	pthread_mutex_lock(&lock);
}

static void *come_along(void *arg)
{
	(void)arg;
	pthread_mutex_lock(&lock);
	come = true;
	pthread_cond_signal(&condition);
	pthread_mutex_unlock(&lock);
	return NULL;
}

static void wait_for_a_signal(uint64_t deadline)
{
	pthread_t thread;

	cr_assert_eq(pthread_create(&thread, NULL, come_along, NULL), 0);
	/* It comes when this wait lets go of the lock. */
	while (!come)
		cr_assert_eq(lend__condition_wait(&condition, &lock, deadline),
			     0);
	pthread_join(thread, NULL);
}

Test(condition, a_signal_ends_a_wait_without_a_deadline, .init = setup,
     .timeout = 60)
{
	wait_for_a_signal(LEND_FOREVER);
}

Test(condition, a_signal_ends_a_wait_with_a_deadline, .init = setup,
     .timeout = 60)
{
	wait_for_a_signal(lend_after(3600 * LEND_S));
}

Test(condition, a_deadline_ends_a_wait_and_has_passed_then, .init = setup,
     .timeout = 60)
{
	uint64_t deadline = lend_after(20 * LEND_MS);
	int err;

	do
		err = lend__condition_wait(&condition, &lock, deadline);
	while (!err);
	cr_expect_eq(err, -ETIMEDOUT);
	cr_expect_geq(lend_now(), deadline);
}

Test(condition, a_deadline_that_has_passed_waits_for_nothing, .init = setup,
     .timeout = 60)
{
	cr_expect_eq(lend__condition_wait(&condition, &lock, LEND_NOW),
		     -ETIMEDOUT);
}
