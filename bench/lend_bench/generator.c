/*
 * The load generator's schedule and figures: see generator.h. The connections
 * are link.c's.
 */
#include "lend_bench/generator.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/prctl.h>

#include "lend_bench/link.h"

/* Open loop: requests that wait for an answer on one connection; more are not
 * sent, and lost. At 1,000 requests/s on one connection this is a stall of
 * 4 s. */
#define QUEUE_MAX 4096
/* The server's backlog is finite. */
#define GREETINGS_MAX 256
#define GREETING_NS   UINT64_C(20000000000)
/* No wait is longer, so that the end of a span is not overslept. */
#define WAIT_MAX_NS UINT64_C(50000000)
/* For less it is not worth going to sleep. */
#define WAIT_MIN_NS UINT64_C(3000)

struct generator {
	struct links links; /* loaded, then burning, then idle */
	struct generator_options options;
	struct generator_result result;
	struct head_seen head;
	unsigned next; /* open loop: whose turn it is */
	bool asking;
	bool measuring;
	uint64_t opened_ns; /* the window */
	uint64_t start_ns;  /* the schedule */
	uint64_t asked;	    /* requests that were due since */
	uint64_t burn_due_ns;
};

static void ask(struct generator *generator, struct link *link, uint64_t due_ns)
{
	const struct asked asked = { due_ns, generator->measuring };

	if (!link_ask(&generator->links, link, asked))
		generator->result.lost++;
}

static void on_answered(struct links *links, struct link *link, unsigned count)
{
	/* links is its first member. */
	struct generator *generator = (struct generator *)links;
	struct generator_result *result = &generator->result;
	uint64_t end = link->speaker.answered;

	for (uint64_t n = end - count; n < end; n++) {
		const struct asked *asked = &link->asked[n % link->asked_room];

		if (asked->counts)
			histogram_add(link->burns ? &result->burn_latency :
						    &result->latency,
				      links->now_ns - asked->due_ns);
	}
	if (generator->measuring)
		*(link->burns ? &result->burns : &result->answers) += count;
	if (!generator->asking || generator->options.rate || link->burns)
		return;
	for (unsigned i = 0; i < count; i++)
		ask(generator, link, links->now_ns);
}

/* ---- the schedule ---- */

static uint64_t due_ns(const struct generator *generator)
{
	double interval_ns = 1e9 / (double)generator->options.rate;

	return generator->start_ns +
	       (uint64_t)((double)generator->asked * interval_ns);
}

static void ask_what_is_due(struct generator *generator)
{
	struct links *links = &generator->links;
	const struct generator_options *options = &generator->options;
	uint64_t now_ns = link_clock_ns();

	while (options->rate && due_ns(generator) <= now_ns) {
		struct link *link = &links->list[generator->next];

		ask(generator, link, due_ns(generator));
		link_send(links, link);
		if (generator->measuring)
			histogram_add(&generator->result.late,
				      now_ns - due_ns(generator));
		generator->asked++;
		generator->next = (generator->next + 1) % options->connections;
	}
	if (options->burn_us && generator->burn_due_ns <= now_ns) {
		struct link *link = &links->list[options->connections];

		ask(generator, link, generator->burn_due_ns);
		link_send(links, link);
		generator->burn_due_ns += options->every_ns;
	}
}

/* How long nothing is to be done unless something arrives. */
static uint64_t time_to_wait(const struct generator *generator, uint64_t end_ns)
{
	uint64_t until_ns = end_ns;
	uint64_t now_ns = link_clock_ns();

	if (generator->asking && generator->options.rate &&
	    due_ns(generator) < until_ns)
		until_ns = due_ns(generator);
	if (generator->asking && generator->options.burn_us &&
	    generator->burn_due_ns < until_ns)
		until_ns = generator->burn_due_ns;
	if (until_ns < now_ns + WAIT_MIN_NS)
		return 0;
	until_ns -= now_ns;
	return until_ns < WAIT_MAX_NS ? until_ns : WAIT_MAX_NS;
}

