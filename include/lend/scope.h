/*
 * Structured concurrency: scopes that own their actors, blocks of code with a
 * deadline, sections that can not be cancelled, and cleanups.
 *
 *	struct lend_scope *scope;
 *	int err = lend_scope_open(NULL, &scope);
 *
 *	for (int i = 0; i < 3 && !err; i++)
 *		err = lend_scope_spawn(scope, fetch, &jobs[i], NULL, NULL);
 *	if (!err)
 *		err = lend_scope_join(scope, lend_after(5 * LEND_S));
 *	close_err = lend_scope_close(scope);
 *
 * After the last line none of the three actors is there any more, whatever
 * happened, so jobs[] may be on the stack.
 *
 * One rule for all of this: inside, whoever is to end is told -ECANCELED, by
 * each of its calls that would wait; outside, the call that ends the scope or
 * the block says why.
 *
 * Thread: all of these are for actors.
 */
#ifndef LEND_SCOPE_H
#define LEND_SCOPE_H

#include <lend/actor.h>
#include <lend/base.h>
#include <lend/clock.h>
#include <stdbool.h>

struct lend_scope;

/* Zeroed is valid. */
struct lend_scope_options {
	/* When it passes, the members' calls that would wait return -ECANCELED,
	 * as if they were cancelled, and so do the owner's until it closes the
	 * scope: see lend_deadline_push(). 0: none but those around it. */
	uint64_t deadline;
	/* The first member that returns a negative value, without having been
	 * cancelled, has all others cancelled. */
	bool cancel_on_failure;
	unsigned actors_max; /* members at a time; 0: the runtime's limit */
};

LEND_BEGIN_DECLS

/* ---- scopes ---- */

/**
 * Open a scope of the calling actor.
 *
 * It owns the actors that are spawned in it: they are cancelled when the owner
 * is, and none outlives lend_scope_close(), which the owner's end calls for
 * what is still open, however it ends. If the owner is cancelled already, so is
 * the scope. Inside a section that can not be cancelled it is as if nobody had
 * cancelled the owner; its members are told at the section's end.
 *
 * @options    NULL or zeroed for the defaults; copied
 * @ret_scope  written only on success
 *
 * Blocks: no.
 * Ownership: lend_scope_close(). Scopes are closed in reverse order. Memory is
 *            a span of the actor's I/O heap.
 *
 * Return: 0
 *         -ENOMEM  the actor's I/O heap is full
 */
LEND_API LEND_NODISCARD int
lend_scope_open(const struct lend_scope_options *options,
		struct lend_scope **ret_scope);

/**
 * Start an actor in a scope: its member.
 *
 * With @options->joinable its value is kept until lend_join(),
 * lend_scope_next(), or the scope's close, which drops it.
 *
 * @fn, @arg, @options, @ret_ref  as for lend_spawn()
 *
 * Thread: the scope's owner, or one of its members.
 * Blocks: no.
 *
 * Return: as lend_spawn(), and
 *         -EINVAL     also if the caller is neither owner nor member
 *         -ECANCELED  the scope was cancelled
 *         -EAGAIN     it has actors_max members
 */
LEND_API LEND_NODISCARD int
lend_scope_spawn(struct lend_scope *scope, lend_actor_fn fn, void *arg,
		 const struct lend_spawn_options *options, lend_ref *ret_ref);

/**
 * Cancel all members, for good: the scope takes no more. It is not joined.
 *
 * Thread: the owner, or a member (which is cancelled with the others).
 * Blocks: no.
 *
 * Return: 0
 *         -EINVAL  the caller is neither
 */
LEND_API int lend_scope_cancel(struct lend_scope *scope);

/**
 * Wait until no member lives. More can be spawned afterwards.
 *
 * @deadline  how long at most; LEND_NOW: look whether any lives
 *
 * Thread: the owner. Blocks: suspends the actor.
 *
 * Return: 0
 *         -EINVAL     the caller is not the owner
 *         -ETIMEDOUT  some live
 *         -ECANCELED  the owner was cancelled, or the scope's deadline passed
 */
LEND_API LEND_NODISCARD int lend_scope_join(struct lend_scope *scope,
					    uint64_t deadline) LEND_AWAITS;

/**
 * Wait until any joinable member has ended, and collect its value: in the order
 * in which they ended, each once.
 *
 * @deadline   how long at most; LEND_NOW takes only a value that is there
 * @ret_ref    which one; NULL if not wanted; written only on success
 * @ret_value  its exit value; NULL if not wanted; written only on success
 *
 * Thread: the owner. Blocks: suspends the actor.
 *
 * Return: as lend_scope_join(), and
 *         -ESRCH  no member lives and no value is left
 */
