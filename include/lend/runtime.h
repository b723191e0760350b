/*
 * A runtime: workers, their rings and the actors they run.
 *
 * Most programs need lend_run() alone.
 *
 * Signals: all but those of faults are blocked in the threads of a runtime, so
 * they go to the program's own threads. To end a server, block SIGTERM before
 * lend_runtime_new(), wait for it with sigwait(), call lend_runtime_stop().
 * SIGSEGV: if the program has no handler for it, the first runtime installs one
 * that names the actor whose stack overflowed and then faults as usual.
 * SIGPIPE: lend_send() never raises it; lend_write() to a pipe without reader
 * returns -EPIPE, as the signal stays blocked. Ignore it in main() all the
 * same, for what the program itself writes.
 * fork(): a child has neither the rings nor the threads; it may only exec or
 * _exit. The library's descriptors are close-on-exec. One of an actor, or of a
 * function of blocking.h, has those signals blocked, and what it executes has,
 * too, so that SIGTERM does not end it: it unblocks them first;
 * lend_process_spawn() does.
 */
#ifndef LEND_RUNTIME_H
#define LEND_RUNTIME_H

#include <lend/actor.h>
#include <lend/base.h>
#include <lend/feature.h>
#include <lend/log.h>
#include <lend/ring.h>
#include <stdbool.h>

#define LEND_WORKERS_MAX	256
#define LEND_SQPOLL_IDLE_MS_MAX 60000

/* Zeroed is valid: 0 means the default. */
struct lend_options {
	enum lend_ring_mode mode; /* borrowed */
	unsigned workers;	  /* 1 to 256; one for each allowed CPU */
	unsigned rings;		  /* 1 to 256; as many as workers */
	unsigned depth;		  /* SQEs a ring, 1 to 32768; 256; rounded up
				     to a power of two */
	unsigned actors_max;	  /* 1 to 1048576; 131072 */
	size_t stack_size;	  /* of an actor, bytes, a power of two from
				     16 KiB to 8 MiB; 64 KiB. A few may have
				     more: lend_spawn_options.stack_size */
	size_t heap_max;	  /* of an actor's I/O memory, bytes, up to
				     4 MiB; 4 MiB */
	uint64_t stall_ns;	  /* a worker this long without a safe point
				     has stalled; 2 ms */
	/* When a worker submits what its actors asked for: when it has nothing
	 * else to do, at the latest after two rounds through its actors, and
	 * if these are not 0 also after so many ... */
	unsigned flush_actors; /* ... actors have run, 1 to 32768 */
	unsigned flush_sqes;   /* ... SQEs wait, 1 to 32768; 1: at once, when
				  the actor that asked gives up the worker */
	/* A signal that the library may take, such as SIGURG; 0: none. With it
	 * a stuck worker's thread is made to look after its own operations,
	 * which private mode has no other way for: see doc/modes.md. Its
	 * handler restarts system calls that it interrupts. */
	int kick_signal;
	enum lend_log_level log_level;
	lend_log_fn log; /* see log.h; NULL: standard error */
	void *log_arg;
	unsigned sqpoll_idle_ms; /* 0: workers submit themselves; 1 to 60000: a
				    thread of the kernel's does for each ring,
				    and sleeps after so long without work */
	unsigned without; /* enum lend_feature bits: do as if the kernel lacked
			     these; LEND_DISABLE adds to them */
	unsigned trace_events; /* records that the flight recorder keeps for
				  each worker, up to 1048576, rounded up to a
				  power of two; 0: it is off; see trace.h */
	unsigned workers_max;  /* up to which lend_runtime_set_workers() goes,
				  at least @workers; 256 */
	/* The buffers that received data comes in (lend_recv_buffer(),
	 * series.h). They cost memory when they are first used. */
	unsigned buffers;     /* of each ring, 1 to 32768, rounded up to a power
				 of two; 1024. Those above 256 are used once
				 receives have found none. */
	unsigned buffer_size; /* bytes, 64 to 1048576, rounded up to a multiple
				 of 64; 4096 */
	unsigned buffers_actor_max; /* one actor may have so many; then it
				       receives into its own I/O heap; 64 */
	unsigned rings_max; /* up to which lend_runtime_set_rings() goes, at
			       least @rings; 256. Room that is not used costs
			       addresses, no memory. */
	/* The pool of blocking.h. */
	unsigned blocking_threads_max; /* 1 to 1024; 16 */
	unsigned blocking_queue_max;   /* calls that wait for one of them,
					  1 to 1048576; 16384 */
	uint64_t blocking_idle_ns;     /* a thread without work ends after it;
					  5 s */
	uint64_t heap_total_max; /* of all actors' I/O memory together, bytes;
				    0: no limit but the system's. Counted is
				    what the system has given and not got back,
				    without the kilobyte beside each record. */
	/* The watchdog: a thread that says in the log, once for each stall and
	 * while it lasts, which actor holds a worker up, where that was
	 * spawned, whether it computes or is blocked in a system call, and
	 * where: see doc/debugging.md. It also says when nothing can run any
	 * more, and who waits for what: as a warning under lend_run() or of
	 * actors that wait for each other, else at LEND_LOG_INFO. */
	uint64_t watchdog_ns; /* without a safe point; 1 s; LEND_FOREVER: no
				 watchdog. It looks four times in that time,
				 but every second at least, every millisecond
				 at most: so below 4 ms it tells of whomever it
				 happens to see. */
	/* The signal that interrupts a worker that computes, for a backtrace.
	 * 0: kick_signal, or SIGURG unless the program has a handler for it; it
	 * is taken when it is first needed. -1: none. One that is blocked gets
	 * no signal. */
	int watchdog_signal;
	unsigned spare_workers; /* up to so many are added while others are
				   blocked in system calls, and removed
				   afterwards, as lend_runtime_set_workers()
				   does; 0 to 256. Fewer if workers_max, or in
				   private mode rings_max, leaves no room;
				   none without the watchdog. */
	/* For debugging: log what actors leave behind at their end (open
	 * claims, handles, series, buffers, timers), all of which is ended
	 * there, and the descriptors that they have opened and that are still
	 * open when the runtime ends, each with the place in the program that
	 * it comes from. See lend_defer_close(), lend_keep_open(). Costs
	 * microseconds for each. */
	bool report_leaks;
	bool shared_buffers; /* receives of streams have parts of larger buffers
				that others share, not a buffer each: for many
				connections that keep little for long. A message
				is cut in two where such a buffer ends. Does
				nothing without LEND_FEATURE_INC_BUFFERS, and
				with @buffers below 16. */
};

