/*
 * Operations as text, for logs, reports and debuggers: io_uring's opcodes, the
 * entries of its queues, and handles, a line each.
 *
 * Thread: any, unless said otherwise. Blocks: no.
 */
#ifndef LEND_OPCODE_H
#define LEND_OPCODE_H

#include <lend/base.h>

struct io_uring_cqe;
struct io_uring_sqe;
struct lend_pending;

/* What each of the functions below needs at most. */
#define LEND_OPERATION_TEXT_MAX 192

LEND_BEGIN_DECLS

/* The name of an opcode (IORING_OP_*): its constant in lower case, "send_zc";
 * NULL if the library knows of none. */
LEND_API const char *lend_opcode_name(unsigned opcode);

/**
 * What an SQE asks for: "recv on 7, size 64, op_flags 0x40, flags link".
 *
 * @text  at least @size bytes, always terminated; what does not fit is cut
 */
LEND_API void lend_sqe_format(const struct io_uring_sqe *sqe, char *text,
			      size_t size);

/**
 * What a CQE says: "= 64, more, buffer 3", "= -ECONNRESET".
 *
 * @text  as for lend_sqe_format()
 */
LEND_API void lend_cqe_format(const struct io_uring_cqe *cqe, char *text,
			      size_t size);

/**
 * What has become of an operation: "recv on 7, in flight on ring 0",
 * "recv on 7 = -ECANCELED".
 *
 * @text  as for lend_sqe_format()
 *
 * Thread: the actor that started it.
 */
LEND_API void lend_pending_format(const struct lend_pending *pending,
				  char *text, size_t size);

LEND_END_DECLS

#endif
