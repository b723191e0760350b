/*
 * The system calls and locks of the C library that the library uses, linked
 * in their place with the linker's --wrap. Descriptors below SIM_FD_BASE, and
 * calls before the simulation has begun, are the real ones.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "kernel.h"
#include "rt/thread.h"
#include "rt/worker.h"

__typeof__(read) __real_read;
__typeof__(write) __real_write;
__typeof__(close) __real_close;
__typeof__(munmap) __real_munmap;
__typeof__(madvise) __real_madvise;
__typeof__(sigaction) __real_sigaction;

/* Convert a result to what libc's wrappers return. */
static int result(int res)
{
	if (res >= 0)
		return res;
	errno = -res;
	return -1;
}

/* On the way into the kernel and out of it. */
static void enter_kernel(void)
{
	sim_point();
	sim_drain(sim.current);
	if (sim.current)
		sim_work_run(sim.current, true);
}

/* ---- descriptors ---- */

__typeof__(eventfd) __wrap_eventfd;
int __wrap_eventfd(unsigned count, int flags)
{
	struct sim_file *file = sim_file_new(SIM_FILE_EVENT);

	(void)flags;
	file->count = count;
	return result(sim_file_install(file));
}

__typeof__(read) __wrap_read;
ssize_t __wrap_read(int fd, void *data, size_t size)
{
	struct sim_file *file;

	if (fd < SIM_FD_BASE)
		return __real_read(fd, data, size);
	enter_kernel();
	file = sim_file_at(fd);
	if (!file || file->kind != SIM_FILE_EVENT)
		return result(-EBADF);
	if (!file->count)
		return result(-EAGAIN);
	if (sim_fault())
		return result(-EINTR);
	*(uint64_t *)data = file->count;
	file->count = 0;
	return 8;
}

__typeof__(write) __wrap_write;
ssize_t __wrap_write(int fd, const void *data, size_t size)
{
	struct sim_file *file;

	if (fd < SIM_FD_BASE)
		return __real_write(fd, data, size);
	enter_kernel();
	file = sim_file_at(fd);
	if (file && file->kind == SIM_FILE_STREAM)
		return result(sim_stream_send(
			file, &(struct iovec){ (void *)(uintptr_t)data, size },
			1, 0));
	if (!file || file->kind != SIM_FILE_EVENT)
		return result(-EBADF);
	sim_trace("wake", (uint64_t)fd, file->count, 0);
	if (sim_mutation == SIM_MUTATE_LOSE_WAKE &&
	    sim_random_below(&sim.kernel, 16) == 0)
		return 8;
	file->count += *(const uint64_t *)data;
	sim_file_changed(file);
	return 8;
}

/* lend_close() has ended everything on it before; what was accepted and not
 * handed out has nothing on it. */
static void check_close(int fd)
{
	struct sim_req *req;

	for (req = sim_requests.next; req != &sim_requests; req = req->next)
		if (req->file && req->sqe.fd == fd &&
		    req->file == sim_file_at(fd) &&
		    req->file->kind != SIM_FILE_EVENT)
			sim_fail("a descriptor is closed when nothing is left",
				 "fd %d: opcode %u is in flight", fd,
				 req->sqe.opcode);
}

__typeof__(close) __wrap_close;
int __wrap_close(int fd)
{
	if (fd < SIM_FD_BASE)
		return __real_close(fd);
	enter_kernel();
	sim_trace("close", (uint64_t)fd, 0, 0);
	check_close(fd);
	return result(sim_file_close(fd));
}

/* ---- sockets ---- */

__typeof__(socket) __wrap_socket;
int __wrap_socket(int family, int type, int protocol)
{
	(void)family;
	(void)protocol;
	enter_kernel();
	if (sim_fault() && type & SOCK_NONBLOCK)
		return result(-EMFILE);
	return result(sim_file_install(sim_socket_new(type)));
}

int __wrap_bind(int fd, const struct sockaddr *address, socklen_t size);
int __wrap_bind(int fd, const struct sockaddr *address, socklen_t size)
{
	enter_kernel();
	return result(sim_socket_bind(sim_file_at(fd), address, size));
}

