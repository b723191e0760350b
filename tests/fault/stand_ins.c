/*
 * What the library under test calls in place of the C library: see inject.h.
 * Each does what its namesake does, unless its turn to fail has come.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fault/inject.h"
#include "mem/heap.h"

#define ERRORS(...) ((const int[]){ __VA_ARGS__, 0 })
#define NO_MEMORY   ERRORS(-ENOMEM)

static _Atomic long live_blocks, live_mappings;

long inject_live_blocks(void)
{
	return atomic_load(&live_blocks);
}

long inject_live_mappings(void)
{
	return atomic_load(&live_mappings);
}

static bool no_memory(const char *where)
{
	int err = inject_point(INJECT_ALLOC, where, NO_MEMORY);

	if (err)
		errno = -err;
	return err;
}

static bool refused(const char *where, const int *errors)
{
	int err = inject_point(INJECT_KERNEL, where, errors);

	if (err)
		errno = -err;
	return err;
}

static void *counted(void *block)
{
	if (block)
		atomic_fetch_add(&live_blocks, 1);
	return block;
}

/* ---- memory ---- */

void *fault_malloc(size_t size);
void *fault_calloc(size_t count, size_t size);
void *fault_realloc(void *block, size_t size);
int fault_posix_memalign(void **ret_block, size_t alignment, size_t size);
void *fault_aligned_alloc(size_t alignment, size_t size);
char *fault_strdup(const char *text);
void fault_free(void *block);
void *fault_mmap(void *address, size_t size, int protection, int flags, int fd,
		 off_t offset);
void *fault_mmap64(void *address, size_t size, int protection, int flags,
		   int fd, off_t offset);
int fault_munmap(void *address, size_t size);
int fault_mprotect(void *address, size_t size, int protection);
int fault_madvise(void *address, size_t size, int advice);
int __real_lend__heap_alloc(struct lend_heap *heap, size_t size,
			    void **ret_span);
int __wrap_lend__heap_alloc(struct lend_heap *heap, size_t size,
			    void **ret_span);

void *fault_malloc(size_t size)
{
	return no_memory("malloc") ? NULL : counted(malloc(size));
}

void *fault_calloc(size_t count, size_t size)
{
	return no_memory("calloc") ? NULL : counted(calloc(count, size));
}

void *fault_realloc(void *block, size_t size)
{
	if (no_memory("realloc"))
		return NULL;
	return block ? realloc(block, size) : counted(malloc(size));
}

int fault_posix_memalign(void **ret_block, size_t alignment, size_t size)
{
	int error;

	/* It returns its error and leaves errno alone. */
	if (inject_point(INJECT_ALLOC, "posix_memalign", NO_MEMORY))
		return ENOMEM;
	error = posix_memalign(ret_block, alignment, size);
	if (!error)
		counted(*ret_block);
	return error;
}

void *fault_aligned_alloc(size_t alignment, size_t size)
{
	return no_memory("aligned_alloc") ?
		       NULL :
		       counted(aligned_alloc(alignment, size));
}

char *fault_strdup(const char *text)
{
	return no_memory("strdup") ? NULL : counted(strdup(text));
}

void fault_free(void *block)
{
	if (block)
		atomic_fetch_sub(&live_blocks, 1);
	free(block);
}

void *fault_mmap(void *address, size_t size, int protection, int flags, int fd,
		 off_t offset)
{
	void *mapping;

	if (no_memory("mmap"))
		return MAP_FAILED;
	mapping = mmap(address, size, protection, flags, fd, offset);
	/* A fixed one takes the place of another. */
	if (mapping != MAP_FAILED && !(flags & MAP_FIXED))
		atomic_fetch_add(&live_mappings, 1);
	return mapping;
}

void *fault_mmap64(void *address, size_t size, int protection, int flags,
		   int fd, off_t offset)
{
	return fault_mmap(address, size, protection, flags, fd, offset);
}

int fault_munmap(void *address, size_t size)
{
	/* What the library unmaps, it unmaps whole. */
	atomic_fetch_sub(&live_mappings, 1);
	return munmap(address, size);
}

int fault_mprotect(void *address, size_t size, int protection)
{
	return no_memory("mprotect") ? -1 : mprotect(address, size, protection);
}

int fault_madvise(void *address, size_t size, int advice)
{
	return no_memory("madvise") ? -1 : madvise(address, size, advice);
}

int __wrap_lend__heap_alloc(struct lend_heap *heap, size_t size,
			    void **ret_span)
{
	if (inject_point(INJECT_ALLOC, "lend__heap_alloc", NO_MEMORY))
		return -ENOMEM;
	return __real_lend__heap_alloc(heap, size, ret_span);
}

/* ---- the kernel ---- */

int fault_eventfd(unsigned count, int flags);
int fault_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
			 void *(*fn)(void *), void *arg);
int fault_socket(int family, int type, int protocol);
int fault_bind(int fd, const struct sockaddr *address, socklen_t size);
int fault_listen(int fd, int backlog);
int fault_connect(int fd, const struct sockaddr *address, socklen_t size);
int fault_accept4(int fd, struct sockaddr *address, socklen_t *size, int flags);
int fault_setsockopt(int fd, int level, int name, const void *value,
		     socklen_t size);
int fault_getsockname(int fd, struct sockaddr *address, socklen_t *size);
int fault_getpeername(int fd, struct sockaddr *address, socklen_t *size);
ssize_t fault_read(int fd, void *buffer, size_t size);
ssize_t fault_write(int fd, const void *buffer, size_t size);
int fault_close(int fd);
int fault_ppoll(struct pollfd *fds, nfds_t count,
		const struct timespec *timeout, const sigset_t *mask);

