/*
 * Goal:   who has asked for several things at once, of which the last one takes
 *         its time, has the answers to the others meanwhile: those that are
 *         gathered when its handler begins to wait, and what was left over of a
 *         send that ended short, before or while it waits. A client that does
 *         not take them holds up nothing that the handler waits for; and a
 *         handler may end its actor then.
 * Method: the handler is parked until the client has the answers before its
 *         own. The door to the kernel has a send of answers be for half of its
 *         bytes, and the last request come beside it; or has one byte sent, and
 *         the send be over when the handler, or the test, says so.
 */
#include <liburing.h>
#include <poll.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bodies.h"
#include "harness/door.h"
#include "harness/harness.h"
#include "serving.h"

#define NEVER (20 * LEND_S)

static const char quick[] = "GET /A HTTP/1.1\r\nHost: a\r\n\r\n";
static const char slow[] = "GET /wait HTTP/1.1\r\nHost: a\r\n\r\n";

/* ---- the kernel ---- */

enum mishap {
	NONE,
	SHORT,	    /* and then the last request comes */
	SHORT_LATE, /* when the gate opens */
	LATE_STUCK, /* and then comes the next one */
	STUCK,	    /* until the gate opens */
};

static _Atomic enum mishap mishap;
static _Atomic int client_fd;
static int gate;
static int client_gate;

static void ask_slowly(void)
{
	int fd = atomic_load(&client_fd);

	CHECK_EQ(send(fd, slow, sizeof(slow) - 1, MSG_NOSIGNAL),
		 sizeof(slow) - 1);
}

/* One byte is sent; it is over when the gate is open. */
static void delay(struct io_uring_sqe *sqe, int fd)
{
	uint64_t user_data = sqe->user_data;

	/* A poll(2) that finds POLLIN ends with 1, and so many were sent. */
	CHECK_EQ(send(sqe->fd, (const void *)(uintptr_t)sqe->addr, POLLIN,
		      MSG_NOSIGNAL),
		 POLLIN);
	io_uring_prep_poll_add(sqe, fd, POLLIN);
	sqe->user_data = user_data;
}

/* The send of the first answers, or what is left over of it, once. */
void test_door(struct io_uring_sqe *sqe)
{
	enum mishap how = atomic_load(&mishap);

	if (how == NONE || sqe->opcode != IORING_OP_SEND || sqe->len < BODY ||
	    (how != STUCK &&
	     memcmp((const void *)(uintptr_t)sqe->addr, "HTTP/1.1", 8)))
		return;
	atomic_store(&mishap, how == LATE_STUCK ? STUCK : NONE);
	switch (how) {
	case SHORT_LATE:
	case LATE_STUCK:
		delay(sqe, gate);
		break;
	case STUCK:
		delay(sqe, client_gate);
		return;
	default:
		sqe->len /= 2;
	}
	ask_slowly();
}

/* ---- a server ---- */

static lend_ref waiter;
static _Atomic bool waits, ends, went_on;

static void on_quick(struct lend_http_request *request,
		     struct lend_http_response *response, void *arg)
{
	(void)request;
	(void)arg;
	answer(response, 'A');
}

static void on_slow(struct lend_http_request *request,
		    struct lend_http_response *response, void *arg)
{
	(void)request;
	(void)arg;
	waiter = lend_self();
	atomic_store(&waits, true);
	CHECK_EQ(eventfd_write(gate, 1), 0);
	CHECK_EQ(lend_park(LEND_FOREVER), 0);
	atomic_store(&went_on, true);
	if (atomic_load(&ends))
		lend_exit(0);
	answer(response, 'B');
}

/* ---- a client ---- */

static bool receive(int fd, char letter, unsigned count)
{
	uint64_t deadline = lend_after(NEVER);
	static char text[4096];
	size_t had = 0;

	text[0] = '\0';
	while (count_bodies(text, letter) < count) {
		ssize_t size = lend_recv(fd, text + had, sizeof(text) - 1 - had,
					 0, deadline);

		if (size <= 0)
			return false;
		had += (size_t)size;
		text[had] = '\0';
	}
	return true;
}

static bool comes(_Atomic bool *what)
{
	uint64_t deadline = lend_after(NEVER);

	while (!atomic_load(what) && lend_now() < deadline)
		lend_yield();
	return CHECK(atomic_load(what));
}

