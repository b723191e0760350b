/*
 * Child processes: see include/lend/process.h. How one is started is
 * process_start.c.
 *
 * A keeper, an actor for each child, waits on its pidfd and reaps it; who waits
 * for a process joins its keeper. The record of both has two owners, the keeper
 * and the handle; the last one closes the pidfd.
 */
#include <lend/process.h>

#include <errno.h>
#include <lend/actor.h>
#include <lend/clock.h>
#include <lend/io.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/process_start.h"
#include "rt/places.h"

/* Until it is waited for again, when that was refused. */
#define AGAIN_NS (10 * LEND_MS)

struct lend_process_state {
	/* [const] */
	pid_t pid;
	int pid_fd;
	lend_ref keeper;

	_Atomic unsigned owners; /* [atomic: F1] */
	int status;		 /* of waitpid(2), or -errno; with @over */
	_Atomic bool over;	 /* [atomic: F2] */
};

static void release(struct lend_process_state *state)
{
	/* Acquire-release [F1]: all that the other owner did comes before. */
	if (atomic_fetch_sub_explicit(&state->owners, 1, memory_order_acq_rel) >
	    1)
		return;
	lend_close(state->pid_fd);
	free(state);
}

/* True: it has ended, and is no zombie. */
static bool reap(struct lend_process_state *state)
{
	int status;
	pid_t pid = waitpid(state->pid, &status, WNOHANG);

	if (!pid)
		return false;
	state->status = pid < 0 ? -errno : status;
	/* Release [F2], paired with lend_process_wait(): the status. */
	atomic_store_explicit(&state->over, true, memory_order_release);
	return true;
}

static int keep(void *arg)
{
	struct lend_process_state *state = arg;

	while (!reap(state)) {
		if (lend_poll(state->pid_fd, POLLIN, LEND_FOREVER) >= 0)
			continue;
		/* Cancelled, it looks once more: the runtime ends. */
		if (lend_is_cancelled()) {
			reap(state);
			break;
		}
		/* Memory lacks, which says nothing of the child: nobody else
		 * would reap it. */
		(void)lend_sleep(lend_after(AGAIN_NS));
	}
	release(state);
	return 0;
}

static int start_keeper(pid_t pid, int pid_fd,
			struct lend_process_state **ret_state)
{
	static const struct lend_spawn_options options = { .name = "process" };
	struct lend_process_state *state = calloc(1, sizeof(*state));
	int err;

	if (!state)
		return -ENOMEM;
	state->pid = pid;
	state->pid_fd = pid_fd;
	atomic_init(&state->owners, 2);
	/* The keeper itself does not look at its reference. */
	err = lend_spawn(keep, state, &options, &state->keeper);
	if (err) {
		free(state);
		return err;
	}
	*ret_state = state;
	return 0;
}

int lend_process_spawn(const char *file, char *const argv[],
		       const struct lend_process_options *options,
		       uint64_t deadline, struct lend_process *ret_process)
{
	static const struct lend_process_options defaults;
	struct lend_process_start start = {
		.file = file,
		.argv = argv,
		.options = options ? options : &defaults,
	};
	struct lend_process process;
	int res, err;

	if (!file || !argv)
		return -EINVAL;
	err = lend_blocking(lend__process_start, &start, deadline, &res);
	if (!err)
		err = res;
	if (err)
		return err;
	process = (struct lend_process){
		.pid = start.pid,
		.in = start.pipes[0],
		.out = start.pipes[1],
		.err = start.pipes[2],
	};
	err = start_keeper(start.pid, start.pid_fd, &process.state);
	if (err) {
		/* It must not run unkept. A killed one ends at once. */
		lend__process_undo(&start);
		return err;
	}
	for (unsigned i = 0; i < 3 && lend__places_used(); i++)
		if (start.pipes[i] >= 0)
			lend__place_note(LEND_PLACE_DESCRIPTOR,
					 (uintptr_t)start.pipes[i]);
	*ret_process = process;
	return 0;
}

int lend_process_wait(struct lend_process *process, uint64_t deadline,
		      int *ret_status)
{
	struct lend_process_state *state = process->state;

	if (!state)
		return -EINVAL;
	/* Acquire [F2]. */
	if (!atomic_load_explicit(&state->over, memory_order_acquire)) {
		int err = lend_join(state->keeper, deadline, NULL);

		/* -ESRCH: it has ended meanwhile. */
		if (err && err != -ESRCH)
			return err;
	}
	if (!atomic_load_explicit(&state->over, memory_order_acquire))
		return -ECANCELED; /* the keeper was: the runtime ends */
	if (state->status < 0)
		return state->status;
	if (ret_status)
		*ret_status = state->status;
	return 0;
}

int lend_process_kill(struct lend_process *process, int number)
{
	if (!process->state)
		return -EINVAL;
	return syscall(SYS_pidfd_send_signal, process->state->pid_fd, number,
		       NULL, 0) ?
		       -errno :
		       0;
}

void lend_process_close(struct lend_process *process)
{
	int *pipes[] = { &process->in, &process->out, &process->err };

	for (unsigned i = 0; i < 3; i++) {
		if (*pipes[i] >= 0)
			lend_close(*pipes[i]);
		*pipes[i] = -1;
	}
	if (process->state)
		release(process->state);
	process->state = NULL;
}
