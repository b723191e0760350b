/*
 * A round of one thread of the load generator: what is due is sent, what has
 * come is taken.
 *
 * It uses io_uring as sparingly as the fastest server it has to feed:
 * multishot receives, one enter per round, all requests due by one receive in
 * one send. A generator slower than the server would measure itself.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "load.h"

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

void load_recv_arm(struct load *load, struct connection *c)
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
void load_requests_send(struct load *load, struct connection *c)
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
		load_requests_send(load, c);
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
		load_recv_arm(load, c);
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
		load_recv_arm(load, c);
	load_requests_send(load, c);
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
		load_requests_send(load, c);
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
