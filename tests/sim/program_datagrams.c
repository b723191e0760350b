/*
 * The part of the program of operations that is about datagrams: clients ask a
 * server, which sends back what has come to where it came from. What is lost is
 * sent again; what comes is whole, or cut to the room there was, and from whom
 * its sender is said to be. What describes a send is the caller's again at
 * once.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>

#include "either.h"
#include "kernel.h"

#define CLIENTS_MAX  3
#define DATAGRAM_MAX 40 /* fits into the smallest sockets there are */
#define STOP	     255
#define UNTOUCHED    0x5a

struct exchange {
	struct sockaddr_in server;
	struct sockaddr_in clients[CLIENTS_MAX];
	int server_fd;
	int fds[CLIENTS_MAX];
	atomic_uint next; /* client's number */
	unsigned rounds;
};

/* What the @turn-th datagram of a client is. */
static size_t size_of(unsigned client, unsigned turn)
{
	return 2 + (client * 7 + turn * 11) % (DATAGRAM_MAX - 1);
}

static void fill(char *data, unsigned client, unsigned turn)
{
	sim_fill(data, size_of(client, turn), client, turn);
	data[0] = (char)client;
	data[1] = (char)turn;
}

/* @size bytes of it have come. */
static void check(const char *data, size_t size, size_t room)
{
	unsigned client = (unsigned char)data[0];
	unsigned turn = (unsigned char)data[1];
	size_t whole = size_of(client, turn);
	char wanted[DATAGRAM_MAX];

	SIM_EXPECT(size == (whole < room ? whole : room),
		   "%zu bytes of %zu, room for %zu", size, whole, room);
	fill(wanted, client, turn);
	SIM_EXPECT(memcmp(data, wanted, size) == 0, "client %u, turn %u",
		   client, turn);
}

/* What is put over its arguments afterwards would have it come to its sender,
 * who is at @self. */
static void send_to(int fd, const struct sockaddr_in *self, const char *data,
		    size_t size, const struct sockaddr_in *address)
{
	struct sockaddr_in to = *address;
	struct lend_pending *pending;
	char copy[DATAGRAM_MAX];
	int res;

	do {
		to = *address;
		memcpy(copy, data, size);
		if (sim_draw(0, 1)) {
			res = (int)lend_sendto(fd, copy, size, 0,
					       (const struct sockaddr *)&to,
					       sizeof(to), LEND_FOREVER);
			continue;
		}
		res = lend_sendto_async(fd, copy, size, 0,
					(const struct sockaddr *)&to,
					sizeof(to), &pending);
		to = *self;
		memset(copy, 0, sizeof(copy));
		if (!res)
			res = sim_finish(pending);
	} while (sim_is_passing(res));
	SIM_EXPECT(res == (int)size, "sendto: %d", res);
}

struct arrival {
	char data[DATAGRAM_MAX];
	size_t room;
	unsigned char from[sizeof(struct sockaddr_in) + 1];
	unsigned from_room, from_size;
};

/* With the address, or a part of it. Nothing is written behind what there is
 * room for. */
static int receive(int fd, struct arrival *arrival, uint64_t deadline)
{
	struct sockaddr *from = (struct sockaddr *)(void *)arrival->from;
	struct lend_pending *pending;
	int res;

	memset(arrival->from, UNTOUCHED, sizeof(arrival->from));
	arrival->from_size = arrival->from_room;
	if (sim_draw(0, 1)) {
		res = (int)lend_recvfrom(fd, arrival->data, arrival->room, 0,
					 from, &arrival->from_size, deadline);
	} else {
		res = lend_recvfrom_async(fd, arrival->data, arrival->room, 0,
					  from, &arrival->from_size, &pending);
		if (res)
			return res;
		if (lend_pending_await(pending, deadline) == -ETIMEDOUT)
			lend_pending_cancel(pending);
		res = sim_finish(pending);
	}
	SIM_EXPECT(arrival->from[arrival->from_room] == UNTOUCHED,
		   "more of the address than there is room for");
	return res;
}

static void expect_from(const struct arrival *arrival,
			const struct sockaddr_in *wanted)
{
	SIM_EXPECT(arrival->from_size == sizeof(*wanted), "%u bytes",
		   arrival->from_size);
	SIM_EXPECT(memcmp(arrival->from, wanted, arrival->from_room) == 0,
		   "it is said to come from another");
}

static int serve(void *arg)
{
	const struct exchange *exchange = arg;
	struct arrival arrival = { .room = DATAGRAM_MAX,
				   .from_room = sizeof(struct sockaddr_in) };

	for (;;) {
		int res = receive(exchange->server_fd, &arrival, LEND_FOREVER);
		unsigned client = (unsigned char)arrival.data[0];

		if (sim_is_passing(res))
			continue;
		SIM_EXPECT(res > 0, "recvfrom: %d", res);
		if (client == STOP)
			return 0;
		check(arrival.data, (size_t)res, DATAGRAM_MAX);
		expect_from(&arrival, &exchange->clients[client]);
		send_to(exchange->server_fd, &exchange->server, arrival.data,
			(size_t)res, &exchange->clients[client]);
	}
}

