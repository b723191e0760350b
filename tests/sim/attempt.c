/*
 * What each opcode does when it is tried: at its submission, and again when
 * its file is ready.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>

#include "kernel.h"
#include "uring/compat.h"

static char *part_at(const struct sim_req *req, unsigned i)
{
	return req->parts[i].iov_base;
}

/* ---- sending ---- */

static int32_t send_parts(struct sim_req *req)
{
	bool all = req->sqe.msg_flags & MSG_WAITALL;
	size_t size = 0;
	int32_t res;

	if (req->file->kind == SIM_FILE_DATAGRAM)
		return sim_datagram_send(req);
	if (req->file->kind != SIM_FILE_STREAM)
		return -ENOTCONN;
	for (unsigned i = 0; i < req->parts_count; i++)
		size += req->parts[i].iov_len;
	for (;;) {
		res = sim_stream_send(req->file, req->parts, req->parts_count,
				      req->done);
		if (res == SIM_AGAIN)
			return res;
		if (res < 0)
			return req->done ? (int32_t)req->done : res;
		req->done += (size_t)res;
		if (!all || req->done == size)
			return (int32_t)req->done;
		/* A signal may end it even so. */
		if (sim_fault())
			return (int32_t)req->done;
	}
}

/* ---- connections ---- */

static int32_t accept_one(struct sim_req *req)
{
	return sim_listener_accept(req->file);
}

static int32_t accept_many(struct sim_req *req)
{
	for (;;) {
		int32_t res = sim_listener_accept(req->file);

		if (res < 0)
			return res; /* SIM_AGAIN, too */
		/* It may end for want of room, or for no reason at all. */
		if (req->ring->overflow_count || sim_fault())
			return res;
		sim_ring_post(req->ring, req->sqe.user_data, res,
			      IORING_CQE_F_MORE);
	}
}

static int32_t connect_to(struct sim_req *req)
{
	const void *address = (const void *)(uintptr_t)req->sqe.addr;

	return sim_socket_connect(req->file, address, (unsigned)req->sqe.off);
}

/* ---- files ---- */

static size_t parts_size(const struct sim_req *req)
{
	size_t size = 0;

	for (unsigned i = 0; i < req->parts_count; i++)
		size += req->parts[i].iov_len;
	return size;
}

/* Between @data and the first @size bytes of the parts. */
static void copy_parts(struct sim_req *req, char *data, size_t size,
		       bool writes)
{
	for (unsigned i = 0; i < req->parts_count && size; i++) {
		size_t most = req->parts[i].iov_len;

		if (most > size)
			most = size;
		if (writes)
			memcpy(data, part_at(req, i), most);
		else
			memcpy(part_at(req, i), data, most);
		data += most;
		size -= most;
	}
}

/* A part is filled before the next. */
static int32_t receive_parts(struct sim_req *req)
{
	size_t got = 0;

	for (unsigned i = 0; i < req->parts_count; i++) {
		const struct iovec *part = &req->parts[i];
		int32_t res;

		if (got && req->file->begin == req->file->end)
			break;
		res = sim_stream_receive(req->file, part->iov_base,
					 part->iov_len);
		if (res < 0)
			return res;
		got += (size_t)res;
		if ((size_t)res < part->iov_len)
			break;
	}
	return (int32_t)got;
}

static int32_t receive_message(struct sim_req *req)
{
	struct msghdr *header = (void *)(uintptr_t)req->sqe.addr;
	int32_t res;

	if (req->file->kind == SIM_FILE_DATAGRAM)
		return sim_datagram_receive(req);
	if (req->file->kind != SIM_FILE_STREAM)
		return -ENOTCONN;
	res = receive_parts(req);
	if (res >= 0) {
		header->msg_namelen = 0;
		header->msg_controllen = 0;
		header->msg_flags = 0;
	}
	return res;
}

static int32_t transfer(struct sim_req *req, bool writes)
{
	struct sim_inode *inode = req->file->inode;
	size_t at = (size_t)req->sqe.off, size = parts_size(req);

	if (req->file->kind == SIM_FILE_STREAM)
		return writes ? send_parts(req) : receive_parts(req);
	if (req->file->kind != SIM_FILE_REGULAR)
		return -EINVAL;
	size = sim_shorten(size);
	if (at > SIM_FILE_ROOM || size > SIM_FILE_ROOM - at)
		size = at > SIM_FILE_ROOM ? 0 : SIM_FILE_ROOM - at;
	if (writes) {
		if (!size)
			return -ENOSPC;
		copy_parts(req, inode->data + at, size, true);
		if (at + size > inode->size)
			inode->size = at + size;
		return (int32_t)size;
	}
	if (at >= inode->size)
		return 0;
	if (size > inode->size - at)
		size = inode->size - at;
	copy_parts(req, inode->data + at, size, false);
	return (int32_t)size;
}

/* Nothing is done if it fails. */
static int32_t change_size(struct sim_req *req)
{
	struct sim_inode *inode = req->file->inode;
	size_t size = (size_t)req->sqe.off;

	if (!inode)
		return -EINVAL;
	if (sim_fault())
		return -EIO;
	if (req->sqe.opcode == IORING_OP_FALLOCATE) {
		size += (size_t)req->sqe.addr;
		if (size <= inode->size)
			return 0;
	}
	return sim_inode_resize(inode, size);
}

static int32_t sync_file(struct sim_req *req)
{
	if (!req->file->inode)
		return -EINVAL;
	return sim_fault() ? -EIO : 0;
}

