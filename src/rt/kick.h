/*
 * Interrupting a stuck worker by a signal, so that the kernel goes on with what
 * its thread had submitted.
 *
 * The arbiter kicks by membarrier(2), which is enough for rings that any thread
 * may enter. A ring with DEFER_TASKRUN, as private mode has them, does its
 * completion work only when its own thread asks for that: the handler does.
 */
#ifndef LEND_RT_KICK_H
#define LEND_RT_KICK_H

#include <stdbool.h>

struct lend_worker;

/**
 * Take @signal_number for kicks, for this process.
 *
 * Return: 0
 *         -EINVAL  not a signal that can be handled, or the kernel's own
 *         -EBUSY   the program has a handler for it
 */
int lend__kick_install(int signal_number);

/* Is the handler of @signal_number still ours? */
bool lend__kick_is_installed(int signal_number);

/* The calling worker, attached, can be kicked and asked for a backtrace; and no
 * longer. */
void lend__kick_thread_start(struct lend_worker *worker);
void lend__kick_thread_stop(struct lend_worker *worker);

/* Interrupt @stuck, if the runtime has a signal for it. Thread: any. Blocks:
 * no; the completions are visible about 20 us later if its thread is on a CPU.
 */
void lend__kick(struct lend_worker *stuck);

#endif
