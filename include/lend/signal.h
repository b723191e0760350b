/*
 * Unix signals as messages.
 *
 * A signal that is sent to the process is taken by the kernel's choice of a
 * thread that does not block it. The threads of a runtime block all; so block
 * what actors are to get in the program's own threads as well, with
 * pthread_sigmask(3) in main(), before lend_run(). What is not blocked goes to
 * those, with its handler or its default action, and to no actor.
 *
 * Standard signals that come while one of the kind is pending are one, as
 * always; those from SIGRTMIN on are each for itself. Signals that were sent to
 * one thread (pthread_kill(3)) are not seen.
 */
#ifndef LEND_SIGNAL_H
#define LEND_SIGNAL_H

#include <lend/actor.h>
#include <lend/base.h>
#include <stdint.h>
#include <sys/types.h>

/* The data of the message. What there is depends on the signal: sigaction(2).
 */
struct lend_signal {
	int number;
	int code; /* of SI_* and CLD_* */
	pid_t pid;
	uid_t uid;
	int status;    /* of SIGCHLD */
	int64_t value; /* of sigqueue(3): the pointer, or the integer */
};

LEND_BEGIN_DECLS

/**
 * Have the calling actor get a message for each signal of some kinds.
 *
 * Any number of actors may, also for the same signal: each gets one. A second
 * call of the same actor replaces its first. Who has ended is forgotten; who
 * has a full mailbox loses the message, with a line in the log.
 *
 * @set   not empty; without SIGKILL, SIGSTOP, those of faults (SIGSEGV ...),
 * and lend_options.kick_signal
 * @type  of the messages; their data is a struct lend_signal
 *
 * Thread: an actor. Blocks: no.
 *
 * Return: 0
 *         -EINVAL     there is none, or one that can not be had
 *         -ECANCELED  the actor was cancelled
 *         -ENOMEM, -EMFILE, -ESHUTDOWN ...
 */
LEND_API LEND_NODISCARD int
lend_signals_subscribe(const int *numbers, unsigned count, uint32_t type);

/* No more of them; messages that were sent are still there. Nothing if there is
 * no subscription. Thread: an actor. Blocks: no. */
LEND_API void lend_signals_unsubscribe(void);

LEND_END_DECLS

#endif
