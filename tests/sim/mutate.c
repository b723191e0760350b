/*
 * Mistakes made on purpose, to show that the simulation finds them. Each is
 * made at one of the doors, in the simulator's own code: the library has no
 * switch for any of them. grep for SIM_MUTATE_... to see where.
 */
#include "kernel.h"

#include <errno.h>
#include <netinet/in.h>

#include "arbiter/arbiter.h"
#include "arbiter/loan.h"
#include "io/request.h"
#include "rt/monitor.h"
#include "rt/suspend.h"
#include "uring/buffers.h"
#include "uring/compat.h"
#include "uring/ring.h"

enum sim_mutation sim_mutation;

static const struct {
	const char *name;
	const char *text;
} mutations[SIM_MUTATIONS] = {
	[SIM_MUTATE_NOTHING] = { "nothing", "the library as it is" },
	[SIM_MUTATE_NO_MEMBARRIER] = { "no-membarrier",
				       "a recall does without membarrier" },
	[SIM_MUTATE_SEIZE_IN_USE] = { "seize-in-use",
				      "a ring is seized although its borrower "
				      "is inside a claim" },
	[SIM_MUTATE_NO_SECOND_LOOK] = { "no-second-look",
					"the borrower does not look again "
					"after clearing in_use" },
	[SIM_MUTATE_FORGET_UNSUBMITTED] = { "forget-unsubmitted",
					    "who takes a ring over forgets "
					    "what was not submitted" },
	[SIM_MUTATE_SUBMIT_TWICE] = { "submit-twice",
				      "now and then an SQE is submitted "
				      "twice" },
	[SIM_MUTATE_DROP_OVERFLOW] = { "drop-overflow",
				       "completions that find the queue full "
				       "are dropped" },
	[SIM_MUTATE_IGNORE_OVERFLOW] = { "ignore-overflow",
					 "the overflow flag is not looked at" },
	[SIM_MUTATE_LIFO] = { "lifo", "who waits for SQEs last is served "
				      "first" },
	[SIM_MUTATE_FREE_EARLY] = { "free-early",
				    "an operation is freed without waiting "
				    "for its last completion" },
	[SIM_MUTATE_LOSE_WAKE] = { "lose-wake",
				   "one wake in sixteen gets lost" },
	[SIM_MUTATE_SPLIT_CHAIN] = { "split-chain",
				     "a submission ends in the middle of a "
				     "chain" },
	[SIM_MUTATE_NO_FENCE] = { "no-fence",
				  "sequentially consistent stores and fences "
				  "are no more than releases" },
	[SIM_MUTATE_NO_WATCH] = { "no-watch",
				  "nobody keeps watch while others work" },
	[SIM_MUTATE_ONE_COMPLETION] = { "one-completion",
					"the first completion of a zero-copy "
					"send is taken for its last" },
	[SIM_MUTATE_KEEP_ADDRESS] = { "keep-address",
				      "the address of a message is not "
				      "copied" },
	[SIM_MUTATE_STAY] = { "stay",
			      "what a kernel thread works on is cancelled "
			      "from any thread" },
	[SIM_MUTATE_STARVE] = { "starve",
				"one runnable actor in 16 lets all others go "
				"first" },
	[SIM_MUTATE_QUEUE_TWICE] = { "queue-twice",
				     "now and then an actor is queued twice" },
	[SIM_MUTATE_BUNDLE_ORDER] = { "bundle-order",
				      "the buffers of a bundle are taken for "
				      "those whose numbers follow" },
	[SIM_MUTATE_LATE_CHILD] = { "late-child",
				    "a wait for a child that has one when its "
				    "deadline has passed says that it has "
				    "passed" },
};

const char *sim_mutation_name(enum sim_mutation mutation)
{
	return mutations[mutation].name;
}

const char *sim_mutation_text(enum sim_mutation mutation)
{
	return mutations[mutation].text;
}

__typeof__(lend__monitor_take_watch) __real_lend__monitor_take_watch;
__typeof__(lend__monitor_take_watch) __wrap_lend__monitor_take_watch;
bool __wrap_lend__monitor_take_watch(struct lend_worker *worker)
{
	return sim_mutation != SIM_MUTATE_NO_WATCH &&
	       __real_lend__monitor_take_watch(worker);
}

__typeof__(lend__suspend_move) __real_lend__suspend_move;
__typeof__(lend__suspend_move) __wrap_lend__suspend_move;
void __wrap_lend__suspend_move(struct lend_actor *self, unsigned index)
{
	/* With a ring of its own each needs it for all else, too. */
	if (sim_mutation == SIM_MUTATE_STAY &&
	    sim.knobs.options.mode != LEND_RING_PRIVATE)
		return;
	__real_lend__suspend_move(self, index);
}

__typeof__(lend__buffers_behind) __real_lend__buffers_behind;
__typeof__(lend__buffers_behind) __wrap_lend__buffers_behind;
unsigned __wrap_lend__buffers_behind(const struct lend_buffers *buffers,
				     unsigned number, unsigned i)
{
	if (sim_mutation == SIM_MUTATE_BUNDLE_ORDER && !sim_is_trying())
		return (number + i) & (buffers->count - 1);
	return __real_lend__buffers_behind(buffers, number, i);
}

__typeof__(lend__request_run) __real_lend__request_run;
__typeof__(lend__request_run) __wrap_lend__request_run;
int __wrap_lend__request_run(struct lend_request *request, int err,
			     uint64_t deadline)
{
	bool waits = request->sqe.opcode == IORING_OP_WAITID;
	int res = __real_lend__request_run(request, err, deadline);

	if (sim_mutation == SIM_MUTATE_LATE_CHILD && waits && !res &&
	    deadline != LEND_FOREVER && lend_now() >= deadline)
		return -ETIMEDOUT;
	return res;
}

static bool is_address(const void *data, size_t size)
{
	const struct sockaddr_in *address = data;

	return data && size == sizeof(*address) &&
	       address->sin_family == AF_INET && address->sin_port;
}

__typeof__(lend__request_copy) __real_lend__request_copy;
__typeof__(lend__request_copy) __wrap_lend__request_copy;
void *__wrap_lend__request_copy(struct lend_request *request, const void *from,
				size_t size)
{
	void *copy = __real_lend__request_copy(request, from, size);

	if (copy && sim_mutation == SIM_MUTATE_KEEP_ADDRESS &&
	    is_address(from, size))
		return (void *)(uintptr_t)from;
	return copy;
}

/* The next borrower begins where the kernel is, not where the last one was. */
__typeof__(lend__loan_grant) __real_lend__loan_grant;
__typeof__(lend__loan_grant) __wrap_lend__loan_grant;
void __wrap_lend__loan_grant(struct lend_loan *loan,
			     struct lend_borrower *borrower,
			     enum lend_trace_why why)
{
	struct lend_ring *ring = loan->ring;

	if (sim_mutation == SIM_MUTATE_FORGET_UNSUBMITTED) {
		sim_drain_all();
		ring->sq_tail = *ring->uring.sq.khead;
		*ring->uring.sq.ktail = ring->sq_tail;
	}
	__real_lend__loan_grant(loan, borrower, why);
}
