/*
 * Starting a child process: see process_start.h.
 *
 * posix_spawn(3) is used, as fork(2) of a program with threads and rings leaves
 * little that the child may do before its exec.
 */
#include "io/process_start.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void close_all(int fds[3])
{
	for (int i = 0; i < 3; i++) {
		if (fds[i] >= 0)
			close(fds[i]);
		fds[i] = -1;
	}
}

/* Above the standard ones, which may be closed in the program: what is put in
 * their places later must not be what is taken from there. */
static int move_up(int *fd)
{
	int moved;

	if (*fd > 2)
		return 0;
	moved = fcntl(*fd, F_DUPFD_CLOEXEC, 3);
	if (moved < 0)
		return -errno;
	close(*fd);
	*fd = moved;
	return 0;
}

/* A pipe for descriptor @number of the child: its end, and ours. */
static int make_pipe(int number, int *theirs, int *ours)
{
	int fds[2], err;

	if (pipe2(fds, O_CLOEXEC))
		return -errno;
	*theirs = fds[number ? 1 : 0];
	*ours = fds[number ? 0 : 1];
	err = move_up(theirs);
	return err ? err : move_up(ours);
}

static int prepare(posix_spawn_file_actions_t *actions, enum lend_stdio stdio,
		   int number, int *theirs, int *ours)
{
	int err;

	switch (stdio) {
	case LEND_STDIO_INHERIT:
		return 0;
	case LEND_STDIO_NULL:
		return -posix_spawn_file_actions_addopen(
			actions, number, "/dev/null", O_RDWR, 0);
	case LEND_STDIO_PIPE:
		err = make_pipe(number, theirs, ours);
		if (err)
			return err;
		return -posix_spawn_file_actions_adddup2(actions, *theirs,
							 number);
	}
	return -EINVAL;
}

static int set_attributes(posix_spawnattr_t *attributes,
			  const struct lend_process_options *options)
{
	short flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
	sigset_t none, all;

	/* This thread blocks them all. */
	sigemptyset(&none);
	sigfillset(&all);
	if (options->group)
		flags |= POSIX_SPAWN_SETPGROUP;
	posix_spawnattr_setsigmask(attributes, &none);
	posix_spawnattr_setsigdefault(attributes, &all);
	posix_spawnattr_setpgroup(attributes, 0);
	return -posix_spawnattr_setflags(attributes, flags);
}

static int spawn(struct lend_process_start *start,
		 posix_spawn_file_actions_t *actions, int theirs[3])
{
	const struct lend_process_options *options = start->options;
	const enum lend_stdio stdio[] = { options->in, options->out,
					  options->err };
	posix_spawnattr_t attributes;
	int err = 0;

	for (int i = 0; i < 3 && !err; i++)
		err = prepare(actions, stdio[i], i, &theirs[i],
			      &start->pipes[i]);
	if (!err && options->directory)
		err = -posix_spawn_file_actions_addchdir_np(actions,
							    options->directory);
	if (!err)
		err = -posix_spawnattr_init(&attributes);
	if (err)
		return err;
	err = set_attributes(&attributes, options);
	if (!err)
		err = -posix_spawnp(
			&start->pid, start->file, actions, &attributes,
			start->argv,
			options->environment ? options->environment : environ);
	posix_spawnattr_destroy(&attributes);
	return err;
}

void lend__process_undo(struct lend_process_start *start)
{
	kill(start->pid, SIGKILL);
	while (waitpid(start->pid, NULL, 0) < 0 && errno == EINTR)
		;
	if (start->pid_fd >= 0)
		close(start->pid_fd);
	close_all(start->pipes);
}

int lend__process_start(void *arg)
{
	struct lend_process_start *start = arg;
	posix_spawn_file_actions_t actions;
	int theirs[3] = { -1, -1, -1 };
	int err;

	memset(start->pipes, -1, sizeof(start->pipes));
	err = -posix_spawn_file_actions_init(&actions);
	if (err)
		return err;
	err = spawn(start, &actions, theirs);
	posix_spawn_file_actions_destroy(&actions);
	close_all(theirs);
	if (err) {
		close_all(start->pipes);
		return err;
	}
	/* Nobody has reaped it, so the number is still its own. */
	start->pid_fd = (int)syscall(SYS_pidfd_open, start->pid, 0);
	if (start->pid_fd < 0) {
		err = -errno;
		lend__process_undo(start);
	}
	return err;
}
