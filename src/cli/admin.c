/*
 * The server behind --admin: see admin.h. It goes on while the service drains:
 * then one wants to know most.
 */
#include "admin.h"

#include "process.h"
#include "say.h"
#include "size.h"
#include "trace_route.h"

/* Its users are few; whoever holds it busy must not starve the service. */
#define CONNECTIONS 64

int admin_open(struct admin *admin, struct stats_source *source)
{
	const struct lend_http_options http_options = {
		.connections_max = CONNECTIONS,
	};
	const char *address = source->options->admin;
	int err;

	*admin = (struct admin){ 0 };
	if (!address)
		return EXIT_DONE;
	err = lend_http_server_new(&http_options, &admin->http);
	if (!err)
		err = lend_http_route(admin->http, "GET", "/stats",
				      stats_handle, source);
	if (!err)
		err = lend_http_route(admin->http, "GET", "/healthz",
				      health_handle, source);
	if (!err)
		err = lend_http_route(admin->http, "POST", "/workers",
				      size_workers_handle, NULL);
	if (!err)
		err = lend_http_route(admin->http, "POST", "/rings",
				      size_rings_handle, NULL);
	if (!err && source->options->trace_events)
		err = lend_http_route(admin->http, "GET", "/trace",
				      trace_handle, NULL);
	if (err) {
		say("cannot make the admin server: %s", lend_error_text(err));
		return EXIT_BROKEN;
	}
	err = lend_http_listen(admin->http, address);
	if (err) {
		process_complain_listen("admin", address, err);
		return EXIT_USAGE;
	}
	return EXIT_DONE;
}

void admin_close(struct admin *admin)
{
	admin->http = lend_http_server_free(admin->http);
}

static int admin_run(void *arg)
{
	const struct admin *admin = arg;

	return lend_http_serve(admin->http);
}

int admin_start(struct admin *admin)
{
	const struct lend_spawn_options options = {
		.name = "admin",
		.joinable = true,
	};

	if (!admin->http)
		return 0;
	return lend_spawn(admin_run, admin, &options, &admin->actor);
}

void admin_stop(struct admin *admin)
{
	if (!admin->http)
		return;
	lend_http_stop(admin->http);
	if (lend_join(admin->actor, LEND_FOREVER, NULL)) {
		/* We were cancelled, and so is it. */
	}
}
