/*
 * raw_uring: the least that an HTTP server on io_uring can cost.
 *
 * A thread and a ring (--workers: more of them, which share nothing and have a
 * listening socket each), no library but liburing: the reference that Lend's
 * overhead is measured against. It does by hand what a framework does for
 * its user, and nothing else: there is no routing, no parsing, no limit on
 * how long a client may take. It is a benchmark opponent, not a server.
 *
 * One enter per round submits the sends and collects what has come. Every
 * answer to one receive goes out in one send, whose bytes are rendered once a
 * second for all connections. Receives are multishot from a buffer ring; a
 * buffer goes back as soon as its heads have been counted (with --echo: when
 * it has been sent back). Which settings were tried is in ../README.md.
 */
#include "responder.h"

#include <errno.h>
#include <liburing.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define SQ_COUNT     1024
#define CQ_COUNT     8192
#define BUFFER_COUNT 512 /* a power of two */
#define BUFFER_SIZE  4096
#define NONE	     (-1)

enum op_kind { OP_ACCEPT, OP_RECV, OP_SEND, OP_TICK, OP_SIGNAL };

struct connection {
	bool receiving; /* a receive is armed */
	bool sending;	/* a send is under way: never two on one socket */
	bool broken;	/* nothing can be sent any more */
	int next_starved;
	struct reply reply;
	/* With --echo: the buffers still to be sent back, in order. */
	int echo_first;
	int echo_last;
	unsigned echo_at;
};

struct server {
	struct config config;
	struct io_uring ring;
	int listener;
	bool accepting;
	bool stopping;
	bool tick_due;
	struct __kernel_timespec second;
	int signals;
	struct signalfd_siginfo signal;

	struct io_uring_buf_ring *buffers;
	char *memory;
	unsigned returned; /* buffers to publish at the end of the round */
	unsigned held;	   /* buffers waiting to be sent back (--echo) */
	int starved;	   /* first connection whose receive got no buffer */
	int echo_next[BUFFER_COUNT];
	unsigned echo_size[BUFFER_COUNT];

	struct answers answers;
	struct connection *connections; /* by fd */
};

static struct server servers[WORKERS_MAX];

static struct io_uring_sqe *sqe_get(struct server *s)
{
	struct io_uring_sqe *sqe;

	while ((sqe = io_uring_get_sqe(&s->ring)) == NULL)
		io_uring_submit(&s->ring);
	return sqe;
}

static void sqe_tag(struct io_uring_sqe *sqe, enum op_kind kind, int fd)
{
	sqe->user_data = (uint64_t)fd << 3 | kind;
}

static void accept_arm(struct server *s)
{
	struct io_uring_sqe *sqe = sqe_get(s);

	io_uring_prep_multishot_accept(sqe, s->listener, NULL, NULL,
				       SOCK_CLOEXEC);
	sqe_tag(sqe, OP_ACCEPT, s->listener);
	s->accepting = true;
}

static void recv_arm(struct server *s, int fd)
{
	struct io_uring_sqe *sqe = sqe_get(s);

	io_uring_prep_recv_multishot(sqe, fd, NULL, 0, 0);
	sqe->flags |= IOSQE_BUFFER_SELECT;
	sqe->buf_group = 0;
	sqe_tag(sqe, OP_RECV, fd);
	s->connections[fd].receiving = true;
}

static void tick_arm(struct server *s)
{
	struct io_uring_sqe *sqe = sqe_get(s);

	s->second.tv_sec = 1;
	io_uring_prep_timeout(sqe, &s->second, 0, 0);
	sqe_tag(sqe, OP_TICK, 0);
}

static void signal_arm(struct server *s)
{
	struct io_uring_sqe *sqe = sqe_get(s);

	io_uring_prep_read(sqe, s->signals, &s->signal, sizeof(s->signal), 0);
	sqe_tag(sqe, OP_SIGNAL, 0);
}

/* Published by buffers_publish(), once for the whole round. */
static void buffer_return(struct server *s, unsigned index)
{
	io_uring_buf_ring_add(s->buffers,
			      s->memory + (size_t)index * BUFFER_SIZE,
			      BUFFER_SIZE, (unsigned short)index,
			      io_uring_buf_ring_mask(BUFFER_COUNT),
			      (int)s->returned++);
}

