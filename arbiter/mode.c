/*
 * Finding a mode, and the set-up flags of its rings.
 */
#include "arbiter/mode.h"

#include <errno.h>
#include <liburing.h>
#include <stddef.h>
#include <string.h>

#include "arbiter/borrower.h"
#include "uring/features.h"

const struct lend_mode *lend__mode_find(enum lend_ring_mode id)
{
	switch (id) {
	case LEND_RING_DEFAULT:
	case LEND_RING_BORROWED:
		return &lend__mode_borrowed;
	case LEND_RING_PRIVATE:
		return &lend__mode_private;
	case LEND_RING_SHARED:
		return &lend__mode_shared;
	}
	return NULL;
}

unsigned lend__mode_setup_flags(const struct lend_mode *mode,
				const struct lend_features *features)
{
	unsigned flags = 0;

	if (features->submit_all)
		flags |= IORING_SETUP_SUBMIT_ALL;
	/* The polling thread does the completion work: how workers are told of
	 * theirs means nothing there, and the kernel refuses it. Nor is there
	 * any harm in several threads that wake it, in any mode. */
	if (features->sqpoll)
		return flags | IORING_SETUP_SQPOLL;
	/* A ring that moves between threads can have neither SINGLE_ISSUER nor
	 * DEFER_TASKRUN; COOP_TASKRUN is as fast, and a recall's membarrier is
	 * the kick it needs when its submitter spins. A deferred ring is bound
	 * to its worker when that enables it. */
	if (mode->one_to_one && features->defer_taskrun)
		flags |= IORING_SETUP_SINGLE_ISSUER |
			 IORING_SETUP_DEFER_TASKRUN |
			 IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_R_DISABLED;
	else if (features->coop_taskrun)
		flags |= IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG;
	return flags;
}

struct lend_ring *lend__mode_held_ring(const struct lend_borrower *borrower)
{
	return borrower->ring;
}

const char *lend_ring_mode_name(enum lend_ring_mode id)
{
	const struct lend_mode *mode = lend__mode_find(id);

	return mode ? mode->name : NULL;
}

int lend_ring_mode_parse(const char *name, enum lend_ring_mode *ret_mode)
{
	static const enum lend_ring_mode all[] = { LEND_RING_BORROWED,
						   LEND_RING_PRIVATE,
						   LEND_RING_SHARED };

	for (unsigned i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		if (strcmp(name, lend_ring_mode_name(all[i])) == 0) {
			*ret_mode = all[i];
			return 0;
		}
	}
	return -EINVAL;
}
