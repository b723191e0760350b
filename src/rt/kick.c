/*
 * Kicks by signal: see kick.h.
 *
 * Note [kick]
 * The handler runs on the stuck thread at any instruction: inside a claim, in
 * the poller, in malloc(), in another enter that is about to begin. It makes
 * one system call that submits what is published, which one store of the tail
 * decides, so never half a chain and nothing of a claim that is open; and that
 * waits for nothing. What it interrupted finds the SQ's head and the CQ's tail
 * moved on, as they may at any time; an enter that asks for more than is left
 * gets what is left. The handler takes no lock and restores errno. It is on an
 * alternate stack, as an actor's may be used up.
 *
 * Who takes the completions is another matter: the monitor polls the ring of a
 * worker that it has kicked, under the ring's completion lock, as any poller
 * would. Polling is not bound to a thread, not even with SINGLE_ISSUER.
 */
#include "rt/kick.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "arbiter/mode.h"
#include "rt/backtrace.h"
#include "rt/current.h"
#include "rt/runtime.h"
#include "rt/worker.h"
#include "uring/ring.h"

static void handle(int signal_number, siginfo_t *info, void *context)
{
	struct lend_worker *worker = lend__current_worker();
	int saved = errno;

	(void)signal_number;
	(void)info;
	if (worker)
		lend__backtrace_answer(worker, context);
	/* What else this thread has submitted is done with any system call. */
	if (worker && worker->bound_ring)
		lend__ring_enter(worker->bound_ring, 0, 0);
	errno = saved;
}

bool lend__kick_is_installed(int signal_number)
{
	struct sigaction old;

	return !sigaction(signal_number, NULL, &old) &&
	       old.sa_flags & SA_SIGINFO && old.sa_sigaction == handle;
}

int lend__kick_install(int signal_number)
{
	struct sigaction action, old;

	if (sigaction(signal_number, NULL, &old))
		return -errno;
	if (lend__kick_is_installed(signal_number))
		return 0;
	if (old.sa_handler != SIG_DFL && old.sa_handler != SIG_IGN)
		return -EBUSY;
	memset(&action, 0, sizeof(action));
	action.sa_sigaction = handle;
	/* RESTART: what an actor blocks in goes on. */
	action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART;
	sigemptyset(&action.sa_mask);
	return sigaction(signal_number, &action, NULL) ? -errno : 0;
}

/* The watchdog's signal is often the same. */
static void mask(const struct lend_worker *worker, int how)
{
	const struct lend_runtime *runtime = worker->runtime;
	sigset_t set;

	sigemptyset(&set);
	if (runtime->options.kick_signal)
		sigaddset(&set, runtime->options.kick_signal);
	if (runtime->watchdog.signal_number)
		sigaddset(&set, runtime->watchdog.signal_number);
	pthread_sigmask(how, &set, NULL);
}

void lend__kick_thread_start(struct lend_worker *worker)
{
	const struct lend_borrower *borrower = &worker->borrower;
	struct lend_ring *own = borrower->arbiter->mode->own_ring(borrower);

	worker->bound_ring =
		worker->runtime->options.kick_signal &&
				borrower->arbiter->mode->one_to_one ?
			own :
			NULL;
	mask(worker, SIG_UNBLOCK);
	atomic_store_explicit(&worker->tid, gettid(), memory_order_relaxed);
}

void lend__kick_thread_stop(struct lend_worker *worker)
{
	/* A late kick stays pending, and ends with the thread. */
	atomic_store_explicit(&worker->tid, 0, memory_order_relaxed);
	mask(worker, SIG_BLOCK);
}

void lend__kick(struct lend_worker *stuck)
{
	int tid = atomic_load_explicit(&stuck->tid, memory_order_relaxed);

	/* Not pthread_kill(): the thread may have ended. */
	if (tid && stuck->runtime->options.kick_signal)
		syscall(SYS_tgkill, getpid(), tid,
			stuck->runtime->options.kick_signal);
}
