/*
 * Scenarios of input and output: files, sockets, deadlines, close.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fault/scenario.h"
#include "harness/harness.h"

static int files(void *arg)
{
	char path[64], text[16] = "";
	struct statx stat;
	long res;
	int fd;

	(void)arg;
	snprintf(path, sizeof(path), "/tmp/lend-fault-%d", getpid());
	fd = lend_openat(AT_FDCWD, path, O_RDWR | O_CREAT | O_TRUNC, 0600,
			 LEND_FOREVER);
	if (FINE(fd)) {
		res = lend_write(fd, "twelve bytes", 12, 0, LEND_FOREVER);
		if (FINE(res))
			CHECK_EQ(res, 12);
		res = lend_read(fd, text, sizeof(text), 0, LEND_FOREVER);
		if (FINE(res))
			CHECK(res == 0 || !strcmp(text, "twelve bytes"));
		if (FINE(lend_statx(fd, "", AT_EMPTY_PATH, STATX_SIZE, &stat,
				    LEND_FOREVER)))
			CHECK(stat.stx_size == 0 || stat.stx_size == 12);
		CLOSE(fd);
	}
	fd = lend_openat2(AT_FDCWD, path, O_RDONLY, 0, 0, LEND_FOREVER);
	if (fd != -ENOENT && FINE(fd))
		CLOSE(fd);
	unlink(path);
	return 0;
}

/* ---- sockets ---- */

static int echo(void *arg)
{
	int listener = *(int *)arg;
	int fd;
	char bytes[200];
	long res;

	/* Its client is in the queue, and waits. */
	do
		fd = lend_accept(listener, NULL, NULL, LEND_FOREVER);
	while (!FINE(fd) && !lend_is_cancelled());
	if (fd < 0)
		return 0;
	for (;;) {
		res = lend_recv(fd, bytes, sizeof(bytes), 0, LEND_FOREVER);
		if (!FINE_WITH_PEER(res) || !res)
			break;
		res = lend_send_all(fd, bytes, (size_t)res, LEND_FOREVER);
		if (!FINE_WITH_PEER(res))
			break;
	}
	CLOSE(fd);
	return 0;
}

static void talk(int fd)
{
	char bytes[100], back[100];

	memset(bytes, 'x', sizeof(bytes));
	for (int i = 0; i < 5; i++) {
		long res = lend_send_all(fd, bytes, sizeof(bytes),
					 LEND_FOREVER);
		size_t had = 0;

		if (!FINE_WITH_PEER(res))
			return;
		while (had < sizeof(back)) {
			res = lend_recv(fd, back + had, sizeof(back) - had, 0,
					LEND_FOREVER);
			if (!FINE_WITH_PEER(res) || !res)
				return;
			had += (size_t)res;
		}
		CHECK(!memcmp(bytes, back, sizeof(back)));
	}
	(void)FINE_WITH_PEER(lend_shutdown(fd, SHUT_RDWR, LEND_FOREVER));
}

static int sockets(void *arg)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	uint16_t port;
	int listener = test_listen(8, &port), fd;
	lend_ref server = scenario_spawn(echo, &listener);

	(void)arg;
	address.sin_port = htons(port);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (FINE(lend_connect(fd, (struct sockaddr *)&address, sizeof(address),
			      LEND_FOREVER)) &&
	    server.generation)
		talk(fd);
	else if (server.generation)
		lend_cancel(server);
	CLOSE(fd);
	scenario_join(server);
	CLOSE(listener);
	return 0;
}

static int buffers(void *arg)
{
	int pair[2];

	(void)arg;
	test_pair(pair);
	for (int i = 0; i < 5; i++) {
		struct lend_buffer buffer = { 0 };
		long sent = lend_send(pair[0], "hello", 5, 0, LEND_FOREVER);
		long res;

		if (!FINE(sent))
			continue;
		res = lend_recv_buffer(pair[1], LEND_FOREVER, &buffer);
		if (FINE(res) && CHECK_EQ(res % 5, 0) && res)
			CHECK(!memcmp(buffer.data, "hello", 5));
		/* Two of them are left behind. */
		if (i < 3)
			lend_buffer_release(&buffer);
	}
	CLOSE(pair[0]);
	CLOSE(pair[1]);
	return 0;
}

