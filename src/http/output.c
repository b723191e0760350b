/*
 * Sending: see output.h.
 */
#include "http/output.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/bits.h"
#include "base/check.h"
#include "base/counter.h"
#include "http/server.h"
#include "http/sheet.h"
#include "io/await.h"
#include "rt/current.h"

/* What one short answer needs is at home, in the page of the actor's record;
 * more than that, as the answers to a batch, or if there is no room at home,
 * has a sheet of the worker's until it is sent, or else a page of its own. */
#define ROOM_SMALL 256
#define ROOM_MIN   4096

_Static_assert(ROOM_MIN == LEND__HTTP_SHEET_SIZE, "a sheet is as good");

static uint64_t write_deadline(const struct lend__http_connection *connection)
{
	return lend__http_after(connection,
				connection->server->options.write_timeout_ns);
}

static int fail(struct lend__http_connection *connection, int error)
{
	if (!connection->out.error)
		connection->out.error = error;
	return connection->out.error;
}

static void count_sent(struct lend__http_connection *connection, size_t size)
{
	lend_counter_add(&lend__http_local_of(connection)->counters.sent, size);
}

/* A sheet is the worker's again as soon as nobody needs what is in it. */
static void release(struct lend__http_connection *connection)
{
	struct lend__http_output *out = &connection->out;

	if (!out->lent)
		return;
	lend__http_sheet_give(connection->server, out->data);
	out->lent = false;
	out->data = NULL;
	out->room = 0;
}

void lend__http_output_drop(struct lend__http_connection *connection)
{
	struct lend__http_output *out = &connection->out;

	release(connection);
	lend_io_free(out->data);
	out->data = NULL;
	out->size = out->room = 0;
}

/* Have room for @size bytes in all. */
static int grow(struct lend__http_connection *connection, size_t size)
{
	struct lend__http_output *out = &connection->out;
	const struct lend__http_input *in = &connection->in;
	uint32_t gathered = out->size;
	void *data = NULL;
	bool lent = false;

	/* No more requests have come behind this one: no batch. */
	if (size <= ROOM_SMALL && in->at >= in->end &&
	    lend__heap_alloc_home(&connection->actor->heap, ROOM_SMALL,
				  &data)) {
		size = ROOM_SMALL;
	} else if (size <= ROOM_MIN) {
		size = ROOM_MIN;
		data = lend__http_sheet_take(connection->server);
		lent = data != NULL;
	} else {
		size = lend_ceil_power_of_two(size);
	}
	if (!data)
		data = lend_io_alloc(size);
	if (!data)
		return fail(connection, -ENOMEM);
	if (out->data)
		memcpy(data, out->data, gathered);
	lend__http_output_drop(connection);
	out->data = data;
	out->size = gathered;
	out->room = (uint32_t)size;
	out->lent = lent;
	return 0;
}

char *lend__http_output_make_room(struct lend__http_connection *connection,
				  size_t size)
{
	struct lend__http_output *out = &connection->out;

	lend_assert(size <= LEND__HTTP_OUTPUT_MAX);
	if (out->sending)
		lend__http_output_finish(connection);
	if (lend_unlikely(out->size + size > LEND__HTTP_OUTPUT_MAX))
		lend__http_output_flush(connection);
	if (lend_unlikely(out->error))
		return NULL;
	if (lend_unlikely(out->size + size > out->room) &&
	    grow(connection, out->size + size))
		return NULL;
	return out->data + out->size;
}

/*
 * The poller sees the end of a send: the next who needs a sheet here is to have
 * this one, while its lines are in the caches, and not only when the
 * connection's actor comes by. What was not sent is still needed, and that
 * actor, which waits for the next request, is told to see to it: the client may
 * wait for the rest.
 *
 * It looks at the buffer only when it has seen the end ([I2], or its mail),
 * which is told below.
 */
