/*
 * http_load: a load generator for HTTP/1.1 and for TCP echo.
 *
 * As a closed loop every connection keeps --pipeline requests outstanding for
 * the whole time; a new one is sent when an answer came. It shows what a server
 * can do when it is never idle. It does not show latency at a given rate: a
 * closed loop waits for a slow server instead of counting the wait (coordinated
 * omission).
 *
 * With --rate requests are due at equal intervals, on the connection that has
 * waited longest for one. Latency counts from when a request was due: one that
 * finds all connections busy, or the generator late, waits in that time, too.
 *
 * Exit status: 0 all answers right, 1 some were wrong or none came, 2 usage.
 */
#include "http_load.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
	"usage: http_load --connect ADDR:PORT [--connect ADDR:PORT ...] [options]\n"
	"  --connections N  connections to each server (64)\n"
	"  --pipeline D     requests outstanding on each (1)\n"
	"  --seconds S      length of the measured window (1.0)\n"
	"  --warmup S       load before the window opens (0.2)\n"
	"  --rate R         R requests a second, whether or not the server keeps\n"
	"                   up; latency counts from when each was due\n"
	"  --turns N        load each server N times, one after the other; needs\n"
	"                   --rate; --seconds and --warmup are of each turn\n"
	"  --spin           never sleep: for a generator with a CPU of its own\n"
	"  --threads N      (1)\n"
	"  --path P         request path (/plaintext)\n"
	"  --body TEXT      the body every answer must have (Hello, World!)\n"
	"  --echo           echo messages of --size BYTES (64) instead of HTTP\n"
	"  --server-pid P   report the processor time of process P as well; the\n"
	"                   first is of the first --connect, and so on\n"
	"Prints one line of JSON. Latencies are in microseconds.\n";

enum {
	OPT_CONNECT = 256,
	OPT_CONNECTIONS,
	OPT_PIPELINE,
	OPT_SECONDS,
	OPT_WARMUP,
	OPT_RATE,
	OPT_TURNS,
	OPT_SPIN,
	OPT_THREADS,
	OPT_PATH,
	OPT_BODY,
	OPT_ECHO,
	OPT_SIZE,
	OPT_SERVER_PID,
	OPT_HELP,
};

static const struct option long_options[] = {
	{ "connect", required_argument, NULL, OPT_CONNECT },
	{ "connections", required_argument, NULL, OPT_CONNECTIONS },
	{ "pipeline", required_argument, NULL, OPT_PIPELINE },
	{ "seconds", required_argument, NULL, OPT_SECONDS },
	{ "warmup", required_argument, NULL, OPT_WARMUP },
	{ "rate", required_argument, NULL, OPT_RATE },
	{ "turns", required_argument, NULL, OPT_TURNS },
	{ "spin", no_argument, NULL, OPT_SPIN },
	{ "threads", required_argument, NULL, OPT_THREADS },
	{ "path", required_argument, NULL, OPT_PATH },
	{ "body", required_argument, NULL, OPT_BODY },
	{ "echo", no_argument, NULL, OPT_ECHO },
	{ "size", required_argument, NULL, OPT_SIZE },
	{ "server-pid", required_argument, NULL, OPT_SERVER_PID },
	{ "help", no_argument, NULL, OPT_HELP },
	{ NULL, 0, NULL, 0 },
};

static _Noreturn void usage(void)
{
	fputs(help, stderr);
	exit(2);
}

static double us(const struct histogram *histogram, double fraction)
{
	return (double)histogram_ns(histogram, fraction) / 1000;
}

/* A whole number from @min to @max. */
static unsigned number(const char *text, unsigned long min, unsigned long max)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (end == text || *end != '\0' || value < min || value > max)
		usage();
	return (unsigned)value;
}

static double fraction(const char *text, double max)
{
	char *end;
	double value = strtod(text, &end);

	if (end == text || *end != '\0' || !(value >= 0 && value <= max))
		usage();
	return value;
}

static double seconds(const char *text)
{
	return fraction(text, 86400);
}

static void address_parse(struct load_options *options, char *text)
{
	const struct addrinfo hints = {
		.ai_socktype = SOCK_STREAM,
		.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
	};
	struct load_server *server;
	struct addrinfo *found;
	char *colon = strrchr(text, ':');

	if (colon == NULL || colon == text ||
	    options->servers_count == SERVERS_MAX)
		usage();
	*colon = '\0';
	if (text[0] == '[' && colon[-1] == ']') {
		colon[-1] = '\0';
		text++;
	}
	if (getaddrinfo(text, colon + 1, &hints, &found) != 0)
		usage();
	server = &options->servers[options->servers_count++];
	memcpy(&server->addr, found->ai_addr, found->ai_addrlen);
	server->addr_size = found->ai_addrlen;
	freeaddrinfo(found);
}

static void pid_add(struct load_options *options, const char *text)
{
	for (unsigned i = 0; i < SERVERS_MAX; i++) {
		if (options->servers[i].pid != 0)
			continue;
		options->servers[i].pid = (pid_t)number(text, 1, 1 << 30);
		return;
	}
	usage();
}

static void options_set(struct load_options *options, int opt, char *value)
{
	switch (opt) {
	case OPT_CONNECT:
		address_parse(options, value);
		break;
	case OPT_CONNECTIONS:
		options->connections = number(value, 1, 60000);
		break;
	case OPT_PIPELINE:
		options->pipeline = number(value, 1, PIPELINE_MAX);
		break;
	case OPT_SECONDS:
		options->seconds = seconds(value);
		break;
	case OPT_WARMUP:
		options->warmup_s = seconds(value);
		break;
	case OPT_RATE:
		options->rate = fraction(value, 1e8);
		break;
	case OPT_TURNS:
		options->turns = number(value, 1, 100000);
		break;
	case OPT_SPIN:
		options->spin = true;
		break;
	case OPT_THREADS:
		options->threads = number(value, 1, 64);
		break;
	case OPT_PATH:
		options->path = value;
		break;
	case OPT_BODY:
		options->body = value;
		break;
	case OPT_ECHO:
		options->echo = true;
		break;
	case OPT_SIZE:
		options->message_size = number(value, 1, 1 << 16);
		break;
	case OPT_SERVER_PID:
		pid_add(options, value);
		break;
	case OPT_HELP:
		fputs(help, stdout);
		exit(0);
	default:
		usage();
	}
}

