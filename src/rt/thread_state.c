/*
 * What a thread is doing: see thread_state.h. Called by the watchdog, about a
 * worker that comes to no safe point.
 */
#include "rt/thread_state.h"

#include <fcntl.h>
#include <lend/clock.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* Calls in which a thread waits for somebody else, and whether the first
 * argument is a descriptor. Others are told by number. */
static const struct {
	long number;
	const char *name;
	bool has_fd;
} calls[] = {
	{ SYS_read, "read", true },
	{ SYS_write, "write", true },
	{ SYS_readv, "readv", true },
	{ SYS_writev, "writev", true },
	{ SYS_pread64, "pread", true },
	{ SYS_pwrite64, "pwrite", true },
	{ SYS_preadv, "preadv", true },
	{ SYS_pwritev, "pwritev", true },
	{ SYS_openat, "openat", false },
	{ SYS_fsync, "fsync", true },
	{ SYS_fdatasync, "fdatasync", true },
	{ SYS_flock, "flock", true },
	{ SYS_fcntl, "fcntl", true },
	{ SYS_ioctl, "ioctl", true },
	{ SYS_sendfile, "sendfile", true },
	{ SYS_splice, "splice", true },
	{ SYS_connect, "connect", true },
	{ SYS_accept, "accept", true },
	{ SYS_accept4, "accept4", true },
	{ SYS_recvfrom, "recvfrom", true },
	{ SYS_recvmsg, "recvmsg", true },
	{ SYS_recvmmsg, "recvmmsg", true },
	{ SYS_sendto, "sendto", true },
	{ SYS_sendmsg, "sendmsg", true },
	{ SYS_sendmmsg, "sendmmsg", true },
	{ SYS_ppoll, "ppoll", false },
	{ SYS_pselect6, "pselect", false },
	{ SYS_epoll_pwait, "epoll_pwait", true },
	{ SYS_futex, "futex", false },
	{ SYS_nanosleep, "nanosleep", false },
	{ SYS_clock_nanosleep, "clock_nanosleep", false },
	{ SYS_wait4, "wait4", false },
	{ SYS_waitid, "waitid", false },
	{ SYS_rt_sigtimedwait, "rt_sigtimedwait", false },
	{ SYS_rt_sigsuspend, "rt_sigsuspend", false },
#ifdef SYS_poll
	{ SYS_poll, "poll", false },
	{ SYS_select, "select", false },
	{ SYS_epoll_wait, "epoll_wait", true },
	{ SYS_open, "open", false },
	{ SYS_pause, "pause", false },
#endif
};

/* A file of the thread's in /proc; empty if there is none. */
static void read_file(int tid, const char *name, char *text, size_t size)
{
	char path[64];
	ssize_t n = -1;
	int fd;

	snprintf(path, sizeof(path), "/proc/self/task/%d/%s", tid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		n = read(fd, text, size - 1);
		close(fd);
	}
	text[n > 0 ? n : 0] = '\0';
}

/* "0 0x5 ... 0xsp 0xpc"; "running"; "-1 0xsp 0xpc" if not in a call. */
static void parse_call(const char *text, struct lend_thread_state *state)
{
	unsigned long long words[8];
	long call;
	int found = sscanf(text, "%ld %llx %llx %llx %llx %llx %llx %llx %llx",
			   &call, &words[0], &words[1], &words[2], &words[3],
			   &words[4], &words[5], &words[6], &words[7]);

	if (found != 9 || call < 0)
		return;
	state->call = call;
	state->first_argument = words[0];
	state->sp = (uintptr_t)words[6];
	state->pc = (uintptr_t)words[7];
}

void lend__thread_state_read(int tid, struct lend_thread_state *ret_state)
{
	char text[512];
	const char *end;

	*ret_state = (struct lend_thread_state){ .call = -1 };
	read_file(tid, "syscall", text, sizeof(text));
	parse_call(text, ret_state);
	read_file(tid, "stat", text, sizeof(text));
	/* The name before it may have anything in it. */
	end = strrchr(text, ')');
	if (end && end[1] == ' ')
		ret_state->code = end[2];
	ret_state->blocked = ret_state->code == 'S' || ret_state->code == 'D';
}

void lend__thread_state_print(const struct lend_thread_state *state, char *text,
			      size_t size)
{
	if (!state->code) {
		snprintf(text, size, "computes or blocks");
		return;
	}
	if (!state->blocked) {
		snprintf(text, size, "computes");
		return;
	}
	if (state->call < 0) {
		snprintf(text, size, "is blocked");
		return;
	}
	for (unsigned i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		if (calls[i].number != state->call)
			continue;
		if (calls[i].has_fd)
			snprintf(text, size,
				 "is blocked in %s() on descriptor %d",
				 calls[i].name, (int)state->first_argument);
		else
			snprintf(text, size, "is blocked in %s()",
				 calls[i].name);
		return;
	}
	snprintf(text, size, "is blocked in system call %ld", state->call);
}

uint64_t lend__thread_state_cpu_ns(int tid)
{
	/* As pthread_getcpuclockid() makes it; that wants a pthread_t, which
	 * may be one that has ended. */
	clockid_t id = (clockid_t)(~(unsigned)tid << 3 | 6);
	struct timespec time;

	if (!tid || clock_gettime(id, &time))
		return 0;
	return (uint64_t)time.tv_sec * LEND_S + (uint64_t)time.tv_nsec;
}