LEND_API LEND_NODISCARD int lend_scope_next(struct lend_scope *scope,
					    uint64_t deadline,
					    lend_ref *ret_ref,
					    int *ret_value) LEND_AWAITS;

/**
 * Members that have not ended; 0 for who is neither owner nor member.
 *
 * Thread: the owner or a member. Blocks: no.
 */
LEND_API unsigned lend_scope_actors(const struct lend_scope *scope);

/**
 * Cancel the members that are left, wait until all have ended, and free the
 * scope. NULL is ignored.
 *
 * Thread: the owner, after having closed the scopes it has opened since.
 * Blocks: suspends the actor, as long as its members' cleanups take; also one
 * that was cancelled, and it can not be cut short.
 *
 * Return: 0
 *         a negative exit value: that of the first member that failed without
 *                     having been cancelled
 *         -ETIMEDOUT  none failed, but its deadline had passed
 *         -EBUSY      a scope that was opened later is open: nothing was done
 *         -EINVAL     the caller is not the owner: nothing was done
 */
LEND_API int lend_scope_close(struct lend_scope *scope) LEND_AWAITS;

/* ---- blocks with a deadline ---- */

/**
 * Begin a block of code: when @deadline passes, each call in it that would wait
 * returns -ECANCELED, whatever its own deadline, and lend_is_cancelled() is
 * true, until the block ends. The deadlines of blocks around it hold as well.
 *
 *	uint64_t before = lend_deadline_push(lend_after(2 * LEND_S));
 *
 *	err = speak_with(fd);
 *	if (lend_deadline_pop(before))
 *		err = -ETIMEDOUT;
 *
 * @deadline  LEND_FOREVER: those of the blocks around it
 *
 * Blocks: no.
 *
 * Return: what lend_deadline_pop() is to be given
 */
LEND_API LEND_NODISCARD uint64_t lend_deadline_push(uint64_t deadline);

/**
 * End the innermost block.
 *
 * @before  what lend_deadline_push() returned
 *
 * Blocks: no.
 *
 * Return: 0           its calls went on as usual
 *         -ETIMEDOUT  the deadline has passed, and calls were refused for it
 */
LEND_API int lend_deadline_pop(uint64_t before);

/* The nearest deadline of the blocks that the calling actor is in; LEND_FOREVER
 * if there is none. Blocks: no. */
LEND_API uint64_t lend_deadline(void);

/* ---- sections that can not be cancelled ---- */

/**
 * Begin a section in which calls go on as if nobody had cancelled the actor,
 * and as if there were no block around it: for what has to be done in full.
 * Blocks inside it work as usual. Sections nest.
 *
 * The actor's scopes are not cancelled meanwhile either. lend_is_cancelled() is
 * false.
 *
 * Blocks: no.
 *
 * Return: what lend_uncancellable_end() is to be given
 */
LEND_API LEND_NODISCARD uint64_t lend_uncancellable_begin(void);

/**
 * End the innermost section. If it was the last, a cancellation shows at the
 * next call that would wait.
 *
 * @before  what lend_uncancellable_begin() returned
 *
 * Blocks: no.
 */
LEND_API void lend_uncancellable_end(uint64_t before);

/* ---- cleanups ---- */

/**
 * Have @fn called when the calling actor ends, however it ends: by its
 * function's return, lend_exit() or after a cancellation.
 *
 * The cleanups of an actor are called newest first, its open scopes being
 * closed in their places among them; then its operations in flight are ended.
 * They run in the actor, in a section that can not be cancelled, and may wait:
 * close descriptors, say good-bye (with a deadline: nobody else ends it). They
 * may register others. They may not call lend_exit().
 *
 * Blocks: no.
 * Ownership: @arg is the caller's. Each takes 64 bytes of the actor's I/O heap.
 *
 * Return: 0
 *         -EINVAL  @fn is NULL
 *         -ENOMEM  the actor's I/O heap is full
 */
LEND_API LEND_NODISCARD int lend_defer(void (*fn)(void *arg), void *arg);

/**
 * Forget the newest cleanup of that function and argument.
 *
 * Blocks: no.
 *
 * Return: 0
 *         -ENOENT  there is none
 */
LEND_API int lend_undefer(void (*fn)(void *arg), void *arg);

/**
 * Forget the newest cleanup.
 *
 * @run  call it before this returns, not in a section of its own
 *
 * Blocks: as the cleanup.
 *
 * Return: 0
 *         -ENOENT  there is none
 *         -EBUSY   a scope was opened after it and is still open
 */
LEND_API int lend_defer_pop(bool run) LEND_AWAITS;

LEND_END_DECLS

#endif