/* The client takes nothing of the rest until the handler has gone on. */
static void go_on_first(void)
{
	uint64_t deadline = lend_after(NEVER);

	while (atomic_load(&mishap) != NONE && lend_now() < deadline)
		lend_yield();
	/* The rest is on its way, and stuck. */
	CHECK_EQ(atomic_load(&mishap), NONE);
	comes(&waits);
	CHECK_EQ(lend_unpark(waiter), 0);
	comes(&went_on);
	CHECK_EQ(eventfd_write(client_gate, 1), 0);
}

static void hear_all(int fd, enum mishap how, bool end)
{
	char more;

	if (how == LATE_STUCK)
		go_on_first();
	CHECK(receive(fd, 'A', 4));
	if (how != LATE_STUCK && comes(&waits))
		CHECK_EQ(lend_unpark(waiter), 0);
	if (end)
		CHECK_EQ(lend_recv(fd, &more, 1, 0, lend_after(NEVER)), 0);
	else
		CHECK(receive(fd, 'B', 1));
}

static void ask(int fd, enum mishap how)
{
	char text[512] = "";

	for (unsigned i = 0; i < 4; i++)
		strcat(text, quick);
	if (how == NONE)
		strcat(text, slow);
	CHECK_EQ(lend_send_all(fd, text, strlen(text), LEND_FOREVER),
		 strlen(text));
}

static int with_mishap(enum mishap how, bool end)
{
	struct lend_http_server *server;
	eventfd_t value;
	lend_ref serving;
	int fd;

	gate = eventfd(0, EFD_CLOEXEC);
	client_gate = eventfd(0, EFD_CLOEXEC);
	CHECK(gate >= 0 && client_gate >= 0);
	if (!CHECK_EQ(lend_http_server_new(NULL, &server), 0))
		return -1;
	CHECK_EQ(lend_http_route(server, "GET", "/A", on_quick, NULL), 0);
	CHECK_EQ(lend_http_route(server, "GET", "/wait", on_slow, NULL), 0);
	CHECK_EQ(lend_http_listen(server, "127.0.0.1:0"), 0);
	serving = test_spawn(serve, server);
	fd = test_connect_to(lend_http_address(server, 0));
	atomic_store(&waits, false);
	atomic_store(&went_on, false);
	atomic_store(&ends, end);
	atomic_store(&client_fd, fd);
	atomic_store(&mishap, how);
	ask(fd, how);
	hear_all(fd, how, end);
	CHECK_EQ(atomic_load(&mishap), NONE);
	CHECK_EQ(lend_close(fd), 0);
	stop_and_free(server, serving);
	CHECK_EQ(eventfd_read(gate, &value), 0);
	close(gate);
	close(client_gate);
	return 0;
}

static int what_is_gathered_is_sent(void *arg)
{
	(void)arg;
	return with_mishap(NONE, false);
}

static int what_was_left_over_is_sent(void *arg)
{
	(void)arg;
	return with_mishap(SHORT, false);
}

static int what_is_left_over_meanwhile_is_sent(void *arg)
{
	(void)arg;
	return with_mishap(SHORT_LATE, false);
}

static int who_does_not_take_it_holds_up_nothing(void *arg)
{
	(void)arg;
	return with_mishap(LATE_STUCK, false);
}

static int it_may_be_the_end(void *arg)
{
	(void)arg;
	return with_mishap(NONE, true);
}

int main(int argc, char **argv)
{
	struct lend_options one;

	test_init(argc, argv, 60);
	one = test_one_worker();
	test_actor_with("what_is_gathered_is_sent", what_is_gathered_is_sent,
			&one);
	test_actor_with("it_may_be_the_end", it_may_be_the_end, &one);
	if (one.sqpoll_idle_ms) {
		test_skip("what_was_left_over_is_sent",
			  "the kernel takes operations by itself");
		return test_finish();
	}
	test_actor_with("what_was_left_over_is_sent",
			what_was_left_over_is_sent, &one);
	test_actor_with("what_is_left_over_meanwhile_is_sent",
			what_is_left_over_meanwhile_is_sent, &one);
	test_actor_with("who_does_not_take_it_holds_up_nothing",
			who_does_not_take_it_holds_up_nothing, &one);
	return test_finish();
}
