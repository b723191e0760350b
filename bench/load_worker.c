/*
 * One thread of the load generator: its connections, on its own ring.
 *
 * It uses io_uring as sparingly as the fastest server it has to feed:
 * multishot receives, one enter per round, all requests due by one receive in
 * one send. A generator slower than the server would measure itself.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "load.h"
#include "process_time.h"

/* The largest answer that may be split between receives. */
#define CARRY_MAX    (16 * 1024)
#define ROUND_MAX_NS 50000000

enum op_kind { OP_RECV, OP_SEND };

static struct io_uring_sqe *sqe_get(struct load *load)
{
	struct io_uring_sqe *sqe;

	while ((sqe = io_uring_get_sqe(&load->ring)) == NULL)
		io_uring_submit(&load->ring);
	return sqe;
}

static void sqe_tag(struct load *load, struct io_uring_sqe *sqe,
		    enum op_kind kind, const struct connection *c)
{
	sqe->user_data = (uint64_t)(c - load->connections) << 1 | kind;
}

static void recv_arm(struct load *load, struct connection *c)
{
	struct io_uring_sqe *sqe = sqe_get(load);

	io_uring_prep_recv_multishot(sqe, c->fd, NULL, 0, 0);
	sqe->flags |= IOSQE_BUFFER_SELECT;
	sqe->buf_group = 0;
	sqe_tag(load, sqe, OP_RECV, c);
}

static void send_rest(struct load *load, struct connection *c)
{
	struct io_uring_sqe *sqe = sqe_get(load);

	io_uring_prep_send(sqe, c->fd, load->options->requests + c->send_at,
			   c->send_end - c->send_at, MSG_NOSIGNAL);
	sqe_tag(load, sqe, OP_SEND, c);
	c->sending = true;
}

/* Latency counts from here, unless it was due before. */
static void requests_send(struct load *load, struct connection *c)
{
	if (c->dead || c->sending || c->due == 0)
		return;
	for (unsigned i = 0; i < c->due; i++)
		c->sent_ns[c->issued++ % PIPELINE_MAX] =
			pace_has_rate(load->pace) ? c->due_ns : load->now_ns;
	c->send_at = 0;
	c->send_end = c->due * load->options->request_size;
	c->due = 0;
	send_rest(load, c);
}

/* Without a rate nobody waits for one. */
static void requests_pace(struct load *load, uint64_t now_ns)
{
	uint64_t due_ns;
	unsigned number;

	while (pace_next(load->pace, now_ns, &number, &due_ns)) {
		struct connection *c = &load->connections[number];

		c->due = load->options->pipeline;
		c->due_ns = due_ns;
		requests_send(load, c);
	}
}

/* A connection that went wrong is out of the game, not opened again. */
static void connection_fail(struct load *load, struct connection *c)
{
	if (c->dead)
		return;
	c->dead = true;
	load->alive--;
	load->worker->errors++;
	shutdown(c->fd, SHUT_RDWR);
}

static void answer_done(struct load *load, struct connection *c)
{
	uint64_t sent_ns = c->sent_ns[c->got++ % PIPELINE_MAX];

	if (!pace_has_rate(load->pace))
		c->due++;
	else if (c->got == c->issued)
		pace_add(load->pace, (unsigned)(c - load->connections));
	if (load->phase != OPEN || sent_ns < load->counted_ns)
		return;
	c->answers++;
	load->worker->requests++;
	histogram_add(load->latency, load->now_ns - sent_ns);
}

static void on_echo(struct load *load, struct connection *c, const char *bytes,
		    size_t size)
{
	size_t message = load->options->message_size;

	while (size > 0) {
		size_t part = message - c->echo_at;

		if (part > size)
			part = size;
		if (c->got == c->issued ||
		    memcmp(bytes, load->options->requests + c->echo_at, part)) {
			connection_fail(load, c);
			return;
		}
		bytes += part;
		size -= part;
		c->echo_at += part;
		if (c->echo_at == message) {
			c->echo_at = 0;
			answer_done(load, c);
		}
	}
}

/* Take the complete answers; returns the bytes they had. */
static size_t answers_take(struct load *load, struct connection *c,
			   const char *bytes, size_t size)
{
	size_t at = 0;

	while (at < size && !c->dead) {
		ssize_t answer = answer_check(&load->check, bytes + at,
					      size - at);

		if (answer == 0)
			break;
		/* An answer that nobody asked for is wrong, too. */
		if (answer < 0 || c->got == c->issued) {
			connection_fail(load, c);
			break;
		}
		at += (size_t)answer;
		answer_done(load, c);
	}
	return at;
}

