/*
 * Goal:   K8, K11: an operation that the kernel's rings do not have is made by
 *         a system call, or refused with -EOPNOTSUPP in each of its forms,
 *         leaving nothing behind; the others are as before. One that the
 *         library can not do without is missed at the start.
 * Method: LEND_DISABLE_OPCODES, one opcode after the other, each in a runtime
 *         of its own. The check "rows" of the tree sees to it that each
 *         row of the table of operations is here.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "forms.h"

/* What operations are tried on: nothing comes of it. */
static int pair[2], file;
static char bytes[8];
static uint32_t word;

/* Both forms say the same. */
#define REFUSED(name, ...)                                                     \
	static void refused_##name(void)                                       \
	{                                                                      \
		CHECK_EQ(SYNC(name, __VA_ARGS__), -EOPNOTSUPP);                \
		CHECK_EQ(ASYNC(name, __VA_ARGS__), -EOPNOTSUPP);               \
	}

static struct iovec vector = { bytes, sizeof(bytes) };
static struct msghdr message = { .msg_iov = &vector, .msg_iovlen = 1 };
static struct sockaddr_in nobody;
static struct statx *no_stat;

#define NOBODY (struct sockaddr *)&nobody, sizeof(nobody)

REFUSED(readv, pair[0], &vector, 1, -1)
REFUSED(writev, pair[0], &vector, 1, -1)
REFUSED(fsync, file)
REFUSED(fdatasync, file)
REFUSED(sync_file_range, file, 0, 1, 0)
REFUSED(fallocate, file, 0, 0, 1)
REFUSED(fadvise, file, 0, 1, POSIX_FADV_NORMAL)
REFUSED(madvise, bytes, 0, 0)
REFUSED(mkdirat, AT_FDCWD, "/nowhere/at/all", 0700)
REFUSED(unlinkat, AT_FDCWD, "/nowhere/at/all", 0)
REFUSED(renameat, AT_FDCWD, "/nowhere/a", AT_FDCWD, "/nowhere/b", 0)
REFUSED(linkat, AT_FDCWD, "/nowhere/a", AT_FDCWD, "/nowhere/b", 0)
REFUSED(symlinkat, "a", AT_FDCWD, "/nowhere/b")
REFUSED(fsetxattr, file, "user.a", "b", 1, 0)
REFUSED(setxattr, "/nowhere/a", "user.a", "b", 1, 0)
REFUSED(fgetxattr, file, "user.a", bytes, 8)
REFUSED(getxattr, "/nowhere/a", "user.a", bytes, 8)
REFUSED(splice, pair[0], -1, pair[1], -1, 1, 0)
REFUSED(tee, pair[0], pair[1], 1, 0)
REFUSED(connect, pair[0], NOBODY)
REFUSED(send_zc, pair[0], bytes, 1, 0)
REFUSED(sendmsg, pair[0], &message, 0)
REFUSED(sendto, pair[0], bytes, 1, 0, NULL, 0)
REFUSED(sendmsg_zc, pair[0], &message, 0)
REFUSED(recvfrom, pair[0], bytes, 1, 0, NULL, NULL)
REFUSED(futex_wait, &word, 1)
REFUSED(futex_wake, &word, 1)
REFUSED(waitid, P_ALL, 0, NULL, WEXITED)
REFUSED(openat2, AT_FDCWD, "/", O_RDONLY, 0, 0)
REFUSED(statx, AT_FDCWD, "/", 0, 0, no_stat)

/* What is made of them is missing with them. */
static void refused_sendfile(void)
{
	CHECK_EQ(SYNC(sendfile, pair[0], file, NULL, 1), -EOPNOTSUPP);
}

static void refused_send_fds(void)
{
	CHECK_EQ(SYNC(send_fds, pair[0], bytes, 1, pair, 1), -EOPNOTSUPP);
}

static void refused_timeout(void)
{
	/* Its synchronous form is a timer of the library's. */
	CHECK_EQ(ASYNC(timeout, LEND_NOW), -EOPNOTSUPP);
	CHECK_EQ(lend_sleep(lend_after(LEND_US)), 0);
}

/* ---- those that are made by system calls ---- */

static int64_t file_size(void)
{
	struct stat stat;

	return fstat(file, &stat) ? -1 : stat.st_size;
}

static void emulated_ftruncate(void)
{
	CHECK_EQ(SYNC(ftruncate, file, 10), 0);
	CHECK_EQ(file_size(), 10);
	CHECK_EQ(ASYNC(ftruncate, file, 20), 0);
	CHECK_EQ(file_size(), 20);
	CHECK_EQ(SYNC(ftruncate, pair[0], 10), -EINVAL);
	CHECK_EQ(ASYNC(ftruncate, pair[0], 10), -EINVAL);
	CHECK_EQ(SYNC(ftruncate, 1000000, 10), -EBADF);
}

