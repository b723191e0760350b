/*
 * splice() and tee(): from file to file, one of which is a pipe. A kernel
 * thread does it, and waits in it, see request.c.
 */
#include <errno.h>
#include <string.h>

#include "kernel.h"

/* Bytes that @file has for a splice, from @at on if it is a file. */
static int there(struct sim_file *file, size_t at)
{
	if (file->kind == SIM_FILE_STREAM)
		return sim_stream_there(file);
	if (file->kind != SIM_FILE_REGULAR)
		return -EINVAL;
	return at < file->inode->size ? (int)(file->inode->size - at) : 0;
}

static char *byte_at(struct sim_file *file, size_t at)
{
	return file->kind == SIM_FILE_REGULAR ?
		       &file->inode->data[at] :
		       &file->data[(file->begin + at) % sim.knobs.socket_room];
}

/* Who waits for either of the two is told when both are as they will be. */
static void move(struct sim_req *req, size_t size)
{
	struct sim_file *from = req->from, *sender = from->peer;
	struct sim_file *to = req->file->peer;
	size_t at = from->kind == SIM_FILE_REGULAR ?
			    (size_t)req->sqe.splice_off_in :
			    0;

	for (size_t i = 0; i < size; i++)
		to->data[to->end++ % sim.knobs.socket_room] = *byte_at(from,
								       at + i);
	sim_file_hold(to);
	if (sender)
		sim_file_hold(sender);
	if (from->kind == SIM_FILE_STREAM &&
	    req->sqe.opcode == IORING_OP_SPLICE)
		from->begin += size;
	sim_file_changed(to);
	sim_file_release(to);
	if (sender) {
		sim_file_changed(sender);
		sim_file_release(sender);
	}
}

int32_t sim_splice(struct sim_req *req)
{
	struct sim_file *from = req->from, *to = req->file;
	int have, room;
	size_t size;

	if (!from)
		return -EBADF;
	if (to->kind != SIM_FILE_STREAM || !(from->is_pipe || to->is_pipe))
		return -EINVAL;
	have = there(from, (size_t)req->sqe.splice_off_in);
	if (have <= 0)
		return have; /* SIM_AGAIN, too */
	room = sim_stream_room(to);
	if (room < 0)
		return room;
	size = req->sqe.len;
	if (size > (size_t)have)
		size = (size_t)have;
	if (size > (size_t)room)
		size = (size_t)room;
	size = sim_shorten(size);
	move(req, size);
	return (int32_t)size;
}
