/*
 * A service that sends back what it receives: see echo_server.h. An actor
 * accepts on each address, and one echoes on each connection; the latter are
 * spread over the workers in turn.
 *
 * Who waits for whom: an acceptor that has no room (--max-connections, or no
 * descriptor left) pauses and waits for MSG_ENDED, which every ending
 * connection sends to those that wait. When the service drains, the last
 * connection sends it to the main actor.
 */
#include "echo_server.h"

#include <errno.h>
#include <lend/io.h>
#include <lend/mailbox.h>
#include <lend/runtime.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "process.h"
#include "say.h"

/* A client that takes nothing of its echo for so long is gone. */
#define SEND_TIMEOUT_NS (60 * LEND_S)
/* Who sends less than this at a time has it received on the stack of his
 * connection, which costs less than a buffer of the runtime's. After a piece
 * that was not short, so many are to be. */
#define SHORT_ROOM  512
#define SHORT_AGAIN 8
/* While draining: when nothing came for so long, nothing more is coming. */
#define QUIET_NS (100 * LEND_MS)
/* Without a descriptor, one may become free outside this service. */
#define ACCEPT_AGAIN_NS (100 * LEND_MS)

enum { MSG_ENDED = 1, MSG_DRAIN };

/* The lines of the caches, which connections of two workers are not to share:
 * what each writes all the time is in here. */
#define LINE 64

struct echo_connection {
	struct echo_server *server;
	int fd;
	_Atomic bool is_waiting; /* Note [drain] */
	/* [its actor] written, read by others as counters */
	_Atomic uint64_t bytes_received;
	_Atomic uint64_t bytes_sent;
	struct echo_connection *next; /* [lock] */
	struct echo_connection **link;
};

_Static_assert(sizeof(struct echo_connection) <= LINE, "each has one");

/* What came last. */
struct echo_piece {
	char *data; /* in @buffer or @room */
	size_t size;
	unsigned wary; /* of so many more that are short */
	struct lend_buffer buffer;
	char room[SHORT_ROOM];
};

int echo_server_open(struct echo_server *server, const struct options *options)
{
	int err;

	server->options = options;
	pthread_mutex_init(&server->lock, NULL);
	for (unsigned i = 0; i < options->listen_count; i++) {
		struct echo_acceptor *acceptor = &server->acceptors[i];

		err = lend_listener_open(options->listen[i], 0,
					 &acceptor->listener);
		if (err) {
			process_complain_listen("listen", options->listen[i],
						err);
			return EXIT_USAGE;
		}
		acceptor->server = server;
		server->acceptors_count++;
	}
	return EXIT_DONE;
}

void echo_server_close(struct echo_server *server)
{
	for (unsigned i = 0; i < server->acceptors_count; i++)
		server->acceptors[i].listener = lend_listener_close(
			server->acceptors[i].listener);
	server->acceptors_count = 0;
	pthread_mutex_destroy(&server->lock);
}

/* ---- connections ---- */

static void connection_link_locked(struct echo_server *server,
				   struct echo_connection *connection)
{
	connection->next = server->connections;
	connection->link = &server->connections;
	if (connection->next)
		connection->next->link = &connection->next;
	server->connections = connection;
	server->open++;
}

static void count_bytes(_Atomic uint64_t *counter, ssize_t size)
{
	/* Nobody else writes it. */
	atomic_store_explicit(counter,
			      atomic_load_explicit(counter,
						   memory_order_relaxed) +
				      (uint64_t)size,
			      memory_order_relaxed);
}

/* Take it off the list, and tell those who wait for that. */
static void connection_unlink(struct echo_connection *connection)
{
	struct echo_server *server = connection->server;
	lend_ref tell[LISTEN_MAX + 1];
	unsigned count = 0;

	pthread_mutex_lock(&server->lock);
	*connection->link = connection->next;
	if (connection->next)
		connection->next->link = connection->link;
	server->open--;
	server->bytes_received += connection->bytes_received;
	server->bytes_sent += connection->bytes_sent;
	for (unsigned i = 0; i < server->acceptors_count; i++) {
		if (server->acceptors[i].is_waiting)
			tell[count++] = server->acceptors[i].actor;
		server->acceptors[i].is_waiting = false;
	}
	if (atomic_load(&server->is_draining) && !server->open)
		tell[count++] = server->main;
	pthread_mutex_unlock(&server->lock);
	for (unsigned i = 0; i < count; i++) {
		if (lend_tell(tell[i], MSG_ENDED, NULL, 0)) {
			/* It has ended, or looks again by itself. */
		}
	}
}