static void emulated_socket(void)
{
	int fds[2] = { SYNC(socket, AF_INET, SOCK_STREAM, 0),
		       ASYNC(socket, AF_UNIX, SOCK_DGRAM, 0) };

	for (unsigned i = 0; i < 2; i++) {
		CHECK(fds[i] >= 0);
		CHECK(fcntl(fds[i], F_GETFD) & FD_CLOEXEC);
		CHECK_EQ(lend_close(fds[i]), 0);
	}
	CHECK_EQ(SYNC(socket, 12345, SOCK_STREAM, 0), -EAFNOSUPPORT);
	CHECK_EQ(ASYNC(socket, 12345, SOCK_STREAM, 0), -EAFNOSUPPORT);
	/* Over at once, and nobody looks: closed with its handle, too. */
	STARTED(socket, AF_INET, SOCK_STREAM, 0);
	CHECK(lend_pending_done(started));
	lend_pending_free(started);
	started = NULL;
}

static struct sockaddr_in loopback(void)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
}

static void emulated_bind(void)
{
	struct sockaddr_in address = loopback(), got = { 0 };
	const struct sockaddr *any = (struct sockaddr *)&address;
	socklen_t size = sizeof(got);
	int fds[2];

	for (unsigned i = 0; i < 2; i++)
		fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CHECK_EQ(SYNC(bind, fds[0], any, sizeof(address)), 0);
	CHECK_EQ(ASYNC(bind, fds[1], any, sizeof(address)), 0);
	for (unsigned i = 0; i < 2; i++) {
		getsockname(fds[i], (struct sockaddr *)&got, &size);
		CHECK(got.sin_port);
	}
	CHECK_EQ(SYNC(bind, fds[0], any, sizeof(address)), -EINVAL);
	CHECK_EQ(ASYNC(bind, fds[0], any, sizeof(address)), -EINVAL);
	CHECK_EQ(ASYNC(bind, fds[0], any, 0), -EINVAL);
	for (unsigned i = 0; i < 2; i++)
		CHECK_EQ(lend_close(fds[i]), 0);
}

static void emulated_listen(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 0;
	socklen_t size = sizeof(on);

	CHECK_EQ(SYNC(listen, fd, 5), 0);
	CHECK_EQ(ASYNC(listen, fd, 6), 0);
	getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &on, &size);
	CHECK_EQ(on, 1);
	CHECK_EQ(SYNC(listen, file, 5), -ENOTSOCK);
	CHECK_EQ(ASYNC(listen, file, 5), -ENOTSOCK);
	CHECK_EQ(lend_close(fd), 0);
}

/* ---- all of them ---- */

static const struct row {
	const char *name, *opcode;
	void (*try)(void);
} rows[] = {
	{ "readv", "readv", refused_readv },
	{ "writev", "writev", refused_writev },
	{ "fsync", "fsync", refused_fsync },
	{ "fdatasync", "fsync", refused_fdatasync },
	{ "sync_file_range", "sync_file_range", refused_sync_file_range },
	{ "fallocate", "fallocate", refused_fallocate },
	{ "ftruncate", "ftruncate", emulated_ftruncate },
	{ "fadvise", "fadvise", refused_fadvise },
	{ "madvise", "madvise", refused_madvise },
	{ "mkdirat", "mkdirat", refused_mkdirat },
	{ "unlinkat", "unlinkat", refused_unlinkat },
	{ "renameat", "renameat", refused_renameat },
	{ "linkat", "linkat", refused_linkat },
	{ "symlinkat", "symlinkat", refused_symlinkat },
	{ "fsetxattr", "fsetxattr", refused_fsetxattr },
	{ "setxattr", "setxattr", refused_setxattr },
	{ "fgetxattr", "fgetxattr", refused_fgetxattr },
	{ "getxattr", "getxattr", refused_getxattr },
	{ "splice", "splice", refused_splice },
	{ "sendfile", "splice", refused_sendfile },
	{ "tee", "tee", refused_tee },
	{ "connect", "connect", refused_connect },
	{ "send_zc", "send_zc", refused_send_zc },
	{ "socket", "socket", emulated_socket },
	{ "bind", "bind", emulated_bind },
	{ "listen", "listen", emulated_listen },
	{ "sendmsg", "sendmsg", refused_sendmsg },
	{ "sendto", "sendmsg", refused_sendto },
	{ "send_fds", "sendmsg", refused_send_fds },
	{ "sendmsg_zc", "sendmsg_zc", refused_sendmsg_zc },
	{ "recvfrom", "recvmsg", refused_recvfrom },
	{ "timeout", "timeout", refused_timeout },
	{ "futex_wait", "futex_wait", refused_futex_wait },
	{ "futex_wake", "futex_wake", refused_futex_wake },
	{ "waitid", "waitid", refused_waitid },
	{ "openat2", "openat2", refused_openat2 },
	{ "statx", "statx", refused_statx },
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))

