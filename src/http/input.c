/*
 * Receiving: see input.h.
 */
#include "http/input.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "arbiter/pool.h"
#include "base/bits.h"
#include "base/check.h"
#include "base/counter.h"
#include "http/output.h"
#include "http/server.h"
#include "io/await.h"
#include "io/buffer.h"
#include "rt/claims.h"

/* Without buffer rings: wait for something to be there, so that an idle
 * connection needs no buffer. */
static int start_poll(struct lend__http_connection *connection)
{
	struct lend_io io;
	int err = lend__io_begin_kept(&io, connection->record, LEND_FOREVER);

	if (err)
		return err;
	io_uring_prep_poll_add(io.sqe, connection->fd, POLLIN);
	lend__io_submit(&io);
	connection->in.polling = true;
	return 0;
}

int lend__http_input_start(struct lend__http_connection *connection)
{
	struct lend__http_input *in = &connection->in;
	int err;

	lend_assert(!in->receiving && !in->buffer.data);
	err = lend__buffer_recv_start(connection->record,
				      LEND_RECV_STREAM |
					      (in->more ? LEND_RECV_READY : 0),
				      in->usual, LEND_FOREVER);
	if (lend_unlikely(err == -EOPNOTSUPP))
		err = start_poll(connection);
	in->receiving = !err;
	return err;
}

/* One that tries at once takes a buffer before it looks for bytes, and fails
 * if all are in use. To receive without one then would be to wait for the first
 * byte as if it had come: with a span, for as long as a head may take, and
 * through a drain. */
static bool lacks_buffer(const struct lend__http_connection *connection)
{
	return !connection->in.polling &&
	       connection->record->io.op.res == -ENOBUFS &&
	       !lend__buffer_recv_room(connection->record);
}

bool lend__http_input_goes_on(struct lend__http_connection *connection)
{
	return lacks_buffer(connection) ||
	       lend__io_is_undone(&connection->record->io);
}

int lend__http_input_again(struct lend__http_connection *connection)
{
	if (!connection->in.polling && !lacks_buffer(connection))
		return lend__buffer_recv_again(connection->record,
					       LEND_RECV_STREAM, LEND_FOREVER);
	return start_poll(connection);
}

_Static_assert(LEND__HTTP_INPUT_USUAL_MAX > LEND_RECV_SHORT_MAX &&
		       LEND__HTTP_INPUT_USUAL_MAX <= UINT16_MAX,
	       "who was cut is not expected to be short next time");

/* There was so much to be received. Who has filled the room for it was cut: it
 * has been expected to be short, and is not until a number of others were. */
static void expect_more(struct lend__http_input *in, uint32_t size,
			uint32_t room)
{
	if (size == room || size > LEND__HTTP_INPUT_USUAL_MAX)
		size = LEND__HTTP_INPUT_USUAL_MAX;
	if (size > in->usual)
		in->usual = (uint16_t)size;
}

/* What is likely to come next, after a receive. One that is larger than those
 * before counts at once, as one that is cut costs another one; smaller ones by
 * and by. */
static void learn(struct lend__http_input *in, uint32_t size, uint32_t room)
{
	if (size < in->usual)
		in->usual -= (uint16_t)((in->usual - size + 7) / 8);
	expect_more(in, size, room);
}

static void count_received(struct lend__http_connection *connection,
			   ssize_t size)
{
	if (size > 0)
		lend_counter_add(
			&lend__http_local_of(connection)->counters.received,
			(uint64_t)size);
	else if (size == 0)
		connection->eof = true;
}

