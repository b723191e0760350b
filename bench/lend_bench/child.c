/*
 * Starting, asking and ending the process under test: see child.h.
 */
#include "lend_bench/child.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lend_bench/pin.h"

static int memory_open(struct child *child, const struct config *config)
{
	int fd = memfd_create("lend-bench", MFD_CLOEXEC);
	int err;

	if (fd < 0)
		return -errno;
	if (ftruncate(fd, sizeof(struct shared)))
		goto fail;
	child->shared = mmap(NULL, sizeof(struct shared),
			     PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (child->shared == MAP_FAILED) {
		child->shared = NULL;
		goto fail;
	}
	child->shared->config = *config;
	return fd;
fail:
	err = -errno;
	close(fd);
	return err;
}

/* In the new process. Only what may be called after fork(). */
static _Noreturn void become_subject(int control, int memory, bool pin)
{
	char control_text[16], memory_text[16];
	char *argv[] = { (char *)"lend-bench", (char *)"subject", control_text,
			 memory_text, NULL };

	/* Duplicates are not close-on-exec. */
	snprintf(control_text, sizeof(control_text), "%d", dup(control));
	snprintf(memory_text, sizeof(memory_text), "%d", dup(memory));
	if (pin)
		pin_process(true);
	/* The terminal's interrupt is for the engine. */
	setpgid(0, 0);
	execv("/proc/self/exe", argv);
	_exit(127);
}

int child_start(struct child *child, const struct config *config)
{
	int memory = memory_open(child, config);
	int pair[2], err = 0;

	child->control = -1;
	if (memory < 0)
		return memory;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair)) {
		err = -errno;
		close(memory);
		return err;
	}
	child->pid = fork();
	if (child->pid == 0)
		become_subject(pair[1], memory, config->pin);
	if (child->pid < 0) {
		err = -errno;
		child->pid = 0;
	}
	close(memory);
	close(pair[1]);
	child->control = pair[0];
	if (!err && clock_getcpuclockid(child->pid, &child->cpu_clock))
		err = -ESRCH;
	return err;
}

bool child_tell(struct child *child, char byte)
{
	return send(child->control, &byte, 1, MSG_NOSIGNAL) == 1;
}

char child_hear(struct child *child, uint64_t span_ns)
{
	uint64_t deadline = lend_after(span_ns);
	char byte = 0;

	for (;;) {
		struct pollfd poll_fd = { .fd = child->control,
					  .events = POLLIN };
		uint64_t now_ns = lend_now();
		int ready;

		if (now_ns >= deadline) {
			child->is_late = true;
			return 0;
		}
		ready = poll(&poll_fd, 1,
			     (int)((deadline - now_ns) / LEND_MS) + 1);
		if (ready > 0)
			return recv(child->control, &byte, 1, 0) == 1 ? byte :
									0;
	}
}

bool child_watch(const struct child *child, uint64_t span_ns)
{
	uint64_t end_ns = lend_after(span_ns);
	uint64_t now_ns;

	/* Again after a signal, so that windows are as long as they should. */
	while ((now_ns = lend_now()) < end_ns) {
		struct pollfd poll_fd = { .fd = child->control,
					  .events = POLLIN };
		const struct timespec span = {
			.tv_sec = (time_t)((end_ns - now_ns) / LEND_S),
			.tv_nsec = (long)((end_ns - now_ns) % LEND_S),
		};

		if (ppoll(&poll_fd, 1, &span, NULL) > 0)
			return false;
	}
	return true;
}

uint64_t child_cpu_ns(const struct child *child)
{
	struct timespec used = { 0 };

	clock_gettime(child->cpu_clock, &used);
	return (uint64_t)used.tv_sec * LEND_S + (uint64_t)used.tv_nsec;
}

bool child_end(struct child *child, uint64_t span_ns)
{
	if (!child->pid)
		return false;
	/* No more orders: if it still waits for one, this is the last. Its end
	 * of the socket closes with it; what it said and nobody listened to
	 * comes first. */
	shutdown(child->control, SHUT_WR);
	while (!child->is_late && child_hear(child, span_ns))
		continue;
	if (child->is_late)
		kill(child->pid, SIGKILL);
	while (waitpid(child->pid, &child->status, 0) < 0 && errno == EINTR)
		continue;
	child->has_ended = true;
	child->pid = 0;
	return child->status == 0;
}

const char *child_trouble(struct child *child)
{
	/* If it is gone, how: that takes a moment to be known. */
	if (!child->is_late && !child->has_ended)
		child_end(child, 5 * LEND_S);
	if (child->is_late)
		return "the process under test hung, and was killed";
	if (WIFSIGNALED(child->status))
		snprintf(child->trouble, sizeof(child->trouble),
			 "the process under test died of signal %d (%s)",
			 WTERMSIG(child->status),
			 strsignal(WTERMSIG(child->status)));
	else
		snprintf(child->trouble, sizeof(child->trouble),
			 "the process under test ended with status %d",
			 WEXITSTATUS(child->status));
	return child->trouble;
}

void child_free(struct child *child)
{
	if (child->control >= 0)
		close(child->control);
	if (child->shared)
		munmap(child->shared, sizeof(*child->shared));
	child->shared = NULL;
	child->control = -1;
}