/* The library itself is made of them, so that there is no runtime without. */
static bool is_required(const char *opcode)
{
	static const char *const required[] = {
		"nop",	   "poll_add",	   "async_cancel", "accept",
		"connect", "send",	   "recv",	   "read",
		"write",   "statx",	   "openat2",	   "shutdown",
		"recvmsg", "link_timeout",
	};

	for (size_t i = 0; i < sizeof(required) / sizeof(required[0]); i++)
		if (!strcmp(opcode, required[i]))
			return true;
	return false;
}

/* The others are there still. */
static void talk(void)
{
	char in[4];

	CHECK_EQ(SYNC(send, pair[0], "abcd", 4, 0), 4);
	CHECK_EQ(SYNC(recv, pair[1], in, 4, 0), 4);
	CHECK_EQ(ASYNC(write, pair[1], "efgh", 4, -1), 4);
	CHECK_EQ(ASYNC(read, pair[0], in, 4, -1), 4);
	CHECK(!memcmp(in, "efgh", 4));
}

static int try_row(void *arg)
{
	const struct row *row = arg;
	size_t before = lend_io_used();
	unsigned failures = test_failures();

	test_pair(pair);
	file = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	CHECK(file >= 0);
	for (unsigned i = 0; i < 2; i++) {
		row->try();
		talk();
	}
	CHECK_EQ(lend_io_used(), before);
	CHECK_EQ(lend_close(pair[0]), 0);
	CHECK_EQ(lend_close(pair[1]), 0);
	CHECK_EQ(lend_close(file), 0);
	if (test_failures() != failures)
		fprintf(stderr, "without %s\n", row->name);
	return 0;
}

static char said[4096];
static pthread_mutex_t said_lock = PTHREAD_MUTEX_INITIALIZER;

/* From any thread: stalls are told, too. */
static void note(enum lend_log_level level, const char *line, void *arg)
{
	size_t used;

	(void)level;
	(void)arg;
	pthread_mutex_lock(&said_lock);
	used = strlen(said);
	snprintf(said + used, sizeof(said) - used, "%s\n", line);
	pthread_mutex_unlock(&said_lock);
}

static int run_without(const char *opcodes, lend_actor_fn fn, void *arg)
{
	struct lend_options options = test_options;
	int res;

	options.log = note;
	options.log_level = LEND_LOG_INFO;
	said[0] = '\0';
	setenv("LEND_DISABLE_OPCODES", opcodes, 1);
	res = lend_run(&options, fn, arg);
	unsetenv("LEND_DISABLE_OPCODES");
	return res;
}

static int each_is_refused_or_emulated(void)
{
	for (size_t i = 0; i < ROWS; i++) {
		char line[64];

		if (is_required(rows[i].opcode))
			continue;
		CHECK_EQ(run_without(rows[i].opcode, try_row, (void *)&rows[i]),
			 0);
		snprintf(line, sizeof(line), "operations masked: %s\n",
			 rows[i].opcode);
		CHECK(strstr(said, line));
	}
	return 0;
}

static int all_at_once(void *arg)
{
	(void)arg;
	for (size_t i = 0; i < ROWS; i++)
		if (!is_required(rows[i].opcode))
			try_row((void *)&rows[i]);
	return 0;
}

static int all_may_be_missing(void)
{
	char list[1024] = "";

	for (size_t i = 0; i < ROWS; i++)
		if (!is_required(rows[i].opcode)) {
			strcat(list, ",");
			strcat(list, rows[i].opcode);
		}
	CHECK_EQ(run_without(list, all_at_once, NULL), 0);
	return 0;
}

static int never_runs(void *arg)
{
	(void)arg;
	CHECK(!"it should not run");
	return 0;
}

static int what_all_needs_is_missed_at_the_start(void)
{
	for (unsigned i = 0; lend_opcode_name(i); i++) {
		const char *name = lend_opcode_name(i);

		if (is_required(name))
			CHECK_EQ(run_without(name, never_runs, NULL),
				 -EOPNOTSUPP);
	}
	return 0;
}

static int unknown_names_are_refused(void)
{
	CHECK_EQ(run_without("bind,listens", never_runs, NULL), -EINVAL);
	CHECK(strstr(said, "LEND_DISABLE_OPCODES is \"bind,listens\""));
	CHECK_EQ(run_without("bin", never_runs, NULL), -EINVAL);
	return 0;
}

int main(int argc, char **argv)
{
	test_init(argc, argv, 60);
	test_plain("each is refused or emulated", each_is_refused_or_emulated);
	test_plain("all may be missing", all_may_be_missing);
	test_plain("what all needs is missed at the start",
		   what_all_needs_is_missed_at_the_start);
	test_plain("unknown names are refused", unknown_names_are_refused);
	return test_finish();
}