static void buffers_publish(struct server *s)
{
	if (s->returned > 0)
		io_uring_buf_ring_advance(s->buffers, (int)s->returned);
	s->returned = 0;
	/* With --echo all buffers may be held by clients that do not read.
	 * Arming again at once would only fail again, for ever. */
	while (s->starved != NONE && s->held < BUFFER_COUNT) {
		int fd = s->starved;

		s->starved = s->connections[fd].next_starved;
		recv_arm(s, fd);
	}
}

static void reply_send(struct server *s, int fd)
{
	struct connection *c = &s->connections[fd];
	struct io_uring_sqe *sqe = sqe_get(s);
	/* A slab is lent for one enter only: a send that would have to wait
	 * fails, and is made again from the connection's own memory. */
	int flags = c->reply.from_rest ? 0 : MSG_DONTWAIT;

	io_uring_prep_send(sqe, fd, c->reply.from, c->reply.size,
			   flags | MSG_NOSIGNAL);
	sqe_tag(sqe, OP_SEND, fd);
	c->sending = true;
}

static void echo_send(struct server *s, int fd)
{
	struct connection *c = &s->connections[fd];
	struct io_uring_sqe *sqe = sqe_get(s);
	size_t start = (size_t)c->echo_first * BUFFER_SIZE + c->echo_at;

	io_uring_prep_send(sqe, fd, s->memory + start,
			   s->echo_size[c->echo_first] - c->echo_at,
			   MSG_NOSIGNAL);
	sqe_tag(sqe, OP_SEND, fd);
	c->sending = true;
}

static void echo_pop(struct server *s, struct connection *c)
{
	buffer_return(s, (unsigned)c->echo_first);
	s->held--;
	c->echo_first = s->echo_next[c->echo_first];
	c->echo_at = 0;
}

/* Send what is due, or close if all is done. */
static void connection_pump(struct server *s, int fd)
{
	struct connection *c = &s->connections[fd];

	if (c->sending)
		return;
	while (c->broken && c->echo_first != NONE)
		echo_pop(s, c);
	if (c->echo_first != NONE) {
		echo_send(s, fd);
	} else if (!c->broken && reply_next(&c->reply, &s->answers)) {
		reply_send(s, fd);
	} else if (!c->receiving) {
		close(fd);
		/* It may have ended for want of descriptors. */
		if (!s->accepting)
			accept_arm(s);
	}
}

static void on_accept(struct server *s, int res, unsigned flags)
{
	struct connection *c;

	/* EMFILE and its like end it. A connection that closes, or else the
	 * next tick, arms it again; at once would spin. */
	if (!(flags & IORING_CQE_F_MORE))
		s->accepting = false;
	if (res < 0)
		return;
	if (!s->accepting)
		accept_arm(s);
	if (res >= CONNECTION_MAX) {
		close(res);
		return;
	}
	c = &s->connections[res];
	memset(c, 0, sizeof(*c));
	c->echo_first = NONE;
	recv_arm(s, res);
}

static void on_bytes(struct server *s, struct connection *c, unsigned index,
		     unsigned size)
{
	if (c->broken) {
		buffer_return(s, index);
	} else if (!s->config.echo) {
		c->reply.owed += heads_count(
			&c->reply.matched,
			s->memory + (size_t)index * BUFFER_SIZE, size);
		buffer_return(s, index);
	} else {
		s->echo_size[index] = size;
		s->echo_next[index] = NONE;
		if (c->echo_first == NONE)
			c->echo_first = (int)index;
		else
			s->echo_next[c->echo_last] = (int)index;
		c->echo_last = (int)index;
		s->held++;
	}
}

static void on_recv(struct server *s, int fd, int res, unsigned flags)
{
	struct connection *c = &s->connections[fd];

	if (res > 0) {
		on_bytes(s, c, flags >> IORING_CQE_BUFFER_SHIFT, (unsigned)res);
		if (!(flags & IORING_CQE_F_MORE))
			recv_arm(s, fd);
	} else if (res == -ENOBUFS) {
		/* Still @receiving: it is only put off. */
		c->next_starved = s->starved;
		s->starved = fd;
		return;
	} else {
		c->receiving = false;
		c->broken |= res < 0;
	}
	connection_pump(s, fd);
}

