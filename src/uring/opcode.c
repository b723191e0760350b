/*
 * Opcodes, SQEs and CQEs as text: see include/lend/opcode.h. Nothing here
 * follows a pointer of an SQE, which may be anything.
 */
#include "uring/opcode.h"

#include <lend/opcode.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include "uring/compat.h"

static const char *const names[] = {
	[IORING_OP_NOP] = "nop",
	[IORING_OP_READV] = "readv",
	[IORING_OP_WRITEV] = "writev",
	[IORING_OP_FSYNC] = "fsync",
	[IORING_OP_READ_FIXED] = "read_fixed",
	[IORING_OP_WRITE_FIXED] = "write_fixed",
	[IORING_OP_POLL_ADD] = "poll_add",
	[IORING_OP_POLL_REMOVE] = "poll_remove",
	[IORING_OP_SYNC_FILE_RANGE] = "sync_file_range",
	[IORING_OP_SENDMSG] = "sendmsg",
	[IORING_OP_RECVMSG] = "recvmsg",
	[IORING_OP_TIMEOUT] = "timeout",
	[IORING_OP_TIMEOUT_REMOVE] = "timeout_remove",
	[IORING_OP_ACCEPT] = "accept",
	[IORING_OP_ASYNC_CANCEL] = "async_cancel",
	[IORING_OP_LINK_TIMEOUT] = "link_timeout",
	[IORING_OP_CONNECT] = "connect",
	[IORING_OP_FALLOCATE] = "fallocate",
	[IORING_OP_OPENAT] = "openat",
	[IORING_OP_CLOSE] = "close",
	[IORING_OP_FILES_UPDATE] = "files_update",
	[IORING_OP_STATX] = "statx",
	[IORING_OP_READ] = "read",
	[IORING_OP_WRITE] = "write",
	[IORING_OP_FADVISE] = "fadvise",
	[IORING_OP_MADVISE] = "madvise",
	[IORING_OP_SEND] = "send",
	[IORING_OP_RECV] = "recv",
	[IORING_OP_OPENAT2] = "openat2",
	[IORING_OP_EPOLL_CTL] = "epoll_ctl",
	[IORING_OP_SPLICE] = "splice",
	[IORING_OP_PROVIDE_BUFFERS] = "provide_buffers",
	[IORING_OP_REMOVE_BUFFERS] = "remove_buffers",
	[IORING_OP_TEE] = "tee",
	[IORING_OP_SHUTDOWN] = "shutdown",
	[IORING_OP_RENAMEAT] = "renameat",
	[IORING_OP_UNLINKAT] = "unlinkat",
	[IORING_OP_MKDIRAT] = "mkdirat",
	[IORING_OP_SYMLINKAT] = "symlinkat",
	[IORING_OP_LINKAT] = "linkat",
	[IORING_OP_MSG_RING] = "msg_ring",
	[IORING_OP_FSETXATTR] = "fsetxattr",
	[IORING_OP_SETXATTR] = "setxattr",
	[IORING_OP_FGETXATTR] = "fgetxattr",
	[IORING_OP_GETXATTR] = "getxattr",
	[IORING_OP_SOCKET] = "socket",
	[IORING_OP_URING_CMD] = "uring_cmd",
	[IORING_OP_SEND_ZC] = "send_zc",
	[IORING_OP_SENDMSG_ZC] = "sendmsg_zc",
	[IORING_OP_READ_MULTISHOT] = "read_multishot",
	[IORING_OP_WAITID] = "waitid",
	[IORING_OP_FUTEX_WAIT] = "futex_wait",
	[IORING_OP_FUTEX_WAKE] = "futex_wake",
	[IORING_OP_FUTEX_WAITV] = "futex_waitv",
	[IORING_OP_FIXED_FD_INSTALL] = "fixed_fd_install",
	[IORING_OP_FTRUNCATE] = "ftruncate",
	[IORING_OP_BIND] = "bind",
	[IORING_OP_LISTEN] = "listen",
	[IORING_OP_RECV_ZC] = "recv_zc",
	[IORING_OP_EPOLL_WAIT] = "epoll_wait",
	[IORING_OP_READV_FIXED] = "readv_fixed",
	[IORING_OP_WRITEV_FIXED] = "writev_fixed",
	[IORING_OP_PIPE] = "pipe",
};