/* ---- deadlines ---- */

static int deadlines(void *arg)
{
	int pair[2];
	char byte;
	long res;

	(void)arg;
	test_pair(pair);
	for (int i = 0; i < 3; i++) {
		res = lend_recv(pair[0], &byte, 1, 0, lend_after(LEND_MS));
		if (res != -ETIMEDOUT)
			(void)FINE(res);
		res = lend_poll(pair[0], POLLIN, lend_after(LEND_MS));
		if (res != -ETIMEDOUT)
			(void)FINE(res);
		res = lend_read(pair[0], &byte, 1, -1, LEND_NOW);
		if (res != -ETIMEDOUT && res != -EAGAIN)
			(void)FINE(res);
	}
	CLOSE(pair[0]);
	CLOSE(pair[1]);
	return 0;
}

/* ---- close, and cancel, while others wait ---- */

#define WAITERS 6

static int wait_on(void *arg)
{
	int fd = *(int *)arg;
	struct lend_buffer buffer = { 0 };
	char byte;
	long res = lend_recv(fd, &byte, 1, 0, LEND_FOREVER);

	if (res != -EBADF)
		(void)FINE_WITH_PEER(res);
	if (lend_is_cancelled())
		return 0;
	res = lend_recv_buffer(fd, LEND_FOREVER, &buffer);
	if (res != -EBADF)
		(void)FINE_WITH_PEER(res);
	return 0;
}

/* Its result is -ECANCELED whatever was injected: a close's word. */
static int wait_on_closed(void *arg)
{
	int fd = *(int *)arg;
	char byte;
	long res = lend_recv(fd, &byte, 1, 0, LEND_FOREVER);

	CHECK(res < 0);
	return 0;
}

static int close_under_them(void *arg)
{
	lend_ref refs[WAITERS];
	int pair[2];

	(void)arg;
	test_pair(pair);
	for (int i = 0; i < WAITERS; i++)
		refs[i] = scenario_spawn(wait_on_closed, &pair[0]);
	(void)FINE(lend_sleep(lend_after(LEND_MS)));
	CLOSE(pair[0]);
	for (int i = 0; i < WAITERS; i++)
		scenario_join(refs[i]);
	CHECK_EQ(lend_close(pair[0]), -EBADF);
	CLOSE(pair[1]);
	return 0;
}

static int cancelled_wait(void *arg)
{
	int err = wait_on_closed(arg);

	CHECK(lend_is_cancelled() || err == 0);
	return err;
}

static int cancel_readers(void *arg)
{
	lend_ref refs[WAITERS];
	int pair[2];

	(void)arg;
	test_pair(pair);
	for (int i = 0; i < WAITERS; i++)
		refs[i] = scenario_spawn(cancelled_wait, &pair[0]);
	(void)FINE(lend_sleep(lend_after(LEND_MS)));
	for (int i = 0; i < WAITERS; i++)
		if (refs[i].generation)
			lend_cancel(refs[i]);
	for (int i = 0; i < WAITERS; i++)
		scenario_join(refs[i]);
	CLOSE(pair[0]);
	CLOSE(pair[1]);
	return 0;
}

/* The other end closes: everybody sees the end. */
static int hang_up(void *arg)
{
	lend_ref refs[WAITERS];
	int pair[2];

	(void)arg;
	test_pair(pair);
	for (int i = 0; i < WAITERS; i++)
		refs[i] = scenario_spawn(wait_on, &pair[0]);
	(void)FINE(lend_sleep(lend_after(LEND_MS)));
	CLOSE(pair[1]);
	for (int i = 0; i < WAITERS; i++)
		scenario_join(refs[i]);
	CLOSE(pair[0]);
	return 0;
}

const struct scenario scenarios_of_io[] = {
	{ .name = "files", .fn = files },
	{ .name = "sockets", .fn = sockets },
	{ .name = "buffers", .fn = buffers },
	{ .name = "deadlines", .fn = deadlines },
	{ .name = "close", .fn = close_under_them },
	{ .name = "cancel-io", .fn = cancel_readers },
	{ .name = "hang-up", .fn = hang_up },
	{ 0 },
};
