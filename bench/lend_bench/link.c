/*
 * The generator's connections: see link.h.
 */
#include "lend_bench/link.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define SQ_COUNT     1024
#define CQ_COUNT     65536
#define BUFFER_COUNT 1024 /* a power of two */
#define BUFFER_SIZE  8192

enum kind { OP_RECV, OP_SEND };

uint64_t link_clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static struct io_uring_sqe *sqe_get(struct links *links)
{
	struct io_uring_sqe *sqe;

	while (!(sqe = io_uring_get_sqe(&links->ring)))
		io_uring_submit(&links->ring);
	return sqe;
}

static void sqe_tag(struct io_uring_sqe *sqe, const struct links *links,
		    const struct link *link, enum kind kind)
{
	sqe->user_data = (uint64_t)(link - links->list) << 1 | kind;
}

/* ---- buffers ---- */

static void buffer_return(struct links *links, unsigned index)
{
	io_uring_buf_ring_add(links->buffers,
			      links->memory + (size_t)index * BUFFER_SIZE,
			      BUFFER_SIZE, (unsigned short)index,
			      io_uring_buf_ring_mask(BUFFER_COUNT),
			      (int)links->returned++);
}

static void buffers_publish(struct links *links)
{
	if (links->returned > 0)
		io_uring_buf_ring_advance(links->buffers, (int)links->returned);
	links->returned = 0;
}

static void *pages_map(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

static int buffers_open(struct links *links)
{
	struct io_uring_buf_reg reg = { .ring_entries = BUFFER_COUNT };
	int err;

	links->buffers = pages_map(BUFFER_COUNT * sizeof(struct io_uring_buf));
	links->memory = pages_map((size_t)BUFFER_COUNT * BUFFER_SIZE);
	if (!links->buffers || !links->memory)
		return -ENOMEM;
	reg.ring_addr = (uintptr_t)links->buffers;
	err = io_uring_register_buf_ring(&links->ring, &reg, 0);
	if (err)
		return err;
	io_uring_buf_ring_init(links->buffers);
	for (unsigned i = 0; i < BUFFER_COUNT; i++)
		buffer_return(links, i);
	buffers_publish(links);
	return 0;
}

/* ---- sending ---- */

static void link_fail(struct links *links, struct link *link)
{
	uint64_t waiting = link->speaker.asked - link->speaker.answered;

	if (link->dead)
		return;
	links->outstanding -= waiting;
	links->lost += waiting;
	link->dead = true;
	links->alive--;
	links->errors++;
	shutdown(link->fd, SHUT_RDWR);
}

static void send_rest(struct links *links, struct link *link)
{
	struct io_uring_sqe *sqe = sqe_get(links);
	bool flying = !link->filling;

	io_uring_prep_send(sqe, link->fd, link->out[flying] + link->sent,
			   link->out_size[flying] - link->sent, MSG_NOSIGNAL);
	sqe_tag(sqe, links, link, OP_SEND);
	link->in_flight = true;
}

void link_send(struct links *links, struct link *link)
{
	if (link->in_flight || link->dead || !link->out_size[link->filling])
		return;
	link->filling = !link->filling;
	link->out_size[link->filling] = 0;
	link->sent = 0;
	send_rest(links, link);
}

static bool out_reserve(struct link *link, size_t size)
{
	bool i = link->filling;
	size_t room = link->out_room[i] ? link->out_room[i] : 256;
	char *bytes;

	if (link->out_size[i] + size <= link->out_room[i])
		return true;
	while (room < link->out_size[i] + size)
		room *= 2;
	bytes = realloc(link->out[i], room);
	if (!bytes)
		return false;
	link->out[i] = bytes;
	link->out_room[i] = room;
	return true;
}

bool link_ask(struct links *links, struct link *link, struct asked asked)
{
	struct speaker *speaker = &link->speaker;
	size_t size = conversation_request_size(speaker->conversation);
	bool i = link->filling;

	if (link->dead ||
	    speaker->asked - speaker->answered == link->asked_room ||
	    !out_reserve(link, size))
		return false;
	link->asked[speaker->asked % link->asked_room] = asked;
	speaker_ask(speaker, link->out[i] + link->out_size[i]);
	link->out_size[i] += size;
	links->outstanding++;
	return true;
}

/* ---- receiving ---- */

static void recv_arm(struct links *links, struct link *link)
{
	struct io_uring_sqe *sqe = sqe_get(links);

	io_uring_prep_recv_multishot(sqe, link->fd, NULL, 0, 0);
	sqe->flags |= IOSQE_BUFFER_SELECT;
	sqe->buf_group = 0;
	sqe_tag(sqe, links, link, OP_RECV);
}

static void hear(struct links *links, struct link *link, const char *bytes,
		 size_t size)
{
	uint64_t before = link->speaker.answered;
	ssize_t count = speaker_hear(&link->speaker, bytes, size);

	links->now_ns = link_clock_ns();
	/* Also those before the one that was wrong. */
	links->outstanding -= link->speaker.answered - before;
	if (count < 0)
		link_fail(links, link);
	else if (count > 0)
		links->answered(links, link, (unsigned)count);
}

static void on_recv(struct links *links, struct link *link,
		    const struct io_uring_cqe *cqe)
{
	unsigned index = cqe->flags >> IORING_CQE_BUFFER_SHIFT;

	if (cqe->res == -ENOBUFS) {
		recv_arm(links, link);
		return;
	}
	if (cqe->res <= 0) {
		link_fail(links, link);
		return;
	}
	if (!link->dead)
		hear(links, link, links->memory + (size_t)index * BUFFER_SIZE,
		     (size_t)cqe->res);
	buffer_return(links, index);
	if (!(cqe->flags & IORING_CQE_F_MORE))
		recv_arm(links, link);
	link_send(links, link);
}

static void on_send(struct links *links, struct link *link, int res)
{
	link->in_flight = false;
	if (res <= 0) {
		link_fail(links, link);
		return;
	}
	link->sent += (size_t)res;
	if (link->sent < link->out_size[!link->filling])
		send_rest(links, link);
	else
		link_send(links, link);
}

void links_round(struct links *links, uint64_t wait_ns)
{
	struct __kernel_timespec timeout = {
		.tv_sec = (long long)(wait_ns / 1000000000u),
		.tv_nsec = (long long)(wait_ns % 1000000000u),
	};
	struct io_uring_cqe *cqe;
	unsigned head, count = 0;

	if (wait_ns)
		io_uring_submit_and_wait_timeout(&links->ring, &cqe, 1,
						 &timeout, NULL);
	else
		io_uring_submit_and_get_events(&links->ring);
	io_uring_for_each_cqe(&links->ring, head, cqe)
	{
		struct link *link = &links->list[cqe->user_data >> 1];

		count++;
		if ((cqe->user_data & 1) == OP_RECV)
			on_recv(links, link, cqe);
		else
			on_send(links, link, cqe->res);
	}
	io_uring_cq_advance(&links->ring, count);
	buffers_publish(links);
}

/* ---- opening and closing ---- */

static int dial(uint16_t port)
{
	const struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int one = 1, err;

	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address))) {
		err = -errno;
		close(fd);
		return err;
	}
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return fd;
}

