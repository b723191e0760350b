/*
 * The server's record: what its connections share.
 */
#ifndef LEND_HTTP_SERVER_H
#define LEND_HTTP_SERVER_H

#include <lend/http.h>
#include <lend/net.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "base/list.h"
#include "http/limits.h"
#include "http/local.h"
#include "http/router.h"

struct lend_actor;
struct lend__http_connection;

enum lend__http_phase {
	LEND__HTTP_OPEN,
	LEND__HTTP_DRAINING, /* answers end their connection */
	LEND__HTTP_ENDING,   /* connections are cancelled */
};

/* A listening address and the actor that accepts there. */
struct lend__http_door {
	struct lend_http_server *server;
	struct lend_listener *listener; /* NULL once it is closed */
	struct lend_address address;
	struct lend_actor *actor; /* [lock] while it runs */
	bool waiting;		  /* [lock] for a connection to end */
};

struct lend_http_server {
	/* [const] while it serves */
	struct lend_http_options options; /* with the defaults filled in */
	char name[LEND__HTTP_NAME_MAX];
	size_t name_size;
	struct lend__http_limits limits;
	struct lend__http_router router;
	struct lend__http_door **doors;
	unsigned doors_count;
	struct lend__http_local *locals; /* by worker; each has its own tags */
	void *locals_memory;

	/* [atomic: phase] written under @lock; relaxed reads, since a change
	 * is followed by a signal to whom it concerns */
	_Atomic int phase;

	/* [atomic: none] sheets that there are: sheet.h */
	_Atomic unsigned sheets;

	pthread_mutex_t lock;
	struct lend_list connections; /* [lock] */
	unsigned connections_open;    /* [lock] */
	unsigned next_worker;	      /* [lock] where to look first */
	unsigned doors_open;	      /* [lock] accepting actors */
	struct lend_actor *serving;   /* [lock] in lend_http_serve() */
	uint64_t drain_deadline;      /* [lock] */
};

static inline enum lend__http_phase
lend__http_phase(const struct lend_http_server *server)
{
	return (enum lend__http_phase)atomic_load_explicit(
		&server->phase, memory_order_relaxed);
}

/* Count a connection in, choose its worker; its actor reports; count it out.
 * After the last one has left the server may be gone. */
void lend__http_server_add(struct lend_http_server *server,
			   struct lend__http_connection *connection);
void lend__http_server_enter(struct lend_http_server *server,
			     struct lend__http_connection *connection,
			     struct lend_actor *actor);
void lend__http_server_leave(struct lend_http_server *server,
			     struct lend__http_connection *connection);

/* What an accepting actor does: @door is a struct lend__http_door. */
int lend__http_door_main(void *door);

#endif
