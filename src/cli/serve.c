/*
 * `lend serve`: what the options ask for, put together. Whatever can be wrong
 * with them is found before the runtime starts, so that it is one line and an
 * exit status.
 */
#include "serve.h"

#include <errno.h>
#include <lend/http.h>
#include <lend/net.h>
#include <string.h>

#include "access_log.h"
#include "admin.h"
#include "demo.h"
#include "files.h"
#include "process.h"
#include "say.h"
#include "site.h"
#include "stats.h"
#include "text.h"

struct serve {
	const struct options *options;
	struct lend_http_server *http;
	struct admin admin;
	struct stats_source stats;
	struct files files;
	struct site site;
	struct access_log *log; /* NULL: none */
};

static void stats_read(void *arg, struct lend_http_stats *ret_stats)
{
	const struct serve *serve = arg;

	lend_http_stats_read(serve->http, ret_stats);
}

/* ---- before the runtime ---- */

static int routes_add(struct serve *serve)
{
	const struct options *options = serve->options;
	int err;

	if (options->root)
		err = lend_http_route(serve->http, "GET", "/", files_handle,
				      &serve->files);
	else
		err = lend_http_route(serve->http, "GET", "/", site_handle,
				      &serve->site);
	/* The built-in page polls it. Somebody's own files get no such
	 * neighbour unless they ask for the demo. */
	if (!err && (options->demo || !options->root))
		err = lend_http_route(serve->http, "GET", "/stats",
				      stats_handle, &serve->stats);
	if (!err && options->demo)
		err = demo_routes(serve->http);
	return err;
}

static int server_open(struct serve *serve)
{
	const struct options *options = serve->options;
	const struct lend_http_options http_options = {
		.connections_max = options->connections_max,
		.access = serve->log ? access_log_add : NULL,
		.access_arg = serve->log,
	};
	int err = lend_http_server_new(&http_options, &serve->http);

	if (!err)
		err = routes_add(serve);
	if (err) {
		say("cannot make the server: %s", lend_error_text(err));
		return EXIT_BROKEN;
	}
	for (unsigned i = 0; i < options->listen_count; i++) {
		err = lend_http_listen(serve->http, options->listen[i]);
		if (err) {
			process_complain_listen("listen", options->listen[i],
						err);
			return EXIT_USAGE;
		}
	}
	return EXIT_DONE;
}

/* Open all that is opened before the runtime; serve_close() closes what there
 * is. */
static int serve_open(struct serve *serve)
{
	const struct options *options = serve->options;
	int status;

	if (options->root &&
	    !files_open(&serve->files, options->root, options->allow_links))
		return EXIT_USAGE;
	if (!options->root && !site_make(&serve->site, options)) {
		say("cannot make the built-in page: %s",
		    lend_error_text(-ENOMEM));
		return EXIT_BROKEN;
	}
	if (options->access_log) {
		serve->log = access_log_open(options->access_log);
		if (!serve->log)
			return EXIT_USAGE;
	}
	status = server_open(serve);
	if (!status)
		status = admin_open(&serve->admin, &serve->stats);
	return status;
}

static void serve_close(struct serve *serve)
{
	admin_close(&serve->admin);
	serve->http = lend_http_server_free(serve->http);
	access_log_free(serve->log);
	site_free(&serve->site);
	files_close(&serve->files);
}

/* ---- in the runtime ---- */

static void address_add(struct text *text, const struct lend_address *address)
{
	char name[LEND_ADDRESS_TEXT_MAX];

	lend_address_format(address, name);
	if (strncmp(name, "unix:", 5) == 0)
		text_print(text, "%s", name);
	else
		text_print(text, "http://%s/", name);
}

static void announce(const struct serve *serve)
{
	const struct lend_address *address;
	struct text text = { 0 };

	text_print(&text, "serving on ");
	for (unsigned i = 0; (address = lend_http_address(serve->http, i));
	     i++) {
		text_print(&text, "%s", i ? ", " : "");
		address_add(&text, address);
	}
	if (serve->admin.http) {
		text_print(&text, "; admin on ");
		address_add(&text, lend_http_address(serve->admin.http, 0));
	}
	process_announce(serve->options, text.failed ? "serving" : text.data);
	text_free(&text);
}

static int signals_run(void *arg)
{
	struct serve *serve = arg;
	const struct options *options = serve->options;

	if (process_signal_await(options))
		return 0;
	atomic_store(&serve->stats.draining, true);
	lend_http_drain(serve->http,
			lend_after(options->drain_timeout_s * LEND_S));
	return 0;
}

static int serve_run(void *arg)
{
	const struct lend_spawn_options signals = { .name = "signals" };
	struct serve *serve = arg;
	int err = 0;

	if (serve->log)
		err = access_log_start(serve->log);
	if (!err)
		err = lend_spawn(signals_run, serve, &signals, NULL);
	if (!err)
		err = admin_start(&serve->admin);
	if (!err) {
		announce(serve);
		err = lend_http_serve(serve->http);
		admin_stop(&serve->admin);
	}
	if (serve->log)
		access_log_end(serve->log);
	if (!err)
		return EXIT_DONE;
	say("cannot serve: %s", lend_error_text(err));
	return EXIT_BROKEN;
}

int serve_command(const struct options *options)
{
	struct serve serve = {
		.options = options,
		.stats = { .options = options, .read = stats_read },
		.files = { .root_fd = -1 },
	};
	int status = process_prepare();

	serve.stats.arg = &serve;
	if (!status)
		status = serve_open(&serve);
	if (!status)
		status = process_run(options, serve_run, &serve);
	serve_close(&serve);
	return status;
}
