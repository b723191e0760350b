/*
 * Close: cancel, wait, close, in this order. See include/lend/io.h.
 *
 * io_uring's own CLOSE does not end what is pending on a descriptor, and its
 * number would be somebody else's while an old operation still waits on it. The
 * last step is close(2) itself: it is as fast for sockets, and leaves no time
 * between the number's being free in the kernel and in our table.
 */
#include <lend/clock.h>
#include <lend/io.h>

#include "arbiter/arbiter.h"
#include "arbiter/mode.h"
#include "io/await.h"
#include "io/cancel.h"
#include "io/descriptors.h"
#include "rt/current.h"
#include "rt/runtime.h"
#include "rt/suspend.h"
#include "rt/worker.h"

/* See await.c: a cancellation can miss, so it is repeated. */
#define CANCEL_AGAIN_NS (5 * LEND_MS)

static void cancel_everywhere(struct lend_actor *self, int fd)
{
	struct lend_arbiter *arbiter =
		&lend__current_worker()->runtime->arbiter;
	const struct lend_target target = { .fd = fd };

	for (unsigned i = 0; i < lend__pool_count(&arbiter->pool); i++) {
		struct lend_ring *ring = &arbiter->pool.rings[i];

		if (!lend__descriptor_in_flight(fd))
			return;
		if (!lend__ring_in_flight(ring))
			continue;
		/* Private rings are their worker's alone. */
		if (ring->deferred ||
		    (ring->sqpoll && arbiter->mode->one_to_one)) {
			lend__suspend_move(self, i);
			/* On its worker it is there; on the way there it may
			 * have been closed, with its worker. */
			if (lend__current_worker()->index != i)
				continue;
		}
		lend__cancel_on_ring(ring, &target);
	}
}

int lend_close(int fd)
{
	struct lend_actor *self = lend__current_actor();
	struct lend_closer closer;
	int in_flight = lend__descriptor_begin_close(&closer, fd, self);

	if (in_flight < 0)
		return in_flight;
	while (lend__descriptor_in_flight(fd)) {
		cancel_everywhere(self, fd);
		lend__suspend_return(self);
		if (!lend__descriptor_in_flight(fd))
			break;
		lend__suspend(self, lend_after(CANCEL_AGAIN_NS));
	}
	return lend__descriptor_end_close(&closer);
}