struct lend_msg;
struct lend_runtime;

LEND_BEGIN_DECLS

/**
 * Run a program: start a runtime, run @fn as its first actor, and when that
 * ends cancel and join all others, stop and free everything.
 *
 * @options   NULL for the defaults
 * @fn, @arg  as for lend_spawn(); the actor's name is "main"
 *
 * Thread: not an actor. Blocks: the thread, until all is over.
 *
 * Return: the first actor's exit value
 *         or a negative errno of lend_runtime_new() or lend_spawn()
 */
LEND_API int lend_run(const struct lend_options *options, lend_actor_fn fn,
		      void *arg);

/**
 * Start a runtime: open the rings, start the workers.
 *
 * @options      NULL for the defaults; copied
 * @ret_runtime  written only on success
 *
 * Thread: any. Blocks: the thread, for milliseconds.
 * Ownership: the caller ends it with lend_runtime_stop() and
 *            lend_runtime_free().
 *
 * Return: 0
 *         -EINVAL     an option is out of range, or private mode with another
 *                     number of rings than workers, or LEND_DISABLE names
 *                     what is no feature, or LEND_DISABLE_OPCODES what is no
 *                     operation; the log line says which
 *         -ENOSYS, -EPERM, -ENOMEM, -EOPNOTSUPP ...
 *                     io_uring can not be used: lend_explain() says why
 *         -EOPNOTSUPP also if sqpoll_idle_ms is set and the kernel, or a
 *                     sandbox, refuses such a thread
 *         -EAGAIN     a thread could not be started
 *         -E2BIG      actors_max actors need more addresses than the process
 *                     may have
 *         -EBUSY      the program has a handler for kick_signal
 */
