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
#include "rt/misuse.h"
#include "rt/runtime.h"
#include "rt/suspend.h"
#include "rt/turn.h"
#include "rt/worker.h"

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

/*
 * Note [re-pointed]
 * The kernel finds what is in flight by the file that the number stands for
 * now. After dup2() onto it that is another one than the operations have, which
 * then nobody finds but by their user_data; and that only their actors know. So
 * they are all asked to look for themselves. It is the exception, and costs a
 * wake for each actor of the runtime: what merely takes its time, as a disk
 * does, gets it first. (Operations of another descriptor of the same file are
 * found, too: they are submitted again, Note [again].)
 */
#define ASK_ROUND  3 /* 10 ms after the first */
#define ASK_ROUNDS 8 /* and again, as one may be between two waits */

static void ask_everybody(struct lend_actor *self)
{
	lend__registry_signal_all(&self->worker->runtime->registry,
				  LEND_SIGNAL_CLOSING);
}

static int close_fd(int fd, int epoch)
{
	struct lend_actor *self = lend__current_actor();
	struct lend_closer closer;
	struct lend_orphan told;
	int in_flight;

	/* Mostly there is nothing to wait for. */
	lend__turn_spend(self);
	in_flight = lend__descriptor_begin_close(&closer, fd, epoch, self);
	if (in_flight < 0)
		return in_flight;
	for (unsigned round = 1; lend__descriptor_in_flight(fd); round++) {
		cancel_everywhere(self, fd);
		if (round % ASK_ROUNDS == ASK_ROUND)
			ask_everybody(self);
		lend__suspend_return(self);
		if (!lend__descriptor_in_flight(fd))
			break;
		lend__suspend_as(self, LEND_WAITS_CLOSE, fd,
				 lend_after(LEND_IO_CANCEL_AGAIN_NS));
		if (lend__descriptor_told(&closer, &told))
			lend__cancel_orphan(&told);
	}
	return lend__descriptor_end_close(&closer);
}

int lend_close(int fd)
{
	/* Not only where something is in flight, which is a matter of chance.
	 */
	lend_assert_actor(lend__current_actor());
	return close_fd(fd, LEND_EPOCH_ANY);
}

int lend__io_close(int fd, uint8_t epoch)
{
	return close_fd(fd, epoch);
}

/* ---- for threads ---- */

static int close_for_thread(void *arg)
{
	return lend_close((int)(intptr_t)arg);
}

int lend_runtime_close(struct lend_runtime *runtime, int fd)
{
	static const struct lend_spawn_options options = {
		.name = "close",
		.joinable = true,
	};
	lend_ref closer;
	int value, err;

	err = lend_runtime_spawn(runtime, close_for_thread,
				 (void *)(intptr_t)fd, &options, &closer);
	if (!err)
		err = lend_runtime_join(runtime, closer, &value);
	return err ? err : value;
}
