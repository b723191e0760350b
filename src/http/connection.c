/*
 * A connection's life: wait for a request, serve what has come, end. The
 * exchanges themselves are in exchange.c. Started by the accepting actors.
 *
 * All that a connection has is released by connection_end(), which runs at the
 * end of its actor, however that came about: a handler may have called
 * lend_exit(), which unwinds nothing.
 */
#include "http/connection.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "actor/actor.h"
#include "base/bits.h"
#include "base/check.h"
#include "base/counter.h"
#include "http/exchange.h"
#include "http/input.h"
#include "http/output.h"
#include "http/server.h"
#include "http/sheet.h"
#include "io/await.h"
#include "io/buffer.h"
#include "io/descriptors.h"
#include "rt/current.h"
#include "rt/suspend.h"

/* Idle for this long, a connection gives its memory back: two system calls
 * that one with requests to come soon should not pay for. */
#define WARM_NS LEND_S

/* How long, and for how many bytes, we listen to a client that was answered
 * but may still be sending: closing earlier would reset the connection, and
 * the answer be lost on its way (RFC 9112, 9.6). */
#define LINGER_NS    LEND_S
#define LINGER_MAX   (512 << 10)
#define LINGER_PIECE 2048

/* Bytes of the stack that an exchange uses below the connection's frame: its
 * record, and the frames of what parses a head or answers, and of what that
 * calls. */
#define FRAMES_SIZE (sizeof(struct lend__http_exchange) + 576)

static void give_back(struct lend__http_connection *connection)
{
	lend__http_output_trim(connection);
	lend__http_sheet_trim(connection->server);
	connection->warm = false;
	lend_trim();
}

/* The send of the last answers, while we wait for the next request. Not left to
 * lend__http_output_before_wait(): here a client that takes nothing, and an
 * error, end the connection. */