static void requests_render(struct load_options *options)
{
	char request[2048];
	int size;

	if (options->echo) {
		size = (int)options->message_size;
	} else {
		size = snprintf(request, sizeof(request),
				"GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n",
				options->path);
		if (size < 0 || (size_t)size >= sizeof(request))
			usage();
	}
	options->request_size = (size_t)size;
	options->requests = malloc(options->request_size * options->pipeline);
	if (options->requests == NULL) {
		perror("malloc");
		exit(1);
	}
	for (unsigned i = 0; i < options->pipeline; i++) {
		char *at = options->requests + i * options->request_size;

		if (!options->echo)
			memcpy(at, request, options->request_size);
		for (size_t k = 0; options->echo && k < (size_t)size; k++)
			at[k] = (char)('a' + k % 23);
	}
}

static void turns_report(const struct load_options *options,
			 const struct load_turn *turns)
{
	unsigned count = options->turns * options->servers_count;

	fputs(", \"turns\": [", stdout);
	for (unsigned i = 0; i < count; i++)
		printf("%s{\"server\": %u, \"requests\": %" PRIu64
		       ", \"p50_us\": %.1f, \"p99_us\": %.1f"
		       ", \"gap_us\": %.1f, \"used_us\": %.1f"
		       ", \"waited_us\": %.1f}",
		       i ? ", " : "", turns[i].server, turns[i].requests,
		       (double)turns[i].p50_ns / 1e3,
		       (double)turns[i].p99_ns / 1e3,
		       (double)turns[i].gap_ns / 1e3,
		       (double)turns[i].used_ns / 1e3,
		       (double)turns[i].waited_ns / 1e3);
	putchar(']');
}

static int report(const struct load_options *options,
		  const struct load_worker *workers)
{
	static struct load_worker sum;

	for (unsigned i = 0; i < options->threads; i++) {
		sum.requests += workers[i].requests;
		sum.errors += workers[i].errors;
		sum.own_ns += workers[i].own_ns;
		histogram_merge(&sum.latency, &workers[i].latency);
	}
	sum.window_ns = workers[0].window_ns;
	sum.server_ns = workers[0].server_ns;
	printf("{\"requests\": %" PRIu64 ", \"errors\": %" PRIu64
	       ", \"seconds\": %.6f, \"rps\": %.1f",
	       sum.requests, sum.errors, (double)sum.window_ns / 1e9,
	       sum.window_ns ?
		       (double)sum.requests * 1e9 / (double)sum.window_ns :
		       0.0);
	printf(", \"p50_us\": %.1f, \"p90_us\": %.1f, \"p99_us\": %.1f"
	       ", \"p99.9_us\": %.1f, \"max_us\": %.1f",
	       us(&sum.latency, 0.5), us(&sum.latency, 0.9),
	       us(&sum.latency, 0.99), us(&sum.latency, 0.999),
	       (double)sum.latency.max_ns / 1e3);
	printf(", \"load_cpu_s\": %.6f", (double)sum.own_ns / 1e9);
	if (options->servers[0].pid != 0 && !options->turns)
		printf(", \"server_cpu_s\": %.6f", (double)sum.server_ns / 1e9);
	if (options->turns)
		turns_report(options, workers[0].turns);
	puts("}");
	return sum.errors == 0 && sum.requests > 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
	struct load_options options = {
		.connections = 64,
		.pipeline = 1,
		.threads = 1,
		.warmup_s = 0.2,
		.seconds = 1.0,
		.path = "/plaintext",
		.body = "Hello, World!",
		.message_size = 64,
	};
	struct load_worker *workers;
	pthread_barrier_t connected;
	int opt, status;

	while ((opt = getopt_long(argc, argv, "", long_options, NULL)) != -1)
		options_set(&options, opt, optarg);
	if (options.servers_count == 0 || optind != argc)
		usage();
	/* Turns are one thread's: it alone knows when the one before is over,
	 * and that needs a rate, as otherwise it never is. */
	if (options.turns ? options.rate <= 0 || options.threads != 1 :
			    options.servers_count != 1)
		usage();
	if (options.threads > options.connections)
		options.threads = options.connections;
	signal(SIGPIPE, SIG_IGN);
	requests_render(&options);
	workers = calloc(options.threads, sizeof(*workers));
	if (workers == NULL) {
		perror("calloc");
		return 1;
	}
	pthread_barrier_init(&connected, NULL, options.threads);
	for (unsigned i = 0; i < options.threads; i++) {
		struct load_worker *w = &workers[i];

		w->options = &options;
		w->connected = &connected;
		w->samples_server = i == 0 && options.servers[0].pid != 0;
		w->connections = options.connections / options.threads +
				 (i < options.connections % options.threads);
		errno = pthread_create(&w->thread, NULL, load_worker_run, w);
		if (errno != 0) {
			perror("pthread_create");
			return 1;
		}
	}
	for (unsigned i = 0; i < options.threads; i++)
		pthread_join(workers[i].thread, NULL);
	status = report(&options, workers);
	pthread_barrier_destroy(&connected);
	free(workers[0].turns);
	free(workers);
	free(options.requests);
	return status;
}
