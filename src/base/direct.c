/*
 * The C library's functions that a shim may stand in front of, as the system
 * calls that they are: see doc/adr/0023-posix-shim.md.
 *
 * liblend-posix defines read(), close() and others anew, for the code that
 * actors run. The library's own calls must never get there: it calls them where
 * an actor can not suspend, and is called by the shim itself. So its shared
 * library is linked with --wrap for each of these (meson.build), which binds
 * them here. A statically linked library is out of the shim's reach anyway.
 */
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int __wrap_close(int fd);
ssize_t __wrap_read(int fd, void *data, size_t size);
ssize_t __wrap_write(int fd, const void *data, size_t size);
int __wrap_connect(int fd, const struct sockaddr *address, socklen_t size);
int __wrap_accept4(int fd, struct sockaddr *address, socklen_t *size,
		   int flags);
int __wrap_ppoll(struct pollfd *fds, nfds_t count, const struct timespec *time,
		 const sigset_t *mask);
int __wrap_nanosleep(const struct timespec *time, struct timespec *ret_left);
int __wrap_sched_yield(void);

int __wrap_close(int fd)
{
	return (int)syscall(SYS_close, fd);
}

ssize_t __wrap_read(int fd, void *data, size_t size)
{
	return syscall(SYS_read, fd, data, size);
}

ssize_t __wrap_write(int fd, const void *data, size_t size)
{
	return syscall(SYS_write, fd, data, size);
}

int __wrap_connect(int fd, const struct sockaddr *address, socklen_t size)
{
	return (int)syscall(SYS_connect, fd, address, size);
}

int __wrap_accept4(int fd, struct sockaddr *address, socklen_t *size, int flags)
{
	return (int)syscall(SYS_accept4, fd, address, size, flags);
}

int __wrap_ppoll(struct pollfd *fds, nfds_t count, const struct timespec *time,
		 const sigset_t *mask)
{
	/* The kernel writes what is left of it; its signal sets are shorter. */
	struct timespec copy = time ? *time : (struct timespec){ 0, 0 };

	return (int)syscall(SYS_ppoll, fds, count, time ? &copy : NULL, mask,
			    _NSIG / 8);
}

int __wrap_nanosleep(const struct timespec *time, struct timespec *ret_left)
{
	return (int)syscall(SYS_nanosleep, time, ret_left);
}

int __wrap_sched_yield(void)
{
	return (int)syscall(SYS_sched_yield);
}
