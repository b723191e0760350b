/*
 * Series: see series.h and include/lend/series.h. What differs between kinds is
 * in series_kind.c.
 *
 * Note [series]
 *
 * Two sides share a record: the poller of the ring that has the operation, on
 * any worker, one at a time (the ring's completion lock); and the actor.
 *
 * The poller links a result, counts it in @unread, and then sets MAILED in
 * @state; whoever sets it puts the mail into the mailbox, so it is there at
 * most once. The actor takes the mail, clears the word, then takes what was
 * linked: what comes after that sets MAILED anew. ENDED comes with the
 * operation's last CQE, in the same step, after which the poller touches the
 * record no more, but for the delivery if that is its duty; so the actor
 * believes only an ENDED that came out of the word, never the record itself.
 *
 * It is armed again only after ENDED was taken, and with it everything that was
 * linked before. So the results of one arming, which come in order from one
 * ring, are all ahead of those of the next, on whatever ring that is.
 *
 * Back pressure. When too many wait, the poller tells the kernel to stop by a
 * call that does not wait (SYNC_CANCEL without time). It is the poller that
 * does it, as the actor may be busy for long with something else, and the
 * kernel would go on until it has no buffer left for anybody. What the kernel
 * has posted by then is linked like the rest. The cancellation can miss (the
 * operation may be between two waits, or the caller not be its ring's thread):
 * it is repeated when as many again have come. A receive has a credit besides,
 * where the kernel knows that (recv_credit), and ends by itself when it is used
 * up: otherwise one that sends fast could take all buffers of a ring within one
 * enter.
 *
 * The descriptor is counted (descriptors.h) while the operation is in flight,
 * not until the actor takes its end: who closes it must not wait for an actor
 * that waits for something else. So the poller ends the count, and notes before
 * whether somebody was closing it: CLOSED.
 */
#include "io/series.h"

#include <errno.h>
#include <lend/clock.h>
#include <poll.h>
#include <string.h>

#include "base/check.h"
#include "base/counter.h"
#include "io/buffer.h"
#include "io/cancel.h"
#include "io/descriptors.h"
#include "io/hold.h"
#include "rt/current.h"
#include "rt/misuse.h"
#include "rt/places.h"
#include "rt/runtime.h"
#include "rt/suspend.h"
#include "rt/turn.h"
#include "rt/worker.h"

#define MAILED	UINT32_C(1)
#define ENDED	UINT32_C(2)
#define CLOSED	UINT32_C(4) /* with ENDED: somebody closes the descriptor */
#define STOPPED UINT32_C(8) /* the poller has told the kernel to stop */

#define OWNER "the actor that has opened it"

#define RESULTS_DEFAULT 16
#define RESULTS_MAX	4096
#define ADDRESS_MAX	128
#define CONTROL_MAX	1024

/* ---- the poller's side ---- */

bool lend__series_push(struct lend_series *series, uint32_t number)
{
	_Atomic uint32_t *link = series->kind->link(series, number);
	uint32_t head = atomic_load_explicit(&series->came,
					     memory_order_relaxed);

	if (!link)
		return false;
	do {
		atomic_store_explicit(link, head, memory_order_relaxed);
		/* Release [I3], paired with take_came(): the link, and what
		 * there is to know of the result. Popped as a whole, so the
		 * head being the same again means nothing (no ABA). */
	} while (!atomic_compare_exchange_weak_explicit(
		&series->came, &head, number + 1, memory_order_release,
		memory_order_relaxed));
	return true;
}

/* Of @count more too many wait, or again as many since that was last found. */
static bool is_full(struct lend_series *series, uint32_t count)
{
	struct lend_actor *actor = series->pending.io.actor;
	/* Relaxed: it decides when to stop, no more. The actor may have counted
	 * down before what is counted here; after it the sum is right. */
	uint32_t before = atomic_fetch_add_explicit(&series->unread, count,
						    memory_order_relaxed);
	uint32_t unread = before + count;

	if (unread >= series->results_max)
		return unread / series->results_max !=
		       before / series->results_max;
	/* Relaxed: a counter. */
	return series->kind->has_buffers &&
	       atomic_load_explicit(&actor->buffers, memory_order_relaxed) >=
		       series->buffers_max;
}

