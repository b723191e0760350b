/*
 * Addresses and listening sockets.
 *
 * An address is text: "127.0.0.1:8080", "[::1]:8080", "unix:/run/app.sock".
 * Port 0 has the kernel choose one; lend_listener_address() tells which. Names
 * are resolved by lend_getaddrinfo().
 */
#ifndef LEND_NET_H
#define LEND_NET_H

#include <lend/base.h>
#include <lend/clock.h>
#include <sys/socket.h>

/* Room for any address as text, with its end. */
#define LEND_ADDRESS_TEXT_MAX 128

struct lend_address {
	struct sockaddr_storage storage;
	socklen_t size;
};

struct addrinfo;
struct lend_listener;

LEND_BEGIN_DECLS

/**
 * Read an address. Names are not resolved.
 *
 * @text  ADDR:PORT, [ADDR6]:PORT or unix:PATH
 *
 * Thread: any. Blocks: no.
 *
 * Return: 0
 *         -EINVAL        it is none
 *         -ENAMETOOLONG  the path is longer than a socket's may be (107)
 */
LEND_API LEND_NODISCARD int
lend_address_parse(const char *text, struct lend_address *ret_address);

/**
 * Write an address, in the form that lend_address_parse() reads.
 *
 * @text  at least LEND_ADDRESS_TEXT_MAX bytes
 *
 * Thread: any. Blocks: no.
 */
LEND_API void lend_address_format(const struct lend_address *address,
				  char *text);

/**
 * getaddrinfo(3), on a thread of the pool of blocking.h.
 *
 * @node, @service, @hints  as there; copied
 * @ret_list                written only on success
 *
 * Thread: an actor. Blocks: suspends the actor; at @deadline, or when the actor
 *         is cancelled, the search is left to its thread.
 * Ownership: the caller frees the list with freeaddrinfo(3).
 *
 * Return: 0
 *         -ENOENT        there is no such name, or no address of that kind
 *         -EAGAIN        the name server did not answer; or as lend_blocking()
 *         -EAFNOSUPPORT  no such family
 *         -EINVAL        @hints ask for what there is not, or there is no such
 *                        @service
 *         -EIO           the name server failed
 *         -ETIMEDOUT, -ECANCELED, -ENOMEM
 */
LEND_API LEND_NODISCARD int
lend_getaddrinfo(const char *node, const char *service,
		 const struct addrinfo *hints, uint64_t deadline,
		 struct addrinfo **ret_list) LEND_AWAITS;

/**
 * Open a listening socket.
 *
 * A unix socket's file that nobody listens on any more is replaced.
 *
 * @backlog  connections the kernel queues; 0, or below: as many as it allows
 *
 * Thread: any. Blocks: no.
 * Ownership: lend_listener_close().
 *
 * Return: 0
 *         -EINVAL, -ENAMETOOLONG  @text is no address
 *         -EADDRINUSE  somebody listens there
 *         or what socket(2), bind(2), listen(2) say
 */
LEND_API LEND_NODISCARD int
lend_listener_open(const char *text, int backlog,
		   struct lend_listener **ret_listener);

/**
 * Accept a connection. TCP connections have TCP_NODELAY set.
 *
 * Thread: one actor, from its first call until it ends; then another one may
 *         go on. The same holds for closing. Who comes in between ends the
 *         program. Blocks: suspends the actor.
 * Ownership: the caller closes the descriptor with lend_close().
 *
 * Return: a descriptor
 *         -EMFILE, -ENFILE, -ENOMEM, -ENOBUFS  not now; try again later
 *         -ECONNABORTED and others of accept(2) about one connection: go on
 *         -ECANCELED   the actor was cancelled
 *         -ETIMEDOUT   with LEND_NOW: there is none; a cancelled actor, too,
 *                      gets those that are there
 */
LEND_API LEND_NODISCARD int lend_listener_accept(struct lend_listener *listener,
						 uint64_t deadline) LEND_AWAITS;

/**
 * Accept nothing more until the next lend_listener_accept(): what comes then
 * waits in the kernel's queue.
 *
 * Thread: the accepting actor. Blocks: suspends the actor.
 */
LEND_API void lend_listener_pause(struct lend_listener *listener) LEND_AWAITS;

/* Where it listens, with the port that the kernel chose. Thread: any. */
LEND_API const struct lend_address *
lend_listener_address(const struct lend_listener *listener);

/**
 * Close a listener; connections that nobody took are closed too. A unix
 * socket's file is removed. NULL is ignored. Returns NULL.
 *
 * Thread: the accepting actor, or any thread while no actor has used it.
 * Blocks: suspends the actor.
 */
LEND_API struct lend_listener *
lend_listener_close(struct lend_listener *listener) LEND_AWAITS;

LEND_END_DECLS

#endif
