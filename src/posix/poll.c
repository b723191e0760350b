/*
 * poll(), select(), epoll_wait() and their relatives, for an actor: see shim.h.
 *
 * The kernel is asked without waiting. If nothing is ready the actor waits: for
 * one descriptor by an operation on it, for several by one on an epoll instance
 * made for the purpose; and asks again. Signals are blocked in a runtime's
 * threads, so signal masks have nothing to change.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <unistd.h>

#include "posix/next.h"
#include "posix/shim.h"

POSIX_API int __poll_chk(struct pollfd *fds, nfds_t count, int timeout,
			 size_t room);
POSIX_API int __ppoll_chk(struct pollfd *fds, nfds_t count,
			  const struct timespec *timeout, const sigset_t *mask,
			  size_t room);

/* One descriptor may be there several times, for different events. */
static int watch(int epoll_fd, const struct pollfd *fds, nfds_t count, nfds_t i)
{
	struct epoll_event event = { .data.fd = fds[i].fd };

	for (nfds_t j = 0; j < count; j++)
		if (fds[j].fd == fds[i].fd)
			event.events |= (uint16_t)fds[j].events;
	if (!epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fds[i].fd, &event) ||
	    errno == EEXIST)
		return 0;
	return -errno;
}

static int wait_for_several(const struct pollfd *fds, nfds_t count,
			    uint64_t deadline)
{
	int epoll_fd = epoll_create1(EPOLL_CLOEXEC), err = 0;

	if (epoll_fd < 0)
		return -errno;
	for (nfds_t i = 0; i < count && !err; i++)
		if (fds[i].fd >= 0)
			err = watch(epoll_fd, fds, count, i);
	if (!err)
		err = lend_poll(epoll_fd, POLLIN, deadline);
	lend_close(epoll_fd);
	return err;
}

/* Until one of them may be ready. 0 or a positive number, or -errno. */
static int wait_for(const struct pollfd *fds, nfds_t count, uint64_t deadline)
{
	const struct pollfd *only = NULL;
	nfds_t used = 0;
	int err;

	for (nfds_t i = 0; i < count; i++) {
		if (fds[i].fd < 0)
			continue;
		only = &fds[i];
		used++;
	}
	if (used > 1)
		return wait_for_several(fds, count, deadline);
	if (used)
		return lend_poll(only->fd, (uint16_t)only->events, deadline);
	err = lend_sleep(deadline);
	return err ? err : -ETIMEDOUT;
}

static int poll_until(struct pollfd *fds, nfds_t count, uint64_t deadline)
{
	for (;;) {
		int res = NEXT(poll)(fds, count, 0);

		if (res)
			return res;
		res = wait_for(fds, count, deadline);
		if (res == -ETIMEDOUT && lend_now() >= deadline)
			return NEXT(poll)(fds, count, 0);
		if (res < 0)
			return (int)posix__result(res, LEND_FOREVER, 0);
	}
}

/* One that asks again and again lets others run. */
static int poll_now(struct pollfd *fds, nfds_t count)
{
	int res = NEXT(poll)(fds, count, 0);

	if (!res)
		lend_yield();
	return res;
}

POSIX_API int poll(struct pollfd *fds, nfds_t count, int timeout)
{
	if (!posix__may_suspend())
		return NEXT(poll)(fds, count, timeout);
	return timeout ? poll_until(fds, count, posix__after_ms(timeout)) :
			 poll_now(fds, count);
}

POSIX_API int __poll_chk(struct pollfd *fds, nfds_t count, int timeout,
			 size_t room)
{
	posix__check_room(count, room / sizeof(*fds));
	return poll(fds, count, timeout);
}

POSIX_API int ppoll(struct pollfd *fds, nfds_t count,
		    const struct timespec *timeout, const sigset_t *mask)
{
	if (!posix__may_suspend() || (timeout && timeout->tv_sec < 0))
		return NEXT(ppoll)(fds, count, timeout, mask);
	if (timeout && !timeout->tv_sec && !timeout->tv_nsec)
		return poll_now(fds, count);
	return poll_until(fds, count, posix__after(timeout));
}

POSIX_API int __ppoll_chk(struct pollfd *fds, nfds_t count,
			  const struct timespec *timeout, const sigset_t *mask,
			  size_t room)
{
	posix__check_room(count, room / sizeof(*fds));
	return ppoll(fds, count, timeout, mask);
}

/* ---- select ---- */

struct sets {
	fd_set *in, *out, *urgent; /* the caller's, or NULL */
	fd_set wanted[3];
};

/* The caller's sets, as they were. */
static void sets_restore(struct sets *sets)
{
	if (sets->in)
		*sets->in = sets->wanted[0];
	if (sets->out)
		*sets->out = sets->wanted[1];
	if (sets->urgent)
		*sets->urgent = sets->wanted[2];
}

