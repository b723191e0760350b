/*
 * Child processes.
 *
 * Each is looked after by an actor of the library's from its start on, which
 * reaps it when it ends. So none stays a zombie, whoever waits for it or does
 * not; and the program must not wait for children in general (wait(2), SIGCHLD
 * ignored), or their status is lost. Children that still run when the runtime
 * stops are left to the program.
 */
#ifndef LEND_PROCESS_H
#define LEND_PROCESS_H

#include <lend/base.h>
#include <lend/blocking.h>
#include <stdbool.h>
#include <sys/types.h>

/* What a standard descriptor of the child is. */
enum lend_stdio {
	LEND_STDIO_INHERIT, /* the program's */
	LEND_STDIO_NULL,    /* /dev/null */
	LEND_STDIO_PIPE, /* a pipe; the other end is in struct lend_process */
};

/* Zeroed is valid. */
struct lend_process_options {
	char *const *environment; /* NULL: the program's */
	const char *directory;	  /* it starts there; NULL: the program's */
	enum lend_stdio in;
	enum lend_stdio out;
	enum lend_stdio err;
	bool group; /* in a process group of its own, with its number */
};

struct lend_process_state;

/* A handle; the caller's storage. The pipes are the caller's: one that it has
 * closed itself, with lend_close(), it sets to -1. */
struct lend_process {
	pid_t pid;
	int in;	 /* to be written to; -1: no pipe */
	int out; /* to be read from */
	int err;
	struct lend_process_state *state; /* the library's */
};

LEND_BEGIN_DECLS

/**
 * Start a program, posix_spawnp(3), on a thread of the pool of blocking.h.
 *
 * The child has no signal blocked or handled, and of the descriptors those
 * without close-on-exec.
 *
 * @file         its path, or a name that is looked for in $PATH
 * @argv         its arguments, the first of which is its name; then NULL
 * @options      NULL or zeroed for the defaults
 * @deadline     until when it may wait for a thread
 * @ret_process  written only on success
 *
 * Thread: an actor. Blocks: suspends the actor.
 * Ownership: lend_process_close().
 *
 * Return: 0
 *         -EINVAL  @file or @argv is NULL, or an option is out of range
 *         -ENOENT, -EACCES ...  why the program could not be executed
 *         -EMFILE, -ENOMEM, -ESHUTDOWN; as lend_blocking()
 */
LEND_API LEND_NODISCARD int
lend_process_spawn(const char *file, char *const argv[],
		   const struct lend_process_options *options,
		   uint64_t deadline,
		   struct lend_process *ret_process) LEND_AWAITS;

/**
 * Wait until a process has ended. Killing one that is late is the caller's.
 *
 * @ret_status  as waitpid(2) has it: WIFEXITED(), WEXITSTATUS() ...; NULL if
 * not wanted; written only on success
 *
 * Thread: an actor; several may, and again. Blocks: suspends the actor.
 *
 * Return: 0
 *         -ETIMEDOUT  it still runs
 *         -ECANCELED  the actor was cancelled
 *         -ECHILD     somebody else has reaped it: its status is lost
 *         -EINVAL     the handle is closed
 */
LEND_API LEND_NODISCARD int lend_process_wait(struct lend_process *process,
					      uint64_t deadline,
					      int *ret_status) LEND_AWAITS;

/**
 * kill(2), which never hits another process that has got its number since.
 *
 * Thread: any. Blocks: no.
 *
 * Return: 0
 *         -ESRCH  it has ended
 *         -EINVAL  there is no such signal, or the handle is closed
 *         -EPERM
 */
LEND_API int lend_process_kill(struct lend_process *process, int number);

/* Close the pipes and give up the handle; the process goes on, and is reaped
 * when it ends. Thread: an actor. Blocks: as lend_close(). */
LEND_API void lend_process_close(struct lend_process *process) LEND_AWAITS;

LEND_END_DECLS

#endif
