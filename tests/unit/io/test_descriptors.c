/*
 * Goal:   who gets a number that has just been closed is not taken for its last
 *         owner, though whoever closes it has not come back from close(2) yet.
 * Method: close() holds its caller up after the number is free, until somebody
 *         waits for it, or has not waited; both calls are this program's.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "io/descriptors.h"

static _Atomic int held = -1; /* the number whose close is held up */
static _Atomic bool is_free, goes_on;

int close(int fd)
{
	int res = (int)syscall(SYS_close, fd);

	if (fd == held) {
		atomic_store(&is_free, true);
		while (!atomic_load(&goes_on))
			usleep(100);
	}
	return res;
}

int sched_yield(void)
{
	atomic_store(&goes_on, true);
	return (int)syscall(SYS_sched_yield);
}

static void *close_it(void *arg)
{
	struct lend_closer closer;

	(void)arg;
	cr_assert_eq(lend__descriptor_begin_close(&closer, held, LEND_EPOCH_ANY,
						  NULL),
		     0);
	cr_assert_eq(lend__descriptor_end_close(&closer), 0);
	return NULL;
}

/* The number that is being closed, of a new file by now. */
static int get_number_again(pthread_t *ret_closer)
{
	int fd = dup(0), new_fd;

	cr_assert_geq(fd, 0);
	held = fd;
	cr_assert_eq(pthread_create(ret_closer, NULL, close_it, NULL), 0);
	while (!atomic_load(&is_free))
		usleep(100);
	new_fd = fcntl(0, F_DUPFD, fd);
	cr_assert_eq(new_fd, fd);
	return new_fd;
}

static void end_close_of_old(pthread_t closer)
{
	atomic_store(&goes_on, true);
	pthread_join(closer, NULL);
}

/* As a series does: opened now, its operation submitted later. */
Test(descriptors, new_one_has_an_epoch_of_its_own, .timeout = 60)
{
	pthread_t closer;
	int fd = get_number_again(&closer);
	uint8_t epoch = lend__descriptor_epoch(fd);

	end_close_of_old(closer);
	cr_expect_eq(lend__descriptor_enter_again(fd, epoch), 0);
}

Test(descriptors, new_one_is_entered_at_once, .timeout = 60)
{
	pthread_t closer;
	int fd = get_number_again(&closer);

	cr_expect_eq(lend__descriptor_enter(fd), 0);
	end_close_of_old(closer);
	cr_expect_eq(lend__descriptor_in_flight(fd), 1);
}

Test(descriptors, old_epoch_is_refused, .timeout = 60)
{
	int fd = dup(0);
	uint8_t epoch = lend__descriptor_epoch(fd);

	held = fd;
	atomic_store(&goes_on, true);
	close_it(NULL);
	cr_assert_eq(fcntl(0, F_DUPFD, fd), fd);
	cr_expect_eq(lend__descriptor_enter_again(fd, epoch), -EBADF);
	cr_expect_eq(lend__descriptor_in_flight(fd), 0);
}

/* Who has got a number back by mistake does not close it for its next owner. */
Test(descriptors, another_file_is_not_closed)
{
	struct lend_closer closer;
	int fd = dup(0);
	uint8_t epoch = lend__descriptor_epoch(fd);

	cr_assert_eq(lend__descriptor_begin_close(&closer, fd, epoch, NULL), 0);
	cr_assert_eq(lend__descriptor_end_close(&closer), 0);
	cr_assert_eq(fcntl(0, F_DUPFD, fd), fd);
	cr_expect_eq(lend__descriptor_begin_close(&closer, fd, epoch, NULL),
		     -EBADF);
	epoch = lend__descriptor_epoch(fd);
	cr_assert_eq(lend__descriptor_begin_close(&closer, fd, epoch, NULL), 0);
	cr_assert_eq(lend__descriptor_end_close(&closer), 0);
}
