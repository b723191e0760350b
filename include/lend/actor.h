/*
 * Actors: functions on small stacks of their own, run by the workers.
 *
 * An actor is ordinary straight-line code. It may call anything that returns
 * in reasonable time; what waits for the outside goes through the library,
 * which suspends the actor and lets others run. Actors are not preempted: one
 * that computes for long should call lend_yield_if_needed() now and then.
 *
 * The stack is 64 KiB unless the runtime's options say otherwise (61 KiB of
 * them at least are for your frames, the rest is the library's), or those of
 * the spawn; below it lies a guard page: an overflow ends the process with a
 * line that names the actor. printf() and getaddrinfo() fit; big arrays belong
 * on the heap.
 *
 * What blocks a thread (getaddrinfo(), a lock held for long, read() of a pipe)
 * blocks all actors of its worker: use the library's calls, or the threads of
 * blocking.h.
 *
 * Between two suspensions an actor stays on its thread; after one it may be on
 * another, so no lock of pthread, no errno and no thread-local address may be
 * kept over a call marked LEND_AWAITS, unless the actor is pinned: lend_pin().
 *
 * "Thread: an actor" means that a call is a mistake anywhere else. Unless its
 * list of results has that, the process ends: by most calls with a line that
 * names them.
 */
#ifndef LEND_ACTOR_H
#define LEND_ACTOR_H

#include <lend/base.h>
#include <lend/clock.h>
#include <stdbool.h>
#include <stddef.h>

/* An actor's name for all time: no two actors of a runtime have the same, so a
 * stale one is an error and not somebody else. Generations begin anew when a
 * place has had 2^32 - 1 actors; who spawns and joins in a loop, always in the
 * same place, gets there within minutes or hours. So a reference that is kept
 * for so long may then name the one actor of so many that has its number.
 * Zeroed: nobody, ever. */
typedef struct lend_ref {
	uint32_t index;
	uint32_t generation;
} lend_ref;

/* What an actor does; its result is the exit value. */
typedef int (*lend_actor_fn)(void *arg);

#define LEND_ACTOR_NAME_MAX 31

struct lend_spawn_options {
	const char *name; /* copied, cut at LEND_ACTOR_NAME_MAX bytes or before
			   * a character (UTF-8) that does not fit, with '?'
			   * for control characters; NULL: none */
	unsigned worker;  /* 1 to the number of workers: start there; 0: here */
	bool joinable;	  /* keep the exit value until somebody joins */
	bool pinned;	  /* stay on that worker: see lend_pin(); with @worker 0
			   * such actors are spread over the workers */
	/* Bytes for its frames, up to 1 GiB, in whole pages: for the few that
	 * need more than lend_options.stack_size, as all others have. 0, or not
	 * more than that: as all others. It is mapped by the spawn and unmapped
	 * at the actor's end, which takes some ten microseconds. */
	size_t stack_size;
};

LEND_BEGIN_DECLS

/**
 * Start an actor.
 *
 * It runs when its worker comes to it, on the spawning worker if
 * @options->worker is 0; an idle worker may take it over.
 *
 * @fn, @arg  the function and what it is given; @arg is the caller's and has
 *            to live as long as the actor uses it
 * @options   NULL or zeroed for the defaults
 * @ret_ref   NULL if not wanted; written only on success
 *
 * Thread: an actor; other threads use lend_runtime_spawn().
 * Blocks: no.
 * Ownership: nobody has to free an actor. One that is joinable keeps its place
 *            until it was joined.
 *
 * Return: 0
 *         -EINVAL     @fn is NULL, or there is no such worker, or
 *                     @options->stack_size is above 1 GiB; or the caller is on
 *                     no worker's thread
 *         -ENOMEM     no memory, or as many actors as lend_options.actors_max;
 *                     the place of one that was just joined is free a moment
 *                     later. For a stack of its own also: no address space, or
 *                     no mapping (vm.max_map_count)
 *         -ESHUTDOWN  the runtime is stopping
 */
LEND_API LEND_NODISCARD int lend_spawn(lend_actor_fn fn, void *arg,
				       const struct lend_spawn_options *options,
				       lend_ref *ret_ref);

/**
 * The calling actor; zeroed outside actors.
 *
 * Thread: any. Blocks: no.
 */
LEND_API lend_ref lend_self(void);

/**
 * Is this an actor, where calls marked LEND_AWAITS may be made? Not in
 * functions that the library itself calls in the middle of its work, such as
 * log functions.
 *
 * Thread: any. Blocks: no.
 */
LEND_API bool lend_may_suspend(void);

/**
 * The calling actor's name; "" without one or outside actors.
 *
 * Thread: any. Blocks: no. Ownership: valid until the actor ends.
 */
LEND_API const char *lend_self_name(void);

/**
 * Let the others run.
 *
 * Thread: an actor. Blocks: suspends the actor until its next turn, also if it
 *         was cancelled before.
 *
 * Return: 0
 *         -ECANCELED  somebody cancelled the actor
 */
LEND_API int lend_yield(void) LEND_AWAITS;

/**
 * Let the others run if the calling actor has run for long (some 10 us), or has
 * made 64 calls in a row that could have suspended it and found at once what
 * they were asked for: for the loops of what computes. Else it costs about as
 * much as a call of a function.
 *
 * The calls that may suspend do the same by themselves, so that an actor whose
 * data is always there leaves room for others; but they only count.
 *
 * Thread: an actor. Blocks: may suspend the actor until its next turn.
 *
 * Return: 0
 *         -ECANCELED  it was suspended, and somebody has cancelled it
 */
