/*
 * How long somebody waits who could run.
 *
 *  wake-latency  an actor sleeps for some 100 us, then wakes another one, on
 *                another worker if there is one; from before it is woken until
 *                it runs. There is nothing else to do, so its worker is parked.
 *  wait-1000     1000 actors compute for about a microsecond and yield: from
 *                one's yield until it runs again.
 */
#include "works.h"

#include <string.h>

#define PAUSE_NS  (100 * LEND_US)
#define COMPETING 1000

/* Computing for about a microsecond. */
#define STEPS 400

static unsigned count_two(unsigned workers)
{
	(void)workers;
	return 2;
}

static unsigned place_apart(const struct crowd *crowd, unsigned index)
{
	return index % crowd->workers + 1;
}

static int wake_another(struct crowd_member *self)
{
	const struct crowd_member *other = &self->crowd->members[1];
	int err = 0;

	while (!err) {
		uint64_t now_ns;

		err = lend_sleep(lend_after(PAUSE_NS));
		if (err)
			break;
		now_ns = lend_now();
		err = lend_tell(other->ref, 0, &now_ns, sizeof(now_ns));
		/* One at a time: it answers. */
		if (!err)
			err = crowd_park();
	}
	return err;
}

static int be_woken(struct crowd_member *self)
{
	int err = 0;

	while (!err) {
		struct lend_msg *msg;
		uint64_t then_ns, now_ns;

		err = lend_receive(LEND_FOREVER, &msg);
		if (err)
			break;
		now_ns = lend_now();
		memcpy(&then_ns, lend_msg_data(msg), sizeof(then_ns));
		lend_msg_free(msg);
		crowd_span(self->crowd, now_ns - then_ns);
		crowd_count_at_once(self);
		err = crowd_wake(&self->crowd->members[0]);
	}
	return err;
}

static int run_wake(struct crowd_member *self)
{
	return self->index ? be_woken(self) : wake_another(self);
}

const struct crowd_work crowd_wake_latency = {
	.name = "wake-latency",
	.help = "two actors, on two workers if there are two; p50_ns: from the "
		"wake-up until it runs",
	.count = count_two,
	.place = place_apart,
	.counter = 2,
	.pinned = true,
	.run = run_wake,
	.extras = crowd_span_extras,
};

static unsigned count_competing(unsigned workers)
{
	(void)workers;
	return COMPETING;
}

static int run_wait(struct crowd_member *self)
{
	int err = 0;

	while (!err) {
		uint64_t begin;

		for (unsigned i = 0; i < STEPS; i++) {
			crowd_random(self);
			__asm__ volatile("" ::: "memory");
		}
		begin = lend_now();
		err = lend_yield();
		crowd_span(self->crowd, lend_now() - begin);
		crowd_count_at_once(self);
	}
	return err;
}

const struct crowd_work crowd_wait_1000 = {
	.name = "wait-1000",
	.help = "1000 actors compute for about 1 us and yield; p50_ns, max_ns: "
		"until one runs again",
	.count = count_competing,
	.run = run_wait,
	.extras = crowd_span_extras,
};
