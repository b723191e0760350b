/*
 * One thread of the load generator: its connections, on its own ring.
 *
 * It uses io_uring as sparingly as the fastest server it has to feed:
 * multishot receives, one enter per round, all requests due by one receive in
 * one send. A generator slower than the server would measure itself.
 */
#include "http_load.h"

#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "answer_check.h"
#include "load_pace.h"
#include "process_time.h"

#define SQ_COUNT     1024
#define CQ_COUNT     16384
#define BUFFER_COUNT 512 /* a power of two */
#define BUFFER_SIZE  8192
/* The largest answer that may be split between receives. */
#define CARRY_MAX    (16 * 1024)
#define ROUND_MAX_NS 50000000

enum op_kind { OP_RECV, OP_SEND };

struct connection {
	int fd;
	bool sending;
	bool dead;
	unsigned due;	/* requests to send when the send under way ends */
	size_t send_at; /* the send under way: its place in the requests */
	size_t send_end;
	uint64_t answers;
	unsigned issued; /* requests ever; indexes @sent_ns, as does @got */
	unsigned got;
	uint64_t due_ns; /* with --rate: when they were due */
	size_t echo_at;	 /* place in the message being received */
	size_t carry_size;
	char *carry; /* the beginning of a split answer */
	uint64_t sent_ns[PIPELINE_MAX];
};

enum phase { WARMUP, OPEN, CLOSED };

struct load {
	struct load_worker *worker;
	const struct load_options *options;
	struct io_uring ring;
	struct io_uring_buf_ring *buffers;
	char *memory;
	unsigned returned;
	struct connection *connections;
	unsigned alive;
	struct pace pace;
	struct answer_check check;
	enum phase phase;
	uint64_t now_ns;
	uint64_t opened_ns;
};

static _Noreturn void die(const char *what, int error)
{
	fprintf(stderr, "http_load: %s: %s\n", what, strerror(-error));
	exit(1);
}

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

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

static void buffer_return(struct load *load, unsigned index)
{
	io_uring_buf_ring_add(load->buffers,
			      load->memory + (size_t)index * BUFFER_SIZE,
			      BUFFER_SIZE, (unsigned short)index,
			      io_uring_buf_ring_mask(BUFFER_COUNT),
			      (int)load->returned++);
}

static void buffers_publish(struct load *load)
{
	if (load->returned > 0)
		io_uring_buf_ring_advance(load->buffers, (int)load->returned);
	load->returned = 0;
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
			pace_has_rate(&load->pace) ? c->due_ns : load->now_ns;
	c->send_at = 0;
	c->send_end = c->due * load->options->request_size;
	c->due = 0;
	send_rest(load, c);
}

/* Without a rate nobody waits for one. */
static void requests_pace(struct load *load)
{
	uint64_t now_ns = clock_ns(CLOCK_MONOTONIC), due_ns;
	unsigned number;

	while (pace_next(&load->pace, now_ns, &number, &due_ns)) {
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

	if (!pace_has_rate(&load->pace))
		c->due++;
	else if (c->got == c->issued)
		pace_add(&load->pace, (unsigned)(c - load->connections));
	if (load->phase != OPEN)
		return;
	c->answers++;
	load->worker->requests++;
	histogram_add(&load->worker->latency, load->now_ns - sent_ns);
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
		die("malloc", -ENOMEM);
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
		const char *bytes = load->memory + (size_t)index * BUFFER_SIZE;

		load->now_ns = clock_ns(CLOCK_MONOTONIC);
		if (load->options->echo)
			on_echo(load, c, bytes, (size_t)cqe->res);
		else
			on_http(load, c, bytes, (size_t)cqe->res);
	}
	buffer_return(load, cqe->flags >> IORING_CQE_BUFFER_SHIFT);
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

static void round_run(struct load *load)
{
	struct __kernel_timespec timeout = { .tv_nsec = ROUND_MAX_NS };
	struct io_uring_cqe *cqe;
	unsigned head;
	unsigned count = 0;
	int res;

	if (pace_has_rate(&load->pace))
		timeout.tv_nsec = pace_wait_ns(
			&load->pace, clock_ns(CLOCK_MONOTONIC), ROUND_MAX_NS);
	res = io_uring_submit_and_wait_timeout(&load->ring, &cqe, 1, &timeout,
					       NULL);
	if (res < 0 && res != -ETIME && res != -EINTR && res != -EAGAIN &&
	    res != -EBUSY)
		die("io_uring_enter", res);
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
	buffers_publish(load);
}

/* Times are taken by the thread that counts, between two of its rounds, so that
 * times and counts are of the same window. */
static void window_open(struct load *load)
{
	struct load_worker *w = load->worker;

	if (w->samples_server &&
	    process_time(load->options->server, &w->server_ns) != 0)
		die("--server-pid", -ESRCH);
	w->own_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID);
	load->opened_ns = clock_ns(CLOCK_MONOTONIC);
	load->phase = OPEN;
}

