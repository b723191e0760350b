/*
 * What is known of io_uring's opcodes: names, and what their fields mean.
 */
#ifndef LEND_URING_OPCODE_H
#define LEND_URING_OPCODE_H

#include <stdbool.h>
#include <stddef.h>

struct io_uring_sqe;

/* The descriptor that an SQE is about; -1: none. Not all opcodes have a
 * descriptor in that field, and AT_FDCWD is none either. */
int lend__opcode_fd(const struct io_uring_sqe *sqe);

/* Text in a buffer of a fixed size: what does not fit is cut. */
struct lend_text {
	char *at;
	size_t room;
};

__attribute__((format(printf, 2, 3))) void
lend__text_add(struct lend_text *text, const char *format, ...);

/* A result: a number, or the name of an error. */
void lend__text_add_result(struct lend_text *text, int res);

#endif
