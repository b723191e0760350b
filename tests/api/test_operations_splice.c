/*
 * Goal:   K11, B12: data goes from descriptor to descriptor, in each of the
 *         three interfaces, errors included. K3: a sendfile ends with the close
 *         of either descriptor, whether it waits for data or for room.
 * Method: pipes, pairs, and a file without a name. That it waits is known by
 *         what it has sent; where it sends nothing, who began too late, and
 *         found a descriptor that was being closed, begins anew.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "forms.h"

static int a_file(void)
{
	int fd = memfd_create("lend-test", MFD_CLOEXEC);

	CHECK(fd >= 0);
	return fd;
}

static void close_all(const int *fds, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		CHECK_EQ(lend_close(fds[i]), 0);
}

static int splices(void *arg)
{
	int fd = a_file(), first[2], second[2];
	char got[16];

	(void)arg;
	CHECK_EQ(pipe2(first, O_CLOEXEC), 0);
	CHECK_EQ(pipe2(second, O_CLOEXEC), 0);
	CHECK_EQ(write(fd, "0123456789", 10), 10);
	CHECK_EQ(SYNC(splice, fd, 2, first[1], -1, 3, 0), 3);
	CHECK_EQ(ASYNC(splice, fd, 5, first[1], -1, 2, 0), 2);
	CHECK_EQ(DIRECT(io_uring_prep_splice(direct_sqe, fd, 7, first[1], -1, 1,
					     0)),
		 1);
	CHECK_EQ(SYNC(tee, first[0], second[1], 4, 0), 4);
	CHECK_EQ(read(second[0], got, 16), 4);
	CHECK(!memcmp(got, "2345", 4));
	CHECK_EQ(ASYNC(tee, first[0], second[1], 16, 0), 6);
	CHECK_EQ(DIRECT(io_uring_prep_tee(direct_sqe, first[0], second[1], 1,
					  0)),
		 1);
	CHECK_EQ(read(second[0], got, 16), 7);
	CHECK_EQ(read(first[0], got, 16), 6);
	CHECK(!memcmp(got, "234567", 6));
	/* Neither is a pipe. */
	CHECK_EQ(SYNC(splice, fd, 0, fd, 0, 3, 0), -EINVAL);
	CHECK_EQ(ASYNC(splice, fd, 0, fd, 0, 3, 0), -EINVAL);
	CHECK_EQ(SYNC(tee, fd, first[1], 3, 0), -EINVAL);
	CHECK_EQ(ASYNC(tee, fd, first[1], 3, 0), -EINVAL);
	/* Into a pipe that nobody fills. */
	CHECK_EQ(lend_splice(first[0], -1, second[1], -1, 1, 0,
			     lend_after(5 * LEND_MS)),
		 -ETIMEDOUT);
	close_all(first, 2);
	close_all(second, 2);
	CHECK_EQ(lend_close(fd), 0);
	return 0;
}

#define FILE_SIZE 300000

/* The last ones of the file come twice. */
static char byte_at(int at)
{
	return (char)((at < FILE_SIZE ? at : at - 10) % 251);
}

static int drain_socket(void *arg)
{
	int fd = (int)(intptr_t)arg, total = 0;
	char data[5000];
	ssize_t got;

	while ((got = lend_recv(fd, data, sizeof(data), 0, LEND_FOREVER)) > 0)
		for (ssize_t i = 0; i < got; i++, total++)
			if (data[i] != byte_at(total))
				return -EIO;
	return total;
}

static int sendfile_sends_all(void *arg)
{
	char *data = malloc(FILE_SIZE);
	int fd = a_file(), pair[2];
	int64_t offset = 0;
	lend_ref reader;

	(void)arg;
	for (unsigned i = 0; i < FILE_SIZE; i++)
		data[i] = (char)(i % 251);
	CHECK_EQ(write(fd, data, FILE_SIZE), FILE_SIZE);
	free(data);
	test_pair(pair);
	reader = test_spawn(drain_socket, (void *)(intptr_t)pair[1]);
	CHECK_EQ(SYNC(sendfile, pair[0], fd, &offset, 1000), 1000);
	CHECK_EQ(offset, 1000);
	CHECK_EQ(SYNC(sendfile, pair[0], fd, &offset, FILE_SIZE),
		 FILE_SIZE - 1000);
	CHECK_EQ(offset, FILE_SIZE);
	CHECK_EQ(SYNC(sendfile, pair[0], fd, &offset, 10), 0);
	CHECK_EQ(SYNC(sendfile, pair[0], pair[0], &offset, 10), -EINVAL);
	/* More than a result can tell: as much as there is, for a start. */
	offset = FILE_SIZE - 10;
	CHECK_EQ(SYNC(sendfile, pair[0], fd, &offset, SIZE_MAX), 10);
	CHECK_EQ(offset, FILE_SIZE);
	/* The file's own position is its end, since the write. */
	CHECK_EQ(SYNC(sendfile, pair[0], fd, NULL, 10), 0);
	CHECK_EQ(SYNC(shutdown, pair[0], SHUT_WR), 0);
	CHECK_EQ(test_join(reader), FILE_SIZE + 10);
	close_all(pair, 2);
	CHECK_EQ(lend_close(fd), 0);
	return 0;
}

