/*
 * Programs of a scenario that read and write: sockets, files, connections.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "io/descriptors.h"
#include "kernel.h"
#include "program.h"

/* ---- echo ---- */

/* What comes, into whatever memory, checked. Return: bytes; 0 the end. */
static size_t receive_some(const struct sim_stream *stream, size_t at)
{
	struct lend_buffer buffer = { 0 };
	char data[300];
	ssize_t res;

	if (sim_draw(0, 1)) {
		res = lend_recv_buffer(stream->fd, LEND_FOREVER, &buffer);
		if (res > 0) {
			sim_compare(buffer.data, (size_t)res, stream->number,
				    at);
			lend_buffer_release(&buffer);
		}
	} else {
		res = lend_recv(stream->fd, data, sim_draw(1, sizeof(data)), 0,
				LEND_FOREVER);
		if (res > 0)
			sim_compare(data, (size_t)res, stream->number, at);
	}
	SIM_EXPECT(res >= 0, "recv: %d", (int)res);
	return (size_t)res;
}

static int reader(void *arg)
{
	const struct sim_stream *stream = arg;
	size_t at = 0, size;

	while ((size = receive_some(stream, at)))
		at += size;
	SIM_EXPECT(at == stream->size, "%zu bytes of %zu", at, stream->size);
	return 0;
}

static void send_all_of(const struct sim_stream *stream)
{
	int err = sim_send_stream(stream);

	SIM_EXPECT(!err, "send: %d", err);
}

/* Both directions at once, over one pair of sockets. */
int sim_program_echo(void *arg)
{
	struct sim_stream there = { .number = sim_number(arg) };
	struct sim_stream back = { .number = sim_number(arg) + 100 };
	lend_ref readers[2];
	int fds[2], err = sim_socket_pair(fds);

	SIM_EXPECT(!err, "socketpair: %d", err);
	there.size = sim_draw(0, 3000);
	back.size = sim_draw(0, 3000);
	there.fd = fds[1];
	back.fd = fds[0];
	readers[0] = sim_spawn(reader, &there);
	readers[1] = sim_spawn(reader, &back);
	send_all_of(&(struct sim_stream){ fds[0], there.number, there.size });
	send_all_of(&(struct sim_stream){ fds[1], back.number, back.size });
	for (int i = 0; i < 2; i++) {
		err = lend_shutdown(fds[i], SHUT_WR, LEND_FOREVER);
		SIM_EXPECT(!err, "shutdown: %d", err);
	}
	sim_join(readers[0], 0);
	sim_join(readers[1], 0);
	SIM_EXPECT(!lend_close(fds[0]) && !lend_close(fds[1]), "close");
	return 0;
}

/* ---- connections ---- */

struct service {
	struct lend_listener *listener;
	unsigned connections;
};

static int serve_one(void *arg)
{
	int fd = (int)(intptr_t)arg;
	char data[100];

	for (;;) {
		ssize_t res = lend_recv(fd, data, sizeof(data), 0,
					LEND_FOREVER);

		if (res <= 0)
			break;
		if (lend_send_all(fd, data, (size_t)res, LEND_FOREVER) < 0)
			break;
	}
	SIM_EXPECT(!lend_close(fd), "close");
	return 0;
}

static int accept_all(void *arg)
{
	struct service *service = arg;
	lend_ref refs[8];

	for (unsigned i = 0; i < service->connections; i++) {
		int fd;

		do {
			fd = lend_listener_accept(service->listener,
						  LEND_FOREVER);
		} while (fd == -EMFILE || fd == -ECONNABORTED);
		SIM_EXPECT(fd >= 0, "accept: %d", fd);
		refs[i] = sim_spawn(serve_one, (void *)(intptr_t)fd);
	}
	for (unsigned i = 0; i < service->connections; i++)
		sim_join(refs[i], 0);
	lend_listener_close(service->listener);
	return 0;
}

static int open_socket(void)
{
	int fd;

	do
		fd = socket(AF_INET, SOCK_STREAM, 0);
	while (fd < 0);
	return fd;
}

