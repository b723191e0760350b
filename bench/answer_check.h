/*
 * Is this the HTTP answer we want? Every answer is checked, so a server that
 * is fast because it is wrong is found out.
 */
#ifndef BENCH_ANSWER_CHECK_H
#define BENCH_ANSWER_CHECK_H

#include <stddef.h>
#include <sys/types.h>

struct answer_check {
	const char *body; /* [const] expected; its size is below */
	size_t body_size;
	/* Where the last good answer had its body. Servers mostly repeat
	 * themselves, and then no header is parsed. */
	size_t head_size;
};

/*
 * Check the answer that begins at @bytes.
 *
 * Return: its size
 *         0         it is not complete yet
 *         -EBADMSG  it is not "HTTP/1.1 200" with a Content-Length and the
 *                   expected body
 */
ssize_t answer_check(struct answer_check *check, const char *bytes,
		     size_t size);

#endif
