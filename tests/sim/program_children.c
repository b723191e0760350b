/*
 * A part of the operations' program: child processes are waited for, alone and
 * by several actors at once. Each is told of once, to one of them, and a wait
 * that is given up has taken none away.
 */
#include <errno.h>
#include <signal.h>
#include <sys/wait.h>

#include "either.h"
#include "kernel.h"

#define CHILDREN_MAX 6
#define STATUS(i)    (10 + (int)(i))

struct family {
	int group;
	unsigned count;
	int pids[CHILDREN_MAX];
	unsigned told[CHILDREN_MAX];
};

/* A group of its own. */
static int groups;

static void start(struct family *family, unsigned count)
{
	family->group = ++groups;
	family->count = count;
	for (unsigned i = 0; i < count; i++) {
		family->pids[i] = sim_child_start(
			family->group, STATUS(i),
			lend_after(sim_draw(1, 2000) * LEND_US));
		SIM_EXPECT(family->pids[i] > 0, "child: %d", family->pids[i]);
	}
}

static int wait_async(int idtype, int id, siginfo_t *info, int options)
{
	struct lend_pending *pending;
	int err = lend_waitid_async(idtype, (uint32_t)id, info, options,
				    &pending);

	if (err)
		return err;
	/* Given up, it may have had one all the same. */
	if (sim_draw(0, 1) &&
	    lend_pending_await(pending, sim_soon(300)) == -ETIMEDOUT)
		lend_pending_cancel(pending);
	return sim_finish(pending);
}

/* Again until it is told of one, or that there is none. */
static int wait_for(int idtype, int id, siginfo_t *info, int options)
{
	int res;

	do {
		if (sim_draw(0, 1))
			res = wait_async(idtype, id, info, options);
		else
			res = lend_waitid(idtype, (uint32_t)id, info, options,
					  sim_draw(0, 1) ? LEND_FOREVER :
							   sim_soon(300));
	} while (res == -ETIMEDOUT || res == -ECANCELED || sim_is_passing(res));
	return res;
}

static void note(struct family *family, const siginfo_t *info)
{
	unsigned i = 0;

	while (i < family->count && family->pids[i] != info->si_pid)
		i++;
	SIM_EXPECT(i < family->count && info->si_signo == SIGCHLD &&
			   info->si_code == CLD_EXITED &&
			   info->si_status == STATUS(i),
		   "told of child %d, which ended with %d", info->si_pid,
		   info->si_status);
	family->told[i]++;
}

static int collect(void *arg)
{
	struct family *family = arg;
	siginfo_t *info = lend_io_alloc(sizeof(*info));
	int res;

	SIM_EXPECT(info, "no memory");
	while (!(res = wait_for(P_PGID, family->group, info, WEXITED)))
		note(family, info);
	SIM_EXPECT(res == -ECHILD, "waitid: %d", res);
	lend_io_free(info);
	return 0;
}

/* Looked at, looked at when it is over, taken, gone. */
static void follow_one(void)
{
	struct family family = { .count = 0 };
	siginfo_t *info = lend_io_alloc(sizeof(*info));
	int res;

	SIM_EXPECT(info, "no memory");
	start(&family, 1);
	res = wait_for(P_PID, family.pids[0], info,
		       WEXITED | WNOHANG | WNOWAIT);
	SIM_EXPECT(!res && (!info->si_pid || info->si_pid == family.pids[0]),
		   "look: %d", res);
	res = wait_for(P_PID, family.pids[0], info, WEXITED | WNOWAIT);
	SIM_EXPECT(!res, "waitid: %d", res);
	note(&family, info);
	res = wait_for(P_PID, family.pids[0], sim_draw(0, 1) ? info : NULL,
		       WEXITED);
	SIM_EXPECT(!res, "waitid: %d", res);
	res = wait_for(P_PID, family.pids[0], info, WEXITED);
	SIM_EXPECT(res == -ECHILD, "of one that is gone: %d", res);
	lend_io_free(info);
}

int sim_operations_children(void *arg)
{
	struct family family = { .count = 0 };
	lend_ref refs[3];
	unsigned count = sim_draw(1, 3);

	(void)arg;
	follow_one();
	start(&family, sim_draw(1, CHILDREN_MAX));
	for (unsigned i = 0; i < count; i++)
		refs[i] = sim_spawn(collect, &family);
	for (unsigned i = 0; i < count; i++)
		sim_join(refs[i], 0);
	for (unsigned i = 0; i < family.count; i++)
		SIM_EXPECT(family.told[i] == 1, "child %u was told of %u times",
			   i, family.told[i]);
	return 0;
}
