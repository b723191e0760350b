/*
 * Claims and completions alone: each actor claims a batch of NOPs, commits it,
 * awaits them all, and does it again. What a claim costs, and an enter shared
 * by a batch.
 */
#include <liburing.h>

#include "lend_bench/batch.h"
#include "lend_bench/crew.h"
#include "lend_bench/workload.h"

static int member_run(void *arg)
{
	struct member *member = arg;
	unsigned count = member->subject->config->params[PARAM_BATCH];
	uint64_t began_ns = lend_now(), now_ns;

	while (member_goes_on(member)) {
		struct lend_claim_handle *claim;

		if (lend_claim(count, LEND_FOREVER, &claim)) {
			member_count(&member->errors, 1);
			return 1;
		}
		batch_fill_nops(claim, count);
		if (batch_finish(member, claim, count))
			return 1;
		now_ns = lend_now();
		member_time(member, began_ns, now_ns);
		began_ns = now_ns;
	}
	return 0;
}

static int start(struct subject *subject)
{
	return crew_start(subject, subject->config->params[PARAM_ACTORS],
			  PLACE_SPREAD, member_run);
}

const struct workload workload_nop = {
	.name = "nop",
	.summary = "claims and completions alone: batches of NOPs",
	.defaults = { [PARAM_ACTORS] = "4", [PARAM_BATCH] = "1,8,32,128" },
	.start = start,
	.stop = crew_stop,
};
