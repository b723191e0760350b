/*
 * The poller: reaps one ring's completions and hands each to its operation.
 *
 * Completions are never conditional on a loan: whoever gets the ring's
 * completion lock may poll. It is a try-lock, so there is one consumer at a
 * time and nobody waits.
 */
#ifndef LEND_ARBITER_POLLER_H
#define LEND_ARBITER_POLLER_H

#include <stdbool.h>
#include <stdint.h>

struct lend_arbiter;
struct lend_borrower;
struct lend_ring;

/* CQEs handled in one call: a chain of completions that feeds itself must not
 * keep a worker from its actors. */
#define LEND_POLL_MAX 256

/**
 * Reap what is there, at most LEND_POLL_MAX.
 *
 * @now_ns  noted as the time somebody last looked
 *
 * Thread: any that may poll the ring (see lend_mode.any_poller).
 * Blocks: no. Operations' done functions run inside.
 *
 * Return: CQEs handled; 0 too if somebody else is polling
 */
unsigned lend__poller_poll(struct lend_ring *ring, uint64_t now_ns);

/**
 * Poll rings that their own poller has neglected: vacant ones with operations
 * in flight, and any that has had completions waiting for @age_ns.
 *
 * @waits  enter also where somebody is in the kernel already, submitting, which
 *         waits until that is done: Note [inside] in uring/ring.h
 *
 * Return: CQEs handled
 */
unsigned lend__poller_help(struct lend_borrower *borrower, uint64_t now_ns,
			   uint64_t age_ns, bool waits);

#endif
