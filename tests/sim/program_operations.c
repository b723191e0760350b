/*
 * A program of a scenario that uses the table of operations in both forms:
 * files and their names, zero-copy sends, futexes; and others that are given
 * up in every way there is. What an actor of its own has written it reads
 * again, each permit of a semaphore is taken once, and no memory of the I/O
 * heap is left.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>

#include "either.h"
#include "kernel.h"

/* ---- sends without a copy ---- */

int sim_read_stream(void *arg)
{
	const struct sim_stream *stream = arg;
	char data[300];
	struct iovec parts[2] = { { data, 100 }, { data + 100, 200 } };
	struct msghdr message = { .msg_iov = parts, .msg_iovlen = 2 };
	size_t at = 0;
	int res;

	do {
		res = sim_draw(0, 1) ?
			      EITHER(recvmsg, stream->fd, &message, 0) :
			      EITHER(readv, stream->fd, parts, 2, -1);
		SIM_EXPECT(res >= 0, "recvmsg: %d", res);
		sim_compare(data, (size_t)res, stream->number, at);
		at += (size_t)res;
	} while (res);
	SIM_EXPECT(at == stream->size, "%zu bytes of %zu", at, stream->size);
	return 0;
}

/* Its memory goes at once: the kernel has let go of it. */
static size_t send_some(const struct sim_stream *stream, size_t at)
{
	size_t size = sim_draw(1, 600);
	struct iovec part;
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
	char *data;
	int res;

	if (size > stream->size - at)
		size = stream->size - at;
	data = lend_io_alloc(size);
	SIM_EXPECT(data, "no memory");
	sim_fill(data, size, stream->number, at);
	part = (struct iovec){ data, size };
	res = sim_draw(0, 2) ? EITHER(send_zc, stream->fd, data, size, 0) :
			       EITHER(sendmsg_zc, stream->fd, &message, 0);
	SIM_EXPECT(res > 0 && (size_t)res <= size, "send: %d", res);
	lend_io_free(data);
	return (size_t)res;
}

static int use_stream(void *arg)
{
	struct sim_stream out = { .number = sim_number(arg) }, in;
	size_t before = lend_io_used(), at = 0;
	int fds[2], err = sim_socket_pair(fds);
	lend_ref reader;

	SIM_EXPECT(!err, "socketpair: %d", err);
	out.size = sim_draw(0, 3000);
	out.fd = fds[0];
	in = out;
	in.fd = fds[1];
	reader = sim_spawn(sim_read_stream, &in);
	while (at < out.size)
		at += send_some(&out, at);
	EXPECT_0(shutdown, out.fd, SHUT_WR);
	sim_join(reader, 0);
	SIM_EXPECT(!lend_close(fds[0]) && !lend_close(fds[1]), "close");
	sim_expect_nothing_held(before);
	return 0;
}

/* ---- connections ---- */

static int connect_and_send(void *arg)
{
	const struct sim_stream *stream = arg;
	struct sockaddr_in address = { 0 };
	unsigned size = sizeof(address);
	struct sim_stream out = *stream;
	size_t at = 0;

	SIM_EXPECT(!getsockname(stream->fd, (struct sockaddr *)&address, &size),
		   "getsockname");
	out.fd = EITHER(socket, AF_INET, SOCK_STREAM, 0);
	SIM_EXPECT(out.fd >= 0, "socket: %d", out.fd);
	EXPECT_0(connect, out.fd, (const struct sockaddr *)&address, size);
	while (at < out.size) {
		char data[200];
		size_t most = sim_draw(1, sizeof(data));
		struct iovec part = { data, most };
		struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
		int res;

		if (most > out.size - at)
			part.iov_len = most = out.size - at;
		sim_fill(data, most, out.number, at);
		res = EITHER(sendmsg, out.fd, &message, 0);
		SIM_EXPECT(res > 0 && (size_t)res <= most, "send: %d", res);
		at += (size_t)res;
	}
	SIM_EXPECT(!lend_close(out.fd), "close");
	return 0;
}

