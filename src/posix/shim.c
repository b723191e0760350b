/*
 * What the functions of the shim have in common: see shim.h.
 */
#include "posix/shim.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

bool posix__may_suspend(void)
{
	if (!lend_may_suspend())
		return false;
	lend_pin();
	return true;
}

bool posix__is_nonblocking(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	return flags < 0 || flags & O_NONBLOCK;
}

uint64_t posix__deadline(int fd, int option)
{
	struct timeval time;
	socklen_t size = sizeof(time);

	if (getsockopt(fd, SOL_SOCKET, option, &time, &size) ||
	    (!time.tv_sec && !time.tv_usec))
		return LEND_FOREVER;
	return lend_after((uint64_t)time.tv_sec * LEND_S +
			  (uint64_t)time.tv_usec * LEND_US);
}

uint64_t posix__after_ms(int milliseconds)
{
	return milliseconds < 0 ? LEND_FOREVER :
				  lend_after((uint64_t)milliseconds * LEND_MS);
}

uint64_t posix__after(const struct timespec *time)
{
	/* A year more or less, some 500 from now. */
	const time_t most_s = INT64_MAX / LEND_S / 2;

	if (!time || time->tv_sec > most_s)
		return LEND_FOREVER;
	return lend_after((uint64_t)time->tv_sec * LEND_S +
			  (uint64_t)time->tv_nsec);
}

/* Not inlined: where errno is, is asked for on the thread that runs now. */
__attribute__((noinline)) int posix__fail(int error)
{
	errno = error;
	return -1;
}

ssize_t posix__result(ssize_t res, uint64_t deadline, int late)
{
	if (res >= 0)
		return res;
	/* TCP has a time limit of its own with the same name. */
	if (res == -ETIMEDOUT && deadline != LEND_FOREVER &&
	    lend_now() >= deadline)
		return posix__fail(late);
	if (res == -ECANCELED && !lend_is_cancelled())
		return posix__fail(EBADF); /* closed meanwhile */
	return posix__fail((int)-res);
}

void posix__check_room(size_t size, size_t room)
{
	if (size > room)
		abort();
}