static int32_t open_file(struct sim_req *req)
{
	const struct open_how *how = (const void *)(uintptr_t)req->sqe.off;
	struct sim_inode *inode = sim_inode_find(req->path,
						 how->flags & O_CREAT);
	struct sim_file *file;

	if (sim_fault())
		return -EMFILE;
	if (!inode)
		return -ENOENT;
	if (how->flags & O_TRUNC)
		(void)!sim_inode_resize(inode, 0);
	inode->references++;
	file = sim_file_new(SIM_FILE_REGULAR);
	file->inode = inode;
	return sim_file_install(file);
}

static int32_t stat_file(struct sim_req *req)
{
	struct statx *stat = req->parts[0].iov_base;
	struct sim_inode *inode = sim_inode_find(req->path, false);

	if (!inode)
		return -ENOENT;
	memset(stat, 0, sizeof(*stat));
	stat->stx_mask = STATX_SIZE | STATX_MODE | STATX_NLINK;
	stat->stx_mode = inode->is_directory ? S_IFDIR | 0700 : S_IFREG | 0600;
	stat->stx_nlink = sim_name_count(inode);
	stat->stx_size = inode->size;
	return 0;
}

/* ---- the rest ---- */

static int32_t poll_file(struct sim_req *req)
{
	unsigned events = sim_file_ready(req->file) &
			  (req->sqe.poll32_events | POLLERR | POLLHUP);

	if (!events || !(req->sqe.len & IORING_POLL_ADD_MULTI))
		return events ? (int32_t)events : SIM_AGAIN;
	if (req->ring->overflow_count || sim_fault())
		return (int32_t)events;
	/* What is there is told once; then it waits for a change. */
	req->after_change = true;
	sim_ring_post(req->ring, req->sqe.user_data, (int32_t)events,
		      IORING_CQE_F_MORE);
	return SIM_AGAIN;
}

static int32_t cancel_others(struct sim_req *req)
{
	unsigned already = 0;
	unsigned found = sim_req_cancel(req->ring, req->sqe.addr, req->sqe.fd,
					req->sqe.cancel_flags, &already);

	if (found > already)
		return req->sqe.cancel_flags & IORING_ASYNC_CANCEL_ALL ?
			       (int32_t)found :
			       0;
	return already ? -EALREADY : -ENOENT;
}

static int32_t open_socket(struct sim_req *req)
{
	if (sim_fault())
		return -EMFILE;
	return sim_file_install(sim_socket_new((int)req->sqe.off));
}

static int32_t listen_on(struct sim_req *req)
{
	if (req->file->kind != SIM_FILE_SOCKET)
		return -EINVAL;
	req->file->kind = SIM_FILE_LISTENER;
	return 0;
}

/* Those that are tried once, and over. */
static int32_t attempt_rest(struct sim_req *req)
{
	switch (req->sqe.opcode) {
	case IORING_OP_FSYNC:
	case IORING_OP_FADVISE:
	case IORING_OP_SYNC_FILE_RANGE:
		return sync_file(req);
	case IORING_OP_SPLICE:
	case IORING_OP_TEE:
		return sim_splice(req);
	case IORING_OP_MADVISE:
		return sim_fault() ? -EIO : 0;
	case IORING_OP_SETXATTR:
	case IORING_OP_FSETXATTR:
		return sim_attribute_set(req);
	case IORING_OP_GETXATTR:
	case IORING_OP_FGETXATTR:
		return sim_attribute_get(req);
	case IORING_OP_FTRUNCATE:
	case IORING_OP_FALLOCATE:
		return change_size(req);
	case IORING_OP_MKDIRAT:
	case IORING_OP_UNLINKAT:
	case IORING_OP_RENAMEAT:
	case IORING_OP_LINKAT:
	case IORING_OP_SYMLINKAT:
		return sim_name_attempt(req);
	case IORING_OP_SOCKET:
		return open_socket(req);
	case IORING_OP_BIND:
		return sim_socket_bind(req->file,
				       (const void *)(uintptr_t)req->sqe.addr,
				       (unsigned)req->sqe.addr2);
	case IORING_OP_LISTEN:
		return listen_on(req);
	case IORING_OP_FUTEX_WAIT:
		return sim_futex_wait(req);
	case IORING_OP_FUTEX_WAKE:
		return sim_futex_wake(req);
	case IORING_OP_WAITID:
		return sim_child_wait(req);
	default:
		return -EINVAL;
	}
}

int32_t sim_attempt(struct sim_req *req, uint32_t *ret_flags)
{
	switch (req->sqe.opcode) {
	case IORING_OP_NOP:
		return 0;
	case IORING_OP_RECV:
		return sim_receive(req, ret_flags);
	case IORING_OP_SEND:
	case IORING_OP_SENDMSG:
	case IORING_OP_SEND_ZC:
	case IORING_OP_SENDMSG_ZC:
		return send_parts(req);
	case IORING_OP_ACCEPT:
		return req->sqe.ioprio & IORING_ACCEPT_MULTISHOT ?
			       accept_many(req) :
			       accept_one(req);
	case IORING_OP_CONNECT:
		return connect_to(req);
	case IORING_OP_RECVMSG:
		return receive_message(req);
	case IORING_OP_READ:
	case IORING_OP_READV:
		return transfer(req, false);
	case IORING_OP_WRITE:
	case IORING_OP_WRITEV:
		return transfer(req, true);
	case IORING_OP_OPENAT2:
		return open_file(req);
	case IORING_OP_STATX:
		return stat_file(req);
	case IORING_OP_POLL_ADD:
		return poll_file(req);
	case IORING_OP_SHUTDOWN:
		return sim_stream_shutdown(req->file, (int)req->sqe.len);
	case IORING_OP_ASYNC_CANCEL:
		return cancel_others(req);
	default:
		return attempt_rest(req);
	}
}