static void on_send(struct server *s, int fd, int res)
{
	struct connection *c = &s->connections[fd];

	c->sending = false;
	if (res == -EAGAIN && !s->config.echo) {
		reply_keep(&c->reply, &s->answers);
		reply_send(s, fd);
		return;
	}
	if (res < 0) {
		/* Ends the receive too, and then the connection. */
		c->broken = true;
		shutdown(fd, SHUT_RDWR);
	} else if (s->config.echo) {
		c->echo_at += (unsigned)res;
		if (c->echo_at == s->echo_size[c->echo_first])
			echo_pop(s, c);
	} else {
		reply_sent(&c->reply, &s->answers, (size_t)res);
	}
	connection_pump(s, fd);
}

static void on_cqe(struct server *s, const struct io_uring_cqe *cqe)
{
	int fd = (int)(cqe->user_data >> 3);

	switch ((enum op_kind)(cqe->user_data & 7)) {
	case OP_ACCEPT:
		on_accept(s, cqe->res, cqe->flags);
		break;
	case OP_RECV:
		on_recv(s, fd, cqe->res, cqe->flags);
		break;
	case OP_SEND:
		on_send(s, fd, cqe->res);
		break;
	case OP_TICK:
		answers_render(&s->answers, "raw");
		tick_arm(s);
		if (!s->accepting)
			accept_arm(s);
		break;
	case OP_SIGNAL:
		s->stopping = true;
		break;
	}
}

static void serve(struct server *s)
{
	while (!s->stopping) {
		struct io_uring_cqe *cqe;
		unsigned head;
		unsigned count = 0;
		int res = io_uring_submit_and_wait(&s->ring, 1);

		/* EBUSY and EAGAIN: the kernel wants its CQEs reaped first. */
		if (res < 0 && res != -EINTR && res != -EBUSY && res != -EAGAIN)
			die("io_uring_enter", res);
		io_uring_for_each_cqe(&s->ring, head, cqe)
		{
			on_cqe(s, cqe);
			count++;
		}
		io_uring_cq_advance(&s->ring, count);
		buffers_publish(s);
	}
}

static void *memory_map(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (memory == MAP_FAILED)
		die("mmap", -errno);
	return memory;
}

static void buffers_open(struct server *s)
{
	struct io_uring_buf_reg reg = { .ring_entries = BUFFER_COUNT };
	int res;

	s->buffers = memory_map(BUFFER_COUNT * sizeof(struct io_uring_buf));
	s->memory = memory_map((size_t)BUFFER_COUNT * BUFFER_SIZE);
	reg.ring_addr = (uintptr_t)s->buffers;
	res = io_uring_register_buf_ring(&s->ring, &reg, 0);
	if (res < 0)
		die("io_uring_register_buf_ring", res);
	io_uring_buf_ring_init(s->buffers);
	for (unsigned i = 0; i < BUFFER_COUNT; i++)
		buffer_return(s, i);
	s->starved = NONE;
	buffers_publish(s);
}

static void ring_open(struct server *s)
{
	struct io_uring_params params = {
		.flags = IORING_SETUP_SINGLE_ISSUER |
			 IORING_SETUP_DEFER_TASKRUN |
			 IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_SUBMIT_ALL |
			 IORING_SETUP_CQSIZE,
		.cq_entries = CQ_COUNT,
	};
	int res = io_uring_queue_init_params(SQ_COUNT, &s->ring, &params);

	if (res < 0)
		die("io_uring_setup", res);
	/* Saves looking the ring up in every enter. Not vital. */
	io_uring_register_ring_fd(&s->ring);
}

static void *server_run(void *arg)
{
	struct server *s = arg;

	s->connections = memory_map(CONNECTION_MAX * sizeof(struct connection));
	ring_open(s);
	buffers_open(s);
	answers_render(&s->answers, "raw");
	accept_arm(s);
	tick_arm(s);
	/* One is told to stop, and ends the process. */
	if (s == &servers[0])
		signal_arm(s);
	serve(s);
	return NULL;
}

int main(int argc, char **argv)
{
	struct config config;
	pthread_t thread;
	int signals;

	config_parse(&config, argc, argv);
	descriptors_raise();
	signals = signals_open();
	/* All listen before the first one answers. */
	for (unsigned i = 0; i < config.workers; i++) {
		servers[i].config = config;
		servers[i].signals = signals;
		servers[i].listener = config_listen(&config);
	}
	for (unsigned i = 1; i < config.workers; i++) {
		int err = pthread_create(&thread, NULL, server_run,
					 &servers[i]);

		if (err != 0)
			die("pthread_create", -err);
	}
	server_run(&servers[0]);
	return 0;
}
