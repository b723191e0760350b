/*
 * Datagrams over loopback addresses: each arrives whole, or cut to the room
 * there is for it, or not at all; with the address of its sender. Who sends
 * never waits: what finds no room is lost, as with UDP.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "kernel.h"

struct sim_datagram {
	struct sim_datagram *next;
	struct sockaddr_in from;
	size_t size;
	char data[];
};

static struct sim_datagram *datagram_new(const struct sim_req *req, size_t size)
{
	struct sim_datagram *datagram = calloc(1, sizeof(*datagram) + size);
	size_t at = 0;

	if (!datagram)
		abort();
	datagram->size = size;
	for (unsigned i = 0; i < req->parts_count; i++) {
		memcpy(datagram->data + at, req->parts[i].iov_base,
		       req->parts[i].iov_len);
		at += req->parts[i].iov_len;
	}
	return datagram;
}

int32_t sim_datagram_send(struct sim_req *req)
{
	unsigned name_size = sizeof(struct sockaddr_in);
	struct sim_datagram *datagram, **last;
	struct sim_file *to;
	size_t size = 0;

	if (!req->path[0])
		return -EDESTADDRREQ;
	sim_socket_name_any(req->file);
	for (unsigned i = 0; i < req->parts_count; i++)
		size += req->parts[i].iov_len;
	to = sim_file_bound(SIM_FILE_DATAGRAM, req->path);
	if (!to || to->end - to->begin + size > sim.knobs.socket_room ||
	    sim_fault())
		return (int32_t)size;
	datagram = datagram_new(req, size);
	sim_socket_name(req->file, (struct sockaddr *)&datagram->from,
			&name_size);
	last = &to->datagrams;
	while (*last)
		last = &(*last)->next;
	*last = datagram;
	to->end += size;
	sim_file_changed(to);
	return (int32_t)size;
}

/* recvmsg()'s header, where the sender is told. */
static void tell(const struct sim_req *req, const struct sim_datagram *datagram,
		 bool is_cut)
{
	struct msghdr *header = (void *)(uintptr_t)req->sqe.addr;
	size_t room = header->msg_namelen;

	if (header->msg_name) {
		memcpy(header->msg_name, &datagram->from,
		       room < sizeof(datagram->from) ? room :
						       sizeof(datagram->from));
		header->msg_namelen = sizeof(datagram->from);
	}
	header->msg_controllen = 0;
	header->msg_flags = is_cut ? MSG_TRUNC : 0;
}

int32_t sim_datagram_receive(struct sim_req *req)
{
	struct sim_file *file = req->file;
	struct sim_datagram *datagram = file->datagrams;
	size_t at = 0, size;

	if (!datagram)
		return SIM_AGAIN;
	file->datagrams = datagram->next;
	file->begin += datagram->size;
	for (unsigned i = 0; i < req->parts_count; i++) {
		size_t most = req->parts[i].iov_len;

		if (most > datagram->size - at)
			most = datagram->size - at;
		memcpy(req->parts[i].iov_base, datagram->data + at, most);
		at += most;
	}
	if (req->sqe.opcode == IORING_OP_RECVMSG)
		tell(req, datagram, at < datagram->size);
	size = req->sqe.msg_flags & MSG_TRUNC ? datagram->size : at;
	free(datagram);
	return (int32_t)size;
}

void sim_datagrams_free(struct sim_file *file)
{
	while (file->datagrams) {
		struct sim_datagram *datagram = file->datagrams;

		file->datagrams = datagram->next;
		free(datagram);
	}
}
