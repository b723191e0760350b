/*
 * `lend echo`: what the options ask for, put together.
 */
#include "echo.h"

#include <lend/net.h>

#include "admin.h"
#include "echo_server.h"
#include "process.h"
#include "say.h"
#include "stats.h"
#include "text.h"

struct echo {
	struct echo_server server;
	struct admin admin;
	struct stats_source stats;
};

static void announce(const struct echo *echo)
{
	char name[LEND_ADDRESS_TEXT_MAX];
	struct text text = { 0 };

	text_print(&text, "echoing on ");
	for (unsigned i = 0; i < echo->server.acceptors_count; i++) {
		lend_address_format(lend_listener_address(
					    echo->server.acceptors[i].listener),
				    name);
		text_print(&text, "%s%s", i ? ", " : "", name);
	}
	if (echo->admin.http) {
		lend_address_format(lend_http_address(echo->admin.http, 0),
				    name);
		text_print(&text, "; admin on http://%s/", name);
	}
	process_announce(echo->server.options,
			 text.failed ? "echoing" : text.data);
	text_free(&text);
}

static int signals_run(void *arg)
{
	struct echo *echo = arg;

	if (process_signal_await(echo->server.options))
		return 0;
	atomic_store(&echo->stats.draining, true);
	echo_server_drain(&echo->server);
	return 0;
}

static int echo_run(void *arg)
{
	const struct lend_spawn_options signals = { .name = "signals" };
	struct echo *echo = arg;
	int err;

	echo->server.main = lend_self();
	err = admin_start(&echo->admin);
	if (!err)
		err = lend_spawn(signals_run, echo, &signals, NULL);
	if (!err) {
		announce(echo);
		err = echo_server_run(&echo->server);
		admin_stop(&echo->admin);
	}
	if (!err)
		return EXIT_DONE;
	say("cannot serve: %s", lend_error_text(err));
	return EXIT_BROKEN;
}

int echo_command(const struct options *options)
{
	struct echo echo = {
		.stats = { .options = options, .read = echo_server_stats },
	};
	int status = process_prepare();

	echo.stats.arg = &echo.server;
	if (!status)
		status = echo_server_open(&echo.server, options);
	if (!status)
		status = admin_open(&echo.admin, &echo.stats);
	if (!status)
		status = process_run(options, echo_run, &echo);
	admin_close(&echo.admin);
	echo_server_close(&echo.server);
	return status;
}
