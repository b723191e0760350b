/*
 * Goal:   H1, K2: the answers to a batch are sent whole, each to whom it is
 *         for, though the kernel sends a part of them only, or ends the send
 *         without having begun it: what is left over stays where it was
 *         gathered until it is sent, which is at once. Afterwards others
 *         gather there.
 * Method: the door to the kernel has sends of answers be for fewer bytes than
 *         they were meant for, or be operations that do nothing and end as if
 *         they had been cancelled, every other one, as what is undone is tried
 *         again. Several connections at a time, each with answers of its own,
 *         so that what is given away too early has another's answers in it.
 *         Meanwhile the worker's clock stands still, so that no timer helps who
 *         has forgotten to go on. Some clients have half a request behind a
 *         batch, and send the rest when they have heard all answers.
 */
#include <errno.h>
#include <liburing.h>
#include <stdatomic.h>
#include <string.h>

#include "bodies.h"
#include "harness/door.h"
#include "harness/harness.h"
#include "serving.h"

#define CLIENTS 8
#define ROUNDS	20
#define BATCH	8
/* More than a worker has of what is used in turn. */
#define STAYING 300

/* ---- the kernel ---- */

enum mishap {
	NONE,
	SHORT,	/* a part is sent */
	UNDONE, /* nothing is */
	MISHAPS,
};

/* Newer headers have it. */
#define NOP_INJECT_RESULT 1U

static _Atomic enum mishap mishap;
static _Atomic unsigned happened;

static bool spoiled; /* the last one was */

static bool has_answers(const struct io_uring_sqe *sqe)
{
	return sqe->opcode == IORING_OP_SEND && sqe->len > BODY &&
	       !memcmp((const void *)(uintptr_t)sqe->addr, "HTTP/1.1", 8);
}

static void spoil(struct io_uring_sqe *sqe, enum mishap how)
{
	uint64_t user_data = sqe->user_data;

	atomic_fetch_add(&happened, 1);
	if (how == SHORT) {
		sqe->len /= 2;
		return;
	}
	*sqe = (struct io_uring_sqe){
		.opcode = IORING_OP_NOP,
		.fd = -1,
		.len = (uint32_t)-ECANCELED,
		.rw_flags = (int)NOP_INJECT_RESULT,
		.user_data = user_data,
	};
}

void test_door(struct io_uring_sqe *sqe)
{
	enum mishap how = atomic_load(&mishap);

	if (how == NONE || !has_answers(sqe))
		return;
	spoiled = how == SHORT || !spoiled;
	if (spoiled)
		spoil(sqe, how);
}

/* ---- the clock ---- */

static _Atomic uint64_t stopped_ns; /* 0: it goes on */

uint64_t __real_lend_now(void);
uint64_t __wrap_lend_now(void);

uint64_t __wrap_lend_now(void)
{
	uint64_t at_ns = atomic_load(&stopped_ns);

	return at_ns && lend_runtime_current() ? at_ns : __real_lend_now();
}

/* Can an operation end as one is told to (Linux 6.9)? */
static bool can_be_undone(void)
{
	struct io_uring uring;
	struct io_uring_cqe *cqe;
	int res = 0;

	if (io_uring_queue_init(2, &uring, 0))
		return false;
	spoil(io_uring_get_sqe(&uring), UNDONE);
	if (io_uring_submit(&uring) == 1 && !io_uring_wait_cqe(&uring, &cqe))
		res = cqe->res;
	io_uring_queue_exit(&uring);
	return res == -ECANCELED;
}

/* ---- a server, and clients ---- */

/* The body is the last letter of the path, again and again. */
static void on_letter(struct lend_http_request *request,
		      struct lend_http_response *response, void *arg)
{
	struct lend_http_text path = lend_http_path(request);

	(void)arg;
	answer(response, path.data[path.size - 1]);
}

/* The same, when all of the body has come. */
static void on_body(struct lend_http_request *request,
		    struct lend_http_response *response, void *arg)
{
	char piece[16];

	while (lend_http_read(request, piece, sizeof(piece)) > 0)
		;
	on_letter(request, response, arg);
}

/* Receive @text until it has so many answers; shorter if no more come. */
static void receive(int fd, char *text, size_t room, char letter,
		    unsigned count)
{
	size_t had = 0;

	text[0] = '\0';
	while (count_bodies(text, letter) < count && had < room - 1) {
		ssize_t size = lend_recv(fd, text + had, room - 1 - had, 0,
					 LEND_FOREVER);

		if (size <= 0)
			break;
		had += (size_t)size;
		text[had] = '\0';
	}
}

/* So many answers, and nothing else that looks like one. */
static bool hear(int fd, char letter)
{
	char text[8192];

	receive(fd, text, sizeof(text), letter, BATCH);
	for (int other = 'A'; other < 'A' + CLIENTS; other++)
		if (!CHECK_EQ(count_bodies(text, (char)other),
			      other == letter ? BATCH : 0))
			return false;
	return true;
}

/* A batch, and something behind it. */
static void ask_and(int fd, char letter, const char *behind)
{
	static const char format[] = "GET /- HTTP/1.1\r\nHost: a\r\n\r\n";
	const size_t size = sizeof(format) - 1, more = strlen(behind);
	char text[BATCH * sizeof(format) + 128];

	for (unsigned i = 0; i < BATCH; i++) {
		memcpy(text + i * size, format, size);
		text[i * size + strlen("GET /")] = letter;
	}
	memcpy(text + BATCH * size, behind, more);
	CHECK_EQ(lend_send_all(fd, text, BATCH * size + more, LEND_FOREVER),
		 BATCH * size + more);
}

