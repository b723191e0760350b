/*
 * Goal:   an argument that points nowhere is refused as by the system call, and
 *         nothing that happened to lie in memory is sent, written or connected
 *         to in its place; values that a system call ignores are ignored, and
 *         those that it refuses are refused. So is what no system call knows.
 * Method: each in both forms, with payloads that are copied; then it is looked
 *         at what has come.
 */
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "forms.h"
#include "loopback.h"

static int empty_file(void)
{
	int fd = memfd_create("arguments", MFD_CLOEXEC);

	CHECK(fd >= 0);
	return fd;
}

static int payloads(void *arg)
{
	struct iovec nowhere = { NULL, 5 };
	int file = empty_file(), pair[2];
	struct stat stat;
	char byte;

	(void)arg;
	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	CHECK_EQ(SYNC(send, pair[0], NULL, 5, 0), -EFAULT);
	CHECK_EQ(ASYNC(send, pair[0], NULL, 5, 0), -EFAULT);
	CHECK_EQ(SYNC(sendto, pair[0], NULL, 5, 0, NULL, 0), -EFAULT);
	CHECK_EQ(ASYNC(sendto, pair[0], NULL, 5, 0, NULL, 0), -EFAULT);
	CHECK_EQ(recv(pair[1], &byte, 1, MSG_DONTWAIT), -1);
	CHECK_EQ(SYNC(write, file, NULL, 5, 0), -EFAULT);
	CHECK_EQ(ASYNC(write, file, NULL, 5, 0), -EFAULT);
	CHECK_EQ(SYNC(writev, file, &nowhere, 1, 0), -EFAULT);
	CHECK_EQ(ASYNC(writev, file, &nowhere, 1, 0), -EFAULT);
	CHECK_EQ(fstat(file, &stat), 0);
	CHECK_EQ(stat.st_size, 0);
	/* Of nothing it does not matter where it is. */
	CHECK_EQ(SYNC(write, file, NULL, 0, 0), 0);
	CHECK_EQ(ASYNC(write, file, NULL, 0, 0), 0);
	close(file);
	close(pair[0]);
	close(pair[1]);
	return 0;
}

static int headers(void *arg)
{
	struct msghdr no_vector = { .msg_iovlen = 1 };
	struct sockaddr_in mine, other = { .sin_family = AF_INET };
	int udp = udp_socket(&mine);
	char byte = 'x';

	(void)arg;
	CHECK_EQ(SYNC(readv, udp, NULL, 1, 0), -EFAULT);
	CHECK_EQ(ASYNC(readv, udp, NULL, 1, 0), -EFAULT);
	CHECK_EQ(SYNC(writev, udp, NULL, 1, 0), -EFAULT);
	CHECK_EQ(ASYNC(writev, udp, NULL, 1, 0), -EFAULT);
	CHECK_EQ(SYNC(sendmsg, udp, NULL, 0), -EFAULT);
	CHECK_EQ(ASYNC(sendmsg, udp, NULL, 0), -EFAULT);
	CHECK_EQ(SYNC(sendmsg, udp, &no_vector, 0), -EFAULT);
	CHECK_EQ(ASYNC(sendmsg, udp, &no_vector, 0), -EFAULT);
	CHECK_EQ(SYNC(sendmsg_zc, udp, NULL, 0), -EFAULT);
	/* It says where the address goes, but not how much of it. */
	CHECK_EQ(SYNC(recvfrom, udp, &byte, 1, 0, (struct sockaddr *)&other,
		      NULL),
		 -EFAULT);
	close(udp);
	return 0;
}

static int addresses(void *arg)
{
	int tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in6 address = { .sin6_family = AF_INET6 };
	const struct sockaddr *any = (const struct sockaddr *)&address;

	(void)arg;
	CHECK_EQ(SYNC(connect, tcp, NULL, 16), -EFAULT);
	CHECK_EQ(ASYNC(connect, tcp, NULL, 16), -EFAULT);
	CHECK_EQ(SYNC(bind, tcp, NULL, 16), -EFAULT);
	CHECK_EQ(ASYNC(bind, tcp, NULL, 16), -EFAULT);
	CHECK_EQ(SYNC(connect, tcp, any, 0), -EINVAL);
	CHECK_EQ(SYNC(bind, tcp, any, sizeof(struct sockaddr_storage) + 1),
		 -EINVAL);
	close(tcp);
	return 0;
}

static int attributes(void *arg)
{
	int file = empty_file();
	int res;

	(void)arg;
	/* Before it is known whether there is room for any. */
	res = SYNC(fsetxattr, file, "user.lend", NULL, 5, 0);
	if (supported(res))
		CHECK_EQ(res, -EFAULT);
	res = ASYNC(fsetxattr, file, "user.lend", NULL, 5, 0);
	if (supported(res))
		CHECK_EQ(res, -EFAULT);
	close(file);
	return 0;
}

