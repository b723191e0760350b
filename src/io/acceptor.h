/*
 * Accepting connections with one multishot operation.
 *
 * Accepted descriptors are linked through the table of descriptors until the
 * actor takes them, so however many come at once, none is lost and nothing is
 * allocated.
 */
#ifndef LEND_IO_ACCEPTOR_H
#define LEND_IO_ACCEPTOR_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "io/await.h"
#include "io/descriptors.h"

/* In the actor's I/O heap: lend__acceptor_open(). */
struct lend_acceptor {
	struct lend_pending pending; /* first: known to the actor's end */
	int fd;			     /* the listening socket */
	bool armed;		/* [owner] in flight, or its end not taken */
	_Atomic uint32_t state; /* [I1] see acceptor.c */
	struct lend_descriptor_stack accepted;
	/* [owner] taken from @accepted, oldest first, and the last of them */
	uint32_t taken;
	int taken_last;
	int error;		     /* [owner] why it ended; 0 */
	struct lend_acceptor **home; /* [owner] cleared when it closes */
};

/* @fd: a listening, non-blocking socket, which stays the caller's. *@home names
 * the acceptor until it is closed, which the end of the calling actor does,
 * too. 0, -ENOMEM. */
int lend__acceptor_open(int fd, struct lend_acceptor **home);

/* Stop, and close what was accepted and not taken. */
void lend__acceptor_close(struct lend_acceptor *acceptor) LEND_AWAITS;

/**
 * The next connection.
 *
 * Return: a descriptor
 *         -EMFILE, -ENFILE, -ENOMEM ...  accept(2) failed; call again later
 *         -ECANCELED, -ETIMEDOUT, -EBADF
 */
int lend__acceptor_next(struct lend_acceptor *acceptor,
			uint64_t deadline) LEND_AWAITS;

/* Accept no more until lend__acceptor_next() is called: what the kernel has
 * queued stays there. */
void lend__acceptor_pause(struct lend_acceptor *acceptor) LEND_AWAITS;

#endif