static void sent(struct lend_op *op, int32_t res, uint32_t flags, bool more)
{
	struct lend_pending *pending = lend_container_of(
		op, struct lend_pending, io.op);
	struct lend__http_connection *connection = pending->author;

	if (lend_unlikely(res != (int32_t)connection->out.size))
		lend__io_make_loud(&pending->io);
	else if (lend_likely(lend__current_worker() != NULL))
		release(connection);
	lend__io_op_done(op, res, flags, more);
}

static int start(struct lend__http_connection *connection)
{
	struct lend__http_output *out = &connection->out;
	uint64_t deadline = write_deadline(connection);
	struct lend_pending *pending;
	struct lend_io io;
	int err = lend__io_begin_pending(&io, connection->fd, deadline,
					 &pending);

	if (err)
		return err;
	/* MSG_WAITALL has the kernel go on after a short send. */
	io_uring_prep_send(io.sqe, connection->fd, out->data, out->size,
			   MSG_NOSIGNAL | MSG_WAITALL);
	pending->author = connection;
	pending->io.op.done = sent;
	out->deadline = deadline;
	out->sending = pending;
	io.self->owes |= LEND_OWES_CALL;
	/* It is over before the client can ask for more. */
	lend__io_quieten(&io);
	lend__io_submit(&io);
	return 0;
}

int lend__http_output_start(struct lend__http_connection *connection)
{
	struct lend__http_output *out = &connection->out;
	int err;

	if (out->error || out->sending)
		return out->error;
	/* There is nothing to be seen to until it has begun. */
	connection->actor->owes &= (uint8_t)~LEND_OWES_CALL;
	if (!out->size)
		return 0;
	out->agains = 0;
	err = start(connection);
	return lend_unlikely(err) ? fail(connection, err) : 0;
}

/* The send is over. What it has left over is gathered again, and nothing is if
 * it has failed. */
static void settle(struct lend__http_connection *connection, int res)
{
	struct lend__http_output *out = &connection->out;
	struct lend_pending *pending = out->sending;

	/* Nothing was sent, and all of it still is to be: Note [again]. */
	if (lend_unlikely(lend__io_is_undone(&pending->io)))
		res = 0;
	out->sending = NULL;
	lend__io_end_pending(pending);
	if (lend_unlikely(res < 0)) {
		out->size = 0;
		fail(connection, res);
		return;
	}
	count_sent(connection, (size_t)res);
	out->size -= (uint32_t)res;
	if (lend_likely(!out->size)) {
		release(connection);
		return;
	}
	lend_assert(out->data);
	memmove(out->data, out->data + res, out->size);
}

int lend__http_output_finish(struct lend__http_connection *connection)
{
	struct lend__http_output *out = &connection->out;
	struct lend_pending *pending = out->sending;
	int res;

	if (!pending)
		return out->error;
	/* All of it will be sent, and is waited for. */
	connection->actor->owes &= (uint8_t)~LEND_OWES_CALL;
	res = lend__io_done(&pending->io) ?
		      pending->io.op.res :
		      lend__io_await(&pending->io, out->deadline, true);
	settle(connection, res);
	if (lend_unlikely(out->size))
		return lend__http_output_send(connection, NULL, 0, NULL, 0);
	return out->error;
}

/* It is over, and has not sent all. Who comes here next sees to one that
 * failed, or was undone too often. */
static bool has_left_over(struct lend__http_output *out)
{
	struct lend_io_op *op = &out->sending->io;
	int32_t res;

	if (!lend__io_done(op))
		return false;
	res = op->op.res;
	if (res == (int32_t)out->size)
		return false;
	if (res > 0) {
		out->agains = 0;
		return true;
	}
	if (!lend__io_is_interruption(res) || out->agains >= LEND_IO_AGAIN_MAX)
		return false;
	out->agains++;
	return true;
}

