/*
 * What the baseline servers share: see responder.h.
 *
 * Any request gets the same answer. There is no parser: a request ends at the
 * first blank line, so requests with a body are not understood. That is the
 * point: the servers show what the kernel's part costs, and with it the least
 * that a server can cost.
 */
#include "responder.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#define LISTEN_BACKLOG 4096

_Noreturn void die(const char *what, int error)
{
	fprintf(stderr, "%s: %s\n", what, strerror(-error));
	exit(1);
}

static _Noreturn void usage(const char *program)
{
	fprintf(stderr,
		"usage: %s --listen ADDR:PORT [--workers N] [--echo]\n"
		"  --listen  a numeric address; [::1]:80 for IPv6\n"
		"  --workers threads, each with a socket of its own (1; raw_uring only)\n"
		"  --echo    send back what comes, instead of HTTP\n",
		program);
	exit(2);
}

/* Split "addr:port" or "[addr]:port" in place and resolve it. */
static bool address_parse(struct config *config, char *text)
{
	const struct addrinfo hints = {
		.ai_socktype = SOCK_STREAM,
		.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
	};
	struct addrinfo *found;
	char *colon = strrchr(text, ':');

	if (colon == NULL)
		return false;
	*colon = '\0';
	if (text[0] == '[' && colon[-1] == ']') {
		colon[-1] = '\0';
		text++;
	}
	if (getaddrinfo(text, colon + 1, &hints, &found) != 0)
		return false;
	memcpy(&config->addr, found->ai_addr, found->ai_addrlen);
	config->addr_size = found->ai_addrlen;
	freeaddrinfo(found);
	return true;
}

void config_parse(struct config *config, int argc, char **argv)
{
	memset(config, 0, sizeof(*config));
	config->workers = 1;
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--echo") == 0) {
			config->echo = true;
		} else if (strcmp(argv[i], "--workers") == 0 && i + 1 < argc) {
			config->workers = (unsigned)strtoul(argv[++i], NULL,
							    10);
		} else if (strcmp(argv[i], "--listen") == 0 && i + 1 < argc) {
			if (!address_parse(config, argv[++i]))
				usage(argv[0]);
		} else {
			usage(argv[0]);
		}
	}
	if (config->addr_size == 0 || config->workers < 1 ||
	    config->workers > WORKERS_MAX)
		usage(argv[0]);
}

int config_listen(const struct config *config)
{
	const int one = 1;
	int fd = socket(config->addr.ss_family,
			SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		die("socket", -errno);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	/* The kernel spreads connections over the sockets. */
	if (config->workers > 1)
		setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one));
	/* Accepted sockets inherit it: one call instead of one each. */
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (bind(fd, (const struct sockaddr *)&config->addr,
		 config->addr_size) != 0)
		die("bind", -errno);
	if (listen(fd, LISTEN_BACKLOG) != 0)
		die("listen", -errno);
	return fd;
}

int signals_open(void)
{
	sigset_t set;
	int fd;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (fd < 0)
		die("signalfd", -errno);
	return fd;
}

void descriptors_raise(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return;
	limit.rlim_cur = limit.rlim_max < CONNECTION_MAX ? limit.rlim_max :
							   CONNECTION_MAX;
	/* If it fails there are fewer connections, and EMFILE is survived. */
	setrlimit(RLIMIT_NOFILE, &limit);
}

void answers_render(struct answers *answers, const char *server_name)
{
	unsigned other = !answers->current;
	char *slab = answers->slab[other];
	time_t now = time(NULL);
	struct tm utc;
	char date[64];
	int size;

	gmtime_r(&now, &utc);
	strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S GMT", &utc);
	size = snprintf(slab, ANSWER_MAX,
			"HTTP/1.1 200 OK\r\n"
			"Server: %s\r\n"
			"Date: %s\r\n"
			"Content-Type: text/plain\r\n"
			"Content-Length: 13\r\n"
			"\r\n"
			"Hello, World!",
			server_name, date);
	if (size < 0 || size >= ANSWER_MAX)
		die("answer", -EOVERFLOW);
	answers->size = (size_t)size;
	for (unsigned i = 1; i < BATCH_MAX; i++)
		memcpy(slab + i * answers->size, slab, answers->size);
	answers->current = other;
}

/* Where in "\r\n\r\n" we are after one more byte. */
static uint8_t blank_line_step(uint8_t matched, char byte)
{
	if (byte == '\r')
		return matched == 2 ? 3 : 1;
	if (byte == '\n' && (matched == 1 || matched == 3))
		return matched + 1;
	return 0;
}

/*
 * Only every fourth byte is looked at while it cannot belong to a blank line.
 * The bytes at both ends of a receive go through the automaton, which is what
 * lets a blank line be split anywhere.
 */
unsigned heads_count(uint8_t *matched, const char *bytes, size_t size)
{
	uint8_t state = *matched;
	unsigned heads = 0;
	size_t i = 0;

	for (; state != 0 && i < size; i++) {
		state = blank_line_step(state, bytes[i]);
		if (state == 4) {
			heads++;
			state = 0;
		}
	}
	/* Here bytes[i] begins something new. */
	while (i + 4 <= size) {
		char last = bytes[i + 3];

		if (last == '\n' && memcmp(bytes + i, "\r\n\r", 3) == 0) {
			heads++;
			i += 4;
		} else if (last == '\n') {
			i += 2;
		} else if (last == '\r') {
			i += 1;
		} else {
			i += 4;
		}
	}
	for (; i < size; i++)
		state = blank_line_step(state, bytes[i]);
	*matched = state;
	return heads;
}

bool reply_next(struct reply *reply, const struct answers *answers)
{
	reply->from_rest = reply->rest_at < reply->rest_end;
	if (reply->from_rest) {
		reply->from = reply->rest + reply->rest_at;
		reply->size = reply->rest_end - reply->rest_at;
		return true;
	}
	if (reply->owed == 0)
		return false;
	reply->batch = reply->owed < BATCH_MAX ? reply->owed : BATCH_MAX;
	reply->from = answers->slab[answers->current];
	reply->size = reply->batch * answers->size;
	return true;
}

void reply_sent(struct reply *reply, const struct answers *answers, size_t sent)
{
	size_t whole;
	size_t cut;

	if (reply->from_rest) {
		reply->rest_at += (unsigned)sent;
		return;
	}
	if (sent == reply->size) {
		reply->owed -= reply->batch;
		return;
	}
	whole = sent / answers->size;
	cut = sent % answers->size;
	reply->owed -= (unsigned)whole;
	if (cut == 0)
		return;
	reply->owed--;
	reply->rest_at = 0;
	reply->rest_end = (unsigned)(answers->size - cut);
	memcpy(reply->rest, reply->from + sent, reply->rest_end);
}

void reply_keep(struct reply *reply, const struct answers *answers)
{
	if (!reply->from_rest) {
		reply->owed--;
		reply->rest_at = 0;
		reply->rest_end = (unsigned)answers->size;
		memcpy(reply->rest, reply->from, answers->size);
	}
	reply_next(reply, answers);
}