/* openat(2) ignores what openat2(2) refuses. */
static int ignored(void *arg)
{
	int fd;

	(void)arg;
	fd = SYNC(openat, AT_FDCWD, "/", O_PATH | O_RDWR, 0);
	CHECK(fd >= 0 && !close(fd));
	fd = ASYNC(openat, AT_FDCWD, "/", O_PATH | O_CREAT, 0600);
	CHECK(fd >= 0 && !close(fd));
	CHECK_EQ(SYNC(openat, AT_FDCWD, "/dev/null", O_PATH | O_DIRECTORY, 0),
		 -ENOTDIR);
	fd = SYNC(openat, AT_FDCWD, "/dev/null", O_RDWR | O_CREAT,
		  S_IFREG | 0600);
	CHECK(fd >= 0 && !close(fd));
	CHECK_EQ(SYNC(openat2, AT_FDCWD, "/dev/null", O_RDWR | O_CREAT,
		      S_IFREG | 0600, 0),
		 -EINVAL);
	return 0;
}

static int offsets(void *arg)
{
	int file = empty_file(), pair[2];
	int64_t offset = -1;
	char byte;

	(void)arg;
	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	CHECK_EQ(write(file, "abc", 3), 3);
	CHECK_EQ(lseek(file, 0, SEEK_SET), 0);
	CHECK_EQ(SYNC(read, file, &byte, 1, -2), -EINVAL);
	/* Not the file's own position, which has no offset for that. */
	CHECK_EQ(SYNC(sendfile, pair[0], file, &offset, 3), -EINVAL);
	CHECK_EQ(offset, -1);
	CHECK_EQ(lseek(file, 0, SEEK_CUR), 0);
	CHECK_EQ(recv(pair[1], &byte, 1, MSG_DONTWAIT), -1);
	close(file);
	close(pair[0]);
	close(pair[1]);
	return 0;
}

/* What a claim can not have is refused, and the claim is over. */
static int flags_of_claims(void *arg)
{
	static const unsigned flags[] = { IOSQE_CQE_SKIP_SUCCESS,
					  IOSQE_IO_DRAIN, IOSQE_FIXED_FILE };
	struct lend_claim_handle *claim;

	(void)arg;
	for (unsigned i = 0; i < sizeof(flags) / sizeof(*flags); i++) {
		int result = 1;

		CHECK_EQ(lend_claim(1, LEND_FOREVER, &claim), 0);
		io_uring_prep_nop(lend_claim_sqe(claim, 0));
		lend_claim_sqe(claim, 0)->flags |= (uint8_t)flags[i];
		CHECK_EQ(lend_claim_run(claim, &result), -EINVAL);
		CHECK_EQ(result, 1);
	}
	CHECK_EQ(test_nop(), 0);
	return 0;
}

/* A result is written only if there is one, and need not be wanted. */
static int results_of_series(void *arg)
{
	struct lend_series_result result, same;
	struct lend_series *series;
	int pair[2];

	(void)arg;
	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	CHECK_EQ(lend_series_open(pair[0], LEND_SERIES_RECV, NULL, &series), 0);
	memset(&same, 0x5a, sizeof(same));
	result = same;
	CHECK_EQ(lend_series_next(series, lend_after(LEND_MS), &result),
		 -ETIMEDOUT);
	CHECK(!memcmp(&result, &same, sizeof(same)));
	CHECK_EQ(send(pair[1], "x", 1, 0), 1);
	CHECK_EQ(lend_series_next(series, LEND_FOREVER, NULL), 1);
	CHECK_EQ(send(pair[1], "yz", 2, 0), 2);
	CHECK_EQ(lend_series_next(series, LEND_FOREVER, &result), 2);
	CHECK_EQ(result.buffer.size, 2);
	CHECK(!result.address && !result.control);
	lend_buffer_release(&result.buffer);
	close(pair[1]);
	result = same;
	CHECK_EQ(lend_series_next(series, LEND_FOREVER, &result), 0);
	CHECK(!result.buffer.data);
	lend_series_close(series);
	CHECK_EQ(lend_close(pair[0]), 0);
	return 0;
}

static int closed_processes(void *arg)
{
	struct lend_process process = { .in = -1, .out = -1, .err = -1 };

	(void)arg;
	CHECK_EQ(lend_process_kill(&process, 0), -EINVAL);
	CHECK_EQ(lend_process_wait(&process, LEND_NOW, NULL), -EINVAL);
	lend_process_close(&process);
	return 0;
}

int main(int argc, char **argv)
{
	test_init(argc, argv, 60);
	test_actor("payloads", payloads);
	test_actor("headers", headers);
	test_actor("addresses", addresses);
	test_actor("attributes", attributes);
	test_actor("ignored", ignored);
	test_actor("offsets", offsets);
	test_actor("flags_of_claims", flags_of_claims);
	test_actor("results_of_series", results_of_series);
	test_actor("closed_processes", closed_processes);
	return test_finish();
}
