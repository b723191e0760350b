/*
 * Code that blocks a thread: functions of other libraries, system calls that
 * io_uring has no operation for, long computations. A pool of threads runs
 * them, so that the calling actor waits and its worker does not.
 *
 * The pool belongs to the runtime. Its threads are started when they are needed
 * and end when they have had nothing to do for a while; how many there may be,
 * and how many calls may wait for one, are options of the runtime:
 * lend_options.blocking_threads_max, blocking_queue_max, blocking_idle_ns. All
 * signals but those of faults are blocked in them. A function that runs there
 * is outside of any actor: it can not make calls that suspend. It has the
 * floating point modes of the thread that has started the runtime, whatever its
 * actor keeps; see lend_keep_fp_modes().
 *
 * Nothing can interrupt a function of C that runs. So a deadline, or the
 * cancellation of the actor, ends the waiting for a function that has not
 * begun, and then it never begins. For one that runs there are two forms:
 * lend_blocking() comes back when it is over, however long that takes, so what
 * @arg points to may be on the actor's stack; lend_blocking_owned() comes back
 * at once and leaves @arg to the pool.
 */
#ifndef LEND_BLOCKING_H
#define LEND_BLOCKING_H

#include <lend/actor.h>
#include <lend/base.h>

struct addrinfo;

#define LEND_BLOCKING_THREADS_MAX 1024
#define LEND_BLOCKING_QUEUE_MAX	  1048576

/* What a thread of the pool is to do. */
typedef int (*lend_blocking_fn)(void *arg);

LEND_BEGIN_DECLS

/**
 * Run a function on a thread of the pool, and wait until it is over.
 *
 * @fn, @arg  the function and what it is given
 * @deadline  until when it may wait for a thread; one that runs is waited for
 *            without a limit
 * @ret       what @fn returned; NULL if not wanted; written only on success
 *
 * Thread: an actor. Blocks: suspends the actor.
 * Ownership: @arg is the caller's; when this returns nobody else uses it.
 *
 * Return: 0           @fn is over, also if the deadline has passed or the actor
 *                     was cancelled meanwhile
 *         -EINVAL     @fn is NULL
 *         -EAGAIN     lend_options.blocking_queue_max calls wait already, or
 *                     not a single thread could be started
 *         -ETIMEDOUT  no thread was free before @deadline: @fn has not run
 *         -ECANCELED  the actor was cancelled before: @fn has not run
 *         -ENOMEM     no memory: @fn has not run
 */
LEND_API LEND_NODISCARD int lend_blocking(lend_blocking_fn fn, void *arg,
					  uint64_t deadline,
					  int *ret) LEND_AWAITS;

/**
 * The same for an actor that does not want to wait longer than @deadline, even
 * if the function runs.
 *
 * @free_arg  releases @arg and what it owns; called on a thread of the pool or
 *            by this function; NULL: there is nothing to release
 *
 * Thread: an actor. Blocks: suspends the actor, until @deadline at most.
 * Ownership: 0 gives @arg back to the caller. With any error it has been, or
 *            will be once @fn is over, given to @free_arg: the caller must not
 *            touch it. lend_runtime_stop() waits for functions that run.
 *
 * Return: as lend_blocking(); -ETIMEDOUT and -ECANCELED do not tell whether @fn
 *         has begun
 */
LEND_API LEND_NODISCARD int lend_blocking_owned(lend_blocking_fn fn, void *arg,
						void (*free_arg)(void *arg),
						uint64_t deadline,
						int *ret) LEND_AWAITS;

LEND_END_DECLS

#endif
