/*
 * Taking rings out of service while others are at work: see removal.c.
 *
 * One thread at a time adds and removes. Adding is lend__arbiter_add_ring().
 */
#ifndef LEND_ARBITER_REMOVAL_H
#define LEND_ARBITER_REMOVAL_H

#include <stdbool.h>
#include <stdint.h>

struct lend_arbiter;
struct lend_borrower;
struct lend_ring;

/* From here on only the first @rings take submissions: no grants of the others,
 * and their loans are asked back. To change one's mind call it again. Thread:
 * any. */
void lend__removal_admit(struct lend_arbiter *arbiter, unsigned rings);

/**
 * Take what is in a ring out of it, as far as that goes now: submit, cancel,
 * reap. It may have to be called again: operations end when they do.
 *
 * Thread: any; the ring's owner if it is bound to one.
 * Blocks: no (system calls). Operations' done functions run inside.
 *
 * Return: true, there is nothing in it, and nobody can put anything in
 */
bool lend__removal_empty(struct lend_arbiter *arbiter, struct lend_ring *ring);

/* All from @rings on are empty: there are that few now. To be closed when all
 * have passed it: lend__removal_has_passed(). */
void lend__removal_forget(struct lend_arbiter *arbiter, unsigned rings);

/* Has no ring that was forgotten been left open? */
bool lend__removal_is_closed(const struct lend_arbiter *arbiter);

/* Close those that were forgotten; all borrowers have passed. Blocks: as
 * lend__removal_empty(). Return: false, none was closed, as a cancellation that
 * came late is still in one of them; call it again. */
bool lend__removal_close(struct lend_arbiter *arbiter);

/* Has @borrower been at a safe point since the last admit() or forget()? */
bool lend__removal_has_passed(const struct lend_borrower *borrower);

/* The borrower's thread is at a safe point: no ring but that of its loan is
 * known to it. Thread: its own; once a round. Return: true if it has another
 * home now, so that those who share the old one can not rely on it. */
bool lend__removal_pass(struct lend_borrower *borrower);

#endif
