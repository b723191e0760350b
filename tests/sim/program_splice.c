/*
 * The part of the program of operations that moves data inside the kernel: a
 * file goes out by sendfile, in part again and again, with deadlines; a stream
 * goes through a pipe into another one, and what a pipe holds into two. All of
 * it comes, once, and in order.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "either.h"
#include "kernel.h"

static void close_both(const int fds[2])
{
	SIM_EXPECT(!lend_close(fds[0]) && !lend_close(fds[1]), "close");
}

/* ---- a file ---- */

static int open_filled(const struct sim_stream *stream, char *data)
{
	size_t at = 0;
	char path[32];
	int fd;

	snprintf(path, sizeof(path), "/splice/%u", stream->number);
	fd = EITHER(openat, AT_FDCWD, path, O_RDWR | O_CREAT, 0600);
	SIM_EXPECT(fd >= 0, "open: %d", fd);
	sim_fill(data, stream->size, stream->number, 0);
	while (at < stream->size) {
		int res = EITHER(write, fd, data + at, stream->size - at,
				 (int64_t)at);

		SIM_EXPECT(res > 0, "write: %d", res);
		at += (size_t)res;
	}
	EXPECT_0(unlinkat, AT_FDCWD, path, 0);
	return fd;
}

/* What was on the way when a deadline came was not sent, and the offset says
 * so. */
static void send_file(const struct sim_stream *stream, int fd)
{
	int64_t offset = 0;

	while ((size_t)offset < stream->size) {
		int64_t before = offset;
		int res = (int)lend_sendfile(
			stream->fd, fd, &offset, sim_draw(1, 2000),
			sim_draw(0, 2) ? LEND_FOREVER : sim_soon(300));

		if (res == -ETIMEDOUT || sim_is_passing(res))
			continue;
		SIM_EXPECT(res > 0 && offset == before + res, "sendfile: %d",
			   res);
	}
}

static void use_file(unsigned number)
{
	char data[3000];
	struct sim_stream in,
		out = { .number = number, .size = sim_draw(1, sizeof(data)) };
	int fds[2], err = sim_socket_pair(fds), fd;
	lend_ref reader;

	SIM_EXPECT(!err, "socketpair: %d", err);
	out.fd = fds[0];
	in = out;
	in.fd = fds[1];
	fd = open_filled(&out, data);
	reader = sim_spawn(sim_read_stream, &in);
	send_file(&out, fd);
	EXPECT_0(shutdown, fds[0], SHUT_WR);
	sim_join(reader, 0);
	SIM_EXPECT(!lend_close(fd), "close");
	close_both(fds);
}

/* ---- a stream ---- */

struct relay {
	int from, to;
};

static int splice_all(void *arg)
{
	const struct relay *relay = arg;
	int res;

	do {
		res = EITHER(splice, relay->from, -1, relay->to, -1,
			     sim_draw(1, 2000), 0);
		SIM_EXPECT(res >= 0, "splice: %d", res);
	} while (res);
	EXPECT_0(shutdown, relay->to, SHUT_WR);
	return 0;
}

/* socket pair, pipe, socket pair: four actors, all of which may wait. */
static void use_stream(unsigned number)
{
	struct sim_stream in,
		out = { .number = number, .size = sim_draw(0, 3000) };
	int first[2], second[2], pipe[2];
	lend_ref refs[3];
	int err;

	SIM_EXPECT(!sim_socket_pair(first) && !sim_socket_pair(second) &&
			   !sim_pipe(pipe),
		   "descriptors");
	out.fd = first[0];
	in = out;
	in.fd = second[1];
	refs[0] = sim_spawn(splice_all, &(struct relay){ first[1], pipe[1] });
	refs[1] = sim_spawn(splice_all, &(struct relay){ pipe[0], second[0] });
	refs[2] = sim_spawn(sim_read_stream, &in);
	err = sim_send_stream(&out);
	SIM_EXPECT(!err, "send: %d", err);
	EXPECT_0(shutdown, out.fd, SHUT_WR);
	for (int i = 0; i < 3; i++)
		sim_join(refs[i], 0);
	close_both(first);
	close_both(second);
	close_both(pipe);
}

/* ---- two pipes ---- */

static void use_tee(unsigned number)
{
	char data[50], back[50];
	size_t size = sim_draw(1, sizeof(data));
	int first[2], second[2], res;

	SIM_EXPECT(!sim_pipe(first) && !sim_pipe(second), "pipe");
	sim_fill(data, size, number, 0);
	res = EITHER(write, first[1], data, size, -1);
	SIM_EXPECT(res > 0, "write: %d", res);
	size = (size_t)res;
	res = EITHER(tee, first[0], second[1], size, 0);
	SIM_EXPECT(res > 0 && (size_t)res <= size, "tee: %d", res);
	for (int i = 0; i < 2; i++) {
		int fd = i ? first[0] : second[0];

		res = EITHER(read, fd, back, sizeof(back), -1);
		SIM_EXPECT(res > 0 && (size_t)res <= size, "read: %d", res);
		sim_compare(back, (size_t)res, number, 0);
	}
	close_both(first);
	close_both(second);
}

int sim_operations_splice(void *arg)
{
	size_t before = lend_io_used();

	use_file(sim_number(arg));
	use_stream(sim_number(arg));
	use_tee(sim_number(arg));
	sim_expect_nothing_held(before);
	return 0;
}