static void window_close(struct load *load)
{
	struct load_worker *w = load->worker;
	uint64_t server_ns = 0;

	w->window_ns = clock_ns(CLOCK_MONOTONIC) - load->opened_ns;
	w->own_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID) - w->own_ns;
	if (w->samples_server &&
	    process_time(load->options->server, &server_ns) != 0)
		die("--server-pid", -ESRCH);
	w->server_ns = server_ns - w->server_ns;
	load->phase = CLOSED;
	/* One that was forgotten is an error like any other. */
	for (unsigned i = 0; i < w->connections; i++)
		if (!load->connections[i].dead &&
		    load->connections[i].answers == 0)
			w->errors++;
}

static void run(struct load *load)
{
	const struct load_options *o = load->options;
	uint64_t open_ns = clock_ns(CLOCK_MONOTONIC) +
			   (uint64_t)(o->warmup_s * 1e9);
	uint64_t window_ns = (uint64_t)(o->seconds * 1e9);

	load->now_ns = clock_ns(CLOCK_MONOTONIC);
	/* Each thread has its share of the rate. */
	pace_init(&load->pace,
		  o->rate > 0 ? 1e9 * o->pipeline * o->connections /
					load->worker->connections / o->rate :
				0,
		  load->worker->connections, load->now_ns);
	for (unsigned i = 0; i < load->worker->connections; i++) {
		struct connection *c = &load->connections[i];

		recv_arm(load, c);
		if (pace_has_rate(&load->pace)) {
			pace_add(&load->pace, i);
			continue;
		}
		c->due = o->pipeline;
		requests_send(load, c);
	}
	while (load->phase != CLOSED) {
		uint64_t now_ns;

		requests_pace(load);
		round_run(load);
		now_ns = clock_ns(CLOCK_MONOTONIC);
		if (load->phase == WARMUP && now_ns >= open_ns)
			window_open(load);
		else if (load->phase == OPEN &&
			 (now_ns - load->opened_ns >= window_ns ||
			  load->alive == 0))
			window_close(load);
	}
}

static int dial(const struct load_options *options)
{
	const int one = 1;
	int fd = socket(options->addr.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		die("socket", -errno);
	if (connect(fd, (const struct sockaddr *)&options->addr,
		    options->addr_size) != 0)
		die("connect", -errno);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return fd;
}

static void *memory_map(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		die("mmap", -errno);
	return memory;
}

static void ring_open(struct load *load)
{
	struct io_uring_params params = {
		.flags = IORING_SETUP_SINGLE_ISSUER |
			 IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SUBMIT_ALL |
			 IORING_SETUP_CQSIZE,
		.cq_entries = CQ_COUNT,
	};
	struct io_uring_buf_reg reg = { .ring_entries = BUFFER_COUNT };
	int res = io_uring_queue_init_params(SQ_COUNT, &load->ring, &params);

	if (res < 0)
		die("io_uring_setup", res);
	io_uring_register_ring_fd(&load->ring);
	load->buffers = memory_map(BUFFER_COUNT * sizeof(struct io_uring_buf));
	load->memory = memory_map((size_t)BUFFER_COUNT * BUFFER_SIZE);
	reg.ring_addr = (uintptr_t)load->buffers;
	res = io_uring_register_buf_ring(&load->ring, &reg, 0);
	if (res < 0)
		die("io_uring_register_buf_ring", res);
	io_uring_buf_ring_init(load->buffers);
	for (unsigned i = 0; i < BUFFER_COUNT; i++)
		buffer_return(load, i);
	buffers_publish(load);
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
	struct load load = {
		.worker = worker,
		.options = worker->options,
		.alive = worker->connections,
		.check.body = worker->options->body,
		.check.body_size = strlen(worker->options->body),
	};

	descriptors_raise();
	ring_open(&load);
	load.connections = memory_map(worker->connections *
				      sizeof(struct connection));
	/* Sleeps end when they should, not up to 50 us later. */
	prctl(PR_SET_TIMERSLACK, 1);
	for (unsigned i = 0; i < worker->connections; i++)
		load.connections[i].fd = dial(worker->options);
	/* Nobody starts before all are connected. */
	pthread_barrier_wait(worker->connected);
	run(&load);
	pace_fini(&load.pace);
	io_uring_queue_exit(&load.ring);
	for (unsigned i = 0; i < worker->connections; i++) {
		close(load.connections[i].fd);
		free(load.connections[i].carry);
	}
	return NULL;
}
