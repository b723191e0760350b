/*
 * The table of operations: its rows are in file.c, path.c, socket.c and so on,
 * each of them one of the macros below, which makes the two calls of an
 * operation out of what fills its SQE.
 *
 *	lend_x(arguments, deadline)            suspends until it is over
 *	lend_x_async(arguments, ret_pending)   goes on beside the actor
 *
 * LEND_OPERATION(type, name, fd, (parameters), prepare)
 *	For an operation that needs no memory: @prepare is an expression that
 *	fills `sqe`, of the ring itself. @fd is the descriptor it is about, or
 *	-1. The kernel must be known to have it: see required_opcodes in
 *	uring/features.c.
 *
 * LEND_OPERATION_COPIES(type, name, (parameters), (arguments))
 *	For one that does: a function prepare_<name>(request, arguments) fills
 *	request->sqe and copies what that points to: see request.h. If the
 *	kernel does not have the operation the call returns -EOPNOTSUPP.
 *
 * LEND_OPERATION_EMULATED(type, name, (parameters), (arguments))
 *	The same for one that has a system call which does not block: then
 *	emulate_<name>(arguments) is called.
 *
 * LEND_OPERATION_CALL(type, name, (parameters), (arguments))
 *	For a system call that never waits and gains nothing by a ring: both
 *	forms call emulate_<name>(arguments), and the handle is over at once.
 *
 * LEND_OPERATION_BY_ASYNC(type, name, (parameters), (arguments))
 *	The asynchronous form as of LEND_OPERATION_COPIES; the synchronous one
 *	waits for it. For what has more to it than one SQE and one CQE.
 *
 * LEND_OPERATION_PAYLOAD(type, name, fd, (parameters), (arguments), prepare)
 *	The synchronous form is that of LEND_OPERATION, the asynchronous one
 *	that of LEND_OPERATION_COPIES: for payloads, which the caller of the
 *	one can not touch while it is suspended.
 *
 * A row and a prototype in include/lend make an operation.
 */
#ifndef LEND_IO_OPERATION_H
#define LEND_IO_OPERATION_H

#include <errno.h>
#include <lend/actor.h>
#include <limits.h>
#include <liburing.h>

#include "io/pending.h"
#include "io/request.h"

/* What a CQE can count. */
static inline unsigned lend__io_clamp(size_t size)
{
	return size > INT_MAX ? INT_MAX : (unsigned)size;
}

/* (a, b) without its parentheses. */
#define LEND__LIST(...) __VA_ARGS__

#define LEND__SYNC(type, name, fd_of, parameters, prepare)                     \
	type lend_##name(LEND__LIST parameters, uint64_t deadline)             \
	{                                                                      \
		struct lend_io io;                                             \
		int res = lend__io_begin(&io, fd_of, deadline);                \
                                                                               \
		if (res)                                                       \
			return res;                                            \
		do {                                                           \
			struct io_uring_sqe *sqe = io.sqe;                     \
                                                                               \
			prepare;                                               \
		} while (!lend__io_run(&io, deadline, &res));                  \
		return res;                                                    \
	}

#define LEND__ASYNC(name, fd_of, parameters, prepare)                          \
	int lend_##name##_async(LEND__LIST parameters,                         \
				struct lend_pending **ret_pending)             \
	{                                                                      \
		struct lend_pending *pending;                                  \
		struct io_uring_sqe *sqe;                                      \
		struct lend_io io;                                             \
		int err = lend__pending_begin(&io, fd_of, &pending);           \
                                                                               \
		if (err)                                                       \
			return err;                                            \
		sqe = io.sqe;                                                  \
		prepare;                                                       \
		lend__pending_submit(&io, pending);                            \
		*ret_pending = pending;                                        \
		return 0;                                                      \
	}

#define LEND__SYNC_COPIES(type, name, parameters, arguments, unsupported)      \
	type lend_##name(LEND__LIST parameters, uint64_t deadline)             \
	{                                                                      \
		struct lend_request request = { 0 };                           \
		int err = prepare_##name(&request, LEND__LIST arguments);      \
                                                                               \
		if (err)                                                       \
			return err;                                            \
		err = lend__request_begin(&request);                           \
		if (err == -EOPNOTSUPP)                                        \
			return unsupported;                                    \
		if (err)                                                       \
			return err;                                            \
		err = prepare_##name(&request, LEND__LIST arguments);          \
		return lend__request_run(&request, err, deadline);             \
	}

#define LEND__ASYNC_COPIES(name, parameters, arguments, unsupported)           \
	int lend_##name##_async(LEND__LIST parameters,                         \
				struct lend_pending **ret_pending)             \
	{                                                                      \
		struct lend_request request = { .is_async = true };            \
		int err = prepare_##name(&request, LEND__LIST arguments);      \
                                                                               \
		if (err)                                                       \
			return err;                                            \
		err = lend__request_begin_async(&request);                     \
		if (err == -EOPNOTSUPP)                                        \
			return unsupported;                                    \
		if (err)                                                       \
			return err;                                            \
		err = prepare_##name(&request, LEND__LIST arguments);          \
		return lend__request_submit(&request, err, ret_pending);       \
	}

#define LEND_OPERATION(type, name, fd_of, parameters, prepare)                 \
	LEND__SYNC(type, name, fd_of, parameters, prepare)                     \
	LEND__ASYNC(name, fd_of, parameters, prepare)

#define LEND_OPERATION_COPIES(type, name, parameters, arguments)               \
	LEND__SYNC_COPIES(type, name, parameters, arguments, -EOPNOTSUPP)      \
	LEND__ASYNC_COPIES(name, parameters, arguments, -EOPNOTSUPP)

#define LEND_OPERATION_EMULATED(type, name, parameters, arguments)             \
	LEND__SYNC_COPIES(type, name, parameters, arguments,                   \
			  emulate_##name arguments)                            \
	LEND__ASYNC_COPIES(name, parameters, arguments,                        \
			   lend__pending_over(request.sqe.opcode,              \
					      emulate_##name arguments,        \
					      ret_pending))

#define LEND_OPERATION_CALL(type, name, parameters, arguments)                 \
	type lend_##name(LEND__LIST parameters, uint64_t deadline)             \
	{                                                                      \
		(void)deadline;                                                \
		if (lend_is_cancelled())                                       \
			return -ECANCELED;                                     \
		return emulate_##name arguments;                               \
	}                                                                      \
	int lend_##name##_async(LEND__LIST parameters,                         \
				struct lend_pending **ret_pending)             \
	{                                                                      \
		if (lend_is_cancelled())                                       \
			return -ECANCELED;                                     \
		return lend__pending_over(IORING_OP_URING_CMD,                 \
					  emulate_##name arguments,            \
					  ret_pending);                        \
	}

#define LEND_OPERATION_BY_ASYNC(type, name, parameters, arguments)             \
	LEND__ASYNC_COPIES(name, parameters, arguments, -EOPNOTSUPP)           \
	type lend_##name(LEND__LIST parameters, uint64_t deadline)             \
	{                                                                      \
		struct lend_pending *pending;                                  \
		int err = lend_##name##_async(LEND__LIST arguments, &pending); \
                                                                               \
		return err ? err : lend__pending_finish(pending, deadline);    \
	}

#define LEND_OPERATION_PAYLOAD(type, name, fd_of, parameters, arguments,       \
			       prepare)                                        \
	LEND__SYNC(type, name, fd_of, parameters, prepare)                     \
	LEND__ASYNC_COPIES(name, parameters, arguments, -EOPNOTSUPP)

#endif