__typeof__(listen) __wrap_listen;
int __wrap_listen(int fd, int backlog)
{
	struct sim_file *file = sim_file_at(fd);

	(void)backlog;
	enter_kernel();
	file->kind = SIM_FILE_LISTENER;
	return 0;
}

__typeof__(setsockopt) __wrap_setsockopt;
int __wrap_setsockopt(int fd, int level, int name, const void *value,
		      socklen_t size)
{
	(void)level;
	(void)name;
	(void)value;
	(void)size;
	return result(sim_file_at(fd) ? 0 : -EBADF);
}

int __wrap_getsockname(int fd, struct sockaddr *address, socklen_t *size);
int __wrap_getsockname(int fd, struct sockaddr *address, socklen_t *size)
{
	return result(sim_socket_name(sim_file_at(fd), address, size));
}

int __wrap_connect(int fd, const struct sockaddr *address, socklen_t size);
int __wrap_connect(int fd, const struct sockaddr *address, socklen_t size)
{
	enter_kernel();
	return result(sim_socket_connect(sim_file_at(fd), address, size));
}

int __wrap_accept4(int fd, struct sockaddr *address, socklen_t *size,
		   int flags);
int __wrap_accept4(int fd, struct sockaddr *address, socklen_t *size, int flags)
{
	int res;

	(void)address;
	(void)size;
	(void)flags;
	enter_kernel();
	res = sim_listener_accept(sim_file_at(fd));
	return result(res == SIM_AGAIN ? -EAGAIN : res);
}

__typeof__(pipe2) __wrap_pipe2;
int __wrap_pipe2(int fds[2], int flags)
{
	(void)flags;
	enter_kernel();
	return result(sim_fault() ? -EMFILE : sim_pipe(fds));
}

/* ---- waiting for descriptors ---- */

struct waited {
	struct pollfd *fds;
	nfds_t count;
};

static int ready_count(const struct waited *waited)
{
	int count = 0;

	for (nfds_t i = 0; i < waited->count; i++) {
		struct pollfd *fd = &waited->fds[i];
		struct sim_file *file = sim_file_at(fd->fd);

		fd->revents = 0;
		if (file)
			fd->revents = (short)(sim_file_ready(file) &
					      (unsigned)fd->events);
		else
			fd->revents = POLLNVAL;
		count += fd->revents != 0;
	}
	return count;
}

static bool any_ready(void *arg)
{
	return ready_count(arg) > 0;
}

__typeof__(ppoll) __wrap_ppoll;
int __wrap_ppoll(struct pollfd *fds, nfds_t count,
		 const struct timespec *timeout, const sigset_t *mask)
{
	struct waited waited = { fds, count };
	uint64_t wake_ns = SIM_NEVER;
	bool interrupted;

	(void)mask;
	enter_kernel();
	sim_trace("ppoll", count, timeout != NULL, 0);
	interrupted = sim_fault();
	if (timeout)
		wake_ns = sim.now_ns + (uint64_t)timeout->tv_sec * LEND_S +
			  (uint64_t)timeout->tv_nsec;
	if (interrupted)
		wake_ns = sim.now_ns + sim_random_below(&sim.kernel, 200000);
	if (!any_ready(&waited) && !sim_idle(any_ready, &waited, wake_ns) &&
	    interrupted)
		return result(-EINTR);
	return ready_count(&waited);
}

/* ---- time ---- */

__typeof__(clock_gettime) __wrap_clock_gettime;
int __wrap_clock_gettime(clockid_t clock, struct timespec *ret_time)
{
	/* Nobody computes for long. */
	if (clock == CLOCK_THREAD_CPUTIME_ID) {
		*ret_time = (struct timespec){ 0 };
		return 0;
	}
	sim_point();
	sim.now_ns += 20 + sim_random_below(&sim.schedule, 100);
	ret_time->tv_sec = (time_t)(sim.now_ns / LEND_S);
	ret_time->tv_nsec = (long)(sim.now_ns % LEND_S);
	if (clock == CLOCK_REALTIME)
		ret_time->tv_sec += SIM_EPOCH_S;
	return 0;
}

