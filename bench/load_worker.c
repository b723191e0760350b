/*
 * One thread of the load generator: its connections, on its own ring, and the
 * window in which it counts.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "load.h"
#include "process_time.h"

static uint64_t server_time(const struct load *load)
{
	pid_t pid = load->options->servers[0].pid;
	struct process_time time = { 0 };

	if (load->worker->samples_server && process_time(pid, &time) != 0)
		load_die("--server-pid", -ESRCH);
	return time.used_ns;
}

/* Times are taken by the thread that counts, between two of its rounds, so that
 * times and counts are of the same window. */
static void window_open(struct load *load)
{
	struct load_worker *w = load->worker;

	w->server_ns = server_time(load);
	w->own_ns = load_clock_ns(CLOCK_THREAD_CPUTIME_ID);
	load->opened_ns = load_clock_ns(CLOCK_MONOTONIC);
	load->phase = OPEN;
}

static void window_close(struct load *load)
{
	struct load_worker *w = load->worker;

	w->window_ns = load_clock_ns(CLOCK_MONOTONIC) - load->opened_ns;
	w->own_ns = load_clock_ns(CLOCK_THREAD_CPUTIME_ID) - w->own_ns;
	w->server_ns = server_time(load) - w->server_ns;
	load->phase = CLOSED;
	/* One that was forgotten is an error like any other. */
	for (unsigned i = 0; i < w->connections; i++)
		if (!load->connections[i].dead &&
		    load->connections[i].answers == 0)
			w->errors++;
}

static void window_run(struct load *load)
{
	const struct load_options *o = load->options;
	uint64_t open_ns = load_clock_ns(CLOCK_MONOTONIC) +
			   (uint64_t)(o->warmup_s * 1e9);
	uint64_t window_ns = (uint64_t)(o->seconds * 1e9);

	for (unsigned i = 0; i < load->worker->connections; i++) {
		struct connection *c = &load->connections[i];

		if (pace_has_rate(load->pace)) {
			pace_add(load->pace, i);
			continue;
		}
		c->due = o->pipeline;
		load_requests_send(load, c);
	}
	while (load->phase != CLOSED) {
		uint64_t now_ns;

		load_round(load);
		now_ns = load_clock_ns(CLOCK_MONOTONIC);
		if (load->phase == WARMUP && now_ns >= open_ns)
			window_open(load);
		else if (load->phase == OPEN &&
			 (now_ns - load->opened_ns >= window_ns ||
			  load->alive == 0))
			window_close(load);
	}
}

/* Connections to one server after the other; all are told how often requests
 * are due, each thread having its share of the rate. */
static void connections_open(struct load *load)
{
	const struct load_options *o = load->options;
	unsigned each = load->worker->connections;
	double interval_ns = 0;

	if (o->rate > 0)
		interval_ns = 1e9 * o->pipeline * o->connections / each /
			      o->rate;
	load->connections = load_map((size_t)each * o->servers_count *
				     sizeof(struct connection));
	load->alive = each * o->servers_count;
	for (unsigned i = 0; i < load->alive; i++)
		load->connections[i].fd = load_dial(&o->servers[i / each]);
	/* Nobody starts before all are connected. */
	pthread_barrier_wait(load->worker->connected);
	load->now_ns = load_clock_ns(CLOCK_MONOTONIC);
	for (unsigned i = 0; i < o->servers_count; i++)
		pace_init(&load->paces[i], interval_ns, each, load->now_ns);
	for (unsigned i = 0; i < load->alive; i++)
		load_recv_arm(load, &load->connections[i]);
}

static void descriptors_raise(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

void *load_worker_run(void *arg)
{
	struct load_worker *worker = arg;
	const struct load_options *options = worker->options;
	struct load load = {
		.worker = worker,
		.options = options,
		.pace = &load.paces[0],
		.latency = &worker->latency,
		.check.body = options->body,
		.check.body_size = strlen(options->body),
	};

	descriptors_raise();
	load_ring_open(&load);
	/* Sleeps end when they should, not up to 50 us later. */
	prctl(PR_SET_TIMERSLACK, 1);
	connections_open(&load);
	if (options->turns)
		load_turns_run(&load);
	else
		window_run(&load);
	io_uring_queue_exit(&load.ring);
	for (unsigned i = 0; i < options->servers_count; i++)
		pace_fini(&load.paces[i]);
	for (unsigned i = 0; i < worker->connections * options->servers_count;
	     i++) {
		close(load.connections[i].fd);
		free(load.connections[i].carry);
	}
	return NULL;
}
