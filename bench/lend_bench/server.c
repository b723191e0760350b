/*
 * Accepting and echoing: see server.h.
 */
#include "lend_bench/server.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>

/* [owner: the acceptor's actor] after the start. */
struct server {
	struct subject *subject;
	struct lend_listener *listener;
	enum placement placement;
	lend_actor_fn fn;
	unsigned accepted;
};

int server_end(struct server_connection *connection)
{
	lend_close(connection->fd);
	free(connection);
	return 0;
}

ssize_t server_answer(const struct server_connection *connection, char *bytes,
		      size_t size)
{
	if (subject_tampers(connection->subject, TAMPER_LOSE))
		return (ssize_t)size;
	if (subject_tampers(connection->subject, TAMPER_CORRUPT))
		bytes[size - 1] ^= 1;
	return lend_send_all(connection->fd, bytes, size, LEND_FOREVER);
}

int server_echo(void *arg)
{
	struct server_connection *connection = arg;
	struct lend_buffer buffer;

	while (lend_recv_buffer(connection->fd, LEND_FOREVER, &buffer) > 0) {
		ssize_t res = server_answer(connection, buffer.data,
					    buffer.size);

		lend_buffer_release(&buffer);
		if (res < 0)
			break;
	}
	return server_end(connection);
}

/* False: there is nobody for it; the generator will miss an answer. */
static bool connection_start(struct server *server, int fd)
{
	const struct lend_spawn_options options = {
		.name = "connection",
		.worker = server->placement == PLACE_ON_ONE ?
				  1 :
				  1 + server->accepted % server->subject->config
								 ->workers,
	};
	struct server_connection *connection = malloc(sizeof(*connection));

	if (!connection)
		return false;
	*connection = (struct server_connection){
		.subject = server->subject,
		.fd = fd,
	};
	if (!lend_spawn(server->fn, connection, &options, NULL))
		return true;
	free(connection);
	return false;
}

static int accept_all(void *arg)
{
	struct server *server = arg;
	int fd;

	while ((fd = lend_listener_accept(server->listener, LEND_FOREVER)) !=
	       -ECANCELED) {
		if (fd < 0)
			lend_sleep(lend_after(LEND_MS));
		else if (connection_start(server, fd))
			server->accepted++;
		else
			lend_close(fd);
	}
	lend_listener_close(server->listener);
	free(server);
	return 0;
}

int server_start(struct subject *subject, enum placement placement,
		 lend_actor_fn fn)
{
	struct server *server = calloc(1, sizeof(*server));
	const struct lend_address *address;
	int err;

	if (!server)
		return subject_fail(subject, -ENOMEM, "the server");
	server->subject = subject;
	server->placement = placement;
	server->fn = fn;
	err = lend_listener_open("127.0.0.1:0", 0, &server->listener);
	if (err) {
		free(server);
		return subject_fail(subject, err, "listening");
	}
	address = lend_listener_address(server->listener);
	subject->shared->port = ntohs(
		((const struct sockaddr_in *)&address->storage)->sin_port);
	err = lend_runtime_spawn(subject->runtime, accept_all, server, NULL,
				 NULL);
	return err ? subject_fail(subject, err, "spawning the acceptor") : 0;
}
