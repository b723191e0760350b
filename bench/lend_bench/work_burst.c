/*
 * Every actor wants four times as many submission slots as a ring has, one by
 * one, and all begin at the same moment. Then they wait for each other, and do
 * it again. Nothing may hang, nobody may starve.
 */
#include <liburing.h>
#include <stdlib.h>

#include "lend_bench/crew.h"
#include "lend_bench/workload.h"

#define TIMES_DEPTH 4

enum { MSG_GO = 1, MSG_STOP, MSG_DONE };

/* One that begins the bursts, and waits for their ends. */
struct starter {
	struct subject *subject;
	lend_ref ref;
};

static int submit_one(struct lend_pending **ret_pending)
{
	struct lend_claim_handle *claim;
	int err = lend_claim(1, LEND_FOREVER, &claim);

	if (err)
		return err;
	io_uring_prep_nop(lend_claim_sqe(claim, 0));
	return lend_claim_commit(claim, ret_pending);
}

static void burst(struct member *member, struct lend_pending **pending,
		  unsigned count)
{
	struct subject *subject = member->subject;
	unsigned submitted = 0, right = 0;

	member_count(&member->started, count);
	while (submitted < count && !submit_one(&pending[submitted]))
		submitted++;
	for (unsigned i = 0; i < submitted; i++) {
		int res = lend_pending_await(pending[i], LEND_FOREVER);

		lend_pending_free(pending[i]);
		if (subject_tampers(subject, TAMPER_CORRUPT))
			res ^= 1;
		right += res == 0;
	}
	member_count(&member->errors, count - right);
	if (subject_tampers(subject, TAMPER_LOSE))
		right--;
	member_count(&member->finished, right);
}

static void answer_done(struct member *member, lend_ref starter)
{
	/* Its mailbox has room for all of us. */
	if (lend_tell(starter, MSG_DONE, NULL, 0))
		member_count(&member->errors, 1);
}

static int member_run(void *arg)
{
	struct member *member = arg;
	unsigned count = TIMES_DEPTH * member->subject->config->depth;
	struct lend_pending **pending = calloc(count, sizeof(*pending));
	struct lend_msg *msg;

	if (!pending) {
		member_count(&member->errors, 1);
		return 1;
	}
	while (!lend_receive(LEND_FOREVER, &msg)) {
		lend_ref starter = lend_msg_sender(msg);
		uint32_t type = lend_msg_type(msg);
		uint64_t began_ns = 0;

		if (type == MSG_GO)
			began_ns = *(const uint64_t *)lend_msg_data(msg);
		lend_msg_free(msg);
		if (type == MSG_STOP)
			break;
		burst(member, pending, count);
		member_time(member, began_ns, lend_now());
		answer_done(member, starter);
	}
	free(pending);
	return 0;
}

static void tell_all(const struct crew *crew, uint32_t type)
{
	uint64_t now_ns = lend_now();

	for (unsigned i = 0; i < crew->count; i++)
		if (lend_tell(crew->members[i].ref, type, &now_ns,
			      sizeof(now_ns)))
			member_count(&crew->members[i].errors, 1);
}

static int starter_run(void *arg)
{
	struct starter *starter = arg;
	struct crew *crew = starter->subject->crew;
	struct lend_msg *msg;

	while (!subject_is_stopping(starter->subject)) {
		tell_all(crew, MSG_GO);
		for (unsigned i = 0; i < crew->count; i++)
			if (!lend_receive(LEND_FOREVER, &msg))
				lend_msg_free(msg);
	}
	tell_all(crew, MSG_STOP);
	return 0;
}

static int start(struct subject *subject)
{
	const struct lend_spawn_options options = { .name = "starter",
						    .joinable = true };
	static struct starter starter;
	int err = crew_start(subject, subject->config->params[PARAM_ACTORS],
			     PLACE_SPREAD, member_run);

	if (err)
		return err;
	starter.subject = subject;
	subject->own = &starter;
	err = lend_runtime_spawn(subject->runtime, starter_run, &starter,
				 &options, &starter.ref);
	return err ? subject_fail(subject, err, "spawning the starter") : 0;
}

static void stop(struct subject *subject)
{
	const struct starter *starter = subject->own;

	if (lend_runtime_join(subject->runtime, starter->ref, NULL))
		subject->shared->errors++;
	crew_stop(subject);
}

const struct workload workload_burst = {
	.name = "burst",
	.summary = "every actor wants 4x a ring's depth at once, all together",
	.defaults = { [PARAM_ACTORS] = "8" },
	.depth = 32,
	.start = start,
	.stop = stop,
};