/* Either of the two, and nothing is kept of the other. */
static int sendfile_without_descriptors(void *arg)
{
	int fd = a_file();

	(void)arg;
	CHECK_EQ(lend_sendfile(-1, fd, NULL, 1, LEND_FOREVER), -EBADF);
	CHECK_EQ(lend_sendfile(fd, -1, NULL, 1, LEND_FOREVER), -EBADF);
	/* Numbers that what it opens itself would have. */
	CHECK_EQ(lend_close(fd), 0);
	CHECK_EQ(lend_sendfile(fd, fd, NULL, 1, LEND_FOREVER), -EBADF);
	CHECK_EQ(lend_sendfile(fd + 1, fd + 1, NULL, 1, LEND_FOREVER), -EBADF);
	return 0;
}

/* ---- ends ---- */

/* From fds[0] to fds[1], which others[] are the other ends of. */
struct sending {
	int fds[2], others[2];
	long result;
};

/* Nothing comes. */
static void without_data(struct sending *sending)
{
	int pair[2];

	test_pair(pair);
	CHECK_EQ(pipe2(sending->fds, O_CLOEXEC), 0);
	sending->others[0] = sending->fds[1];
	sending->fds[1] = pair[0];
	sending->others[1] = pair[1];
}

/* There is data, and no room for it. */
static void without_room(struct sending *sending)
{
	static const char data[4096];
	int pair[2];

	test_pair(pair);
	sending->fds[0] = a_file();
	CHECK_EQ(write(sending->fds[0], data, 100), 100);
	CHECK_EQ(lseek(sending->fds[0], 0, SEEK_SET), 0);
	sending->others[0] = -1;
	sending->fds[1] = pair[0];
	sending->others[1] = pair[1];
	for (size_t size = sizeof(data); size; size /= 2)
		while (send(pair[0], data, size, MSG_DONTWAIT) > 0)
			;
}

static int send_it(void *arg)
{
	struct sending *sending = arg;

	sending->result = SYNC(sendfile, sending->fds[1], sending->fds[0], NULL,
			       1000);
	return 1;
}

static void close_what_is_left(const struct sending *sending)
{
	const int all[] = { sending->fds[0], sending->fds[1],
			    sending->others[0], sending->others[1] };

	for (unsigned i = 0; i < 4; i++)
		if (all[i] >= 0)
			CHECK_EQ(lend_close(all[i]), 0);
}

/* Close fds[@which]. */
static void end_by_close(void (*make)(struct sending *sending), unsigned which)
{
	struct sending sending;

	do {
		lend_ref sender;

		make(&sending);
		sender = test_spawn(send_it, &sending);
		CHECK_EQ(lend_sleep(lend_after(LEND_MS)), 0);
		CHECK_EQ(lend_close(sending.fds[which]), 0);
		sending.fds[which] = -1;
		CHECK_EQ(test_join(sender), 1);
		close_what_is_left(&sending);
	} while (sending.result == -EBADF);
	CHECK_EQ(sending.result, -ECANCELED);
}

static int closes_end_a_sendfile_that_waits(void *arg)
{
	(void)arg;
	for (unsigned which = 0; which < 2; which++) {
		end_by_close(without_data, which);
		end_by_close(without_room, which);
	}
	return 0;
}

/* What was sent before is told. */
static int closes_do_not_hide_what_was_sent(void *arg)
{
	(void)arg;
	for (unsigned which = 0; which < 2; which++) {
		struct sending sending;
		lend_ref sender;
		char got[8];

		without_data(&sending);
		sender = test_spawn(send_it, &sending);
		CHECK_EQ(write(sending.others[0], "abc", 3), 3);
		CHECK_EQ(SYNC(recv, sending.others[1], got, 3, MSG_WAITALL), 3);
		CHECK_EQ(lend_close(sending.fds[which]), 0);
		sending.fds[which] = -1;
		CHECK_EQ(test_join(sender), 1);
		CHECK_EQ(sending.result, 3);
		close_what_is_left(&sending);
	}
	return 0;
}

int main(int argc, char **argv)
{
	test_init(argc, argv, 60);
	test_actor("splices", splices);
	test_actor("sendfile sends all", sendfile_sends_all);
	test_actor("sendfile without descriptors",
		   sendfile_without_descriptors);
	test_actor("closes end a sendfile that waits",
		   closes_end_a_sendfile_that_waits);
	test_actor("closes do not hide what was sent",
		   closes_do_not_hide_what_was_sent);
	return test_finish();
}