static short events_of(const struct sets *sets, int fd)
{
	short events = 0;

	if (sets->in && FD_ISSET(fd, &sets->wanted[0]))
		events |= POLLIN;
	if (sets->out && FD_ISSET(fd, &sets->wanted[1]))
		events |= POLLOUT;
	if (sets->urgent && FD_ISSET(fd, &sets->wanted[2]))
		events |= POLLPRI;
	return events;
}

static nfds_t fill(const struct sets *sets, int count, struct pollfd *fds)
{
	nfds_t used = 0;

	for (int fd = 0; fd < count; fd++) {
		short events = events_of(sets, fd);

		if (events)
			fds[used++] = (struct pollfd){ .fd = fd,
						       .events = events };
	}
	return used;
}

static int select_until(int count, struct sets *sets, uint64_t deadline)
{
	struct pollfd *fds = calloc((size_t)count + 1, sizeof(*fds));
	nfds_t used;
	int res;

	if (!fds)
		return posix__fail(ENOMEM);
	used = fill(sets, count, fds);
	for (;;) {
		struct timeval now = { 0, 0 };

		sets_restore(sets);
		res = NEXT(select)(count, sets->in, sets->out, sets->urgent,
				   &now);
		/* No set has a member then. */
		if (res || lend_now() >= deadline)
			break;
		res = wait_for(fds, used, deadline);
		if (res < 0 && (res != -ETIMEDOUT || lend_now() < deadline)) {
			res = (int)posix__result(res, LEND_FOREVER, 0);
			break;
		}
	}
	free(fds);
	return res;
}

static int select_some(int count, fd_set *in, fd_set *out, fd_set *urgent,
		       uint64_t deadline)
{
	struct sets sets = { .in = in, .out = out, .urgent = urgent };

	if (in)
		sets.wanted[0] = *in;
	if (out)
		sets.wanted[1] = *out;
	if (urgent)
		sets.wanted[2] = *urgent;
	return select_until(count, &sets, deadline);
}

POSIX_API int pselect(int count, fd_set *in, fd_set *out, fd_set *urgent,
		      const struct timespec *timeout, const sigset_t *mask)
{
	if (!posix__may_suspend() || count < 0 || count > FD_SETSIZE ||
	    (timeout && timeout->tv_sec < 0))
		return NEXT(pselect)(count, in, out, urgent, timeout, mask);
	if (timeout && !timeout->tv_sec && !timeout->tv_nsec)
		lend_yield();
	return select_some(count, in, out, urgent, posix__after(timeout));
}

POSIX_API int select(int count, fd_set *in, fd_set *out, fd_set *urgent,
		     struct timeval *timeout)
{
	struct timespec time;
	uint64_t deadline, now;
	int res;

	if (!posix__may_suspend() || count < 0 || count > FD_SETSIZE ||
	    (timeout && (timeout->tv_sec < 0 || timeout->tv_usec < 0)))
		return NEXT(select)(count, in, out, urgent, timeout);
	if (!timeout)
		return select_some(count, in, out, urgent, LEND_FOREVER);
	time.tv_sec = timeout->tv_sec + timeout->tv_usec / 1000000;
	time.tv_nsec = timeout->tv_usec % 1000000 * 1000;
	if (!time.tv_sec && !time.tv_nsec)
		lend_yield();
	deadline = posix__after(&time);
	res = select_some(count, in, out, urgent, deadline);
	/* What is left of it, as Linux has it. */
	now = lend_now();
	if (deadline != LEND_FOREVER) {
		uint64_t left = now < deadline ? deadline - now : 0;

		timeout->tv_sec = (time_t)(left / LEND_S);
		timeout->tv_usec = (suseconds_t)(left % LEND_S / LEND_US);
	}
	return res;
}

/* ---- epoll ---- */

POSIX_API int epoll_wait(int fd, struct epoll_event *events, int count,
			 int timeout)
{
	uint64_t deadline;

	if (!posix__may_suspend())
		return NEXT(epoll_wait)(fd, events, count, timeout);
	if (!timeout)
		lend_yield();
	deadline = posix__after_ms(timeout);
	for (;;) {
		int res = NEXT(epoll_wait)(fd, events, count, 0);

		if (res || lend_now() >= deadline)
			return res;
		res = lend_poll(fd, POLLIN, deadline);
		if (res < 0 && (res != -ETIMEDOUT || lend_now() < deadline))
			return (int)posix__result(res, LEND_FOREVER, 0);
	}
}

POSIX_API int epoll_pwait(int fd, struct epoll_event *events, int count,
			  int timeout, const sigset_t *mask)
{
	if (!posix__may_suspend())
		return NEXT(epoll_pwait)(fd, events, count, timeout, mask);
	return epoll_wait(fd, events, count, timeout);
}