/* By a message's header, which says whether it was cut. */
static int receive_message(int fd, struct arrival *arrival)
{
	struct iovec parts[2] = { { arrival->data, 1 },
				  { arrival->data + 1, arrival->room - 1 } };
	struct msghdr message = { .msg_iov = parts,
				  .msg_iovlen = 2,
				  .msg_name = arrival->from,
				  .msg_namelen = sizeof(struct sockaddr_in) };
	int res = (int)lend_recvmsg(fd, &message, 0, sim_soon(1000));

	if (res < 2)
		return res;
	arrival->from_room = sizeof(struct sockaddr_in);
	arrival->from_size = message.msg_namelen;
	SIM_EXPECT(!(message.msg_flags & MSG_TRUNC) ==
			   (size_of((unsigned char)arrival->data[0],
				    (unsigned char)arrival->data[1]) <=
			    arrival->room),
		   "it was cut, or it was not: %d", res);
	return res;
}

/* True: the answer to the @turn-th has come; earlier ones may come once more.
 */
static bool hear(const struct exchange *exchange, unsigned client,
		 unsigned turn, uint64_t deadline)
{
	struct arrival arrival;
	int res;

	do {
		arrival.room = sim_draw(2, DATAGRAM_MAX);
		arrival.from_room = sim_draw(0, sizeof(struct sockaddr_in));
		res = sim_draw(0, 3) ?
			      receive(exchange->fds[client], &arrival,
				      deadline) :
			      receive_message(exchange->fds[client], &arrival);
		if (res == -ETIMEDOUT || res == -ECANCELED ||
		    sim_is_passing(res))
			return false;
		SIM_EXPECT(res >= 2, "recvfrom: %d", res);
		check(arrival.data, (size_t)res, arrival.room);
		expect_from(&arrival, &exchange->server);
		SIM_EXPECT((unsigned char)arrival.data[0] == client,
			   "the answer to another");
	} while ((unsigned char)arrival.data[1] != turn);
	return true;
}

static int ask(void *arg)
{
	struct exchange *exchange = arg;
	unsigned client = atomic_fetch_add(&exchange->next, 1);
	char data[DATAGRAM_MAX];

	for (unsigned turn = 0; turn < exchange->rounds; turn++) {
		uint64_t patience = 10 * LEND_US;

		do {
			fill(data, client, turn);
			send_to(exchange->fds[client],
				&exchange->clients[client], data,
				size_of(client, turn), &exchange->server);
			if (patience < LEND_S)
				patience *= 2;
		} while (!hear(exchange, client, turn, lend_after(patience)));
	}
	return 0;
}

static int open_bound(struct sockaddr_in *ret_address)
{
	const struct sockaddr_in any = { .sin_family = AF_INET };
	unsigned size = sizeof(*ret_address);
	int fd = EITHER(socket, AF_INET, SOCK_DGRAM, 0);

	SIM_EXPECT(fd >= 0, "socket: %d", fd);
	EXPECT_0(bind, fd, (const struct sockaddr *)&any, sizeof(any));
	SIM_EXPECT(!getsockname(fd, (struct sockaddr *)ret_address, &size),
		   "getsockname");
	return fd;
}

/* That it shall end gets lost, too. */
static void stop(const struct exchange *exchange, lend_ref server)
{
	const char data[1] = { (char)STOP };
	int err, value;

	do {
		send_to(exchange->fds[0], &exchange->clients[0], data, 1,
			&exchange->server);
		err = lend_join(server, lend_after(LEND_MS), &value);
	} while (err == -ETIMEDOUT);
	SIM_EXPECT(!err && !value, "join: %d", err);
}

int sim_operations_datagrams(void *arg)
{
	struct exchange exchange = { .rounds = sim_draw(1, 6) };
	unsigned clients = sim_draw(1, CLIENTS_MAX);
	size_t before = lend_io_used();
	lend_ref server, refs[CLIENTS_MAX];

	(void)arg;
	exchange.server_fd = open_bound(&exchange.server);
	for (unsigned i = 0; i < clients; i++)
		exchange.fds[i] = open_bound(&exchange.clients[i]);
	server = sim_spawn(serve, &exchange);
	for (unsigned i = 0; i < clients; i++)
		refs[i] = sim_spawn(ask, &exchange);
	for (unsigned i = 0; i < clients; i++)
		sim_join(refs[i], 0);
	stop(&exchange, server);
	for (unsigned i = 0; i < clients; i++)
		SIM_EXPECT(!lend_close(exchange.fds[i]), "close");
	SIM_EXPECT(!lend_close(exchange.server_fd), "close");
	sim_expect_nothing_held(before);
	return 0;
}
