/*
 * What the tests of series share: streams whose every byte is checked, received
 * by series. For one .c file each.
 */
#ifndef LEND_TESTS_STREAM_H
#define LEND_TESTS_STREAM_H

#include <sys/socket.h>

#include "api/traffic.h"
#include "harness/harness.h"

static inline char byte_at(unsigned number, size_t i)
{
	return (char)(number * 31 + i * 7 + i / 251);
}

static inline bool is_as_sent(const char *data, size_t size, unsigned number,
			      size_t from)
{
	for (size_t i = 0; i < size; i++)
		if (data[i] != byte_at(number, from + i))
			return false;
	return true;
}

struct stream {
	int fd;
	unsigned number;
	size_t size;
	bool may_end; /* before all is sent */
};

/* In pieces of many sizes, then the end of the stream. */
static inline int send_stream(void *arg)
{
	const struct stream *stream = arg;
	char data[5000];
	ssize_t res;

	for (size_t at = 0; at < stream->size;) {
		size_t size = 1 + (at * 13 + stream->number) % sizeof(data);

		if (size > stream->size - at)
			size = stream->size - at;
		for (size_t i = 0; i < size; i++)
			data[i] = byte_at(stream->number, at + i);
		res = lend_send_all(stream->fd, data, size, LEND_FOREVER);
		if (stream->may_end && res < 0)
			return 0;
		if (!CHECK_EQ(res, size))
			return -1;
		at += size;
	}
	return lend_shutdown(stream->fd, SHUT_WR, LEND_FOREVER);
}

/* Up to @size bytes from @at on; less at the end of the stream. */
static inline size_t take_stream(struct lend_series *series, unsigned number,
				 size_t at, size_t size)
{
	size_t got = 0;

	while (got < size) {
		struct lend_series_result result;
		ssize_t res = lend_series_next(series, LEND_FOREVER, &result);

		if (!CHECK(res >= 0) || !res)
			break;
		CHECK_EQ(res, result.buffer.size);
		if (!CHECK(is_as_sent(result.buffer.data, (size_t)res, number,
				      at + got)))
			break;
		got += (size_t)res;
		lend_buffer_release(&result.buffer);
	}
	return got;
}

static inline struct lend_series *open_recv(int fd, unsigned results_max)
{
	const struct lend_series_options options = {
		.results_max = results_max,
	};
	struct lend_series *series = NULL;

	CHECK_EQ(lend_series_open(fd, LEND_SERIES_RECV, &options, &series), 0);
	return series;
}

static inline int take_all(void *arg)
{
	const struct stream *stream = arg;
	struct lend_series *series = open_recv(stream->fd, 4);
	struct lend_series_result result;
	size_t got = take_stream(series, stream->number, 0, SIZE_MAX);

	CHECK_EQ(got, stream->size);
	/* And so it stays. */
	CHECK_EQ(lend_series_next(series, LEND_FOREVER, &result), 0);
	lend_series_close(series);
	return 0;
}

/* Everything that was lent is back; the last of it when a ring is polled. */
static inline void check_buffers_are_back(void)
{
	struct lend_stats stats;

	for (unsigned i = 0; i < 10000; i++) {
		lend_stats_read(NULL, &stats);
		if (!stats.buffers.in_use)
			break;
		lend_sleep(lend_after(LEND_MS));
	}
	CHECK_EQ(stats.buffers.in_use, 0);
}

#define STREAMS 12

struct streams {
	struct stream out[STREAMS], in[STREAMS];
	lend_ref senders[STREAMS], receivers[STREAMS];
	int pairs[STREAMS][2];
};

static inline void start_streams(struct streams *streams, size_t size)
{
	for (unsigned i = 0; i < STREAMS; i++) {
		int *pair = streams->pairs[i];

		test_pair(pair);
		streams->out[i] = (struct stream){ pair[0], i, size, false };
		streams->in[i] = (struct stream){ pair[1], i, size, false };
		streams->receivers[i] = test_spawn(take_all, &streams->in[i]);
		streams->senders[i] = test_spawn(send_stream, &streams->out[i]);
	}
}

static inline void finish_streams(struct streams *streams)
{
	for (unsigned i = 0; i < STREAMS; i++) {
		CHECK_EQ(test_join(streams->senders[i]), 0);
		CHECK_EQ(test_join(streams->receivers[i]), 0);
		CHECK_EQ(lend_close(streams->pairs[i][0]), 0);
		CHECK_EQ(lend_close(streams->pairs[i][1]), 0);
	}
	check_buffers_are_back();
}

#endif