LEND_API LEND_NODISCARD int lend_runtime_new(const struct lend_options *options,
					     struct lend_runtime **ret_runtime);

/**
 * Refuse new actors, cancel all there are, and wait until they have ended.
 *
 * For those who want to end in time, and to know what hinders them. It can be
 * called again, and is followed by lend_runtime_stop(), which waits without a
 * limit.
 *
 * @deadline  when it passes, the log has a line on each actor that lives: its
 *            name, and the operation that it waits for; and on each worker that
 *            comes to no safe point
 *
 * Thread: not an actor. Blocks: the thread, until @deadline at most.
 *
 * Return: 0           there is no actor any more, or it was stopped before
 *         -ETIMEDOUT  there are; they stay cancelled
 */
LEND_API LEND_NODISCARD int lend_runtime_drain(struct lend_runtime *runtime,
					       uint64_t deadline);

/**
 * Cancel all actors, wait until they have ended, stop the workers. After five
 * seconds the log says once what it waits for: see lend_runtime_drain(). One
 * that was stopped before is left as it is.
 *
 * Thread: not an actor; one at a time. Blocks: the thread, until the last actor
 *         has ended, and the last function of blocking.h that runs.
 */
LEND_API void lend_runtime_stop(struct lend_runtime *runtime);

/**
 * Free a stopped runtime; one that runs is stopped first. NULL is ignored.
 * Returns NULL.
 *
 * Thread: not an actor, and nobody uses it any more. Blocks: as
 *         lend_runtime_stop().
 */
LEND_API struct lend_runtime *lend_runtime_free(struct lend_runtime *runtime);

/**
 * Wait until an actor has ended.
 *
 * @actor      as for lend_join()
 * @ret_value  its exit value; NULL if not wanted; written only on success
 *
 * Thread: not an actor (lend_join() is for those). Blocks: the thread.
 *
 * Return: 0
 *         -ESRCH  there is no such actor; see lend_join()
 */
LEND_API LEND_NODISCARD int lend_runtime_join(struct lend_runtime *runtime,
					      lend_ref actor, int *ret_value);

/**
 * The same, not longer than until @deadline.
 *
 * @deadline  LEND_NOW: only one that has ended
 *
 * Thread: not an actor. Blocks: the thread.
 *
 * Return: as lend_runtime_join(), and
 *         -ETIMEDOUT  it is still running
 */
LEND_API LEND_NODISCARD int
lend_runtime_join_until(struct lend_runtime *runtime, lend_ref actor,
			uint64_t deadline, int *ret_value);

/**
 * lend_spawn(), lend_tell(), lend_cancel() and lend_unpark() for threads that
 * are not workers of @runtime. From those @options->worker 0 spreads the actors
 * over the workers.
 *
 * Thread: any, actors too. Blocks: no.
 * Ownership, Return: as those; no thread is the wrong one.
 */
LEND_API LEND_NODISCARD int
lend_runtime_spawn(struct lend_runtime *runtime, lend_actor_fn fn, void *arg,
		   const struct lend_spawn_options *options, lend_ref *ret_ref);
LEND_API LEND_NODISCARD int lend_runtime_tell(struct lend_runtime *runtime,
					      lend_ref to, uint32_t type,
					      const void *data, size_t size);
LEND_API int lend_runtime_cancel(struct lend_runtime *runtime, lend_ref actor);
LEND_API int lend_runtime_unpark(struct lend_runtime *runtime, lend_ref actor);

/**
 * lend_ask() for threads that are not workers.
 *
 * Thread: not an actor. Blocks: the thread, until @deadline at most.
 * Ownership: the caller frees the answer with lend_msg_free().
 *
 * Return: as lend_ask(), but for -ECANCELED and -EDEADLK
 *         -EINVAL  called by an actor, whose worker it would block
 */