bool lend__http_output_before_wait(struct lend_actor *self)
{
	struct lend__http_connection *connection = self->arg;
	struct lend__http_output *out = &connection->out;

	/* In a block whose deadline has passed nothing can be begun. */
	if (out->error || self->cancelled)
		return false;
	if (out->sending) {
		if (!has_left_over(out))
			return false;
		settle(connection, out->sending->io.op.res);
	}
	if (!out->size || out->error)
		return false;
	/* That this fails is no harm yet: the handler may hold the memory that
	 * it needs, say. */
	self->owes &= (uint8_t)~LEND_OWES_CALL;
	(void)start(connection);
	return true;
}

/* All of @size bytes. Each send has its own deadline: a slow client may take
 * its time for much, as long as it takes some. */
static int send_all(struct lend__http_connection *connection, const char *data,
		    size_t size)
{
	while (size) {
		uint64_t deadline = write_deadline(connection);
		struct lend_io io;
		int res = lend__io_begin_kept(&io, connection->record,
					      deadline);

		if (!res) {
			do
				io_uring_prep_send(io.sqe, connection->fd, data,
						   size,
						   MSG_NOSIGNAL | MSG_WAITALL);
			while (!lend__io_run_kept(&io, deadline, &res));
		}
		if (lend_unlikely(res < 0))
			return fail(connection, res);
		count_sent(connection, (size_t)res);
		data += res;
		size -= (size_t)res;
	}
	return 0;
}

int lend__http_output_flush(struct lend__http_connection *connection)
{
	struct lend__http_output *out = &connection->out;
	uint32_t size = out->size;

	if (out->sending) {
		lend__http_output_finish(connection);
		size = out->size;
	}
	if (out->error)
		return out->error;
	/* The record is in use. */
	if (lend_unlikely(connection->in.receiving))
		return lend__http_output_send(connection, NULL, 0, NULL, 0);
	out->size = 0;
	send_all(connection, out->data, size);
	release(connection);
	return out->error;
}

static int send_some(struct lend__http_connection *connection,
		     struct msghdr *message)
{
	uint64_t deadline = write_deadline(connection);
	struct lend_io io;
	int res = lend__io_begin(&io, connection->fd, deadline);

	if (res)
		return res;
	do
		io_uring_prep_sendmsg(io.sqe, connection->fd, message,
				      MSG_NOSIGNAL);
	while (!lend__io_run(&io, deadline, &res));
	return res;
}

/* Each send has its own deadline: a slow client may take its time for much,
 * as long as it takes some. */
static int send_vector(struct lend__http_connection *connection,
		       struct iovec *part, struct iovec *end)
{
	while (part < end) {
		struct msghdr message = {
			.msg_iov = part,
			.msg_iovlen = (size_t)(end - part),
		};
		int res = send_some(connection, &message);
		size_t sent = (size_t)res;

		if (res < 0)
			return fail(connection, res);
		count_sent(connection, sent);
		for (; part < end && sent >= part->iov_len; part++)
			sent -= part->iov_len;
		if (part < end) {
			part->iov_base = (char *)part->iov_base + sent;
			part->iov_len -= sent;
		}
	}
	return 0;
}

int lend__http_output_send(struct lend__http_connection *connection,
			   const void *data, size_t size, const char *tail,
			   size_t tail_size)
{
	struct lend__http_output *out = &connection->out;
	struct iovec parts[3], *end = parts;

	if (out->sending)
		lend__http_output_finish(connection);
	if (out->error)
		return out->error;
	if (out->size)
		*end++ = (struct iovec){ out->data, out->size };
	if (size)
		*end++ = (struct iovec){ (void *)(uintptr_t)data, size };
	if (tail_size)
		*end++ = (struct iovec){ (void *)(uintptr_t)tail, tail_size };
	out->size = 0;
	send_vector(connection, parts, end);
	release(connection);
	return out->error;
}

void lend__http_output_trim(struct lend__http_connection *connection)
{
	struct lend__http_output *out = &connection->out;

	lend_assert(!out->sending && (!out->size || out->error));
	lend__http_output_drop(connection);
}
