/*
 * A TCP server: sends back what it gets.
 *
 * You learn: one actor a connection; how to listen, accept, and spread
 * connections over the workers; that the ring mode is one option.
 *
 *	./02_echo 127.0.0.1:7007 [CONNECTIONS [MODE]], then: nc 127.0.0.1 7007
 *
 * Port 0 has the kernel choose one. It ends after CONNECTIONS connections, 0
 * means never. MODE is borrowed, private or shared.
 */
#include <errno.h>
#include <lend/lend.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static uint64_t soon(void)
{
	return lend_after(60 * LEND_S);
}

static int connection(void *arg)
{
	int fd = (int)(intptr_t)arg;
	struct lend_buffer buffer;
	ssize_t res;

	/* Who waits here holds no buffer: it comes with the data. */
	while ((res = lend_recv_buffer(fd, soon(), &buffer)) > 0) {
		res = lend_send_all(fd, buffer.data, buffer.size, soon());
		lend_buffer_release(&buffer);
		if (res < 0)
			break;
	}
	lend_close(fd);
	return (int)res;
}

static int serve(struct lend_listener *listener, unsigned connections)
{
	unsigned workers = lend_runtime_workers(lend_runtime_current()), n = 0;
	lend_ref *actors = calloc(connections + 1, sizeof(*actors));
	int fd = 0;

	if (!actors)
		return -ENOMEM;
	while (fd != -ECANCELED && (!connections || n < connections)) {
		const struct lend_spawn_options options = {
			.name = "connection",
			.worker = 1 + n % workers,
		};

		fd = lend_listener_accept(listener, LEND_FOREVER);
		if (fd < 0) /* EMFILE, perhaps: others will end */
			lend_sleep(lend_after(10 * LEND_MS));
		else if (lend_spawn(connection, (void *)(intptr_t)fd, &options,
				    connections ? &actors[n] : NULL))
			lend_close(fd);
		else
			n++;
	}
	/* The program's end would cancel those still at work. */
	while (connections && n &&
	       lend_join(actors[--n], LEND_FOREVER, NULL) != -ECANCELED)
		continue;
	free(actors);
	return 0;
}

static int program(void *arg)
{
	char **argv = arg, text[LEND_ADDRESS_TEXT_MAX];
	struct lend_listener *listener;
	int err = lend_listener_open(argv[1], 0, &listener);

	if (err)
		return err;
	lend_address_format(lend_listener_address(listener), text);
	printf("listening on %s\n", text);
	fflush(stdout);
	err = serve(listener, argv[2] ? (unsigned)atoi(argv[2]) : 0);
	lend_listener_close(listener);
	return err;
}

int main(int argc, char **argv)
{
	struct lend_options options = { 0 };
	int err = argc > 1 ? 0 : -EINVAL;

	if (argc > 3)
		err = lend_ring_mode_parse(argv[3], &options.mode);
	if (!err)
		err = lend_run(&options, program, argv);
	if (err)
		fprintf(stderr, "02_echo: %s\n", lend_error_text(err));
	return err != 0;
}
