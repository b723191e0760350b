/*
 * Timers: messages of an actor to itself, later, once or again and again.
 *
 *	lend_timer_start(lend_after(LEND_S), LEND_S, TICK, &timer);
 *	while (!lend_receive(LEND_FOREVER, &msg)) {
 *		if (lend_msg_type(msg) == TICK)
 *			...
 *
 * For actors that wait for several things at once; who waits for one gives the
 * call a deadline, or sleeps.
 *
 * Thread: all of these are for actors, and a timer is its actor's alone.
 */
#ifndef LEND_TIMER_H
#define LEND_TIMER_H

#include <lend/base.h>
#include <lend/clock.h>

#define LEND_TIMER_PERIOD_MIN LEND_US

struct lend_timer;

LEND_BEGIN_DECLS

/**
 * Start a timer.
 *
 * When it goes off, a message from the actor to itself is behind those that it
 * has received. Its data is an uint64_t: how often the timer has gone off since
 * the last message that was received, as there is never more than one of a
 * timer in the mailbox, however slow the actor is. It comes to a mailbox that
 * is full, too. Messages of several timers come in the order of their
 * deadlines, those of equal ones in that in which the deadlines were set (here,
 * by a move, or by the timer as it goes off). If there is no memory for a
 * message it comes when there is.
 *
 * @deadline   when first; LEND_NOW: at once, which is where the periods begin
 *             then; one that has passed: at once, and the periods that have
 *             passed since are counted; LEND_FOREVER: not until it is moved
 * @period_ns  then again and again after so long; 0: once; at least
 *             LEND_TIMER_PERIOD_MIN
 * @type       of the message
 * @ret_timer  written only on success
 *
 * Blocks: no.
 * Ownership: lend_timer_stop(); those that are left end with their actor. They
 *            are about 100 bytes of malloc() each, as many as there is memory
 *            for.
 *
 * Return: 0
 *         -EINVAL  @period_ns is too short
 *         -ENOMEM
 */
LEND_API LEND_NODISCARD int lend_timer_start(uint64_t deadline,
					     uint64_t period_ns, uint32_t type,
					     struct lend_timer **ret_timer);

/**
 * Set another deadline, also of one that has gone off. A message of its that
 * was not received yet is taken back.
 *
 * @deadline  as for lend_timer_start(); LEND_FOREVER: it is silent until it is
 *            moved again. The period stays as it was, and counts from then on.
 *
 * Blocks: no.
 */
LEND_API void lend_timer_move(struct lend_timer *timer, uint64_t deadline);

/**
 * End a timer. A message of its that was not received yet is taken back. NULL
 * is ignored. Returns NULL.
 *
 * Blocks: no.
 */
LEND_API struct lend_timer *lend_timer_stop(struct lend_timer *timer);

LEND_END_DECLS

#endif
