/*
 * Two actors on one worker, of plain code: one reads from a pipe, the other
 * writes into it. The program is linked with liblend alone. With the shim
 * preloaded it ends at once and with 0; without, the reader blocks the worker
 * for good, which the main thread's clock ends, with 3.
 */
#include <lend/lend.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

static int fds[2];

static int read_it(void *arg)
{
	char byte;

	(void)arg;
	return read(fds[0], &byte, 1) == 1 ? 0 : 1;
}

static int write_it(void *arg)
{
	(void)arg;
	return write(fds[1], "x", 1) == 1 ? 0 : 1;
}

static void *give_up_later(void *arg)
{
	sleep(*(unsigned *)arg);
	_exit(3);
}

static int first(void *arg)
{
	const struct lend_spawn_options joinable = { .joinable = true };
	lend_ref reader, writer;
	int read_value = -1, write_value = -1;

	(void)arg;
	if (lend_spawn(read_it, NULL, &joinable, &reader) ||
	    lend_spawn(write_it, NULL, &joinable, &writer) ||
	    lend_join(reader, LEND_FOREVER, &read_value) ||
	    lend_join(writer, LEND_FOREVER, &write_value))
		return 1;
	return read_value | write_value;
}

int main(int argc, char **argv)
{
	const struct lend_options options = { .workers = 1 };
	unsigned seconds = argc > 1 ? (unsigned)atoi(argv[1]) : 60;
	pthread_t clock;

	if (pipe(fds) || pthread_create(&clock, NULL, give_up_later, &seconds))
		return 1;
	return lend_run(&options, first, NULL);
}
