/*
 * A program of a scenario about scopes, cleanups, sections, questions and
 * timers: a tree of actors that is cut down at any moment, by any of the ways
 * there are, and must leave nobody behind.
 */
#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>

#include "kernel.h"
#include "program.h"

#define DEPTH_MAX 3

/* Of one program; its actors count themselves. */
struct tree {
	_Atomic int living;
	_Atomic int cleanups; /* registered and not called yet */
	int silent;	      /* a socket on which nothing comes */
};

struct branch {
	struct tree *tree;
	unsigned depth;
};

static void clean_up(void *arg)
{
	struct tree *tree = arg;

	SIM_EXPECT(!lend_is_cancelled(), "a cleanup is cancelled");
	if (sim_draw(0, 1)) {
		int err = lend_sleep(lend_after(sim_draw(0, 50) * LEND_US));

		SIM_EXPECT(!err, "a cleanup's sleep: %d", err);
	}
	atomic_fetch_sub(&tree->cleanups, 1);
}

/* The first that was registered: called last. */
static void count_out(void *arg)
{
	struct tree *tree = arg;

	atomic_fetch_sub(&tree->living, 1);
}

/* Whatever it is: over, or cut short. @last: a timer may be left behind. */
static void wait_somehow(struct tree *tree, bool last)
{
	uint64_t deadline = lend_after(sim_draw(0, 200) * LEND_US);
	struct lend_timer *timer = NULL;
	struct lend_msg *msg;
	char byte;
	int res;

	if (sim_draw(0, 3) == 0)
		deadline = LEND_FOREVER;
	switch (sim_draw(0, 3)) {
	case 0:
		res = lend_sleep(deadline);
		break;
	case 1:
		res = (int)lend_recv(tree->silent, &byte, 1, 0, deadline);
		break;
	case 2:
		res = lend_timer_start(deadline, sim_draw(0, 1) * 20 * LEND_US,
				       5, &timer);
		SIM_EXPECT(!res, "timer: %d", res);
		res = lend_receive(LEND_FOREVER, &msg);
		if (!res) {
			SIM_EXPECT(lend_msg_type(msg) == 5 &&
					   lend_now() >= deadline,
				   "an early timer");
			lend_msg_free(msg);
		}
		if (!last || sim_draw(0, 1))
			lend_timer_stop(timer);
		break;
	default:
		res = lend_receive(deadline, &msg);
		SIM_EXPECT(res, "a message of nobody's");
		break;
	}
	/* -EINTR: as of any read here. */
	SIM_EXPECT(!res || res == -ETIMEDOUT || res == -ECANCELED ||
			   res == -EINTR,
		   "a wait: %d", res);
	SIM_EXPECT(deadline != LEND_FOREVER || res == -ECANCELED ||
			   res == -EINTR,
		   "a wait without end: %d", res);
}

static void wait_in_section(void)
{
	uint64_t before = lend_uncancellable_begin();
	int err = lend_sleep(lend_after(sim_draw(0, 50) * LEND_US));

	SIM_EXPECT(!err, "a section's sleep: %d", err);
	lend_uncancellable_end(before);
}

static void wait_in_block(struct tree *tree)
{
	uint64_t before = lend_deadline_push(
		lend_after(sim_draw(0, 100) * LEND_US));
	bool cancelled;

	wait_somehow(tree, false);
	cancelled = lend_is_cancelled();
	SIM_EXPECT(!lend_deadline_pop(before) || cancelled,
		   "a block was late, and nobody was told");
}

static int grow(void *arg);

static void branch_out(struct branch *branch)
{
	const struct lend_scope_options options = {
		.deadline = sim_draw(0, 2) ?
				    0 :
				    lend_after(sim_draw(1, 200) * LEND_US),
		.cancel_on_failure = sim_draw(0, 1),
		.actors_max = sim_draw(0, 3),
	};
	struct branch below = { branch->tree, branch->depth - 1 };
	struct lend_scope *scope;
	int err = lend_scope_open(&options, &scope), value;

	SIM_EXPECT(!err, "open: %d", err);
	for (unsigned i = sim_draw(0, 4); i > 0; i--) {
		const struct lend_spawn_options how = {
			.joinable = sim_draw(0, 1),
		};

		err = lend_scope_spawn(scope, grow, &below, &how, NULL);
		SIM_EXPECT(!err || err == -EAGAIN || err == -ECANCELED ||
				   err == -ENOMEM || err == -ESHUTDOWN,
			   "spawn: %d", err);
		if (sim_draw(0, 3) == 0)
			lend_yield();
	}
	switch (sim_draw(0, 3)) {
	case 0:
		err = lend_scope_join(scope,
				      lend_after(sim_draw(0, 100) * LEND_US));
		break;
	case 1:
		do
			err = lend_scope_next(
				scope, lend_after(sim_draw(0, 100) * LEND_US),
				NULL, &value);
		while (!err);
		break;
	case 2:
		err = lend_scope_cancel(scope);
		break;
	default:
		break;
	}
	/* @below is in this frame: the scope has to be closed before it goes,
	 * and the actor's end may do that. */
	if (sim_draw(0, 3) == 0)
		lend_exit(-1);
	lend_scope_close(scope);
}

