/*
 * What the life of an operation depends on its opcode for.
 */
#include <poll.h>
#include <string.h>

#include "kernel.h"
#include "uring/compat.h"

static const char *address_of(const struct io_uring_sqe *sqe)
{
	return (const char *)(uintptr_t)sqe->addr;
}

/* What the kernel copies at submission: it is the caller's again then. */
void sim_req_copy_arguments(struct sim_req *req)
{
	const struct io_uring_sqe *sqe = &req->sqe;
	const struct msghdr *message = (const void *)address_of(sqe);
	const struct iovec *vector = (const void *)address_of(sqe);

	switch (sqe->opcode) {
	case IORING_OP_SENDMSG:
	case IORING_OP_SENDMSG_ZC:
	case IORING_OP_RECVMSG:
		if (sqe->opcode != IORING_OP_RECVMSG && message->msg_name)
			sim_address_text(message->msg_name, 0, req->path);
		for (size_t i = 0; i < message->msg_iovlen && i < SIM_PARTS_MAX;
		     i++)
			req->parts[req->parts_count++] = message->msg_iov[i];
		break;
	case IORING_OP_READV:
	case IORING_OP_WRITEV:
		for (unsigned i = 0; i < sqe->len && i < SIM_PARTS_MAX; i++)
			req->parts[req->parts_count++] = vector[i];
		break;
	case IORING_OP_SEND:
	case IORING_OP_SEND_ZC:
	case IORING_OP_RECV:
	case IORING_OP_READ:
	case IORING_OP_WRITE:
		if (!(sqe->flags & IOSQE_BUFFER_SELECT))
			req->parts[req->parts_count++] = (struct iovec){
				(void *)(uintptr_t)sqe->addr, sqe->len
			};
		break;
	case IORING_OP_WAITID:
		if (sqe->addr2)
			req->parts[req->parts_count++] = (struct iovec){
				(void *)(uintptr_t)sqe->addr2, 128
			};
		break;
	case IORING_OP_STATX:
		req->parts[req->parts_count++] =
			(struct iovec){ (void *)(uintptr_t)sqe->off, 256 };
		strncpy(req->path, address_of(sqe), SIM_PATH_MAX - 1);
		break;
	case IORING_OP_RENAMEAT:
	case IORING_OP_LINKAT:
	case IORING_OP_SYMLINKAT:
		strncpy(req->path_2, (const char *)(uintptr_t)sqe->addr2,
			SIM_PATH_MAX - 1);
		__attribute__((fallthrough));
	case IORING_OP_MKDIRAT:
	case IORING_OP_UNLINKAT:
	case IORING_OP_OPENAT2:
		strncpy(req->path, address_of(sqe), SIM_PATH_MAX - 1);
		break;
	case IORING_OP_GETXATTR:
	case IORING_OP_SETXATTR:
		strncpy(req->path, (const char *)(uintptr_t)sqe->addr3,
			SIM_PATH_MAX - 1);
		__attribute__((fallthrough));
	case IORING_OP_FGETXATTR:
	case IORING_OP_FSETXATTR:
		strncpy(req->path_2, address_of(sqe), SIM_PATH_MAX - 1);
		req->parts[req->parts_count++] =
			(struct iovec){ (void *)(uintptr_t)sqe->off, sqe->len };
		break;
	case IORING_OP_CONNECT:
		sim_address_text((const void *)address_of(sqe), 0, req->path);
		break;
	default:
		break;
	}
}

bool sim_sqe_has_path(const struct io_uring_sqe *sqe)
{
	switch (sqe->opcode) {
	case IORING_OP_OPENAT2:
	case IORING_OP_STATX:
	case IORING_OP_MKDIRAT:
	case IORING_OP_UNLINKAT:
	case IORING_OP_RENAMEAT:
	case IORING_OP_LINKAT:
	case IORING_OP_SYMLINKAT:
	case IORING_OP_SETXATTR:
	case IORING_OP_GETXATTR:
		return true;
	default:
		return false;
	}
}

bool sim_sqe_has_file(const struct io_uring_sqe *sqe)
{
	switch (sqe->opcode) {
	case IORING_OP_NOP:
	case IORING_OP_TIMEOUT:
	case IORING_OP_LINK_TIMEOUT:
	case IORING_OP_ASYNC_CANCEL:
	case IORING_OP_SOCKET:
	case IORING_OP_MADVISE:
	case IORING_OP_FUTEX_WAIT:
	case IORING_OP_FUTEX_WAKE:
	case IORING_OP_WAITID:
		return false;
	default:
		return !sim_sqe_has_path(sqe);
	}
}

bool sim_req_has_failed(const struct sim_req *req, int32_t res)
{
	const struct io_uring_sqe *sqe = &req->sqe;

	if (res < 0)
		return true;
	switch (sqe->opcode) {
	case IORING_OP_READ:
	case IORING_OP_WRITE:
		return (uint32_t)res != sqe->len;
	case IORING_OP_SEND:
	case IORING_OP_RECV:
		return sqe->msg_flags & MSG_WAITALL &&
		       (uint32_t)res != sqe->len;
	default:
		return false;
	}
}

/* ---- waiting ---- */

unsigned sim_req_awaited_events(const struct sim_req *req)
{
	switch (req->sqe.opcode) {
	case IORING_OP_POLL_ADD:
		return req->sqe.poll32_events | POLLERR | POLLHUP;
	case IORING_OP_SEND:
	case IORING_OP_SENDMSG:
	case IORING_OP_SEND_ZC:
	case IORING_OP_SENDMSG_ZC:
	case IORING_OP_WRITE:
	case IORING_OP_WRITEV:
		return POLLOUT | POLLERR | POLLHUP;
	default:
		return POLLIN | POLLERR | POLLHUP;
	}
}

bool sim_req_may_wait(const struct sim_req *req)
{
	switch (req->sqe.opcode) {
	case IORING_OP_SEND:
	case IORING_OP_SENDMSG:
	case IORING_OP_SEND_ZC:
	case IORING_OP_SENDMSG_ZC:
	case IORING_OP_RECV:
	case IORING_OP_RECVMSG:
		return !(req->sqe.msg_flags & MSG_DONTWAIT);
	default:
		return true;
	}
}

bool sim_sqe_is_splice(const struct io_uring_sqe *sqe)
{
	return sqe->opcode == IORING_OP_SPLICE || sqe->opcode == IORING_OP_TEE;
}

bool sim_req_is_zero_copy(const struct sim_req *req)
{
	return req->sqe.opcode == IORING_OP_SEND_ZC ||
	       req->sqe.opcode == IORING_OP_SENDMSG_ZC;
}