static void on_http(struct load *load, struct connection *c, const char *bytes,
		    size_t size)
{
	size_t taken;

	if (c->carry_size > 0) {
		if (c->carry_size + size > CARRY_MAX) {
			connection_fail(load, c);
			return;
		}
		memcpy(c->carry + c->carry_size, bytes, size);
		bytes = c->carry;
		size += c->carry_size;
	}
	taken = answers_take(load, c, bytes, size);
	c->carry_size = size - taken;
	if (c->carry_size == 0 || c->dead)
		return;
	if (c->carry == NULL)
		c->carry = malloc(CARRY_MAX);
	if (c->carry == NULL)
		load_die("malloc", -ENOMEM);
	memmove(c->carry, bytes + taken, c->carry_size);
}

static void on_recv(struct load *load, struct connection *c,
		    const struct io_uring_cqe *cqe)
{
	if (cqe->res == -ENOBUFS) {
		recv_arm(load, c);
		return;
	}
	if (cqe->res <= 0) {
		connection_fail(load, c);
		return;
	}
	if (!c->dead) {
		unsigned index = cqe->flags >> IORING_CQE_BUFFER_SHIFT;
		const char *bytes = load->memory +
				    (size_t)index * LOAD_BUFFER_SIZE;

		load->now_ns = load_clock_ns(CLOCK_MONOTONIC);
		if (load->options->echo)
			on_echo(load, c, bytes, (size_t)cqe->res);
		else
			on_http(load, c, bytes, (size_t)cqe->res);
	}
	load_buffer_return(load, cqe->flags >> IORING_CQE_BUFFER_SHIFT);
	if (!(cqe->flags & IORING_CQE_F_MORE))
		recv_arm(load, c);
	requests_send(load, c);
}

static void on_send(struct load *load, struct connection *c, int res)
{
	c->sending = false;
	if (res <= 0) {
		connection_fail(load, c);
		return;
	}
	c->send_at += (size_t)res;
	if (c->send_at < c->send_end)
		send_rest(load, c);
	else
		requests_send(load, c);
}

/* Submit, and wait for up to @wait_ns until something has happened. */
static void ring_wait(struct load *load, uint64_t wait_ns)
{
	struct __kernel_timespec timeout = { .tv_nsec = (long long)wait_ns };
	struct io_uring_cqe *cqe;
	int res;

	if (wait_ns == 0)
		res = io_uring_submit_and_get_events(&load->ring);
	else
		res = io_uring_submit_and_wait_timeout(&load->ring, &cqe, 1,
						       &timeout, NULL);
	if (res < 0 && res != -ETIME && res != -EINTR && res != -EAGAIN &&
	    res != -EBUSY)
		load_die("io_uring_enter", res);
}

static void clock_look(struct load *load, uint64_t now_ns)
{
	uint64_t expected_ns = load->round_ns + load->wait_ns;

	if (load->round_ns && now_ns > expected_ns &&
	    now_ns - expected_ns > load->gap_ns)
		load->gap_ns = now_ns - expected_ns;
	load->round_ns = now_ns;
}

void load_round(struct load *load)
{
	uint64_t now_ns = load_clock_ns(CLOCK_MONOTONIC);
	struct io_uring_cqe *cqe;
	unsigned head;
	unsigned count = 0;

	clock_look(load, now_ns);
	requests_pace(load, now_ns);
	load->wait_ns = load->options->spin ? 0 : ROUND_MAX_NS;
	if (pace_has_rate(load->pace))
		load->wait_ns = (uint64_t)pace_wait_ns(load->pace, now_ns,
						       (long)load->wait_ns);
	ring_wait(load, load->wait_ns);
	io_uring_for_each_cqe(&load->ring, head, cqe)
	{
		struct connection *c = &load->connections[cqe->user_data >> 1];

		if ((cqe->user_data & 1) == OP_RECV)
			on_recv(load, c, cqe);
		else
			on_send(load, c, cqe->res);
		count++;
	}
	io_uring_cq_advance(&load->ring, count);
	load_buffers_publish(load);
}

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
		requests_send(load, c);
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
		recv_arm(load, &load->connections[i]);
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