static int grow(void *arg)
{
	struct branch *branch = arg;
	struct tree *tree = branch->tree;
	bool cleans = sim_draw(0, 1);

	atomic_fetch_add(&tree->living, 1);
	SIM_EXPECT(!lend_defer(count_out, tree), "defer");
	if (cleans) {
		atomic_fetch_add(&tree->cleanups, 1);
		SIM_EXPECT(!lend_defer(clean_up, tree), "defer");
	}
	if (sim_draw(0, 3) == 0)
		wait_in_section();
	if (sim_draw(0, 3) == 0)
		wait_in_block(tree);
	if (branch->depth && sim_draw(0, 1))
		branch_out(branch);
	else if (sim_draw(0, 1))
		wait_somehow(tree, true);
	/* In its parent's frame, which must still be there. */
	SIM_EXPECT(branch->depth <= DEPTH_MAX, "a frame is gone");
	return sim_draw(0, 5) == 0 ? -EIO : 0;
}

static int answer(void *arg)
{
	struct lend_msg *msg;

	(void)arg;
	while (!lend_receive(LEND_FOREVER, &msg)) {
		if (sim_draw(0, 2) == 0)
			lend_sleep(lend_after(sim_draw(0, 50) * LEND_US));
		if (sim_draw(0, 3))
			(void)!lend_reply(msg, 9, NULL, 0);
		lend_msg_free(msg);
	}
	return 0;
}

static int ask(void *arg)
{
	const lend_ref *server = arg;

	for (unsigned i = sim_draw(1, 5); i > 0; i--) {
		struct lend_msg *msg;
		int err = lend_ask(
			*server, 8, NULL, 0,
			sim_draw(0, 1) ? LEND_FOREVER :
					 lend_after(sim_draw(0, 50) * LEND_US),
			&msg);

		SIM_EXPECT(!err || err == -EPIPE || err == -ETIMEDOUT ||
				   err == -ECANCELED || err == -ESRCH,
			   "ask: %d", err);
		if (err == -ECANCELED)
			break;
		if (err)
			continue;
		SIM_EXPECT(lend_msg_type(msg) == 9, "an answer");
		lend_msg_free(msg);
	}
	return 0;
}

/* Askers and their server in a scope, ended in any order. */
static void ask_around(void)
{
	struct lend_scope *scope;
	lend_ref server;
	int err = lend_scope_open(NULL, &scope);

	SIM_EXPECT(!err, "open: %d", err);
	err = lend_scope_spawn(scope, answer, NULL, NULL, &server);
	SIM_EXPECT(!err, "spawn: %d", err);
	for (unsigned i = sim_draw(1, 4); i > 0; i--) {
		err = lend_scope_spawn(scope, ask, &server, NULL, NULL);
		SIM_EXPECT(!err, "spawn: %d", err);
	}
	err = lend_scope_join(scope, lend_after(sim_draw(0, 300) * LEND_US));
	SIM_EXPECT(err == -ETIMEDOUT || !err, "join: %d", err);
	lend_scope_close(scope);
}

int sim_program_scopes(void *arg)
{
	struct tree tree = { 0 };
	struct branch trunk = { &tree, DEPTH_MAX };
	int fds[2], err = sim_socket_pair(fds);

	(void)arg;
	SIM_EXPECT(!err, "socketpair: %d", err);
	tree.silent = fds[0];
	for (unsigned round = sim_draw(1, 2); round > 0; round--) {
		struct lend_scope *scope;

		if (sim_draw(0, 1))
			ask_around();
		err = lend_scope_open(NULL, &scope);
		SIM_EXPECT(!err, "open: %d", err);
		for (unsigned i = sim_draw(1, 3); i > 0; i--) {
			err = lend_scope_spawn(scope, grow, &trunk, NULL, NULL);
			SIM_EXPECT(!err, "spawn: %d", err);
		}
		lend_sleep(lend_after(sim_draw(0, 300) * LEND_US));
		lend_scope_close(scope);
		SIM_EXPECT(!atomic_load(&tree.living), "somebody lives");
		SIM_EXPECT(!atomic_load(&tree.cleanups), "not cleaned up");
	}
	SIM_EXPECT(!lend_close(fds[0]) && !lend_close(fds[1]), "close");
	return 0;
}
