/*
 * raw_epoll: raw_uring's counterpart on epoll, level triggered, one thread.
 *
 * It shows what the kernel interface alone makes of the same work: the same
 * answer, the same splitting of heads, one send for all answers to one
 * receive. Like raw_uring it is a benchmark opponent, not a server.
 *
 * A connection that cannot take its answers is watched for writing only, so a
 * client that does not read is not read from either.
 */
#include "responder.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define EVENT_COUNT 512
#define INPUT_SIZE  (64 * 1024)

struct connection {
	bool stalled; /* watched for writing, not for reading */
	struct reply reply;
	/* With --echo: what a short send left; allocated by the first one. */
	char *echo;
	size_t echo_at;
	size_t echo_end;
};

struct server {
	struct config config;
	int epoll;
	int listener;
	int signals;
	int ticks;
	bool accepting;
	bool stopping;
	struct answers answers;
	struct connection *connections; /* by fd */
	char input[INPUT_SIZE];
};

static struct server server;

static void watch(struct server *s, int op, int fd, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.fd = fd };

	if (epoll_ctl(s->epoll, op, fd, &event) != 0)
		die("epoll_ctl", -errno);
}

/* Descriptors ran out: a listener that stays readable would make us spin. */
static void accept_pause(struct server *s)
{
	watch(s, EPOLL_CTL_MOD, s->listener, 0);
	s->accepting = false;
}

static void accept_resume(struct server *s)
{
	if (s->accepting)
		return;
	watch(s, EPOLL_CTL_MOD, s->listener, EPOLLIN);
	s->accepting = true;
}

static void connection_close(struct server *s, int fd)
{
	free(s->connections[fd].echo);
	close(fd);
	accept_resume(s);
}

static void on_accept(struct server *s)
{
	for (;;) {
		int fd = accept4(s->listener, NULL, NULL,
				 SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd < 0) {
			if (errno == EMFILE || errno == ENFILE ||
			    errno == ENOBUFS || errno == ENOMEM)
				accept_pause(s);
			return;
		}
		if (fd >= CONNECTION_MAX) {
			close(fd);
			continue;
		}
		memset(&s->connections[fd], 0, sizeof(struct connection));
		watch(s, EPOLL_CTL_ADD, fd, EPOLLIN);
	}
}

/* All of the following return false if the connection is of no more use. */

static bool stall(struct server *s, int fd)
{
	struct connection *c = &s->connections[fd];

	if (!c->stalled)
		watch(s, EPOLL_CTL_MOD, fd, EPOLLOUT);
	c->stalled = true;
	return true;
}

static bool unstall(struct server *s, int fd)
{
	struct connection *c = &s->connections[fd];

	if (c->stalled)
		watch(s, EPOLL_CTL_MOD, fd, EPOLLIN);
	c->stalled = false;
	return true;
}

static bool answers_send(struct server *s, int fd)
{
	struct reply *reply = &s->connections[fd].reply;

	while (reply_next(reply, &s->answers)) {
		ssize_t sent = send(fd, reply->from, reply->size, MSG_NOSIGNAL);

		if (sent < 0)
			return errno == EAGAIN ? stall(s, fd) : false;
		reply_sent(reply, &s->answers, (size_t)sent);
	}
	return unstall(s, fd);
}

static bool echo_rest_send(struct server *s, int fd)
{
	struct connection *c = &s->connections[fd];

	while (c->echo_at < c->echo_end) {
		ssize_t sent = send(fd, c->echo + c->echo_at,
				    c->echo_end - c->echo_at, MSG_NOSIGNAL);

		if (sent < 0)
			return errno == EAGAIN ? stall(s, fd) : false;
		c->echo_at += (size_t)sent;
	}
	return unstall(s, fd);
}

static bool echo_send(struct server *s, int fd, size_t size)
{
	struct connection *c = &s->connections[fd];
	ssize_t sent = send(fd, s->input, size, MSG_NOSIGNAL);

	if (sent < 0 && errno != EAGAIN)
		return false;
	if (sent < 0)
		sent = 0;
	if ((size_t)sent == size)
		return true;
	if (c->echo == NULL)
		c->echo = malloc(INPUT_SIZE);
	if (c->echo == NULL)
		return false;
	c->echo_at = 0;
	c->echo_end = size - (size_t)sent;
	memcpy(c->echo, s->input + sent, c->echo_end);
	return stall(s, fd);
}

static bool on_readable(struct server *s, int fd)
{
	struct connection *c = &s->connections[fd];
	ssize_t size = recv(fd, s->input, INPUT_SIZE, 0);

	if (size < 0)
		return errno == EAGAIN || errno == EINTR;
	/* Nothing is owed here: while something is, we do not read. */
	if (size == 0)
		return false;
	if (s->config.echo)
		return echo_send(s, fd, (size_t)size);
	c->reply.owed += heads_count(&c->reply.matched, s->input, (size_t)size);
	return answers_send(s, fd);
}

static void on_connection(struct server *s, int fd)
{
	bool good;

	if (!s->connections[fd].stalled)
		good = on_readable(s, fd);
	else if (s->config.echo)
		good = echo_rest_send(s, fd);
	else
		good = answers_send(s, fd);
	if (!good)
		connection_close(s, fd);
}

static void on_tick(struct server *s)
{
	uint64_t expired;

	if (read(s->ticks, &expired, sizeof(expired)) < 0)
		return;
	answers_render(&s->answers, "raw");
	accept_resume(s);
}

static void serve(struct server *s)
{
	struct epoll_event events[EVENT_COUNT];

	while (!s->stopping) {
		int count = epoll_wait(s->epoll, events, EVENT_COUNT, -1);

		if (count < 0 && errno != EINTR)
			die("epoll_wait", -errno);
		for (int i = 0; i < count; i++) {
			int fd = events[i].data.fd;

			if (fd == s->listener)
				on_accept(s);
			else if (fd == s->ticks)
				on_tick(s);
			else if (fd == s->signals)
				s->stopping = true;
			else
				on_connection(s, fd);
		}
	}
}

static int ticks_open(void)
{
	const struct itimerspec second = { { 1, 0 }, { 1, 0 } };
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);

	if (fd < 0 || timerfd_settime(fd, 0, &second, NULL) != 0)
		die("timerfd", -errno);
	return fd;
}

int main(int argc, char **argv)
{
	struct server *s = &server;

	config_parse(&s->config, argc, argv);
	descriptors_raise();
	s->signals = signals_open();
	s->ticks = ticks_open();
	s->listener = config_listen(&s->config);
	s->epoll = epoll_create1(EPOLL_CLOEXEC);
	s->connections = mmap(NULL, CONNECTION_MAX * sizeof(struct connection),
			      PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1,
			      0);
	if (s->epoll < 0 || s->connections == MAP_FAILED)
		die("start", -errno);
	answers_render(&s->answers, "raw");
	watch(s, EPOLL_CTL_ADD, s->signals, EPOLLIN);
	watch(s, EPOLL_CTL_ADD, s->ticks, EPOLLIN);
	watch(s, EPOLL_CTL_ADD, s->listener, EPOLLIN);
	s->accepting = true;
	serve(s);
	close(s->epoll);
	return 0;
}
