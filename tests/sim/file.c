/*
 * Descriptors: sockets, event descriptors, files in memory.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "kernel.h"

static struct sim_file *descriptors[SIM_FDS];
static in_port_t next_port = 40000;

struct sim_file *sim_file_at(int fd)
{
	if (fd < SIM_FD_BASE || fd >= SIM_FD_BASE + SIM_FDS)
		return NULL;
	return descriptors[fd - SIM_FD_BASE];
}

struct sim_file *sim_file_new(enum sim_file_kind kind)
{
	struct sim_file *file = calloc(1, sizeof(*file));

	if (!file)
		abort();
	file->kind = kind;
	return file;
}

static struct sim_file *stream_new(void)
{
	struct sim_file *file = sim_file_new(SIM_FILE_STREAM);

	file->data = malloc(sim.knobs.socket_room);
	return file;
}

/* The lowest free number, as the kernel does it: numbers are soon used again,
 * for something else. */
int sim_file_install(struct sim_file *file)
{
	for (int i = 0; i < SIM_FDS; i++) {
		if (descriptors[i])
			continue;
		descriptors[i] = file;
		file->references++;
		return SIM_FD_BASE + i;
	}
	return -EMFILE;
}

void sim_file_hold(struct sim_file *file)
{
	file->references++;
}

static void stream_end(struct sim_file *file)
{
	struct sim_file *peer = file->peer;

	if (!peer)
		return;
	/* Closed with something unread: the peer's connection is reset. */
	if (file->end != file->begin && !file->is_pipe)
		peer->reset = true;
	peer->no_more = true;
	peer->peer = NULL;
	file->peer = NULL;
	sim_file_changed(peer);
}

void sim_file_release(struct sim_file *file)
{
	if (--file->references)
		return;
	if (file->kind == SIM_FILE_STREAM)
		stream_end(file);
	for (unsigned i = 0; i < file->pending_count; i++)
		sim_file_release(file->pending[i]);
	if (file->inode)
		sim_inode_release(file->inode);
	sim_datagrams_free(file);
	free(file->data);
	free(file);
}

int sim_file_close(int fd)
{
	struct sim_file *file = sim_file_at(fd);

	if (!file)
		return -EBADF;
	descriptors[fd - SIM_FD_BASE] = NULL;
	/* A listener takes no more, though operations still hold it. */
	if (file->kind == SIM_FILE_LISTENER)
		file->address[0] = '\0';
	sim_file_release(file);
	return 0;
}

unsigned sim_file_open_count(void)
{
	unsigned count = 0;

	for (int i = 0; i < SIM_FDS; i++)
		count += descriptors[i] != NULL;
	return count;
}

static size_t room_in(const struct sim_file *file)
{
	return sim.knobs.socket_room - (file->end - file->begin);
}

unsigned sim_file_ready(const struct sim_file *file)
{
	unsigned events = 0;

	switch (file->kind) {
	case SIM_FILE_EVENT:
		return POLLOUT | (file->count ? POLLIN : 0);
	case SIM_FILE_STREAM:
		if (file->end != file->begin || file->no_more || file->shut ||
		    file->reset)
			events |= POLLIN;
		if (!file->peer || file->peer->shut || room_in(file->peer))
			events |= POLLOUT;
		if (file->reset)
			events |= POLLERR;
		if (!file->peer)
			events |= POLLHUP;
		return events;
	case SIM_FILE_DATAGRAM:
		return POLLOUT | (file->datagrams ? POLLIN : 0);
	case SIM_FILE_LISTENER:
		return file->pending_count ? POLLIN : 0;
	case SIM_FILE_REGULAR:
		return POLLIN | POLLOUT;
	case SIM_FILE_RING:
		return sim_ring_readable(file->ring) ? POLLIN : 0;
	case SIM_FILE_SOCKET:
		break;
	}
	return POLLOUT | POLLHUP;
}

/* ---- streams ---- */

struct sim_file *sim_socket_new(int type)
{
	return sim_file_new(type & SOCK_DGRAM ? SIM_FILE_DATAGRAM :
						SIM_FILE_SOCKET);
}

int sim_socket_pair(int fds[2])
{
	struct sim_file *a = stream_new(), *b = stream_new();

	a->peer = b;
	b->peer = a;
	fds[0] = sim_file_install(a);
	fds[1] = sim_file_install(b);
	return fds[1] < 0 ? fds[1] : 0;
}

int sim_pipe(int fds[2])
{
	int err = sim_socket_pair(fds);

	for (int i = 0; i < 2 && !err; i++)
		sim_file_at(fds[i])->is_pipe = true;
	return err;
}

int sim_stream_room(const struct sim_file *file)
{
	const struct sim_file *peer = file->peer;

	if (file->reset)
		return -ECONNRESET;
	if (!peer || peer->no_more)
		return -EPIPE;
	return room_in(peer) ? (int)room_in(peer) : SIM_AGAIN;
}

int sim_stream_there(struct sim_file *file)
{
	if (file->reset) {
		file->reset = false;
		file->begin = file->end;
		file->no_more = true;
		return -ECONNRESET;
	}
	if (file->end == file->begin)
		return file->no_more || file->shut ? 0 : SIM_AGAIN;
	return (int)(file->end - file->begin);
}

