/*
 * Sending an open file: see file_send.h. Whatever its size, no more than
 * CHUNK_SIZE of it is in memory at once, besides what the connection gathers.
 *
 * A file may shrink while it is sent. The length that was promised can then
 * not be kept; the response is left incomplete, which closes the connection,
 * so the client knows.
 */
#include "file_send.h"

#include <errno.h>
#include <inttypes.h>
#include <lend/io.h>
#include <stdio.h>
#include <sys/stat.h>

#include "say.h"
#include "validator.h"

#define CHUNK_SIZE ((size_t)64 * 1024)

static size_t size_min(uint64_t a, size_t b)
{
	return a < b ? (size_t)a : b;
}

/* Read until @size or the end of the file: one read may give less. */
static ssize_t read_full(int fd, char *buffer, size_t size, uint64_t offset)
{
	size_t done = 0;

	while (done < size) {
		ssize_t res = lend_read(fd, buffer + done, size - done,
					(int64_t)(offset + done), LEND_FOREVER);

		if (res < 0)
			return res;
		if (res == 0)
			break;
		done += (size_t)res;
	}
	return (ssize_t)done;
}

static void send_pieces(struct lend_http_response *response, int fd,
			char *buffer, struct range range)
{
	while (range.size) {
		size_t size = size_min(range.size, CHUNK_SIZE);
		ssize_t res = read_full(fd, buffer, size, range.first);

		if (res < 0 && res != -ECANCELED)
			say_at(LEND_LOG_WARNING, "a file could not be read: %s",
			       lend_error_text((int)res));
		if (res <= 0 || lend_http_write(response, buffer, (size_t)res))
			return;
		range.first += (uint64_t)res;
		range.size -= (uint64_t)res;
	}
}

static void send_body(struct lend_http_response *response, int fd,
		      const char *type, unsigned status, struct range range)
{
	char *buffer = lend_io_alloc(size_min(range.size, CHUNK_SIZE));
	ssize_t res;

	if (!buffer) {
		lend_http_reply(response, 503, NULL, NULL, 0);
		return;
	}
	if (range.size <= CHUNK_SIZE) {
		/* At once, and with a length that is right even if the file
		 * has just shrunk. */
		res = read_full(fd, buffer, (size_t)range.size, range.first);
		if (res < 0 || (status == 206 && (uint64_t)res < range.size))
			lend_http_reply(response, 500, NULL, NULL, 0);
		else
			lend_http_reply(response, status, type, buffer,
					(size_t)res);
	} else if (!lend_http_begin(response, status, type,
				    (int64_t)range.size)) {
		send_pieces(response, fd, buffer, range);
		lend_http_end(response);
	}
	lend_io_free(buffer);
}

void file_send(struct lend_http_request *request,
	       struct lend_http_response *response, int fd,
	       const struct stat *stat, const char *type)
{
	uint64_t size = (uint64_t)stat->st_size;
	struct validator validator;
	unsigned status = 200;
	struct range range;
	char text[80];

	validator_make(stat, &validator);
	lend_http_add_header(response, "ETag", validator.etag);
	lend_http_add_header(response, "Last-Modified", validator.modified);
	if (validator_is_not_modified(&validator, request)) {
		lend_http_reply(response, 304, NULL, NULL, 0);
		return;
	}
	lend_http_add_header(response, "Accept-Ranges", "bytes");
	switch (range_read(&validator, request, size, &range)) {
	case RANGE_UNSATISFIABLE:
		snprintf(text, sizeof(text), "bytes */%" PRIu64, size);
		lend_http_add_header(response, "Content-Range", text);
		lend_http_reply(response, 416, NULL, NULL, 0);
		return;
	case RANGE_PART:
		snprintf(text, sizeof(text),
			 "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64, range.first,
			 range.first + range.size - 1, size);
		lend_http_add_header(response, "Content-Range", text);
		status = 206;
		break;
	case RANGE_WHOLE:
		break;
	}
	if (lend_http_is_head(request) || !range.size) {
		/* Nothing is read for a body that nobody gets. */
		if (!lend_http_begin(response, status, type,
				     (int64_t)range.size))
			lend_http_end(response);
		return;
	}
	send_body(response, fd, type, status, range);
}