static int use_connection(void *arg)
{
	struct sim_stream in = { .number = sim_number(arg),
				 .size = sim_draw(0, 1000) };
	struct sim_stream out = in;
	const struct sockaddr_in any = { .sin_family = AF_INET };
	size_t before = lend_io_used();
	lend_ref sender;

	out.fd = EITHER(socket, AF_INET, SOCK_STREAM, 0);
	SIM_EXPECT(out.fd >= 0, "socket: %d", out.fd);
	EXPECT_0(bind, out.fd, (const struct sockaddr *)&any, sizeof(any));
	EXPECT_0(listen, out.fd, 8);
	sender = sim_spawn(connect_and_send, &out);
	in.fd = EITHER(accept, out.fd, NULL, NULL);
	SIM_EXPECT(in.fd >= 0, "accept: %d", in.fd);
	sim_read_stream(&in);
	sim_join(sender, 0);
	SIM_EXPECT(!lend_close(in.fd) && !lend_close(out.fd), "close");
	sim_expect_nothing_held(before);
	return 0;
}

/* ---- a semaphore ---- */

struct semaphore {
	_Atomic uint32_t permits;
	uint32_t word[1]; /* what they wait for: how often it was raised */
	unsigned each;	  /* permits that each taker takes */
};

static bool try_take(struct semaphore *semaphore)
{
	uint32_t there = atomic_load(&semaphore->permits);

	return there && atomic_compare_exchange_strong(&semaphore->permits,
						       &there, there - 1);
}

static int take(void *arg)
{
	struct semaphore *semaphore = arg;

	for (unsigned i = 0; i < semaphore->each; i++)
		for (;;) {
			uint32_t seen = __atomic_load_n(semaphore->word,
							__ATOMIC_SEQ_CST);
			int res;

			if (try_take(semaphore))
				break;
			res = EITHER(futex_wait, semaphore->word, seen);
			SIM_EXPECT(!res || res == -EAGAIN, "wait: %d", res);
		}
	return 0;
}

/* A permit for each wake, so all of them are needed. */
static int use_semaphore(void *arg)
{
	unsigned takers = sim_draw(1, 4);
	struct semaphore semaphore = { .each = sim_draw(1, 5) };
	lend_ref refs[4];

	(void)arg;
	for (unsigned i = 0; i < takers; i++)
		refs[i] = sim_spawn(take, &semaphore);
	for (unsigned i = 0; i < takers * semaphore.each; i++) {
		int woken;

		if (sim_draw(0, 2) == 0)
			lend_sleep(sim_soon(100));
		atomic_fetch_add(&semaphore.permits, 1);
		__atomic_add_fetch(semaphore.word, 1, __ATOMIC_SEQ_CST);
		woken = EITHER(futex_wake, semaphore.word, 1);
		SIM_EXPECT(woken == 0 || woken == 1, "woken: %d", woken);
	}
	for (unsigned i = 0; i < takers; i++)
		sim_join(refs[i], 0);
	SIM_EXPECT(!semaphore.permits, "%u are left", semaphore.permits);
	return 0;
}

/* ---- given up ---- */

struct silence {
	int fd; /* on which nothing comes */
	int pipe[2];
	uint32_t word;
};

/* Any of those that do not end by themselves. NULL: it was not begun. */
static struct lend_pending *begin(struct silence *silence, char *byte)
{
	struct lend_pending *pending = NULL;
	int err;

	switch (sim_draw(0, 5)) {
	case 0:
		err = lend_futex_wait_async(&silence->word, 0, &pending);
		break;
	case 1:
		err = lend_poll_async(silence->fd, 1, &pending);
		break;
	case 2:
		err = lend_timeout_async(lend_now() + 3600 * LEND_S, &pending);
		break;
	case 3:
		err = lend_recv_async(silence->fd, byte, 1, 0, &pending);
		break;
	case 4:
		err = lend_splice_async(silence->fd, -1, silence->pipe[1], -1,
					1, 0, &pending);
		break;
	default:
		err = lend_fsync_async(silence->fd, &pending);
		break;
	}
	SIM_EXPECT(!err || err == -ECANCELED, "begin: %d", err);
	return err ? NULL : pending;
}

