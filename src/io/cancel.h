/*
 * Cancelling in the kernel what is in flight on one ring.
 */
#ifndef LEND_IO_CANCEL_H
#define LEND_IO_CANCEL_H

#include <lend/base.h>
#include <stdint.h>

struct lend_ring;

/* One operation, or all on a descriptor. */
struct lend_target {
	uint64_t user_data; /* if @fd is -1 */
	int fd;
};

/**
 * Cancel, without waiting: the operation is over when its own CQE has come.
 *
 * A cancellation can miss an operation that is between two waits, so it is
 * repeated by the caller until then.
 *
 * Thread: an actor, on the worker of @ring if that is deferred. Blocks: no.
 *
 * Return: as IORING_REGISTER_SYNC_CANCEL; -ENOENT also if the cancellation is
 *         on its way
 */
int lend__cancel_on_ring(struct lend_ring *ring,
			 const struct lend_target *target) LEND_AWAITS;

/* The same from a done function, by one system call or not at all: it may miss
 * what the other finds. Thread: the ring's poller. */
void lend__cancel_from_poller(struct lend_ring *ring, uint64_t user_data);

/* How long to wait for an operation's end after the @attempt-th attempt, from
 * 0, that the kernel answered by @found. Nanoseconds: Note [cancel again]. */
uint64_t lend__cancel_again_after(int found, unsigned attempt,
				  unsigned workers);

/* An operation that is to be cancelled by somebody else than its actor, who
 * knows it by its user_data: that never means another one. */
struct lend_orphan {
	struct lend_ring *ring;
	struct lend_target target;
	unsigned submitter;
};

/* Look for it on each worker that may find it, and cancel it there; it may be
 * missed, so the caller comes back. Thread: an actor; it may be on another
 * worker afterwards. */
void lend__cancel_orphan(const struct lend_orphan *orphan) LEND_AWAITS;

#endif
