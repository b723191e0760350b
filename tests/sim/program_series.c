/*
 * Programs of a scenario with series: many results of one operation, whatever
 * becomes of it.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "io/descriptors.h"
#include "kernel.h"
#include "program.h"

static struct lend_series *open_series(int fd, enum lend_series_kind kind)
{
	const struct lend_series_options options = {
		.results_max = sim_draw(1, 4),
	};
	struct lend_series *series;
	int err = lend_series_open(fd, kind, &options, &series);

	SIM_EXPECT(!err, "series: %d", err);
	return series;
}

/* Sends what is expected, then the end of the stream; or, when nobody wants it
 * any more, less. */
static int sender(void *arg)
{
	const struct sim_stream *stream = arg;
	int err = sim_send_stream(stream);

	if (err == -EPIPE || err == -ECONNRESET || err == -ECANCELED)
		return 0;
	SIM_EXPECT(!err, "send: %d", err);
	(void)lend_shutdown(stream->fd, SHUT_WR, LEND_FOREVER);
	return 0;
}

/* Something else to do, for which the results have to wait. */
static void do_something(struct lend_series *series)
{
	switch (sim_draw(0, 9)) {
	case 0:
		lend_sleep(lend_after(sim_draw(0, 300) * LEND_US));
		break;
	case 1:
		lend_series_pause(series);
		break;
	case 2:
		lend_yield();
		break;
	default:
		break;
	}
}

/* Up to the end of the stream. Return: bytes. */
static size_t receive_stream(struct lend_series *series, unsigned number)
{
	struct lend_series_result held = { 0 }, result;
	size_t at = 0, held_at = 0;

	for (;;) {
		uint64_t deadline = sim_draw(0, 3) ?
					    LEND_FOREVER :
					    lend_after(sim_draw(0, 100) *
						       LEND_US);
		ssize_t res = lend_series_next(series, deadline, &result);

		if (res == -ETIMEDOUT && deadline != LEND_FOREVER)
			continue;
		SIM_EXPECT(res >= 0, "series: %d", (int)res);
		if (!res)
			break;
		sim_compare(result.buffer.data, (size_t)res, number, at);
		/* One is kept over the next: nobody writes to it. */
		if (held.buffer.data)
			sim_compare(held.buffer.data, held.buffer.size, number,
				    held_at);
		lend_buffer_release(&held.buffer);
		held = result;
		held_at = at;
		at += (size_t)res;
		do_something(series);
	}
	lend_buffer_release(&held.buffer);
	return at;
}

int sim_program_series(void *arg)
{
	struct sim_stream stream = { .number = sim_number(arg) };
	struct lend_series *series;
	int fds[2], err = sim_socket_pair(fds);
	size_t got;
	lend_ref ref;

	SIM_EXPECT(!err, "socketpair: %d", err);
	stream.fd = fds[0];
	stream.size = sim_draw(0, 4000);
	ref = sim_spawn(sender, &stream);
	series = open_series(fds[1], LEND_SERIES_RECV);
	got = receive_stream(series, stream.number);
	SIM_EXPECT(got == stream.size, "%zu bytes of %zu", got, stream.size);
	lend_series_close(series);
	sim_join(ref, 0);
	SIM_EXPECT(!lend_close(fds[0]) && !lend_close(fds[1]), "close");
	return 0;
}

/* ---- ends ---- */

/* What has come is checked; what has not been taken goes with the actor. */
static int receiver(void *arg)
{
	const struct sim_stream *stream = arg;
	struct lend_series *series = open_series(stream->fd, LEND_SERIES_RECV);
	struct lend_series_result result;
	size_t at = 0;
	ssize_t res;

	while ((res = lend_series_next(series, LEND_FOREVER, &result)) > 0) {
		sim_compare(result.buffer.data, (size_t)res, stream->number,
			    at);
		at += (size_t)res;
		if (sim_draw(0, 1))
			lend_buffer_release(&result.buffer);
		do_something(series);
	}
	SIM_EXPECT(res == 0 || res == -ECANCELED || res == -EBADF, "series: %d",
		   (int)res);
	if (sim_draw(0, 1))
		lend_series_close(series);
	if (sim_draw(0, 1))
		lend_exit(0);
	return 0;
}

/* Its actor is cancelled, or its descriptor closed, at any moment. */
int sim_program_series_end(void *arg)
{
	struct sim_stream out = { .number = sim_number(arg) };
	struct sim_stream in = { .number = sim_number(arg) };
	int fds[2], err = sim_socket_pair(fds);
	bool closes = sim_draw(0, 1);
	lend_ref sending, receiving;

	SIM_EXPECT(!err, "socketpair: %d", err);
	out.fd = fds[0];
	out.size = sim_draw(0, 3000);
	in.fd = fds[1];
	receiving = sim_spawn(receiver, &in);
	sending = sim_spawn(sender, &out);
	/* Who had not begun would find another one's number. */
	while (closes && !lend__descriptor_in_flight(fds[1]))
		if (sim_draw(0, 50) == 0)
			closes = false;
		else
			lend_sleep(lend_after(sim_draw(0, 50) * LEND_US));
	lend_sleep(lend_after(sim_draw(0, 300) * LEND_US));
	if (closes)
		SIM_EXPECT(!lend_close(fds[1]), "close");
	lend_cancel(receiving);
	sim_join(receiving, 0);
	if (!closes)
		SIM_EXPECT(!lend_close(fds[1]), "close");
	sim_join(sending, 0);
	SIM_EXPECT(!lend_close(fds[0]), "close");
	return 0;
}

/* ---- events ---- */

struct ticker {
	int fd;
	unsigned count;
};

static int tick(void *arg)
{
	const struct ticker *ticker = arg;

	for (unsigned i = 0; i < ticker->count; i++) {
		uint64_t one = 1;
		ssize_t res = write(ticker->fd, &one, sizeof(one));

		SIM_EXPECT(res == sizeof(one), "write: %d", (int)res);
		if (sim_draw(0, 1))
			lend_sleep(lend_after(sim_draw(0, 50) * LEND_US));
	}
	return 0;
}

static uint64_t read_all(int fd)
{
	uint64_t count = 0;
	ssize_t res;

	do
		res = read(fd, &count, sizeof(count));
	while (res < 0 && errno == EINTR);
	return count;
}

/* Whoever reads all there is after each event misses nothing. */
int sim_program_events(void *arg)
{
	struct ticker ticker = { .count = sim_draw(1, 30) };
	struct lend_series *series;
	uint64_t got = 0;
	lend_ref ref;

	(void)arg;
	do
		ticker.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	while (ticker.fd < 0);
	series = open_series(ticker.fd, LEND_SERIES_POLL);
	ref = sim_spawn(tick, &ticker);
	while (got < ticker.count) {
		ssize_t res = lend_series_next(series, LEND_FOREVER, NULL);

		SIM_EXPECT(res == POLLIN, "series of %d: %d", ticker.fd,
			   (int)res);
		got += read_all(ticker.fd);
		do_something(series);
	}
	SIM_EXPECT(got == ticker.count, "%u ticks", (unsigned)got);
	sim_join(ref, 0);
	lend_series_close(series);
	SIM_EXPECT(!lend_close(ticker.fd), "close");
	return 0;
}