static void series_done(struct lend_op *op, int32_t res, uint32_t flags,
			bool more)
{
	struct lend_series *series = lend_container_of(op, struct lend_series,
						       pending.io.op);
	struct lend_actor *actor = series->pending.io.actor;
	uint32_t news = MAILED, count = 0, before;

	if (res >= 0)
		count = series->kind->arrive(series, res, flags);
	if (is_full(series, count) && more) {
		news |= STOPPED;
		lend__ring_note_stop(op->ring);
		lend__cancel_from_poller(op->ring, lend__op_user_data(op));
	}
	if (!more) {
		int fd = series->fd;

		news |= ENDED;
		if (lend__descriptor_is_closing(fd))
			news |= CLOSED;
		lend__descriptor_leave(fd);
		/* Others hold nothing, and may be in the mailbox already. */
		if (series->way == LEND_SERIES_OWN)
			lend__unhold(&series->pending.io);
	}
	/* Release [I1], paired with collect(): op.res, and the rest. */
	before = atomic_fetch_or_explicit(&series->state, news,
					  memory_order_acq_rel);
	if (!(before & MAILED))
		lend__actor_deliver(actor, &series->pending.io.mail);
}

/* ---- the actor's side: what has come ---- */

/* Put what was linked, newest first, behind what was taken before. */
static void take_came(struct lend_series *series)
{
	/* Acquire [I3]. */
	uint32_t list = atomic_exchange_explicit(&series->came, 0,
						 memory_order_acquire);
	uint32_t newest = list, oldest_first = 0;

	if (!list)
		return;
	if (!series->kind->link) {
		series->taken |= list;
		/* Relaxed: see series_done(). */
		atomic_store_explicit(&series->unread, 0, memory_order_relaxed);
		return;
	}
	while (list) {
		_Atomic uint32_t *link = series->kind->link(series, list - 1);
		uint32_t next = atomic_load_explicit(link,
						     memory_order_relaxed);

		atomic_store_explicit(link, oldest_first, memory_order_relaxed);
		oldest_first = list;
		list = next;
	}
	if (series->taken)
		atomic_store_explicit(
			series->kind->link(series, series->taken_last - 1),
			oldest_first, memory_order_relaxed);
	else
		series->taken = oldest_first;
	series->taken_last = newest;
}

static void end_with(struct lend_series *series, int outcome)
{
	series->has_outcome = true;
	series->outcome = outcome;
}

/* Its last CQE was @res. What is no error here is asked for again by the next
 * call. */
static void note_end(struct lend_series *series, bool closed)
{
	struct lend_io_op *op = &series->pending.io;
	int res = op->op.res;

	if (res == 0 && series->kind->ends_with_0) {
		end_with(series, 0);
	} else if (res >= 0) {
		series->has_own = series->way == LEND_SERIES_OWN;
	} else if (res == -ENOBUFS && series->way != LEND_SERIES_OWN) {
		series->starved = true;
	} else if (closed || (!(series->stopped && res == -ECANCELED) &&
			      !lend__io_is_undone(op))) {
		end_with(series, res);
	}
	series->stopped = false;
}

static void collect(struct lend_series *series)
{
	struct lend_io_op *op = &series->pending.io;
	uint32_t state;

	lend__actor_sort_mail(op->actor);
	if (!op->mail.arrived)
		return;
	op->mail.arrived = false;
	/* Acquire [I1]. */
	state = atomic_exchange_explicit(&series->state, 0,
					 memory_order_acq_rel);
	take_came(series);
	series->stopped = series->stopped || state & STOPPED;
	if (!(state & ENDED))
		return;
	series->armed = false;
	note_end(series, state & CLOSED);
}

/* Give out the oldest of what was taken. */
static ssize_t take_one(struct lend_series *series,
			struct lend_series_result *ret_result)
{
	uint32_t first = series->taken;

	if (!series->kind->link) {
		series->taken = 0;
		return (ssize_t)first;
	}
	series->taken = atomic_load_explicit(
		series->kind->link(series, first - 1), memory_order_relaxed);
	atomic_fetch_sub_explicit(&series->unread, 1, memory_order_relaxed);
	return series->kind->take(series, first - 1, ret_result);
}