int links_dial(struct links *links, uint16_t port,
	       const struct conversation *conversation, unsigned queue,
	       uint32_t burn_us)
{
	struct link *link = &links->list[links->count];
	int fd = dial(port);

	if (fd < 0)
		return fd;
	link->fd = fd;
	speaker_init(&link->speaker, conversation, links->count, burn_us);
	links->count++;
	links->alive++;
	for (link->asked_room = 1; link->asked_room < queue;)
		link->asked_room *= 2;
	link->asked = calloc(link->asked_room, sizeof(*link->asked));
	if (!link->asked)
		return -ENOMEM;
	recv_arm(links, link);
	return 0;
}

int links_open(struct links *links, unsigned room, link_answered_fn answered)
{
	struct io_uring_params params = {
		.flags = IORING_SETUP_SINGLE_ISSUER |
			 IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SUBMIT_ALL |
			 IORING_SETUP_CQSIZE,
		.cq_entries = CQ_COUNT,
	};
	int err;

	links->answered = answered;
	links->list = calloc(room, sizeof(*links->list));
	if (!links->list)
		return -ENOMEM;
	err = io_uring_queue_init_params(SQ_COUNT, &links->ring, &params);
	if (err)
		return err;
	links->is_open = true;
	return buffers_open(links);
}

void links_close(struct links *links)
{
	/* First the ring: what is in flight has memory below. */
	if (links->is_open)
		io_uring_queue_exit(&links->ring);
	for (unsigned i = 0; i < links->count; i++) {
		struct link *link = &links->list[i];

		close(link->fd);
		speaker_fini(&link->speaker);
		free(link->asked);
		free(link->out[0]);
		free(link->out[1]);
	}
	if (links->memory)
		munmap(links->memory, (size_t)BUFFER_COUNT * BUFFER_SIZE);
	if (links->buffers)
		munmap(links->buffers,
		       BUFFER_COUNT * sizeof(struct io_uring_buf));
	free(links->list);
}
