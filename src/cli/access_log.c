/*
 * The access log: see access_log.h.
 *
 * Lines are gathered in memory and written by an actor of its own, through the
 * ring, as many at once as have come meanwhile. A connection's actor only ever
 * copies its line under a lock that nobody holds while waiting. If the disk
 * can not keep up and BUFFER_SIZE is full, lines are dropped, counted, and the
 * count is said: a log must not stop the service.
 *
 * A line is Common Log Format with the duration in seconds behind it:
 *
 *	127.0.0.1:51022 - - [22/Nov/2026:02:51:39 +0000] "GET / HTTP/1.1" 200
 *512 0.000112
 */
#include "access_log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <lend/io.h>
#include <lend/mailbox.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "say.h"

#define BUFFER_SIZE ((size_t)1024 * 1024)
#define LINE_MAX    2048 /* longer targets are cut */

enum { MSG_WRITE = 1, MSG_END };

struct access_log {
	int fd;
	bool broken; /* [writer] it was said that writing fails */
	char *writing;
	lend_ref writer;

	pthread_mutex_t lock;
	/* [lock] */
	char *filling;
	size_t size;
	uint64_t dropped;
	bool is_told; /* a MSG_WRITE is on its way */
	time_t second;
	char date[40]; /* of @second */
	size_t date_size;
};

struct access_log *access_log_open(const char *path)
{
	struct access_log *log = calloc(1, sizeof(*log));

	if (log) {
		log->filling = malloc(BUFFER_SIZE);
		log->writing = malloc(BUFFER_SIZE);
	}
	if (!log || !log->filling || !log->writing) {
		say("--access-log: %s; leave it out", strerror(ENOMEM));
		access_log_free(log);
		return NULL;
	}
	pthread_mutex_init(&log->lock, NULL);
	log->fd = STDOUT_FILENO;
	if (strcmp(path, "-") != 0)
		log->fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC,
			       0644);
	if (log->fd < 0) {
		say("--access-log: cannot open \"%s\": %s; give a file that can be written, or - for standard output",
		    path, strerror(errno));
		access_log_free(log);
		return NULL;
	}
	return log;
}

void access_log_free(struct access_log *log)
{
	if (!log)
		return;
	if (log->fd > STDERR_FILENO)
		close(log->fd);
	free(log->filling);
	free(log->writing);
	free(log);
}

/* ---- a line ---- */

/* Quotes, control characters and what is not ASCII become \xHH: a line stays
 * a line, whatever a client sends. */
static size_t escape(char *to, size_t room, const char *from, size_t size)
{
	size_t used = 0;

	for (size_t i = 0; i < size && used + 4 < room; i++) {
		unsigned char byte = (unsigned char)from[i];

		if (byte < 0x20 || byte >= 0x7f || byte == '"' || byte == '\\')
			used += (size_t)sprintf(to + used, "\\x%02x", byte);
		else
			to[used++] = (char)byte;
	}
	return used;
}

/* What comes behind the date. */
static size_t line_make(const struct lend_http_access *access, char *line)
{
	const size_t tail_max = 96;
	size_t size = 0;

	memcpy(line, "] \"", 3);
	size += 3;
	size += escape(line + size, 64, access->method, access->method_size);
	line[size++] = ' ';
	size += escape(line + size, LINE_MAX - tail_max - size, access->target,
		       access->target_size);
	size += (size_t)snprintf(
		line + size, LINE_MAX - size,
		" HTTP/1.%u\" %u %" PRIu64 " %" PRIu64 ".%06u\n",
		access->version_minor, access->status, access->body_bytes,
		access->duration_ns / LEND_S,
		(unsigned)(access->duration_ns % LEND_S / 1000));
	return size;
}

static void date_refresh_locked(struct access_log *log)
{
	time_t now = time(NULL);
	struct tm tm;

	if (now == log->second || !gmtime_r(&now, &tm))
		return;
	log->second = now;
	log->date_size = strftime(log->date, sizeof(log->date),
				  " - - [%d/%b/%Y:%H:%M:%S +0000", &tm);
}

static void append_locked(struct access_log *log, const char *data, size_t size)
{
	memcpy(log->filling + log->size, data, size);
	log->size += size;
}

void access_log_add(const struct lend_http_access *access, void *arg)
{
	const char *client = access->client[0] ? access->client : "-";
	size_t client_size = strlen(client);
	struct access_log *log = arg;
	char line[LINE_MAX];
	size_t size = line_make(access, line);
	bool tell = false;

	pthread_mutex_lock(&log->lock);
	date_refresh_locked(log);
	if (log->size + client_size + log->date_size + size > BUFFER_SIZE) {
		log->dropped++;
	} else {
		append_locked(log, client, client_size);
		append_locked(log, log->date, log->date_size);
		append_locked(log, line, size);
	}
	if (!log->is_told)
		tell = log->is_told = true;
	pthread_mutex_unlock(&log->lock);

	if (tell && lend_tell(log->writer, MSG_WRITE, NULL, 0)) {
		/* No memory for a message: the next line tries again. */
		pthread_mutex_lock(&log->lock);
		log->is_told = false;
		pthread_mutex_unlock(&log->lock);
	}
}

/* ---- the writer ---- */

static int write_all(struct access_log *log, size_t size)
{
	size_t done = 0;

	while (done < size) {
		ssize_t res = lend_write(log->fd, log->writing + done,
					 size - done, -1, LEND_FOREVER);

		/* A pipe that somebody else made non-blocking. */
		if (res == -EAGAIN)
			res = lend_poll(log->fd, POLLOUT, LEND_FOREVER) < 0 ?
				      -EIO :
				      0;
		else if (res == 0)
			res = -EIO;
		if (res < 0)
			return (int)res;
		done += (size_t)res;
	}
	return 0;
}

static void write_gathered(struct access_log *log)
{
	uint64_t dropped;
	char *swap;
	size_t size;
	int err;

	pthread_mutex_lock(&log->lock);
	swap = log->filling;
	log->filling = log->writing;
	log->writing = swap;
	size = log->size;
	dropped = log->dropped;
	log->size = 0;
	log->dropped = 0;
	log->is_told = false;
	pthread_mutex_unlock(&log->lock);

	err = write_all(log, size);
	if (err && !log->broken)
		say_at(LEND_LOG_WARNING,
		       "access log: cannot write: %s; lines are lost",
		       lend_error_text(err));
	log->broken = err != 0;
	if (dropped)
		say_at(LEND_LOG_WARNING,
		       "access log: %" PRIu64
		       " lines were dropped: they came faster than they could be written",
		       dropped);
}

static int writer_run(void *arg)
{
	struct access_log *log = arg;
	struct lend_msg *msg;
	bool is_last = false;

	while (!is_last && !lend_receive(LEND_FOREVER, &msg)) {
		is_last = lend_msg_type(msg) == MSG_END;
		lend_msg_free(msg);
		write_gathered(log);
	}
	return 0;
}

int access_log_start(struct access_log *log)
{
	const struct lend_spawn_options options = {
		.name = "access log",
		.joinable = true,
	};

	return lend_spawn(writer_run, log, &options, &log->writer);
}

void access_log_end(struct access_log *log)
{
	if (!lend_tell(log->writer, MSG_END, NULL, 0) &&
	    lend_join(log->writer, LEND_FOREVER, NULL)) {
		/* We were cancelled: what is left is lost. */
	}
}