ssize_t lend__series_poll(struct lend_series *series,
			  struct lend_series_result *ret_result)
{
	collect(series);
	if (series->taken) {
		memset(ret_result, 0, sizeof(*ret_result));
		return take_one(series, ret_result);
	}
	if (series->has_own) {
		memset(ret_result, 0, sizeof(*ret_result));
		series->has_own = false;
		return series->kind->take_own(
			series, (size_t)series->pending.io.op.res, ret_result);
	}
	return -EAGAIN;
}

/* ---- the actor's side: asking ---- */

static enum lend_series_way choose_way(const struct lend_series *series)
{
	struct lend_actor *self = series->pending.io.actor;
	const struct lend_features *features = &series->arbiter->features;

	if (!series->kind->has_buffers)
		return LEND_SERIES_MANY; /* or as far as there is such */
	if (!features->buffer_rings || series->starved ||
	    atomic_load_explicit(&self->buffers, memory_order_relaxed) >=
		    series->buffers_max)
		return LEND_SERIES_OWN;
	if (features->multishot)
		return LEND_SERIES_MANY;
	/* A datagram's sender has no place in a buffer but with multishot. */
	return series->kind->ends_with_0 ? LEND_SERIES_ONE : LEND_SERIES_OWN;
}

/* Before the claim, as nothing is allocated inside one. */
static int get_ready(struct lend_series *series)
{
	series->way = choose_way(series);
	if (series->way != LEND_SERIES_OWN) {
		lend_io_free(series->own);
		series->own = NULL;
	} else if (!series->own) {
		series->own = lend_io_alloc(series->arbiter->pool.buffer_size);
		if (!series->own)
			return -ENOMEM;
	}
	return 0;
}

static void count_rearm(struct lend_series *series)
{
	struct lend_worker *worker = series->pending.io.actor->worker;

	if (series->rearms)
		lend_counter_add(&worker->rearmed, 1);
	series->rearms = true;
}

static int arm(struct lend_series *series, uint64_t deadline)
{
	struct lend_io io = {
		.self = series->pending.io.actor,
		.op = &series->pending.io,
	};
	int err = get_ready(series);

	if (err)
		return err;
	err = lend__descriptor_enter_again(series->fd, series->epoch);
	if (err)
		return err;
	err = lend__io_claim(&io, deadline);
	if (err) {
		lend__descriptor_leave(series->fd);
		return err;
	}
	/* Each arming is another operation to the kernel. */
	lend__op_init(&io.op->op, series_done);
	io.op->asked = false;
	series->kind->prepare(series, io.sqe);
	series->armed = true;
	series->starved = false;
	count_rearm(series);
	lend__io_submit(&io);
	return 0;
}

ssize_t lend_series_next(struct lend_series *series, uint64_t deadline,
			 struct lend_series_result *ret_result)
{
	struct lend_actor *self = series->pending.io.actor;
	struct lend_series_result ignored;

	lend_assert_own(self == lend__current_actor(), "a series", OWNER);
	if (!ret_result)
		ret_result = &ignored;
	lend__turn_spend(self);
	for (;;) {
		ssize_t res = lend__series_poll(series, ret_result);
		int err;

		if (ret_result == &ignored && res >= 0)
			lend__buffer_release(&ignored.buffer);
		if (res != -EAGAIN)
			return res;
		if (self->cancelled)
			return -ECANCELED;
		if (series->has_outcome) {
			series->has_outcome = false;
			if (series->outcome >= 0)
				memset(ret_result, 0, sizeof(*ret_result));
			return series->outcome;
		}
		if (deadline != LEND_FOREVER && lend_now() >= deadline &&
		    (deadline != LEND_NOW || series->armed))
			return -ETIMEDOUT;
		if (!series->armed) {
			err = arm(series, deadline);
			if (err)
				return err;
			/* It may have waited for room, and taken the mail of a
			 * cancellation, which wakes nobody twice. */
			continue;
		}
		lend__io_note_wait(&series->pending.io);
		lend__suspend(self, deadline);
		lend__io_note_waited(self);
	}
}

/* ---- beginning and end ---- */

static void end_with_actor(struct lend_pending *pending)
{
	lend_series_close(
		lend_container_of(pending, struct lend_series, pending));
}

