/*
 * The strategy interface: what the three ring modes do differently.
 *
 * A mode is a few facts and a few functions. They are consulted only when the
 * held loan fails, or once a round, so that an indirect call never costs an
 * operation.
 */
#ifndef LEND_ARBITER_MODE_H
#define LEND_ARBITER_MODE_H

#include <lend/ring.h>
#include <stdbool.h>

struct lend_arbiter;
struct lend_borrower;
struct lend_claim;
struct lend_features;
struct lend_ring;
struct lend_waiter;

struct lend_mode {
	const char *name;
	enum lend_ring_mode id;
	bool exclusive;	 /* a claim needs no lock while the loan holds */
	bool revocable;	 /* loans move between borrowers */
	bool one_to_one; /* as many rings as workers, no other number */
	bool any_poller; /* any thread may enter and poll a ring */

	/* A worker starts, on its own thread, or stops. detach() leaves no
	 * loan behind. */
	int (*attach)(struct lend_arbiter *arbiter,
		      struct lend_borrower *borrower);
	void (*detach)(struct lend_arbiter *arbiter,
		       struct lend_borrower *borrower);

	/* No loan, a recalled one, or no room: get room for @count SQEs.
	 * Without it, queue @waiter if there is one, and return -EAGAIN. */
	int (*claim)(struct lend_arbiter *arbiter,
		     struct lend_borrower *borrower, unsigned count,
		     struct lend_waiter *waiter, struct lend_claim *claim);

	/* Modes that are not exclusive: the end of a claim. */
	void (*commit)(struct lend_arbiter *arbiter,
		       struct lend_borrower *borrower,
		       struct lend_claim *claim);
	void (*abandon)(struct lend_arbiter *arbiter,
			struct lend_borrower *borrower,
			struct lend_claim *claim);

	/* Safe point: give back what was recalled or stands idle; serve those
	 * who wait. */
	void (*settle)(struct lend_arbiter *arbiter,
		       struct lend_borrower *borrower, bool parking);

	/* Submit what was published; see lend__arbiter_flush() and
	 * lend__arbiter_flush_others(). */
	bool (*flush)(struct lend_arbiter *arbiter,
		      struct lend_borrower *borrower, bool others_only);

	/* Rings have come or gone: choose a home among those that take
	 * submissions. NULL: this mode has none. Own thread. */
	void (*rehome)(struct lend_arbiter *arbiter,
		       struct lend_borrower *borrower);

	/* The ring this worker polls and parks in; NULL if it has none. */
	struct lend_ring *(*own_ring)(const struct lend_borrower *borrower);

	/* Is polling and flushing this ring no worker's own duty now, and so
	 * everybody's? A hint: it may change at any moment. */
	bool (*is_orphan)(const struct lend_arbiter *arbiter,
			  const struct lend_ring *ring);
};

/* NULL for an unknown mode. */
const struct lend_mode *lend__mode_find(enum lend_ring_mode id);

/* IORING_SETUP_* for the rings of this mode, as far as the kernel has them. */
unsigned lend__mode_setup_flags(const struct lend_mode *mode,
				const struct lend_features *features);

/* own_ring() of the exclusive modes: the ring of the loan. */
struct lend_ring *lend__mode_held_ring(const struct lend_borrower *borrower);

extern const struct lend_mode lend__mode_private;
extern const struct lend_mode lend__mode_shared;
extern const struct lend_mode lend__mode_borrowed;

#endif