void sim_stream_take(struct sim_file *file, void *data, size_t size)
{
	for (size_t i = 0; i < size; i++)
		((char *)data)[i] =
			file->data[(file->begin + i) % sim.knobs.socket_room];
	file->begin += size;
}

void sim_stream_taken(struct sim_file *file)
{
	if (file->peer)
		sim_file_changed(file->peer);
}

int sim_stream_receive(struct sim_file *file, void *data, size_t size)
{
	int there = sim_stream_there(file);

	if (there <= 0)
		return there; /* SIM_AGAIN, too */
	if (size > (size_t)there)
		size = (size_t)there;
	size = sim_shorten(size);
	sim_stream_take(file, data, size);
	sim_stream_taken(file);
	return (int)size;
}

int sim_stream_send(struct sim_file *file, const struct iovec *parts,
		    unsigned count, size_t skip)
{
	struct sim_file *peer = file->peer;
	int room = sim_stream_room(file);
	size_t sent = 0, most;

	if (room < 0)
		return room; /* SIM_AGAIN, too */
	most = sim_shorten((size_t)room);
	for (unsigned i = 0; i < count; i++) {
		const char *from = parts[i].iov_base;

		for (size_t j = 0; j < parts[i].iov_len && sent < most; j++) {
			if (skip) {
				skip--;
				continue;
			}
			peer->data[peer->end++ % sim.knobs.socket_room] =
				from[j];
			sent++;
		}
	}
	if (sent)
		sim_file_changed(peer);
	return (int)sent;
}

int sim_stream_shutdown(struct sim_file *file, int how)
{
	if (file->kind != SIM_FILE_STREAM)
		return -ENOTCONN;
	if (how != SHUT_RD && file->peer) {
		file->peer->no_more = true;
		sim_file_changed(file->peer);
	}
	if (how != SHUT_WR) {
		file->shut = true;
		sim_file_changed(file);
	}
	return 0;
}

/* ---- connections ---- */

void sim_address_text(const struct sockaddr *address, unsigned size,
		      char text[SIM_PATH_MAX])
{
	const struct sockaddr_in *in = (const void *)address;
	const struct sockaddr_un *un = (const void *)address;

	(void)size;
	if (address->sa_family == AF_UNIX)
		snprintf(text, SIM_PATH_MAX, "unix:%s", un->sun_path);
	else
		snprintf(text, SIM_PATH_MAX, "port %u", ntohs(in->sin_port));
}

struct sim_file *sim_file_bound(enum sim_file_kind kind, const char *address)
{
	for (int i = 0; i < SIM_FDS; i++)
		if (descriptors[i] && descriptors[i]->kind == kind &&
		    strcmp(descriptors[i]->address, address) == 0)
			return descriptors[i];
	return NULL;
}

int sim_socket_connect(struct sim_file *file, const struct sockaddr *address,
		       unsigned size)
{
	char text[SIM_PATH_MAX];
	struct sim_file *listener, *other;

	if (file->kind != SIM_FILE_SOCKET)
		return -EISCONN;
	sim_address_text(address, size, text);
	listener = sim_file_bound(SIM_FILE_LISTENER, text);
	if (!listener || listener->pending_count == 64)
		return -ECONNREFUSED;
	other = stream_new();
	other->references = 1;
	other->peer = file;
	file->kind = SIM_FILE_STREAM;
	file->data = malloc(sim.knobs.socket_room);
	file->peer = other;
	listener->pending[listener->pending_count++] = other;
	sim_file_changed(listener);
	return 0;
}

int sim_listener_accept(struct sim_file *listener)
{
	struct sim_file *file;
	int fd;

	if (listener->kind != SIM_FILE_LISTENER)
		return -EINVAL;
	if (!listener->pending_count)
		return SIM_AGAIN;
	if (sim_fault())
		return sim_random_below(&sim.kernel, 2) ? -EMFILE :
							  -ECONNABORTED;
	file = listener->pending[0];
	listener->pending_count--;
	for (unsigned i = 0; i < listener->pending_count; i++)
		listener->pending[i] = listener->pending[i + 1];
	fd = sim_file_install(file);
	/* The queue's reference went to the descriptor. */
	file->references--;
	return fd;
}

/* ---- addresses ---- */

int sim_socket_bind(struct sim_file *file, const struct sockaddr *address,
		    unsigned size)
{
	if (file->kind != SIM_FILE_SOCKET && file->kind != SIM_FILE_DATAGRAM)
		return -EINVAL;
	if (address->sa_family == AF_INET &&
	    !((const struct sockaddr_in *)(const void *)address)->sin_port)
		sim_socket_name_any(file);
	else
		sim_address_text(address, size, file->address);
	return 0;
}

void sim_socket_name_any(struct sim_file *file)
{
	if (!file->address[0])
		snprintf(file->address, SIM_PATH_MAX, "port %u", next_port++);
}

/* Addresses are kept as text only; a port is read back from it. */
int sim_socket_name(const struct sim_file *file, struct sockaddr *ret_address,
		    unsigned *size)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	unsigned port = 0;

	if (!file)
		return -EBADF;
	sscanf(file->address, "port %u", &port);
	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	in.sin_port = htons((in_port_t)port);
	if (*size < sizeof(in))
		return -EINVAL;
	memcpy(ret_address, &in, sizeof(in));
	*size = sizeof(in);
	return 0;
}
