/*
 * The server behind --admin: counters, health and size, on an address of their
 * own.
 */
#ifndef LEND_CLI_ADMIN_H
#define LEND_CLI_ADMIN_H

#include <lend/actor.h>
#include <lend/http.h>

#include "stats.h"

struct admin {
	struct lend_http_server *http; /* NULL: not asked for */
	lend_ref actor;
};

/**
 * Open it, if --admin asks for it.
 *
 * @source  has to live as long as @admin
 *
 * Thread: any, before the runtime starts. Ownership: admin_close().
 *
 * Return: an exit status; what failed was said
 */
int admin_open(struct admin *admin, struct stats_source *source);
void admin_close(struct admin *admin);

/* Serve in an actor of its own. Return: 0, or what lend_spawn() says. */
int admin_start(struct admin *admin);
void admin_stop(struct admin *admin) LEND_AWAITS;

#endif