LEND_API LEND_NODISCARD int lend_runtime_ask(struct lend_runtime *runtime,
					     lend_ref to, uint32_t type,
					     const void *data, size_t size,
					     uint64_t deadline,
					     struct lend_msg **ret_answer);

/**
 * The runtime of the calling actor, also in functions that its worker calls,
 * such as log functions; NULL on other threads.
 *
 * Thread: any. Blocks: no.
 */
LEND_API struct lend_runtime *lend_runtime_current(void);

/**
 * How many workers and rings a runtime has.
 *
 * Thread: any. Blocks: no.
 */
LEND_API unsigned lend_runtime_workers(const struct lend_runtime *runtime);
LEND_API unsigned lend_runtime_rings(const struct lend_runtime *runtime);
LEND_API enum lend_ring_mode
lend_runtime_mode(const struct lend_runtime *runtime);

/**
 * Change the number of workers of a runtime at work.
 *
 * One that is removed hands its runnable actors over and its thread ends, when
 * the actor that it runs suspends. Actors do not notice, wherever they were
 * spawned; what they wait for goes on, but operations of claims (see claim.h).
 * In private mode each worker comes and goes with its ring. A worker's number
 * stays good for lend_spawn_options.worker; where it is gone another is taken.
 *
 * Workers that lend_options.spare_workers has added are counted in @workers,
 * and are like the others from then on.
 *
 * @workers   1 to lend_options.workers_max; in private mode to rings_max, too
 * @deadline  for removing: when it passes, the worker that has not left stays,
 *            with those below it, and the log says what it was doing. After its
 *            thread has begun to end it is waited for all the same.
 *
 * Thread: any, actors too (also on a worker that is removed); not while the
 *         runtime is being stopped.
 * Blocks: suspends the actor, or blocks the thread.
 *
 * Return: 0
 *         -EINVAL     @workers is 0
 *         -E2BIG      there may not be so many
 *         -EBUSY      somebody else changes the runtime's size; that may be
 *                     the watchdog: lend_options.spare_workers
 *         -ETIMEDOUT  see @deadline; lend_runtime_workers() says how far it
 *                     came
 *         -ECANCELED  the actor was cancelled; as -ETIMEDOUT
 *         -ESHUTDOWN  the runtime is not running
 *         -EAGAIN, -ENOMEM, -EMFILE ...
 *                     a thread or a ring could not be had; those that could
 *                     stay. The log has a line on each.
 */
LEND_API LEND_NODISCARD int
lend_runtime_set_workers(struct lend_runtime *runtime, unsigned workers,
			 uint64_t deadline) LEND_AWAITS;

/**
 * Change the number of rings of a runtime at work, in borrowed or shared mode.
 *
 * Rings that are removed take no more operations, are taken back from who
 * borrows them, and are emptied: what waits on them is submitted again on
 * others, and its actors do not notice, but for operations of claims (see
 * claim.h). No completion is dropped. They are closed when each worker has come
 * to a safe point. Buffers that actors hold stay valid.
 *
 * @rings     1 to lend_options.rings_max
 * @deadline  for removing: when it passes, all of them stay and serve as
 * before, and the log says what held them
 *
 * Thread, Blocks: as lend_runtime_set_workers()
 *
 * Return: as lend_runtime_set_workers(), and
 *         -EINVAL  @rings is 0; or in private mode, where each worker has one
 */
LEND_API LEND_NODISCARD int
lend_runtime_set_rings(struct lend_runtime *runtime, unsigned rings,
		       uint64_t deadline) LEND_AWAITS;

/**
 * The features in use: enum lend_feature bits. What the kernel lacks, what was
 * masked, and what this ring mode has no use for is not among them.
 *
 * Thread: any. Blocks: no.
 */
LEND_API unsigned lend_runtime_features(const struct lend_runtime *runtime);

/**
 * One line on why lend_runtime_new() failed and what to do about it.
 *
 * @error  what it returned
 * @text   at least @size bytes; always terminated, without a newline
 *
 * Thread: any. Blocks: no.
 */
LEND_API void lend_explain(int error, char *text, size_t size);

LEND_END_DECLS

#endif
