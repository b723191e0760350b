/*
 * A program of a scenario about permits: actors that park and unpark each
 * other, among messages, sleeps and deadlines. What one has done before it
 * unparks another is seen by that one, and no permit gets lost.
 */
#include <errno.h>
#include <stdatomic.h>

#include "program.h"

#define PARTIES_MAX 4

struct party {
	lend_ref ref;
	/* Plain: the permits order what is told. */
	_Atomic unsigned told;
	struct table *table;
	unsigned index;
};

/* Those who sit at it tell their neighbours a number, one higher each time. */
struct table {
	struct party parties[PARTIES_MAX];
	unsigned count;
	unsigned last;
	_Atomic bool seated;
};

static unsigned told_to(const struct party *party)
{
	return atomic_load_explicit(&party->told, memory_order_relaxed);
}

/* Something else, which must neither use a permit up nor be one. */
static void digress(void)
{
	struct lend_msg *msg;
	int err;

	switch (sim_draw(0, 5)) {
	case 0:
		err = lend_sleep(lend_after(sim_draw(0, 20) * LEND_US));
		SIM_EXPECT(!err, "sleep: %d", err);
		break;
	case 1:
		lend_yield();
		break;
	case 2:
		err = lend_tell(lend_self(), 3, NULL, 0);
		SIM_EXPECT(!err, "tell: %d", err);
		err = lend_receive(LEND_FOREVER, &msg);
		SIM_EXPECT(!err && lend_msg_type(msg) == 3, "receive: %d", err);
		lend_msg_free(msg);
		break;
	default:
		break;
	}
}

static void wait_to_be_told(const struct party *self, unsigned number)
{
	while (told_to(self) < number) {
		uint64_t deadline = LEND_FOREVER;
		int err;

		digress();
		if (sim_draw(0, 2) == 0)
			deadline = lend_after(sim_draw(0, 50) * LEND_US);
		err = lend_park(deadline);
		SIM_EXPECT(!err || (err == -ETIMEDOUT &&
				    deadline != LEND_FOREVER),
			   "park: %d", err);
	}
}

static int sit(void *arg)
{
	struct party *self = arg;
	struct table *table = self->table;
	struct party *next = &table->parties[(self->index + 1) % table->count];

	while (!atomic_load(&table->seated))
		lend_yield();
	for (unsigned number = 1; number <= table->last; number++) {
		if (self->index)
			wait_to_be_told(self, number);
		digress();
		atomic_store_explicit(&next->told, number,
				      memory_order_relaxed);
		/* One that is late is as good as many. */
		for (unsigned i = sim_draw(0, 1); i < 2; i++)
			lend_unpark(next->ref);
		if (!self->index)
			wait_to_be_told(self, number);
	}
	return 0;
}

/* Nobody unparks it. */
static int park_for_good(void *arg)
{
	(void)arg;
	return lend_park(LEND_FOREVER);
}

int sim_program_permits(void *arg)
{
	struct table table = { .count = sim_draw(2, PARTIES_MAX),
			       .last = sim_draw(1, 12) };
	lend_ref idler = sim_spawn(park_for_good, NULL);

	(void)arg;
	for (unsigned i = 0; i < table.count; i++) {
		table.parties[i].table = &table;
		table.parties[i].index = i;
		table.parties[i].ref = sim_spawn(sit, &table.parties[i]);
	}
	atomic_store(&table.seated, true);
	for (unsigned i = 0; i < table.count; i++)
		sim_join(table.parties[i].ref, 0);
	if (sim_draw(0, 1)) {
		lend_cancel(idler);
		sim_join(idler, -ECANCELED);
	} else {
		lend_unpark(idler);
		sim_join(idler, 0);
	}
	return 0;
}