/* The cancellation may miss, and nothing else ends it: it is asked for again
 * whatever the actor waits for, if it waits at all. */
static void hear_of_its_end(struct lend_pending *pending)
{
	struct lend_msg *msg;
	int err = 0;

	lend_pending_cancel(pending);
	switch (sim_draw(0, 2)) {
	case 0:
		lend_pending_notify(pending, SIM_NOTICE);
		err = lend_receive(LEND_FOREVER, &msg);
		if (!err)
			lend_msg_free(msg);
		break;
	case 1:
		while (!err && !lend_pending_done(pending))
			err = lend_sleep(sim_soon(5000));
		break;
	default:
		err = lend_pending_await_any(&pending, 1, LEND_FOREVER);
		break;
	}
	/* Unless it was cancelled itself. */
	SIM_EXPECT(lend_pending_done(pending) || err == -ECANCELED,
		   "it goes on: %d", err);
	lend_pending_free(pending);
}

static void give_up(struct lend_pending *pending)
{
	int res = lend_pending_await(pending, sim_soon(50));

	SIM_EXPECT(res == -ETIMEDOUT || res == -ECANCELED || res == -EINTR ||
			   res == -EIO || res == -EINVAL,
		   "nothing comes: %d", res);
	switch (sim_draw(0, 3)) {
	case 0:
		hear_of_its_end(pending);
		break;
	case 1:
		if (sim_draw(0, 1))
			lend_pending_cancel(pending);
		lend_pending_abandon(pending);
		break;
	case 2:
		lend_pending_notify(pending, SIM_NOTICE);
		lend_pending_free(pending);
		break;
	default:
		lend_pending_free(pending);
		break;
	}
}

static int wait_in_vain(void *arg)
{
	struct silence *silence = arg;
	char *byte = lend_io_alloc(1);
	size_t before = lend_io_used();
	uint64_t deadline = sim_soon(500);
	int res;

	while (!lend_is_cancelled() && lend_now() < deadline) {
		struct lend_pending *pending = begin(silence, byte);

		if (pending)
			give_up(pending);
		res = lend_futex_wait(&silence->word, 0, sim_soon(50));
		SIM_EXPECT(res == -ETIMEDOUT || res == -ECANCELED ||
				   res == -EINTR,
			   "wait: %d", res);
	}
	if (sim_draw(0, 1) || lend_is_cancelled())
		(void)begin(silence, byte); /* its end is the actor's */
	else
		sim_expect_nothing_held(before);
	return 0;
}

static int use_nothing(void *arg)
{
	struct silence silence = { 0 };
	unsigned count = sim_draw(1, 6);
	lend_ref refs[6];
	int fds[2], err = sim_socket_pair(fds);

	(void)arg;
	SIM_EXPECT(!err, "socketpair: %d", err);
	silence.fd = fds[0];
	SIM_EXPECT(!sim_pipe(silence.pipe), "pipe");
	for (unsigned i = 0; i < count; i++)
		refs[i] = sim_spawn(wait_in_vain, &silence);
	lend_sleep(sim_soon(400));
	for (unsigned i = 0; i < count; i++) {
		if (sim_draw(0, 1))
			lend_cancel(refs[i]);
		sim_join(refs[i], 0);
	}
	SIM_EXPECT(!lend_close(silence.pipe[0]) && !lend_close(silence.pipe[1]),
		   "close");
	SIM_EXPECT(!lend_close(fds[0]) && !lend_close(fds[1]), "close");
	return 0;
}

int sim_program_operations(void *arg)
{
	static const lend_actor_fn parts[] = {
		sim_operations_file,   use_stream,
		use_semaphore,	       use_nothing,
		use_connection,	       sim_operations_datagrams,
		sim_operations_splice, sim_operations_children,
	};
	unsigned count = sim_draw(1, 4);
	lend_ref refs[4];

	for (unsigned i = 0; i < count; i++)
		refs[i] = sim_spawn(
			parts[sim_draw(0, 7)],
			(void *)(uintptr_t)(sim_number(arg) * 8 + i));
	for (unsigned i = 0; i < count; i++)
		sim_join(refs[i], 0);
	return 0;
}
