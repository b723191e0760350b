/*
 * The C library's functions that a shim may stand in front of, in builds with
 * sanitizers: in the place of base/direct.c.
 *
 * A sanitizer has to see the calls, so they are not system calls there, and as
 * its own functions call those of the next library they do get to the shim.
 * That must leave them alone: while one lasts the actor may not suspend, as in
 * a log function of the program's.
 */
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "actor/actor.h"
#include "rt/current.h"

/* What --wrap calls so. Weak: nothing else has them. */
#define DIRECT(type, name, parameters, arguments)                              \
	type __real_##name parameters __attribute__((weak));                   \
	type __wrap_##name parameters;                                         \
	type __wrap_##name parameters                                          \
	{                                                                      \
		struct lend_actor *self = lend__current_actor();               \
		type res;                                                      \
                                                                               \
		if (self)                                                      \
			self->callbacks++;                                     \
		res = __real_##name arguments;                                 \
		if (self)                                                      \
			self->callbacks--;                                     \
		return res;                                                    \
	}

DIRECT(int, close, (int fd), (fd))
DIRECT(ssize_t, read, (int fd, void *data, size_t size), (fd, data, size))
DIRECT(ssize_t, write, (int fd, const void *data, size_t size),
       (fd, data, size))
DIRECT(int, connect, (int fd, const struct sockaddr *address, socklen_t size),
       (fd, address, size))
DIRECT(int, accept4,
       (int fd, struct sockaddr *address, socklen_t *size, int flags),
       (fd, address, size, flags))
DIRECT(int, ppoll,
       (struct pollfd * fds, nfds_t count, const struct timespec *time,
	const sigset_t *mask),
       (fds, count, time, mask))
DIRECT(int, nanosleep, (const struct timespec *time, struct timespec *ret_left),
       (time, ret_left))
DIRECT(int, sched_yield, (void), ())
