/*
 * Listening sockets: see include/lend/net.h.
 */
#include <lend/net.h>

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "io/series.h"
#include "rt/current.h"
#include "rt/misuse.h"
#include "rt/places.h"
#include "rt/turn.h"

struct lend_listener {
	int fd;
	struct lend_address address;
	struct lend_series *accepted; /* of its actor's; NULL at first */
};

/* The file of a unix socket whose server is gone: a connection attempt is
 * refused. Then it may be replaced; anything else is left alone. One whose
 * server has as many connections waiting as it wants would keep us waiting. */
static void remove_stale(const struct lend_address *address)
{
	const struct sockaddr_un *un =
		(const struct sockaddr_un *)&address->storage;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return;
	if (connect(fd, (const struct sockaddr *)&address->storage,
		    address->size) &&
	    errno == ECONNREFUSED)
		unlink(un->sun_path);
	close(fd);
}

static int open_socket(struct lend_address *address, int backlog)
{
	int family = address->storage.ss_family;
	int one = 1, err;
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -errno;
	if (family == AF_UNIX)
		remove_stale(address);
	else
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
	/* Accepted sockets inherit it. */
	if (family != AF_UNIX)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&address->storage, address->size) ||
	    listen(fd, backlog ? backlog : INT32_MAX))
		goto fail;
	if (family != AF_UNIX) {
		address->size = sizeof(address->storage);
		if (getsockname(fd, (struct sockaddr *)&address->storage,
				&address->size))
			goto fail;
	}
	return fd;

fail:
	err = -errno;
	close(fd);
	return err;
}

int lend_listener_open(const char *text, int backlog,
		       struct lend_listener **ret_listener)
{
	struct lend_listener *listener = calloc(1, sizeof(*listener));
	int err;

	if (!listener)
		return -ENOMEM;
	err = lend_address_parse(text, &listener->address);
	if (!err) {
		err = open_socket(&listener->address, backlog);
		listener->fd = err;
	}
	if (err < 0) {
		free(listener);
		return err;
	}
	if (lend__places_used())
		lend__place_note(LEND_PLACE_DESCRIPTOR,
				 (uintptr_t)listener->fd);
	*ret_listener = listener;
	return 0;
}

/* The backlog is the limit, and who serves takes what there is soon. */
#define ACCEPTED_MAX UINT32_MAX

/* Once one has accepted, it is that one's. */
static void check_caller(const struct lend_listener *listener)
{
	if (listener->accepted)
		lend_assert_own(listener->accepted->pending.io.actor ==
					lend__current_actor(),
				"a listener", "the actor that accepts");
}

/* What is there at this moment. It does not wait, so a cancelled actor may. */
static int accept_now(struct lend_listener *listener)
{
	struct lend_series_result ignored;
	int fd = (int)lend__series_poll(listener->accepted, &ignored);

	if (fd != -EAGAIN)
		return fd;
	fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC);
	if (lend__places_used() && fd >= 0)
		lend__place_note(LEND_PLACE_DESCRIPTOR, (uintptr_t)fd);
	if (fd >= 0)
		return fd;
	return errno == EAGAIN ? -ETIMEDOUT : -errno;
}

int lend_listener_accept(struct lend_listener *listener, uint64_t deadline)
{
	const struct lend_series_options options = {
		.results_max = ACCEPTED_MAX,
	};

	check_caller(listener);
	if (!listener->accepted) {
		int err = lend__series_open(
			listener->fd, &lend__series_kinds[LEND_SERIES_ACCEPT],
			&options, &listener->accepted);

		if (err)
			return err;
	}
	if (deadline == LEND_NOW) {
		struct lend_actor *self = lend__current_actor();

		lend__turn_spend(self);
		return accept_now(listener);
	}
	return (int)lend_series_next(listener->accepted, deadline, NULL);
}

void lend_listener_pause(struct lend_listener *listener)
{
	check_caller(listener);
	if (listener->accepted)
		lend_series_pause(listener->accepted);
}

const struct lend_address *
lend_listener_address(const struct lend_listener *listener)
{
	return &listener->address;
}

struct lend_listener *lend_listener_close(struct lend_listener *listener)
{
	const struct sockaddr_un *un;

	if (!listener)
		return NULL;
	check_caller(listener);
	un = (const struct sockaddr_un *)&listener->address.storage;
	if (un->sun_family == AF_UNIX)
		unlink(un->sun_path);
	lend_series_close(listener->accepted);
	if (lend__current_actor())
		lend_close(listener->fd);
	else
		close(listener->fd);
	free(listener);
	return NULL;
}