__typeof__(sched_yield) __wrap_sched_yield;
int __wrap_sched_yield(void)
{
	enter_kernel();
	sim_yield();
	return 0;
}

/* ---- threads ---- */

__typeof__(pthread_create) __wrap_pthread_create;
int __wrap_pthread_create(pthread_t *ret_thread,
			  const pthread_attr_t *attributes,
			  void *(*start)(void *), void *arg)
{
	struct sim_thread *thread;

	(void)attributes;
	sim_point();
	sim_drain(sim.current);
	thread = sim_thread_start("worker", start, arg);
	if (start == lend__thread_main) {
		thread->worker = arg;
		sim.runtime = thread->worker->runtime;
	} else {
		thread->name = "other";
	}
	*ret_thread = (pthread_t)thread->index;
	return 0;
}

static bool has_ended(void *arg)
{
	const struct sim_thread *thread = arg;

	return thread->state == SIM_ENDED;
}

__typeof__(pthread_tryjoin_np) __wrap_pthread_tryjoin_np;
int __wrap_pthread_tryjoin_np(pthread_t thread, void **ret_result)
{
	struct sim_thread *other = sim.threads[thread];

	sim_point();
	if (!has_ended(other))
		return EBUSY;
	if (ret_result)
		*ret_result = other->result;
	return 0;
}

__typeof__(pthread_join) __wrap_pthread_join;
int __wrap_pthread_join(pthread_t thread, void **ret_result)
{
	struct sim_thread *other = sim.threads[thread];

	while (!has_ended(other))
		sim_block(has_ended, other, SIM_NEVER);
	if (ret_result)
		*ret_result = other->result;
	return 0;
}

__typeof__(pthread_setname_np) __wrap_pthread_setname_np;
int __wrap_pthread_setname_np(pthread_t thread, const char *name)
{
	(void)thread;
	(void)name;
	return 0;
}

__typeof__(pthread_sigmask) __wrap_pthread_sigmask;
int __wrap_pthread_sigmask(int how, const sigset_t *set, sigset_t *old)
{
	(void)how;
	(void)set;
	if (old)
		sigemptyset(old);
	return 0;
}

__typeof__(sigaltstack) __wrap_sigaltstack;
int __wrap_sigaction(int number, const struct sigaction *action,
		     struct sigaction *old);
int __wrap_sigaction(int number, const struct sigaction *action,
		     struct sigaction *old)
{
	static struct sigaction now;

	if (number != SIGURG)
		return __real_sigaction(number, action, old);
	if (old)
		*old = now;
	if (action) {
		now = *action;
		sim_signal_handler = action->sa_handler;
	}
	return 0;
}

pid_t __wrap_gettid(void);
pid_t __wrap_gettid(void)
{
	return sim.current->index + 1;
}

/* Only ever tgkill(2). */
long __wrap_syscall(long number, ...);
long __wrap_syscall(long number, ...)
{
	va_list args;
	int thread, what;

	va_start(args, number);
	(void)va_arg(args, int);
	thread = va_arg(args, int);
	what = va_arg(args, int);
	va_end(args);
	if (number != SYS_tgkill)
		sim_fail("the simulation's own limits", "system call %ld",
			 number);
	enter_kernel();
	sim_signal(sim.threads[thread - 1], what);
	return 0;
}

int __wrap_sigaltstack(const stack_t *stack, stack_t *old)
{
	(void)stack;
	(void)old;
	return -1; /* the thread has one of its own */
}

/* ---- memory that goes away ---- */

__typeof__(munmap) __wrap_munmap;
int __wrap_munmap(void *address, size_t size)
{
	sim_drain(sim.current);
	sim_check_free(address, size);
	return __real_munmap(address, size);
}

__typeof__(madvise) __wrap_madvise;
int __wrap_madvise(void *address, size_t size, int advice)
{
	sim_drain(sim.current);
	if (advice == MADV_DONTNEED)
		sim_check_free(address, size);
	return __real_madvise(address, size, advice);
}
