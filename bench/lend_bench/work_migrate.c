/*
 * Claims that are begun on one worker and committed on another: each actor
 * claims, lets go of its worker (it yields, or sleeps) and commits wherever it
 * then runs. All start on one worker, and now and then one computes for so long
 * that the other workers take its queue away.
 */
#include <liburing.h>
#include <unistd.h>

#include "lend_bench/batch.h"
#include "lend_bench/crew.h"
#include "lend_bench/spin.h"
#include "lend_bench/workload.h"

/* One in so many computes first, longer than it takes to count as slow. */
#define COMPUTE_EVERY 8
#define COMPUTE_US    150
#define SLEEP_NS      (50 * LEND_US)

enum { COUNTER_MOVED };

static int once(struct member *member, unsigned count)
{
	struct lend_claim_handle *claim;
	uint64_t random = member_random(member);
	pid_t thread;
	int err;

	if (random % COMPUTE_EVERY == 0)
		spin(COMPUTE_US);
	err = lend_claim(count, LEND_FOREVER, &claim);
	if (err) {
		member_count(&member->errors, 1);
		return err;
	}
	batch_fill_nops(claim, count);
	thread = gettid();
	err = random & (1u << 20) ? lend_yield() :
				    lend_sleep(lend_after(SLEEP_NS));
	if (err)
		member_count(&member->errors, 1);
	if (gettid() != thread && subject_is_measuring(member->subject))
		member->counters[COUNTER_MOVED]++;
	return batch_finish(member, claim, count);
}

static int member_run(void *arg)
{
	struct member *member = arg;
	unsigned count = member->subject->config->params[PARAM_BATCH];
	uint64_t began_ns, now_ns = lend_now();
	int err = 0;

	while (member_goes_on(member) && !err) {
		began_ns = now_ns;
		err = once(member, count);
		now_ns = lend_now();
		member_time(member, began_ns, now_ns);
	}
	return err;
}

static int start(struct subject *subject)
{
	spin_calibrate();
	return crew_start(subject, subject->config->params[PARAM_ACTORS],
			  PLACE_ON_ONE, member_run);
}

static void stop(struct subject *subject)
{
	uint64_t moved = 0;

	crew_join(subject);
	for (unsigned i = 0; i < subject->crew->count; i++)
		moved += subject->crew->members[i].counters[COUNTER_MOVED];
	extras_add(&subject->shared->extras, "claims_moved", (double)moved);
	crew_stop(subject);
}

const struct workload workload_migrate = {
	.name = "migrate",
	.summary = "claims begun on one worker and committed on another",
	.defaults = { [PARAM_ACTORS] = "32", [PARAM_BATCH] = "4" },
	.start = start,
	.stop = stop,
};