struct flag_name {
	unsigned flag;
	const char *name;
};

static const struct flag_name sqe_flags[] = {
	{ IOSQE_FIXED_FILE, "fixed_file" },
	{ IOSQE_IO_DRAIN, "io_drain" },
	{ IOSQE_IO_LINK, "io_link" },
	{ IOSQE_IO_HARDLINK, "io_hardlink" },
	{ IOSQE_ASYNC, "async" },
	{ IOSQE_BUFFER_SELECT, "buffer_select" },
	{ IOSQE_CQE_SKIP_SUCCESS, "cqe_skip_success" },
};

static const struct flag_name cqe_flags[] = {
	{ IORING_CQE_F_MORE, "more" },
	{ IORING_CQE_F_SOCK_NONEMPTY, "sock_nonempty" },
	{ IORING_CQE_F_NOTIF, "notif" },
	{ IORING_CQE_F_BUF_MORE, "buf_more" },
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

const char *lend_opcode_name(unsigned opcode)
{
	return opcode < COUNT(names) ? names[opcode] : NULL;
}

int lend__opcode_fd(const struct io_uring_sqe *sqe)
{
	switch (sqe->opcode) {
	case IORING_OP_PROVIDE_BUFFERS:
	case IORING_OP_REMOVE_BUFFERS:
	case IORING_OP_SETXATTR:
	case IORING_OP_GETXATTR:
	case IORING_OP_SOCKET:
	case IORING_OP_FUTEX_WAIT:
	case IORING_OP_FUTEX_WAKE:
	case IORING_OP_FUTEX_WAITV:
	case IORING_OP_WAITID:
		return -1;
	default:
		return sqe->fd < 0 ? -1 : sqe->fd;
	}
}

void lend__text_add(struct lend_text *text, const char *format, ...)
{
	va_list list;
	int length;

	va_start(list, format);
	/* The analyser does not know va_start() in every build.
	 * NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized) */
	length = vsnprintf(text->at, text->room, format, list);
	va_end(list);
	if (length < 0)
		return;
	if ((size_t)length >= text->room)
		length = text->room ? (int)text->room - 1 : 0;
	text->at += length;
	text->room -= (size_t)length;
}

void lend__text_add_result(struct lend_text *text, int res)
{
	if (res >= 0)
		lend__text_add(text, "= %d", res);
	else
		lend__text_add(text, "= -%s", lend_error_name(res));
}

void lend_sqe_format(const struct io_uring_sqe *sqe, char *text, size_t size)
{
	struct lend_text line = { text, size };
	const char *name = lend_opcode_name(sqe->opcode);
	const char *before = ", flags ";
	int fd = lend__opcode_fd(sqe);

	if (name)
		lend__text_add(&line, "%s", name);
	else
		lend__text_add(&line, "operation %u", sqe->opcode);
	if (fd >= 0)
		lend__text_add(&line, " on %d", fd);
	if (sqe->len)
		lend__text_add(&line, ", size %u", sqe->len);
	if (sqe->off)
		lend__text_add(&line, ", offset %lld", (long long)sqe->off);
	if (sqe->rw_flags)
		lend__text_add(&line, ", op_flags %#x",
			       (unsigned)sqe->rw_flags);
	if (sqe->ioprio)
		lend__text_add(&line, ", ioprio %#x", sqe->ioprio);
	for (unsigned i = 0; i < COUNT(sqe_flags); i++) {
		if (!(sqe->flags & sqe_flags[i].flag))
			continue;
		lend__text_add(&line, "%s%s", before, sqe_flags[i].name);
		before = "|";
	}
}

void lend_cqe_format(const struct io_uring_cqe *cqe, char *text, size_t size)
{
	struct lend_text line = { text, size };

	lend__text_add_result(&line, cqe->res);
	for (unsigned i = 0; i < COUNT(cqe_flags); i++)
		if (cqe->flags & cqe_flags[i].flag)
			lend__text_add(&line, ", %s", cqe_flags[i].name);
	if (cqe->flags & IORING_CQE_F_BUFFER)
		lend__text_add(&line, ", buffer %u",
			       cqe->flags >> IORING_CQE_BUFFER_SHIFT);
}