static void ask(int fd, char letter)
{
	ask_and(fd, letter, "");
}

struct client {
	const struct lend_address *address;
	char letter;
};

static int converse(void *arg)
{
	const struct client *client = arg;
	int fd = test_connect_to(client->address);

	for (unsigned i = 0; i < ROUNDS; i++) {
		ask(fd, client->letter);
		if (!hear(fd, client->letter))
			break;
	}
	CHECK_EQ(lend_close(fd), 0);
	return 0;
}

/* What is cut, and where: a head, a body of a known size, a chunked one. */
static const char *const cut[][2] = {
	{ "GET /A HTTP/1.1\r\nHo", "st: a\r\n\r\n" },
	{ "POST /A HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n", "body" },
	{ "POST /A HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
	  "4\r\nbody\r\n0\r\n\r\n" },
};

#define CUTS (sizeof(cut) / sizeof(cut[0]))

/* One that goes on when it has all answers to what it has sent whole. */
static void hesitate(const struct lend_address *address,
		     const char *const halves[2])
{
	int fd = test_connect_to(address);
	char text[BODY * 4];

	ask_and(fd, 'A', halves[0]);
	if (hear(fd, 'A')) {
		size_t size = strlen(halves[1]);

		CHECK_EQ(lend_send_all(fd, halves[1], size, LEND_FOREVER),
			 size);
		receive(fd, text, sizeof(text), 'A', 1);
		CHECK_EQ(count_bodies(text, 'A'), 1);
	}
	CHECK_EQ(lend_close(fd), 0);
}

static void converse_all(struct lend_http_server *server)
{
	struct client clients[CLIENTS];
	lend_ref refs[CLIENTS];

	for (unsigned i = 0; i < CLIENTS; i++) {
		clients[i] = (struct client){ lend_http_address(server, 0),
					      (char)('A' + i) };
		refs[i] = test_spawn(converse, &clients[i]);
	}
	for (unsigned i = 0; i < CLIENTS; i++)
		CHECK_EQ(test_join(refs[i]), 0);
}

/* They are answered, and neither ask for more nor leave. */
static void stay_all(struct lend_http_server *server)
{
	int fds[STAYING];

	for (unsigned i = 0; i < STAYING; i++) {
		fds[i] = test_connect_to(lend_http_address(server, 0));
		ask(fds[i], 'A');
		hear(fds[i], 'A');
	}
	for (unsigned i = 0; i < STAYING; i++)
		CHECK_EQ(lend_close(fds[i]), 0);
}

static void begin_mishap(enum mishap how)
{
	atomic_store(&happened, 0);
	atomic_store(&stopped_ns, lend_now());
	atomic_store(&mishap, how);
}

static void end_mishap(unsigned at_least)
{
	atomic_store(&mishap, NONE);
	atomic_store(&stopped_ns, 0);
	CHECK(atomic_load(&happened) >= at_least);
}

static void hesitate_all(const struct lend_http_server *server, enum mishap how)
{
	begin_mishap(how);
	for (unsigned i = 0; i < CUTS; i++)
		hesitate(lend_http_address(server, 0), cut[i]);
	end_mishap(CUTS);
}

static int with_mishap(void *arg)
{
	struct lend_http_server *server;
	struct lend_stats stats;
	lend_ref serving;

	if (!CHECK_EQ(lend_http_server_new(NULL, &server), 0))
		return -1;
	CHECK_EQ(lend_http_route(server, "GET", "/", on_letter, NULL), 0);
	CHECK_EQ(lend_http_route(server, "POST", "/", on_body, NULL), 0);
	CHECK_EQ(lend_http_listen(server, "127.0.0.1:0"), 0);
	serving = test_spawn(serve, server);
	begin_mishap(*(const enum mishap *)arg);
	converse_all(server);
	stay_all(server);
	end_mishap(CLIENTS);
	/* None of what was used in turn is lost, or in two hands. */
	converse_all(server);
	lend_stats_read(NULL, &stats);
	if (stats.buffers.count)
		CHECK_EQ(stats.heap_held_peak, 0);
	hesitate_all(server, *(const enum mishap *)arg);
	stop_and_free(server, serving);
	return 0;
}

static int short_ones_are_finished(void *arg)
{
	enum mishap how = SHORT;

	(void)arg;
	return with_mishap(&how);
}

static int undone_ones_are_repeated(void *arg)
{
	enum mishap how = UNDONE;

	(void)arg;
	return with_mishap(&how);
}

int main(int argc, char **argv)
{
	struct lend_options one;

	test_init(argc, argv, 60);
	one = test_one_worker();
	if (one.sqpoll_idle_ms) {
		test_skip("all", "the kernel takes operations by itself");
		return test_finish();
	}
	test_actor_with("short_ones_are_finished", short_ones_are_finished,
			&one);
	if (can_be_undone())
		test_actor_with("undone_ones_are_repeated",
				undone_ones_are_repeated, &one);
	else
		test_skip("undone_ones_are_repeated",
			  "a NOP here ends as it likes");
	return test_finish();
}