/* Into @room if that is likely to do; else into a buffer, which an actor that
 * waits does not hold. */
static ssize_t receive(struct echo_connection *connection, uint64_t deadline,
		       struct echo_piece *piece)
{
	ssize_t size;

	piece->buffer = (struct lend_buffer){ 0 };
	if (!piece->wary) {
		piece->data = piece->room;
		size = lend_recv(connection->fd, piece->room,
				 sizeof(piece->room), 0, deadline);
	} else {
		size = lend_recv_buffer(connection->fd, deadline,
					&piece->buffer);
		piece->data = piece->buffer.data;
	}
	if (size <= 0)
		return size;
	piece->size = (size_t)size;
	if (piece->size >= sizeof(piece->room))
		piece->wary = SHORT_AGAIN;
	else if (piece->wary)
		piece->wary--;
	return size;
}

/*
 * Receive what comes; while draining, until nothing has come for QUIET_NS: a
 * client may have sent it before it could know.
 *
 * Note [drain]: who has waited in a receive since before the drain, and got
 * nothing for QUIET_NS of it, is woken by a shutdown() of that direction. It is
 * not done to others, as the kernel then tells the client no more that there
 * is room again: what is on its way would take seconds. So each says that it
 * waits, then looks whether we drain, and the drain does the same the other
 * way round; seq_cst, lest both miss it.
 */
static ssize_t connection_receive(struct echo_connection *connection,
				  struct echo_piece *piece)
{
	uint64_t deadline = LEND_FOREVER;
	ssize_t size;

	atomic_store(&connection->is_waiting, true);
	if (atomic_load(&connection->server->is_draining)) {
		atomic_store(&connection->is_waiting, false);
		deadline = lend_after(QUIET_NS);
	}
	size = receive(connection, deadline, piece);
	atomic_store(&connection->is_waiting, false);
	return size;
}

static void connection_echo(struct echo_connection *connection)
{
	struct echo_piece piece;
	ssize_t size, sent;

	piece.wary = 0;
	while ((size = connection_receive(connection, &piece)) > 0) {
		count_bytes(&connection->bytes_received, size);
		sent = lend_send_all(connection->fd, piece.data, piece.size,
				     lend_after(SEND_TIMEOUT_NS));
		lend_buffer_release(&piece.buffer);
		if (sent < 0)
			return;
		count_bytes(&connection->bytes_sent, sent);
	}
}

static int connection_run(void *arg)
{
	struct echo_connection *connection = arg;
	int fd = connection->fd;

	connection_echo(connection);
	/* Off the list first: who is on it may get a shutdown(), and once it
	 * is closed the number is somebody else's. */
	connection_unlink(connection);
	lend_close(fd);
	free(connection);
	return 0;
}

/* ---- accepting ---- */

/* Hand a new connection to an actor. False: it was closed instead. */
static bool connection_start(struct echo_server *server, int fd)
{
	struct echo_connection *connection = aligned_alloc(LINE, LINE);
	struct lend_spawn_options options = { .name = "echo connection" };

	if (!connection) {
		lend_close(fd);
		return false;
	}
	*connection = (struct echo_connection){ .server = server, .fd = fd };
	pthread_mutex_lock(&server->lock);
	connection_link_locked(server, connection);
	options.worker = 1 +
			 server->next_worker++ %
				 lend_runtime_workers(lend_runtime_current());
	pthread_mutex_unlock(&server->lock);
	atomic_fetch_add_explicit(&server->accepted, 1, memory_order_relaxed);
	if (!lend_spawn(connection_run, connection, &options, NULL))
		return true;
	connection_unlink(connection);
	lend_close(fd);
	free(connection);
	return false;
}

/* Wait until there may be room. Returns false if we were cancelled. */
static bool acceptor_wait(struct echo_acceptor *acceptor, uint64_t deadline)
{
	struct lend_msg *msg = NULL;
	int err;

	lend_listener_pause(acceptor->listener);
	err = lend_receive(deadline, &msg);
	if (!err)
		lend_msg_free(msg);
	return err != -ECANCELED;
}

static bool acceptor_has_room(struct echo_acceptor *acceptor)
{
	struct echo_server *server = acceptor->server;
	bool has_room;

	pthread_mutex_lock(&server->lock);
	has_room = server->open < server->options->connections_max;
	acceptor->is_waiting = !has_room;
	pthread_mutex_unlock(&server->lock);
	return has_room;
}

