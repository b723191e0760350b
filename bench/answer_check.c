/*
 * Is this the HTTP answer we want? See answer_check.h.
 */
#include "answer_check.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char status[] = "HTTP/1.1 200 ";
static const char blank[] = "\r\n\r\n";
static const char length[] = "\r\nContent-Length:";

#define SIZE(text) (sizeof(text) - 1)

static bool matches(const struct answer_check *check, const char *bytes,
		    size_t head_size)
{
	return memcmp(bytes, status, SIZE(status)) == 0 &&
	       memcmp(bytes + head_size - SIZE(blank), blank, SIZE(blank)) ==
		       0 &&
	       memcmp(bytes + head_size, check->body, check->body_size) == 0;
}

/* The value of Content-Length, or -1; the head ends with a blank line. */
static long content_length(const char *head, size_t head_size)
{
	const char *end = head + head_size - SIZE(blank);
	const char *at = head;

	while ((at = memchr(at, '\r', (size_t)(end - at))) != NULL) {
		if (strncasecmp(at, length, SIZE(length)) == 0)
			return strtol(at + SIZE(length), NULL, 10);
		at++;
	}
	return -1;
}

static ssize_t parse(struct answer_check *check, const char *bytes, size_t size)
{
	size_t known = size < SIZE(status) ? size : SIZE(status);
	const char *end;
	size_t head_size;

	if (memcmp(bytes, status, known) != 0)
		return -EBADMSG;
	end = memmem(bytes, size, blank, SIZE(blank));
	if (end == NULL)
		return 0;
	head_size = (size_t)(end - bytes) + SIZE(blank);
	if (content_length(bytes, head_size) != (long)check->body_size)
		return -EBADMSG;
	if (size < head_size + check->body_size)
		return 0;
	if (!matches(check, bytes, head_size))
		return -EBADMSG;
	check->head_size = head_size;
	return (ssize_t)(head_size + check->body_size);
}

ssize_t answer_check(struct answer_check *check, const char *bytes, size_t size)
{
	size_t usual = check->head_size + check->body_size;

	/* A longer body than the usual is noticed by the answer after it. */
	if (check->head_size > 0 && size >= usual &&
	    matches(check, bytes, check->head_size))
		return (ssize_t)usual;
	return parse(check, bytes, size);
}
