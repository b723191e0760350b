/*
 * Deadlines, cancelling and joining.
 *
 * You learn: that each call that waits takes a deadline, which is a point in
 * time and not a span, so that several calls can share one; how to end another
 * actor, which sees -ECANCELED wherever it waits; how to wait for its end.
 *
 *	./04_timeouts
 */
#include <errno.h>
#include <lend/lend.h>
#include <stdio.h>
#include <sys/socket.h>

static void say(const char *what, int result)
{
	printf("%s: %s\n", what, lend_error_name(result));
}

/* Waits for data that never comes. */
static int reader(void *arg)
{
	const int *fd = arg;
	char byte;

	return (int)lend_recv(*fd, &byte, 1, 0, LEND_FOREVER);
}

static int wait_in_vain(int fd)
{
	/* One deadline for both: the second call has what the first left. */
	uint64_t begin = lend_now(), deadline = lend_after(50 * LEND_MS);
	struct lend_msg *msg;
	char byte;

	say("receive", lend_receive(deadline, &msg));
	say("recv", (int)lend_recv(fd, &byte, 1, 0, deadline));
	if (lend_now() - begin < 50 * LEND_MS)
		return -EPROTO;
	/* LEND_NOW takes what is there. */
	say("receive now", lend_receive(LEND_NOW, &msg));
	return 0;
}

static int cancel_and_join(int *fd)
{
	const struct lend_spawn_options options = {
		.name = "reader",
		.joinable = true,
	};
	lend_ref actor;
	int value, err = lend_spawn(reader, fd, &options, &actor);

	if (err)
		return err;
	say("join", lend_join(actor, lend_after(20 * LEND_MS), NULL));
	lend_cancel(actor);
	err = lend_join(actor, LEND_FOREVER, &value);
	if (err)
		return err;
	say("the reader ended with", value);
	/* A reference is for one actor only, and this one is gone. */
	say("join again", lend_join(actor, LEND_FOREVER, NULL));
	return 0;
}

static int program(void *arg)
{
	int fds[2], err;

	(void)arg;
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds))
		return -errno;
	err = wait_in_vain(fds[0]);
	if (!err)
		err = cancel_and_join(&fds[0]);
	lend_close(fds[0]);
	lend_close(fds[1]);
	return err;
}

int main(void)
{
	int err = lend_run(NULL, program, NULL);

	if (err)
		fprintf(stderr, "04_timeouts: %s\n", lend_error_text(err));
	return err != 0;
}