int fault_eventfd(unsigned count, int flags)
{
	if (refused("eventfd", ERRORS(-EMFILE, -ENFILE, -ENOMEM)))
		return -1;
	return eventfd(count, flags);
}

int fault_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
			 void *(*fn)(void *), void *arg)
{
	int err = inject_point(INJECT_KERNEL, "pthread_create",
			       ERRORS(-EAGAIN, -ENOMEM));

	return err ? -err : pthread_create(thread, attributes, fn, arg);
}

int fault_socket(int family, int type, int protocol)
{
	if (refused("socket", ERRORS(-EMFILE, -ENFILE, -ENOBUFS, -ENOMEM)))
		return -1;
	return socket(family, type, protocol);
}

int fault_bind(int fd, const struct sockaddr *address, socklen_t size)
{
	if (refused("bind", ERRORS(-EADDRINUSE, -ENOMEM, -EACCES)))
		return -1;
	return bind(fd, address, size);
}

int fault_listen(int fd, int backlog)
{
	if (refused("listen", ERRORS(-EADDRINUSE)))
		return -1;
	return listen(fd, backlog);
}

int fault_connect(int fd, const struct sockaddr *address, socklen_t size)
{
	if (refused("connect", ERRORS(-EINTR, -ENOMEM)))
		return -1;
	return connect(fd, address, size);
}

int fault_accept4(int fd, struct sockaddr *address, socklen_t *size, int flags)
{
	if (refused("accept4", ERRORS(-EMFILE, -ENFILE, -ENOBUFS, -ENOMEM)))
		return -1;
	return accept4(fd, address, size, flags);
}

int fault_setsockopt(int fd, int level, int name, const void *value,
		     socklen_t size)
{
	if (refused("setsockopt", ERRORS(-ENOBUFS, -ENOMEM)))
		return -1;
	return setsockopt(fd, level, name, value, size);
}

int fault_getsockname(int fd, struct sockaddr *address, socklen_t *size)
{
	if (refused("getsockname", ERRORS(-ENOBUFS)))
		return -1;
	return getsockname(fd, address, size);
}

int fault_getpeername(int fd, struct sockaddr *address, socklen_t *size)
{
	if (refused("getpeername", ERRORS(-ENOTCONN, -ENOBUFS)))
		return -1;
	return getpeername(fd, address, size);
}

ssize_t fault_read(int fd, void *buffer, size_t size)
{
	if (refused("read", ERRORS(-EINTR)))
		return -1;
	return read(fd, buffer, size);
}

ssize_t fault_write(int fd, const void *buffer, size_t size)
{
	if (refused("write", ERRORS(-EINTR)))
		return -1;
	return write(fd, buffer, size);
}

/* Linux has closed the descriptor whatever close(2) returns. */
int fault_close(int fd)
{
	int res = close(fd);

	if (!res && refused("close", ERRORS(-EINTR, -EIO)))
		return -1;
	return res;
}

int fault_ppoll(struct pollfd *fds, nfds_t count,
		const struct timespec *timeout, const sigset_t *mask)
{
	if (refused("ppoll", ERRORS(-EINTR, -ENOMEM)))
		return -1;
	return ppoll(fds, count, timeout, mask);
}

int fault_pipe2(int fds[2], int flags);
int fault_fcntl64(int fd, int command, ...);
int fault_signalfd(int fd, const sigset_t *mask, int flags);
int fault_posix_spawnp(pid_t *ret_pid, const char *file,
		       const posix_spawn_file_actions_t *actions,
		       const posix_spawnattr_t *attributes, char *const argv[],
		       char *const environment[]);
int fault_posix_spawn_file_actions_adddup2(posix_spawn_file_actions_t *actions,
					   int fd, int to_fd);

int fault_pipe2(int fds[2], int flags)
{
	if (refused("pipe2", ERRORS(-EMFILE, -ENFILE)))
		return -1;
	return pipe2(fds, flags);
}

/* The library's only one makes a descriptor. */
int fault_fcntl64(int fd, int command, ...)
{
	va_list arguments;
	int argument;

	va_start(arguments, command);
	argument = va_arg(arguments, int);
	va_end(arguments);
	if (refused("fcntl", ERRORS(-EMFILE)))
		return -1;
	return fcntl(fd, command, argument);
}

/* One that there is can be given another mask. */
int fault_signalfd(int fd, const sigset_t *mask, int flags)
{
	if (fd < 0 && refused("signalfd", ERRORS(-EMFILE, -ENFILE, -ENOMEM)))
		return -1;
	return signalfd(fd, mask, flags);
}

/* These two return their error. */
int fault_posix_spawnp(pid_t *ret_pid, const char *file,
		       const posix_spawn_file_actions_t *actions,
		       const posix_spawnattr_t *attributes, char *const argv[],
		       char *const environment[])
{
	int err = inject_point(INJECT_KERNEL, "posix_spawnp",
			       ERRORS(-EAGAIN, -ENOMEM));

	return err ? -err :
		     posix_spawnp(ret_pid, file, actions, attributes, argv,
				  environment);
}

int fault_posix_spawn_file_actions_adddup2(posix_spawn_file_actions_t *actions,
					   int fd, int to_fd)
{
	if (inject_point(INJECT_ALLOC, "posix_spawn_file_actions_adddup2",
			 NO_MEMORY))
		return ENOMEM;
	return posix_spawn_file_actions_adddup2(actions, fd, to_fd);
}
