/*
 * The load generator's ring and sockets: made once, by each thread for itself.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "load.h"

#define SQ_COUNT 1024
#define CQ_COUNT 16384

_Noreturn void load_die(const char *what, int error)
{
	fprintf(stderr, "http_load: %s: %s\n", what, strerror(-error));
	exit(1);
}

void load_buffer_return(struct load *load, unsigned index)
{
	io_uring_buf_ring_add(load->buffers,
			      load->memory + (size_t)index * LOAD_BUFFER_SIZE,
			      LOAD_BUFFER_SIZE, (unsigned short)index,
			      io_uring_buf_ring_mask(LOAD_BUFFER_COUNT),
			      (int)load->returned++);
}

void load_buffers_publish(struct load *load)
{
	if (load->returned > 0)
		io_uring_buf_ring_advance(load->buffers, (int)load->returned);
	load->returned = 0;
}

int load_dial(const struct load_server *server)
{
	const int one = 1;
	int fd = socket(server->addr.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		load_die("socket", -errno);
	if (connect(fd, (const struct sockaddr *)&server->addr,
		    server->addr_size) != 0)
		load_die("connect", -errno);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return fd;
}

void *load_map(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		load_die("mmap", -errno);
	return memory;
}

void load_ring_open(struct load *load)
{
	struct io_uring_params params = {
		.flags = IORING_SETUP_SINGLE_ISSUER |
			 IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SUBMIT_ALL |
			 IORING_SETUP_CQSIZE,
		.cq_entries = CQ_COUNT,
	};
	struct io_uring_buf_reg reg = { .ring_entries = LOAD_BUFFER_COUNT };
	int res = io_uring_queue_init_params(SQ_COUNT, &load->ring, &params);

	if (res < 0)
		load_die("io_uring_setup", res);
	io_uring_register_ring_fd(&load->ring);
	load->buffers = load_map(LOAD_BUFFER_COUNT *
				 sizeof(struct io_uring_buf));
	load->memory = load_map((size_t)LOAD_BUFFER_COUNT * LOAD_BUFFER_SIZE);
	reg.ring_addr = (uintptr_t)load->buffers;
	res = io_uring_register_buf_ring(&load->ring, &reg, 0);
	if (res < 0)
		load_die("io_uring_register_buf_ring", res);
	io_uring_buf_ring_init(load->buffers);
	for (unsigned i = 0; i < LOAD_BUFFER_COUNT; i++)
		load_buffer_return(load, i);
	load_buffers_publish(load);
}