static void round_run(struct generator *generator, uint64_t end_ns)
{
	links_round(&generator->links, time_to_wait(generator, end_ns));
	if (generator->asking)
		ask_what_is_due(generator);
}

static void asking_start(struct generator *generator)
{
	const struct generator_options *options = &generator->options;

	generator->asking = true;
	generator->start_ns = link_clock_ns();
	generator->burn_due_ns = generator->start_ns + options->every_ns / 2;
	for (unsigned i = 0; !options->rate && i < options->connections; i++) {
		struct link *link = &generator->links.list[i];

		for (unsigned k = 0; k < options->pipeline; k++)
			ask(generator, link, generator->start_ns);
		link_send(&generator->links, link);
	}
}

void generator_run(struct generator *generator, uint64_t span_ns)
{
	uint64_t end_ns = link_clock_ns() + span_ns;

	if (!generator->asking)
		asking_start(generator);
	/* Without anybody to talk to there is nothing more to be learnt. */
	while (link_clock_ns() < end_ns && generator->links.alive > 0)
		round_run(generator, end_ns);
}

void generator_measure(struct generator *generator, bool on)
{
	uint64_t now_ns = link_clock_ns();

	generator->measuring = on;
	if (on)
		generator->opened_ns = now_ns;
	else
		generator->result.window_ns = now_ns - generator->opened_ns;
}

void generator_drain(struct generator *generator, uint64_t span_ns)
{
	uint64_t end_ns = link_clock_ns() + span_ns;

	generator->asking = false;
	while (generator->links.outstanding > 0 && link_clock_ns() < end_ns)
		round_run(generator, end_ns);
	generator->result.lost += generator->links.outstanding +
				  generator->links.lost;
	generator->result.errors = generator->links.errors;
}

const struct generator_result *
generator_result(const struct generator *generator)
{
	return &generator->result;
}

/* ---- opening and closing ---- */

/* Each idle connection has been used once: the server has it in its hands. */
static int idle_greet(struct generator *generator, unsigned first)
{
	uint64_t end_ns = link_clock_ns() + GREETING_NS;
	struct links *links = &generator->links;

	for (unsigned i = first; i < links->count; i++) {
		ask(generator, &links->list[i], link_clock_ns());
		link_send(links, &links->list[i]);
		while (links->outstanding > GREETINGS_MAX &&
		       link_clock_ns() < end_ns)
			round_run(generator, end_ns);
	}
	while (links->outstanding > 0 && link_clock_ns() < end_ns)
		round_run(generator, end_ns);
	if (links->errors)
		return -EBADMSG;
	return links->outstanding ? -ETIMEDOUT : 0;
}

static int links_prepare(struct generator *generator)
{
	const struct generator_options *options = &generator->options;
	unsigned busy = options->connections + (options->burn_us ? 1 : 0);
	unsigned count = busy + options->idle;
	int err = links_open(&generator->links, count, on_answered);

	for (unsigned i = 0; !err && i < count; i++) {
		bool burns = i >= options->connections && i < busy;
		unsigned queue = i >= busy	   ? 1 :
				 options->rate	   ? QUEUE_MAX :
				 options->pipeline ? options->pipeline :
						     1;

		err = links_dial(&generator->links, options->port,
				 &options->conversation,
				 burns ? QUEUE_MAX : queue,
				 burns ? options->burn_us : options->work_us);
		if (!err)
			generator->links.list[i].burns = burns;
	}
	return err ? err : idle_greet(generator, busy);
}

int generator_open(const struct generator_options *options,
		   struct generator **ret_generator)
{
	struct generator *generator = calloc(1, sizeof(*generator));
	int err;

	if (!generator)
		return -ENOMEM;
	/* Timers of this thread are not to be late for economy. */
	prctl(PR_SET_TIMERSLACK, 1000);
	generator->options = *options;
	generator->options.conversation.head = &generator->head;
	err = links_prepare(generator);
	if (err) {
		generator_close(generator);
		return err;
	}
	*ret_generator = generator;
	return 0;
}

struct generator *generator_close(struct generator *generator)
{
	if (!generator)
		return NULL;
	links_close(&generator->links);
	free(generator);
	return NULL;
}
