/*
 * Goal:   K15: descriptors that an actor has said are its own close with it,
 *         however it ends, after the scopes that may use them; never others of
 *         the same number, nor what another actor has taken over.
 * Method: the other end of a pair of sockets sees whether one is closed: end of
 *         stream or not.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness/harness.h"

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

/* The end of the stream: the other descriptor was closed. */
static void check_closed(int other)
{
	char byte;

	CHECK_EQ(lend_recv(other, &byte, 1, 0, LEND_FOREVER), 0);
	CHECK_EQ(lend_close(other), 0);
}

static int own(void *arg)
{
	CHECK_EQ(lend_defer_close((int)(intptr_t)arg), 0);
	/* Once is enough, twice no harm. */
	CHECK_EQ(lend_defer_close((int)(intptr_t)arg), 0);
	return 0;
}

static int own_and_exit(void *arg)
{
	own(arg);
	lend_exit(0);
}

static int own_and_sleep(void *arg)
{
	own(arg);
	CHECK_EQ(lend_sleep(LEND_FOREVER), -ECANCELED);
	return 0;
}

static int own_descriptors_close(void *arg)
{
	static int (*const ways[])(void *) = { own, own_and_exit,
					       own_and_sleep };

	(void)arg;
	for (unsigned i = 0; i < 3; i++) {
		lend_ref owner;
		int fds[2];

		test_pair(fds);
		owner = test_spawn(ways[i], (void *)(intptr_t)fds[0]);
		if (ways[i] == own_and_sleep)
			CHECK_EQ(lend_cancel(owner), 0);
		CHECK_EQ(test_join(owner), 0);
		check_closed(fds[1]);
	}
	CHECK_EQ(lend_defer_close(-1), -EBADF);
	CHECK_EQ(lend_defer_close(1 << 21), -EBADF);
	CHECK_EQ(lend_keep_open(-1), -EBADF);
	return 0;
}

/* Members of a scope that was opened after it may use it to their end. */
static int use_until_cancelled(void *arg)
{
	char byte;

	CHECK_EQ(lend_recv((int)(intptr_t)arg, &byte, 1, 0, LEND_FOREVER),
		 -ECANCELED);
	CHECK(is_open((int)(intptr_t)arg));
	return 0;
}

static int own_around_a_scope(void *arg)
{
	struct lend_scope *scope;

	own(arg);
	CHECK_EQ(lend_scope_open(NULL, &scope), 0);
	CHECK_EQ(lend_scope_spawn(scope, use_until_cancelled, arg, NULL, NULL),
		 0);
	return 0;
}

static int scopes_end_before(void *arg)
{
	int fds[2];

	(void)arg;
	test_pair(fds);
	CHECK_EQ(test_join(test_spawn(own_around_a_scope,
				      (void *)(intptr_t)fds[0])),
		 0);
	check_closed(fds[1]);
	return 0;
}

/* @fds[0] is closed, and its number another descriptor's, of the same pair's
 * other end: that must stay. */
static void reuse(const int fds[2])
{
	CHECK_EQ(dup3(fds[1], fds[0], O_CLOEXEC), fds[0]);
}

static int own_close_and_reuse(void *arg)
{
	const int *fds = arg;

	own((void *)(intptr_t)fds[0]);
	CHECK_EQ(lend_close(fds[0]), 0);
	reuse(fds);
	return 0;
}

static int close_and_reuse(void *arg)
{
	const int *fds = arg;

	CHECK_EQ(lend_close(fds[0]), 0);
	reuse(fds);
	return 0;
}

static int own_and_have_it_closed(void *arg)
{
	const int *fds = arg;

	own((void *)(intptr_t)fds[0]);
	CHECK_EQ(test_join(test_spawn(close_and_reuse, arg)), 0);
	return 0;
}

static int own_and_keep_open(void *arg)
{
	const int *fds = arg;

	own((void *)(intptr_t)fds[0]);
	CHECK_EQ(lend_keep_open(fds[0]), 0);
	return 0;
}

static int others_of_the_number_stay(void *arg)
{
	static int (*const ways[])(void *) = { own_close_and_reuse,
					       own_and_have_it_closed,
					       own_and_keep_open };

	(void)arg;
	for (unsigned i = 0; i < 3; i++) {
		int fds[2];

		test_pair(fds);
		CHECK_EQ(test_join(test_spawn(ways[i], fds)), 0);
		CHECK(is_open(fds[0]));
		CHECK_EQ(lend_close(fds[0]), 0);
		CHECK_EQ(lend_close(fds[1]), 0);
	}
	return 0;
}

static int own_until_told(void *arg)
{
	struct lend_msg *msg;

	own(arg);
	CHECK_EQ(lend_receive(LEND_FOREVER, &msg), 0);
	CHECK_EQ(lend_reply(msg, 0, NULL, 0), 0);
	lend_msg_free(msg);
	CHECK_EQ(lend_receive(LEND_FOREVER, &msg), 0);
	lend_msg_free(msg);
	return 0;
}

static int descriptors_are_taken_over(void *arg)
{
	struct lend_msg *answer;
	lend_ref next;
	int fds[2];

	(void)arg;
	test_pair(fds);
	next = test_spawn(own_until_told, (void *)(intptr_t)fds[0]);
	/* It owned it before the first answer; this actor's is the last word,
	 * then, after its next, the other's no more. */
	CHECK_EQ(lend_ask(next, 0, NULL, 0, LEND_FOREVER, &answer), 0);
	lend_msg_free(answer);
	CHECK_EQ(lend_defer_close(fds[0]), 0);
	CHECK_EQ(lend_tell(next, 0, NULL, 0), 0);
	CHECK_EQ(test_join(next), 0);
	CHECK(is_open(fds[0]));
	CHECK_EQ(lend_close(fds[0]), 0);
	check_closed(fds[1]);
	return 0;
}

int main(int argc, char **argv)
{
	test_init(argc, argv, 60);
	test_actor("own descriptors close", own_descriptors_close);
	test_actor("scopes end before", scopes_end_before);
	test_actor("others of the number stay", others_of_the_number_stay);
	test_actor("descriptors are taken over", descriptors_are_taken_over);
	return test_finish();
}