static int look_after_send(struct lend__http_connection *connection)
{
	struct lend__http_output *out = &connection->out;

	if (lend__io_done(&out->sending->io))
		return lend__http_output_finish(connection);
	return lend__http_now(connection) >= out->deadline ? -ETIMEDOUT : 0;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Wait until the receive is over. 0, or why the connection is to end. */
static int wait_for_bytes(struct lend__http_connection *connection)
{
	struct lend_io_op *op = &connection->record->io;
	struct lend_actor *self = connection->actor;
	uint64_t idle_ns = connection->server->options.idle_timeout_ns;
	uint64_t end_ns = lend__http_after(connection, idle_ns);
	uint64_t cool_ns = lend__http_after(connection, WARM_NS);

	for (;;) {
		uint64_t wake_ns = end_ns;
		int err = 0;

		if (lend__io_done(op)) {
			if (lend_likely(op->op.res >= 0 ||
					!lend__http_input_goes_on(connection)))
				return 0;
			err = lend__http_input_again(connection);
			if (err)
				return err;
		}
		if (self->cancelled)
			return -ECANCELED;
		if (lend__http_phase(connection->server) != LEND__HTTP_OPEN) {
			/* What has come all the same is served. A send goes
			 * on, and is waited for at the end. */
			lend__io_abort(op);
			return 0;
		}
		if (connection->out.sending) {
			err = look_after_send(connection);
			if (err)
				return err;
			/* Sending the rest of a short one may have waited, and
			 * taken the mail of what is looked for above. */
			if (!connection->out.sending)
				continue;
			wake_ns = earlier(cool_ns, connection->out.deadline);
			cool_ns = lend__http_after(connection, WARM_NS);
			end_ns = lend__http_after(connection, idle_ns);
		} else if (lend__http_now(connection) >= end_ns) {
			return -ETIMEDOUT;
		} else if (connection->warm) {
			if (lend__http_now(connection) >= cool_ns)
				give_back(connection);
			else
				wake_ns = earlier(cool_ns, end_ns);
		}
		lend__io_note_wait(op);
		/* Relaxed: Note [ahead] in actor/actor.h. */
		atomic_store_explicit(&self->ahead, connection,
				      memory_order_relaxed);
		lend__suspend(self, wake_ns);
		lend__io_note_waited(self);
	}
}

/*
 * There is a request: have the lines of the stack fetched that it needs while
 * we look at how it came. Of hundreds of connections they are in no near cache,
 * and the frames of an exchange are written so fast that the processor waits
 * for one after the other, though nothing is read from there before.
 *
 * Always inline: see lend__lane_look_ahead(), and the frame is the caller's.
 */
__attribute__((always_inline)) static inline void fetch_ahead(void)
{
	const char *frame = __builtin_frame_address(0);

	/* A line an instruction, not four. */
#pragma GCC unroll 32
	for (size_t below = LEND_CACHE_LINE; below <= FRAMES_SIZE;
	     below += LEND_CACHE_LINE)
		__builtin_prefetch(frame - below, 1);
}

/* Wait for a request's first bytes. False: there are none to come. */
static bool wait_for_request(struct lend__http_connection *connection)
{
	ssize_t res;

	if (lend__http_input_start(connection) || wait_for_bytes(connection))
		return false;
	fetch_ahead();
	res = lend__http_input_finish(
		connection,
		lend__http_after(
			connection,
			connection->server->options.header_timeout_ns));
	/* Cancelled in a drain, between the arrival of a request and the
	 * kernel's look at it: it was sent to a server that was open. */
	if (lend_unlikely(res == -ECANCELED && !connection->actor->cancelled))
		res = lend__http_input_last(connection);
	return res > 0;
}

/*
 * Send the answers. 0 or an error.
 *
 * Who sends one request at a time sends the next when it has this answer. When
 * the send is over, and others have had their turns, that may well be here, and
 * a receive that finds it costs less than one that waits. Of a batch the
 * answers take the client longer: there the receive waits beside the send,
 * which saves a turn.
 *
 * Not where the requests are served: the stack is lower there, and the frames
 * in which we wait would be on lines of their own.
 */
static int answer(struct lend__http_connection *connection)
{
	if (lend_unlikely(connection->in_batch))
		return lend__http_output_start(connection);
	connection->in.more = true;
	return lend__http_output_flush(connection);
}

__attribute__((noinline)) static void
linger(struct lend__http_connection *connection)
{
	uint64_t deadline = lend__http_after(connection, LINGER_NS);
	char piece[LINGER_PIECE];
	size_t heard = 0;
	ssize_t res;

	lend__http_input_drop(connection);
	if (lend_shutdown(connection->fd, SHUT_WR, deadline))
		return;
	do {
		res = lend__http_input_direct(connection, piece, sizeof(piece),
					      deadline);
		heard += (size_t)res;
	} while (res > 0 && heard < LINGER_MAX);
}

static void connection_end(struct lend_actor *self)
{
	struct lend__http_connection *connection = self->arg;
	struct lend_http_server *server = connection->server;

	/* Before the end of all: that gives back what the actor still holds,
	 * and a buffer given twice is a loop in the list of the free. */
	if (connection->record)
		lend__http_input_end(connection);
	/* A handler may have ended it; nothing is begun any more. */
	self->owes &= (uint8_t)~LEND_OWES_CALL;
	lend__io_end_all(self);
	lend__http_output_drop(connection);
	/* Somebody else may have been closing it, and have waited for our
	 * record: then it may be another's by now. */
	(void)lend__io_close(connection->fd, connection->epoch);
	lend_counter_add(&lend__http_local(server)->counters.ended, 1);
	lend__http_server_leave(server, connection);
	/* The server may be gone from here on. */
	free(connection);
}

static int connection_main(void *argument)
{
	struct lend__http_connection *connection = argument;
	struct lend_actor *self = lend__current_actor();

	lend__io_watch_end(self);
	self->end_io = connection_end;
	self->before_wait = lend__http_output_before_wait;
	lend__http_server_enter(connection->server, connection, self);
	connection->in.more = true;
	if (lend__buffer_recv_open(connection->fd, &connection->record) ||
	    lend__descriptor_epoch(connection->fd) != connection->epoch)
		return 0;
	while (wait_for_request(connection) &&
	       lend__http_exchange_serve(connection) && !answer(connection))
		/* The next bytes may have come already. */
		lend_yield_if_needed();
	lend__http_output_flush(connection);
	if (connection->linger && !connection->eof && !connection->out.error)
		linger(connection);
	return 0;
}

int lend__http_connection_open(struct lend_http_server *server, int fd)
{
	size_t client_size = server->options.access ? LEND_ADDRESS_TEXT_MAX : 1;
	size_t size = lend_align_up(
		offsetof(struct lend__http_connection, client) + client_size,
		LEND_CACHE_LINE);
	struct lend_spawn_options options = { .name = "http connection" };
	struct lend__http_connection *connection;
	struct lend_address peer = { .size = sizeof(peer.storage) };
	int err;

	connection = aligned_alloc(LEND_CACHE_LINE, size);
	if (!connection)
		return -ENOMEM;
	memset(connection, 0, size);
	connection->server = server;
	connection->fd = fd;
	connection->epoch = lend__descriptor_epoch(fd);
	connection->in.usual = LEND__HTTP_INPUT_USUAL_MAX;
	if (server->options.access &&
	    !getpeername(fd, (struct sockaddr *)&peer.storage, &peer.size))
		lend_address_format(&peer, connection->client);
	lend__http_server_add(server, connection);
	options.worker = connection->worker + 1;
	err = lend_spawn(connection_main, connection, &options, NULL);
	if (err) {
		lend__http_server_leave(server, connection);
		free(connection);
	}
	return err;
}