int lend__series_open(int fd, const struct lend__series_kind *kind,
		      const struct lend_series_options *options,
		      struct lend_series **home)
{
	struct lend_actor *self = lend__current_actor();
	struct lend_series *series = lend_io_alloc(kind->record_size);

	if (!series)
		return -ENOMEM;
	memset(series, 0, kind->record_size);
	lend__io_op_init(&series->pending.io, self, fd);
	series->pending.io.op.done = series_done;
	series->pending.end = end_with_actor;
	lend_list_push_back(&self->pendings, &series->pending.link);
	lend__io_watch_end(self);
	if (lend__places_used())
		lend__place_note(LEND_PLACE_OPERATION,
				 (uintptr_t)&series->pending);
	series->kind = kind;
	series->arbiter = &self->worker->runtime->arbiter;
	series->home = home;
	series->fd = fd;
	series->epoch = fd < 0 ? 0 : lend__descriptor_epoch(fd);
	series->results_max = options->results_max;
	series->poll_events = options->poll_events;
	series->address_max = (uint16_t)options->address_max;
	series->control_max = (uint16_t)options->control_max;
	series->shared = kind->has_buffers && kind->ends_with_0 &&
			 lend__buffer_can_share(self, fd);
	series->buffers_max =
		series->shared ?
			lend__buffer_stream_max(self->worker->runtime) :
			self->worker->runtime->options.buffers_actor_max;
	atomic_init(&series->state, 0);
	atomic_init(&series->came, 0);
	atomic_init(&series->unread, 0);
	*home = series;
	return 0;
}

int lend_series_open(int fd, enum lend_series_kind kind,
		     const struct lend_series_options *options,
		     struct lend_series **ret_series)
{
	struct lend_series_options complete = { 0 };
	const struct lend_worker *worker = lend__current_worker();
	struct lend_series *series;
	const struct lend_pool *pool;
	int err;

	lend_assert_actor(worker && worker->running);
	pool = &worker->runtime->arbiter.pool;
	if (options)
		complete = *options;
	if (!complete.results_max)
		complete.results_max = RESULTS_DEFAULT;
	if (!complete.poll_events)
		complete.poll_events = POLLIN;
	if (!complete.address_max)
		complete.address_max = ADDRESS_MAX;
	/* So that what lies behind them is aligned. */
	if ((unsigned)kind >= LEND_SERIES_KINDS ||
	    complete.results_max > RESULTS_MAX ||
	    complete.address_max > ADDRESS_MAX ||
	    complete.control_max > CONTROL_MAX)
		return -EINVAL;
	complete.address_max = (unsigned)lend_align_up(complete.address_max, 8);
	complete.control_max = (unsigned)lend_align_up(complete.control_max, 8);
	if (kind == LEND_SERIES_RECVMSG &&
	    pool->buffer_size <= sizeof(struct io_uring_recvmsg_out) +
					 complete.address_max +
					 complete.control_max)
		return -EINVAL;
	err = lend__series_open(fd, &lend__series_kinds[kind], &complete,
				&series);
	if (err)
		return err;
	/* It was the address of a variable that is gone soon. */
	series->home = NULL;
	*ret_series = series;
	return 0;
}

void lend_series_pause(struct lend_series *series)
{
	struct lend_io_op *op = &series->pending.io;

	lend_assert_own(op->actor == lend__current_actor(), "a series", OWNER);
	collect(series);
	for (unsigned attempt = 0; series->armed; attempt++) {
		uint64_t again_ns = lend__io_cancel(op, attempt);

		collect(series);
		if (series->armed)
			lend__suspend(op->actor, lend_after(again_ns));
		collect(series);
	}
	if (series->has_outcome && series->outcome == -ECANCELED)
		series->has_outcome = false;
}

struct lend_series *lend_series_close(struct lend_series *series)
{
	if (!series)
		return NULL;
	lend_series_pause(series);
	while (series->taken)
		take_one(series, NULL);
	lend_io_free(series->own);
	if (series->home)
		*series->home = NULL;
	if (lend__places_used())
		lend__place_forget(LEND_PLACE_OPERATION,
				   (uintptr_t)&series->pending);
	lend_list_remove(&series->pending.link);
	lend__op_fini(&series->pending.io.op);
	lend_io_free(series);
	return NULL;
}