static int acceptor_run(void *arg)
{
	struct echo_acceptor *acceptor = arg;
	struct echo_server *server = acceptor->server;
	bool complained = false;
	int fd;

	for (;;) {
		if (!acceptor_has_room(acceptor)) {
			if (!acceptor_wait(acceptor, LEND_FOREVER))
				break;
			continue;
		}
		fd = lend_listener_accept(acceptor->listener, LEND_FOREVER);
		if (fd >= 0) {
			connection_start(server, fd);
			continue;
		}
		if (fd == -ECANCELED || fd == -EBADF)
			break;
		atomic_fetch_add_explicit(&server->accept_errors, 1,
					  memory_order_relaxed);
		if (!complained)
			say_at(LEND_LOG_WARNING,
			       "cannot accept: %s; waiting for connections to end (said once)",
			       lend_error_text(fd));
		complained = true;
		if (!acceptor_wait(acceptor, lend_after(ACCEPT_AGAIN_NS)))
			break;
	}
	/* By this actor, which alone used it. Whoever comes now is refused. */
	acceptor->listener = lend_listener_close(acceptor->listener);
	return 0;
}

/* ---- the whole ---- */

/* The acceptors end; then each connection does when it is quiet. */
static void connections_drain(struct echo_server *server, uint64_t deadline)
{
	uint64_t quiet;

	for (unsigned i = 0; i < server->acceptors_count; i++) {
		lend_cancel(server->acceptors[i].actor);
		if (lend_join(server->acceptors[i].actor, LEND_FOREVER, NULL)) {
			/* We were cancelled. */
		}
	}
	pthread_mutex_lock(&server->lock);
	atomic_store(&server->is_draining, true); /* Note [drain] */
	pthread_mutex_unlock(&server->lock);
	quiet = lend_after(QUIET_NS);
	if (lend_sleep(quiet < deadline ? quiet : deadline))
		return;
	pthread_mutex_lock(&server->lock);
	for (struct echo_connection *connection = server->connections;
	     connection; connection = connection->next)
		if (atomic_load(&connection->is_waiting))
			shutdown(connection->fd, SHUT_RD);
	pthread_mutex_unlock(&server->lock);
}

/* Returns when the last connection has ended, or at the deadline. */
static void connections_wait(struct echo_server *server, uint64_t deadline)
{
	struct lend_msg *msg;
	unsigned open;

	for (;;) {
		pthread_mutex_lock(&server->lock);
		open = server->open;
		pthread_mutex_unlock(&server->lock);
		if (!open)
			return;
		if (lend_receive(deadline, &msg)) {
			say_at(LEND_LOG_INFO,
			       "%u connections were cut at the drain timeout",
			       open);
			return;
		}
		lend_msg_free(msg);
	}
}

int echo_server_run(struct echo_server *server)
{
	const struct lend_spawn_options options = {
		.name = "echo acceptor",
		.joinable = true,
	};
	uint64_t deadline;
	struct lend_msg *msg;
	int err = 0;

	server->main = lend_self();
	for (unsigned i = 0; i < server->acceptors_count && !err; i++)
		err = lend_spawn(acceptor_run, &server->acceptors[i], &options,
				 &server->acceptors[i].actor);
	if (!err)
		err = lend_receive(LEND_FOREVER, &msg);
	if (err)
		return err;
	lend_msg_free(msg); /* MSG_DRAIN */
	deadline = lend_after(server->options->drain_timeout_s * LEND_S);
	connections_drain(server, deadline);
	connections_wait(server, deadline);
	return 0;
}

void echo_server_drain(struct echo_server *server)
{
	if (lend_tell(server->main, MSG_DRAIN, NULL, 0)) {
		/* It has ended. */
	}
}

void echo_server_stats(void *arg, struct lend_http_stats *ret_stats)
{
	struct echo_server *server = arg;

	pthread_mutex_lock(&server->lock);
	ret_stats->connections_open = server->open;
	ret_stats->bytes_received = server->bytes_received;
	ret_stats->bytes_sent = server->bytes_sent;
	for (const struct echo_connection *connection = server->connections;
	     connection; connection = connection->next) {
		ret_stats->bytes_received += atomic_load_explicit(
			&connection->bytes_received, memory_order_relaxed);
		ret_stats->bytes_sent += atomic_load_explicit(
			&connection->bytes_sent, memory_order_relaxed);
	}
	pthread_mutex_unlock(&server->lock);
	ret_stats->connections_accepted = atomic_load(&server->accepted);
	ret_stats->accept_errors = atomic_load(&server->accept_errors);
}
