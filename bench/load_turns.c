/*
 * Servers loaded in turn: all of them are up and connected, one of them is
 * asked, then the next. What slows the machine for longer than a turn slows
 * all of them, and what slows it for less spoils a few turns of many.
 *
 * A turn's requests are those that were due in it. It is over when the last of
 * them has its answer, however long that takes, so a turn neither loses what it
 * has kept waiting, nor leaves it to the next one. What was due at its
 * beginning, for --warmup, finds a server that others have had the caches of,
 * and is not counted.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "load.h"
#include "process_time.h"

/* A server that has not answered for so long will not. */
#define ANSWER_MAX_NS 10000000000u

static struct process_time server_time(const struct load_server *server)
{
	struct process_time time = { 0 };

	if (server->pid != 0 && process_time(server->pid, &time) != 0)
		load_die("--server-pid", -ESRCH);
	return time;
}

static void requests_run(struct load *load, uint64_t until_ns)
{
	while (!pace_is_over(load->pace) && load->worker->errors == 0) {
		load_round(load);
		if (load->round_ns > until_ns + ANSWER_MAX_NS)
			load->worker->errors++;
	}
}

static void turn_run(struct load *load, unsigned server, struct load_turn *turn)
{
	const struct load_options *o = load->options;
	struct process_time before = server_time(&o->servers[server]);
	uint64_t answered = load->worker->requests;
	struct process_time after;
	uint64_t now_ns, until_ns;

	memset(load->latency, 0, sizeof(*load->latency));
	load->pace = &load->paces[server];
	now_ns = load_clock_ns(CLOCK_MONOTONIC);
	load->counted_ns = now_ns + (uint64_t)(o->warmup_s * 1e9);
	until_ns = load->counted_ns + (uint64_t)(o->seconds * 1e9);
	/* What was done between turns is not lateness. */
	load->round_ns = 0;
	load->gap_ns = 0;
	pace_turn(load->pace, now_ns, until_ns);
	requests_run(load, until_ns);
	after = server_time(&o->servers[server]);
	*turn = (struct load_turn){
		.server = server,
		.requests = load->worker->requests - answered,
		.p50_ns = histogram_ns(load->latency, 0.5),
		.p99_ns = histogram_ns(load->latency, 0.99),
		.gap_ns = load->gap_ns,
		.used_ns = after.used_ns - before.used_ns,
		.waited_ns = after.waited_ns - before.waited_ns,
	};
	histogram_merge(&load->worker->latency, load->latency);
	load->worker->window_ns += until_ns - load->counted_ns;
}

void load_turns_run(struct load *load)
{
	struct load_worker *worker = load->worker;
	unsigned servers = load->options->servers_count;
	unsigned count = load->options->turns * servers;

	worker->turns = calloc(count, sizeof(*worker->turns));
	load->latency = calloc(1, sizeof(*load->latency));
	if (worker->turns == NULL || load->latency == NULL)
		load_die("calloc", -ENOMEM);
	for (unsigned i = 0; i < worker->connections * servers; i++)
		pace_add(&load->paces[i / worker->connections], i);
	load->phase = OPEN;
	/* Each begins as often as any other: whom it comes after may matter. */
	for (unsigned i = 0; i < count && worker->errors == 0; i++)
		turn_run(load, (i + i / servers) % servers, &worker->turns[i]);
	free(load->latency);
}