static void talk(const struct lend_address *address, unsigned number)
{
	char sent[200], got[200];
	/* No more than the sockets hold, as it sends before it reads. */
	unsigned most = sim.knobs.socket_room < sizeof(sent) ?
				sim.knobs.socket_room :
				sizeof(sent);
	size_t size = sim_draw(1, most), at = 0;
	int fd = open_socket(), err;

	err = lend_connect(fd, (const struct sockaddr *)&address->storage,
			   address->size, LEND_FOREVER);
	SIM_EXPECT(!err, "connect: %d", err);
	sim_fill(sent, size, number, 0);
	SIM_EXPECT(lend_send_all(fd, sent, size, LEND_FOREVER) == (ssize_t)size,
		   "send");
	while (at < size) {
		ssize_t res = lend_recv(fd, got + at, size - at, 0,
					LEND_FOREVER);

		SIM_EXPECT(res > 0, "recv: %d", (int)res);
		at += (size_t)res;
	}
	SIM_EXPECT(memcmp(sent, got, size) == 0, "what came back");
	SIM_EXPECT(!lend_close(fd), "close");
}

int sim_program_listens(void *arg)
{
	struct service service = { .connections = sim_draw(1, 6) };
	struct lend_address address;
	lend_ref acceptor;
	int err;

	do
		err = lend_listener_open("127.0.0.1:0", 0, &service.listener);
	while (err == -EMFILE);
	SIM_EXPECT(!err, "listen: %d", err);
	address = *lend_listener_address(service.listener);
	acceptor = sim_spawn(accept_all, &service);
	for (unsigned i = 0; i < service.connections; i++)
		talk(&address, sim_number(arg) + i);
	sim_join(acceptor, 0);
	return 0;
}

/* ---- files ---- */

static int open_file(const char *path, int flags)
{
	int fd;

	do
		fd = lend_openat(AT_FDCWD, path, flags, 0600, LEND_FOREVER);
	while (fd == -EMFILE || fd == -EINTR);
	SIM_EXPECT(fd >= 0, "open: %d", fd);
	return fd;
}

static void transfer(int fd, char *data, size_t size, bool writes)
{
	size_t at = 0;

	while (at < size) {
		ssize_t res = writes ? lend_write(fd, data + at, size - at,
						  (int64_t)at, LEND_FOREVER) :
				       lend_read(fd, data + at, size - at,
						 (int64_t)at, LEND_FOREVER);

		if (res == -EINTR)
			continue;
		SIM_EXPECT(res > 0, "transfer: %d", (int)res);
		at += (size_t)res;
	}
}

int sim_program_files(void *arg)
{
	unsigned number = sim_number(arg);
	size_t size = sim_draw(1, 6000);
	char *data = lend_io_alloc(size), path[32];
	struct statx stat;
	int fd, err;

	SIM_EXPECT(data, "no memory");
	snprintf(path, sizeof(path), "/sim/%u", number);
	for (unsigned round = sim_draw(1, 3); round > 0; round--) {
		fd = open_file(path, O_RDWR | O_CREAT | O_TRUNC);
		sim_fill(data, size, number + round, 0);
		transfer(fd, data, size, true);
		memset(data, 0, size);
		transfer(fd, data, size, false);
		sim_compare(data, size, number + round, 0);
		do
			err = lend_statx(AT_FDCWD, path, 0, STATX_SIZE, &stat,
					 LEND_FOREVER);
		while (err == -EINTR);
		SIM_EXPECT(!err && stat.stx_size == size, "stat: %d", err);
		SIM_EXPECT(!lend_close(fd), "close");
	}
	lend_io_free(data);
	return 0;
}

/* ---- closing what others wait on ---- */

static int wait_on(void *arg)
{
	int fd = (int)(intptr_t)arg;
	char data[64];
	ssize_t res = lend_recv(fd, data, sizeof(data), 0, LEND_FOREVER);

	SIM_EXPECT(res == -ECANCELED, "recv: %d", (int)res);
	return 0;
}

int sim_program_closes(void *arg)
{
	unsigned count = sim_draw(1, 6);
	lend_ref refs[6];
	int fds[2], err = sim_socket_pair(fds);

	(void)arg;
	SIM_EXPECT(!err, "socketpair: %d", err);
	for (unsigned i = 0; i < count; i++)
		refs[i] = sim_spawn(wait_on, (void *)(intptr_t)fds[0]);
	/* Whoever had not begun would find the number free, or another
	 * program's. */
	while (lend__descriptor_in_flight(fds[0]) < count)
		lend_sleep(lend_after(sim_draw(0, 100) * LEND_US));
	err = lend_close(fds[0]);
	SIM_EXPECT(!err, "close: %d", err);
	for (unsigned i = 0; i < count; i++)
		sim_join(refs[i], 0);
	SIM_EXPECT(!lend_close(fds[1]), "close");
	return 0;
}