ssize_t lend__http_input_finish(struct lend__http_connection *connection,
				uint64_t deadline)
{
	struct lend__http_input *in = &connection->in;
	struct lend_pending *record = connection->record;
	uint32_t room = 0;
	ssize_t res;

	in->receiving = false;
	in->at = in->end = in->room = 0;
	if (in->polling) {
		res = record->io.op.res;
		in->polling = false;
		if (res >= 0)
			res = -ENOBUFS;
	} else {
		room = lend__buffer_recv_room(record);
		res = lend__buffer_recv_finish(record, &in->buffer, &in->more);
	}
	if (lend_unlikely(res == -ENOBUFS)) {
		in->more = true;
		res = lend__buffer_recv_own(connection->fd, deadline,
					    &in->buffer);
		room = (uint32_t)lend__buffer_size();
	}
	if (res > 0) {
		in->end = (uint32_t)res;
		in->room = room;
		learn(in, in->end, room);
	}
	count_received(connection, res);
	return res;
}

/* It is not needed any more. */
static void release(struct lend__http_connection *connection)
{
	lend__buffer_recv_release(connection->record, &connection->in.buffer);
}

int lend__http_input_own(struct lend__http_connection *connection,
			 uint32_t keep, uint32_t room)
{
	struct lend__http_input *in = &connection->in;
	uint32_t size = in->end - keep;
	char *span = in->buffer.data;

	lend_assert(keep <= in->at && in->at <= in->end);
	if (room < size)
		room = size;
	if (in->room >= room) {
		memmove(span, span + keep, size);
	} else {
		room = (uint32_t)lend_ceil_power_of_two(room);
		span = lend_io_alloc(room);
		if (!span)
			return -ENOMEM;
		memcpy(span, in->buffer.data + keep, size);
		release(connection);
		in->buffer.data = span;
		in->room = room;
	}
	in->buffer.size = size;
	in->at -= keep;
	in->end = size;
	return 0;
}

ssize_t lend__http_input_more(struct lend__http_connection *connection,
			      uint64_t deadline)
{
	struct lend__http_input *in = &connection->in;
	ssize_t res;

	lend_assert(in->end < in->room);
	res = lend__http_input_direct(connection, in->buffer.data + in->end,
				      in->room - in->end, deadline);
	if (res <= 0)
		return res;
	in->end += (uint32_t)res;
	/* A head in pieces is as long as all of them. */
	expect_more(in, in->end - in->at, 0);
	return res;
}

ssize_t lend__http_input_direct(struct lend__http_connection *connection,
				void *data, size_t size, uint64_t deadline)
{
	/* Earlier answers are on their way: lend__http_output_before_wait(). */
	ssize_t res = lend_recv(connection->fd, data, size, 0, deadline);

	/* It took what there was: the next receive may as well wait. */
	connection->in.more = res == (ssize_t)size;
	count_received(connection, res);
	return res;
}

ssize_t lend__http_input_last(struct lend__http_connection *connection)
{
	struct lend__http_input *in = &connection->in;
	char *span = lend_io_alloc(LEND_POOL_BUFFER_SIZE);
	ssize_t res;

	if (!span)
		return -ENOMEM;
	lend_assert(!in->buffer.data);
	res = lend_recv(connection->fd, span, LEND_POOL_BUFFER_SIZE,
			MSG_DONTWAIT, LEND_FOREVER);
	if (res <= 0) {
		lend_io_free(span);
		return res;
	}
	in->buffer = (struct lend_buffer){ .data = span, .size = (size_t)res };
	in->room = LEND_POOL_BUFFER_SIZE;
	in->end = (uint32_t)res;
	count_received(connection, res);
	return res;
}

void lend__http_input_drop(struct lend__http_connection *connection)
{
	struct lend__http_input *in = &connection->in;

	release(connection);
	in->at = in->end = in->room = 0;
}

void lend__http_input_end(struct lend__http_connection *connection)
{
	struct lend__http_input *in = &connection->in;

	if (in->receiving) {
		/* That may flush a ring, which is not for the middle of a claim
		 * that a handler has left. */
		lend__claims_revoke(connection->actor);
		lend__io_abort(&connection->record->io);
		if (!in->polling)
			(void)lend__buffer_recv_finish(connection->record,
						       &in->buffer, &in->more);
	}
	release(connection);
	lend__buffer_recv_close(connection->record);
}