LEND_API int lend_yield_if_needed(void) LEND_AWAITS;

/**
 * Have the calling actor stay on the worker, and so on the thread, that runs it
 * now: for code with thread-local variables. It stays there until it ends or
 * calls lend_unpin().
 *
 * Its worker alone runs it: while that is stuck it waits, and while there are
 * such actors lend_runtime_set_workers() can not remove their worker.
 *
 * They do not nest: one lend_unpin() ends any number of lend_pin(), and
 * lend_spawn_options.pinned.
 *
 * Thread: an actor. Blocks: no.
 */
LEND_API void lend_pin(void);
LEND_API void lend_unpin(void);

/**
 * Keep the calling actor's floating point modes over its suspensions, or do not
 * any more: how is rounded, what is trapped, whether denormal numbers are zeros
 * (mxcsr and the control word of the x87; fpcr on arm64).
 *
 * By default they are not kept, as that is what a switch would mostly consist
 * of: they are the thread's. An actor that changes them has to change them back
 * before any call that may suspend, or others run with them, and it may itself
 * go on without.
 *
 * @keep  true: from here on the actor has modes of its own, at first those that
 *        are set; the others do not get them, nor are they left when it ends.
 *        false: the modes are the thread's at once, as they were at its start:
 *        those of the thread that has started the runtime, then.
 *
 * Thread: an actor. Blocks: no.
 */
LEND_API void lend_keep_fp_modes(bool keep);

/**
 * Sleep.
 *
 * @deadline  until when; LEND_NOW returns at once, LEND_FOREVER sleeps until
 *            cancelled
 *
 * Thread: an actor. Blocks: suspends the actor.
 *
 * Return: 0           the deadline has come
 *         -ECANCELED  somebody cancelled the actor, also if it has come
 */
LEND_API int lend_sleep(uint64_t deadline) LEND_AWAITS;

/**
 * Wait until somebody has unparked the calling actor, by lend_unpark().
 *
 * Who does so gives it a permit, which this call takes. A permit that came
 * before the call is kept for it, so the call then returns at once; but never
 * more than one, so any number of lend_unpark() before it is as good as one.
 * What they were about has to be looked for: after the call all of it can be
 * seen that was done before any of them. The usual form is
 *
 *	while (!what_i_wait_for())
 *		if ((err = lend_park(LEND_FOREVER)))
 *			return err;
 *
 * The calls that wait for something else neither take a permit nor return for
 * it.
 *
 * @deadline  how long to wait; LEND_NOW takes only a permit that is there
 *
 * Thread: an actor. Blocks: suspends the actor.
 *
 * Return: 0           there was a permit: it is taken
 *         -ETIMEDOUT  there was none until the deadline
 *         -ECANCELED  there was none, and somebody has cancelled the actor
 */
LEND_API LEND_NODISCARD int lend_park(uint64_t deadline) LEND_AWAITS;

/**
 * Give an actor the permit to return from lend_park(), now or at its next call
 * of it. The cheapest way in which one actor wakes another.
 *
 * @actor  it may be the caller
 *
 * Thread: an actor; other threads use lend_runtime_unpark(). Blocks: no.
 *
 * Return: 0       also if it had one
 *         -ESRCH  there is no such actor (any more), or the caller is on no
 *                 worker's thread
 */
LEND_API int lend_unpark(lend_ref actor);

/**
 * End the calling actor from wherever it is. Its stack is not unwound.
 *
 * Operations in flight are cancelled and waited for first.
 *
 * @value  the exit value
 *
 * Thread: an actor. Blocks: does not return.
 */
LEND_API LEND_NORETURN void lend_exit(int value);

/**
 * Wait for an actor to end.
 *
 * @actor      to be found for sure it must be alive, or have been spawned with
 *             .joinable; the first join of a joinable one releases it
 * @deadline   how long at most; LEND_NOW: only one that has ended
 * @ret_value  its exit value; NULL if not wanted; written only on success
 *
 * Thread: an actor; not the one it names. Blocks: suspends the actor.
 *
 * Return: 0
 *         -ESRCH      there is no such actor (any more)
 *         -EDEADLK    an actor can not join itself
 *         -ETIMEDOUT  it is still running
 *         -ECANCELED  the caller was cancelled
 */
LEND_API LEND_NODISCARD int lend_join(lend_ref actor, uint64_t deadline,
				      int *ret_value) LEND_AWAITS;

/**
 * Ask an actor to end: from now on every call of it that would suspend returns
 * -ECANCELED, one that is suspended does so now. The operation it waits for is
 * cancelled in the kernel and over before the call returns.
 *
 * Calls that release something (lend_close()) are not affected.
 *
 * @actor  it may be the caller
 *
 * Thread: an actor; other threads use lend_runtime_cancel(). Blocks: no.
 *
 * Return: 0
 *         -ESRCH  there is no such actor (any more), or the caller is on no
 *                 worker's thread
 */
LEND_API int lend_cancel(lend_ref actor);

/**
 * Has somebody cancelled the calling actor? For long computations. False
 * outside actors.
 *
 * Thread: any. Blocks: no.
 */
LEND_API bool lend_is_cancelled(void);

/**
 * Give back memory that the calling actor does not need while it waits: stack
 * pages below the present frame and free spans of its I/O heap. For actors
 * that are many and mostly idle. Outside actors it does nothing.
 *
 * Thread: any. Blocks: no (system calls; about a microsecond each).
 */
LEND_API void lend_trim(void);

LEND_END_DECLS

#endif
