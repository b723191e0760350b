/*
 * A server for tests of HTTP, on the public API alone.
 *
 * It prints the addresses it listens on, a line each, then "ready". SIGTERM
 * drains it, SIGINT stops it; at the end it prints its counters, and fails if
 * a connection was not counted out.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <lend/lend.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>

#include "http_test_site.h"

#define DRAIN_NS    (2 * LEND_S)
#define LISTENS_MAX 4

static struct lend_http_server *server;
static const char *listens[LISTENS_MAX] = { "127.0.0.1:0" };
static struct lend_http_options http;
static bool log_access;
static int signals;

static void on_access(const struct lend_http_access *access, void *arg)
{
	(void)arg;
	fprintf(stderr, "access %s %.*s %.*s %u %" PRIu64 "\n", access->client,
		(int)access->method_size, access->method,
		(int)access->target_size, access->target, access->status,
		access->body_bytes);
}

static int watch_signals(void *arg)
{
	struct signalfd_siginfo info;

	(void)arg;
	while (lend_read(signals, &info, sizeof(info), -1, LEND_FOREVER) > 0) {
		if (info.ssi_signo == SIGTERM)
			lend_http_drain(server, lend_after(DRAIN_NS));
		else
			lend_http_stop(server);
	}
	return 0;
}

static int program(void *arg)
{
	struct lend_http_stats stats;
	char text[LEND_ADDRESS_TEXT_MAX];
	int err = lend_spawn(watch_signals, NULL, NULL, NULL);

	(void)arg;
	for (unsigned i = 0; !err && i < LISTENS_MAX && listens[i]; i++) {
		err = lend_http_listen(server, listens[i]);
		if (err)
			break;
		lend_address_format(lend_http_address(server, i), text);
		printf("%s\n", text);
	}
	if (err)
		return err;
	printf("ready\n");
	fflush(stdout);
	err = lend_http_serve(server);
	lend_http_stats_read(server, &stats);
	printf("accepted %" PRIu64 " open %" PRIu64 " requests %" PRIu64
	       " errors %" PRIu64 "\n",
	       stats.connections_accepted, stats.connections_open,
	       stats.requests, stats.accept_errors);
	if (!err && stats.connections_open)
		err = -EBUSY;
	return err;
}

static uint64_t milliseconds(const char *text)
{
	return strtoul(text, NULL, 10) * LEND_MS;
}

static enum lend_ring_mode mode_of(const char *text)
{
	if (strcmp(text, "private") == 0)
		return LEND_RING_PRIVATE;
	if (strcmp(text, "shared") == 0)
		return LEND_RING_SHARED;
	return LEND_RING_BORROWED;
}

static void read_options(int argc, char **argv, struct lend_options *options)
{
	static const struct option names[] = {
		{ "mode", 1, NULL, 'm' },
		{ "workers", 1, NULL, 'w' },
		{ "rings", 1, NULL, 'r' },
		{ "depth", 1, NULL, 'd' },
		{ "buffers", 1, NULL, 'b' },
		{ "listen", 1, NULL, 'l' },
		{ "header-ms", 1, NULL, 'H' },
		{ "body-ms", 1, NULL, 'B' },
		{ "write-ms", 1, NULL, 'W' },
		{ "idle-ms", 1, NULL, 'I' },
		{ "connections-max", 1, NULL, 'c' },
		{ "shared-buffers", 0, NULL, 's' },
		{ "access", 0, NULL, 'a' },
		{ "length-required", 0, NULL, 'L' },
		{ "fields", 1, NULL, 'f' },
		{ 0 },
	};
	unsigned listen_count = 0;
	int option;

	while ((option = getopt_long(argc, argv, "", names, NULL)) != -1) {
		unsigned long number = optarg ? strtoul(optarg, NULL, 10) : 0;

		switch (option) {
		case 'm':
			options->mode = mode_of(optarg);
			break;
		case 'w':
			options->workers = (unsigned)number;
			break;
		case 'r':
			options->rings = (unsigned)number;
			break;
		case 'd':
			options->depth = (unsigned)number;
			break;
		case 'b':
			options->buffers = (unsigned)number;
			break;
		case 'H':
			http.header_timeout_ns = milliseconds(optarg);
			break;
		case 'B':
			http.body_timeout_ns = milliseconds(optarg);
			break;
		case 'W':
			http.write_timeout_ns = milliseconds(optarg);
			break;
		case 'I':
			http.idle_timeout_ns = milliseconds(optarg);
			break;
		case 'c':
			http.connections_max = (unsigned)number;
			break;
		case 'f':
			http.header_count_max = (unsigned)number;
			break;
		case 'L':
			http.length_required = true;
			break;
		case 's':
			options->shared_buffers = true;
			break;
		case 'a':
			log_access = true;
			break;
		case 'l':
			if (listen_count < LISTENS_MAX)
				listens[listen_count++] = optarg;
			break;
		default:
			exit(2);
		}
	}
}

int main(int argc, char **argv)
{
	struct lend_options options = { 0 };
	char why[256];
	sigset_t set;
	int err;

	read_options(argc, argv, &options);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signals = signalfd(-1, &set, SFD_CLOEXEC);
	if (log_access)
		http.access = on_access;
	err = lend_http_server_new(&http, &server);
	if (!err)
		err = http_test_site_route(server);
	if (!err)
		err = lend_run(&options, program, NULL);
	lend_http_server_free(server);
	if (err < 0) {
		lend_explain(err, why, sizeof(why));
		fprintf(stderr, "http_test_server: %s\n", why);
	}
	return err ? 1 : 0;
}
