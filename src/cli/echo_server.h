/*
 * A service that sends back what it receives.
 */
#ifndef LEND_CLI_ECHO_SERVER_H
#define LEND_CLI_ECHO_SERVER_H

#include <lend/actor.h>
#include <lend/http.h>
#include <lend/net.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "options.h"

struct echo_connection;

/* One address and the actor that accepts there. */
struct echo_acceptor {
	struct echo_server *server;
	struct lend_listener *listener;
	lend_ref actor;
	bool is_waiting; /* [lock] for a connection to end */
};

struct echo_server {
	const struct options *options;
	struct echo_acceptor acceptors[LISTEN_MAX];
	unsigned acceptors_count;
	lend_ref main; /* the actor in echo_server_run() */

	pthread_mutex_t lock;
	/* [lock] */
	struct echo_connection *connections; /* a list of those that are open */
	unsigned open;
	unsigned next_worker;
	/* bytes of those that have ended */
	uint64_t bytes_received;
	uint64_t bytes_sent;

	_Atomic bool is_draining; /* [atomic: drain] set under the lock */
	/* [atomic] counters */
	_Atomic uint64_t accepted;
	_Atomic uint64_t accept_errors;
};

/**
 * Open the addresses. Return: an exit status; what failed was said.
 *
 * Thread: any, before the runtime starts. Ownership: echo_server_close().
 */
int echo_server_open(struct echo_server *server, const struct options *options);
void echo_server_close(struct echo_server *server);

/* Serve until echo_server_drain(), then until all connections have ended or
 * the drain timeout is over. Return: 0, or a negative errno. */
int echo_server_run(struct echo_server *server) LEND_AWAITS;

/* Accept no more; end each connection once it has got back what it sent.
 * Thread: an actor. Blocks: no. */
void echo_server_drain(struct echo_server *server);

/* For the counters; the argument is a struct echo_server. */
void echo_server_stats(void *arg, struct lend_http_stats *ret_stats);

#endif
