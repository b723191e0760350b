/*
 * Goal:   K11, P3: who received little has a part of a buffer that others share
 *         (lend_options.shared_buffers): whatever was received is what was
 *         sent, in order; a buffer comes back with its last part; who keeps
 *         little for long does not keep the buffers from others; messages that
 *         are not to be cut are not. Without the feature all is as before.
 * Method: streams and single receives whose every byte is checked, while parts
 *         are held; buffers and parts are counted afterwards.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness/harness.h"

#define BUFFERS	    16 /* of 256 bytes: 4 of 1 KiB when they are shared */
#define BUFFER_SIZE 256
#define HOLDERS	    40
#define LITTLE	    10

static char byte_at(unsigned number, size_t i)
{
	return (char)(number * 31 + i * 7 + i / 251);
}

static bool is_as_sent(const char *data, size_t size, unsigned number,
		       size_t from)
{
	for (size_t i = 0; i < size; i++)
		if (data[i] != byte_at(number, from + i))
			return false;
	return true;
}

static bool are_shared(void)
{
	return lend_runtime_features(lend_runtime_current()) &
	       LEND_FEATURE_INC_BUFFERS;
}

static struct lend_buffer_stats buffer_stats(void)
{
	struct lend_stats stats;

	lend_stats_read(NULL, &stats);
	return stats.buffers;
}

/* The last of it when a ring is polled. */
static void check_all_are_back(void)
{
	struct lend_buffer_stats stats = buffer_stats();

	for (unsigned i = 0; i < 10000 && (stats.in_use || stats.spent); i++) {
		lend_sleep(lend_after(LEND_MS));
		stats = buffer_stats();
	}
	CHECK_EQ(stats.in_use, 0);
	CHECK_EQ(stats.parts, 0);
	CHECK_EQ(stats.spent, 0);
}

/* ---- actors that hold what they received ---- */

struct holder {
	int pair[2];
	unsigned number;
	lend_ref ref;
	bool ends_with_it;
};

static struct holder holders[HOLDERS];
static atomic_uint holding;
static atomic_bool let_go;

/* It may come in pieces: each is held. */
static int hold(void *arg)
{
	const struct holder *holder = arg;
	struct lend_buffer pieces[LITTLE] = { 0 };
	size_t got = 0, count = 0;

	while (got < LITTLE) {
		ssize_t res = lend_recv_buffer(holder->pair[0], LEND_FOREVER,
					       &pieces[count]);

		if (!CHECK(res > 0))
			return -1;
		got += (size_t)res;
		count++;
	}
	atomic_fetch_add(&holding, 1);
	while (!atomic_load(&let_go))
		lend_sleep(lend_after(LEND_MS));
	got = 0;
	for (size_t i = 0; i < count; i++) {
		CHECK(is_as_sent(pieces[i].data, pieces[i].size, holder->number,
				 got));
		got += pieces[i].size;
		if (!holder->ends_with_it)
			lend_buffer_release(&pieces[i]);
	}
	CHECK_EQ(got, LITTLE);
	return 0;
}

static void send_little(struct holder *holder)
{
	char data[LITTLE];

	for (size_t i = 0; i < LITTLE; i++)
		data[i] = byte_at(holder->number, i);
	CHECK_EQ(write(holder->pair[1], data, LITTLE), LITTLE);
}

static void start_holder(unsigned number, bool ends_with_it)
{
	struct holder *holder = &holders[number];

	holder->number = number;
	holder->ends_with_it = ends_with_it;
	test_pair(holder->pair);
	holder->ref = test_spawn(hold, holder);
}

static void wait_until_held(unsigned count)
{
	while (atomic_load(&holding) < count)
		lend_yield();
}

static void end_holders(void)
{
	atomic_store(&let_go, true);
	for (unsigned i = 0; i < HOLDERS; i++) {
		CHECK_EQ(test_join(holders[i].ref), 0);
		close(holders[i].pair[0]);
		close(holders[i].pair[1]);
	}
}

static void begin_holders(void)
{
	atomic_store(&holding, 0);
	atomic_store(&let_go, false);
}

/* Fewer buffers than holders, in all rings together. */
static int little_takes_a_part(void *arg)
{
	struct lend_buffer_stats stats;

	(void)arg;
	begin_holders();
	for (unsigned i = 0; i < HOLDERS; i++)
		start_holder(i, i % 2);
	for (unsigned i = 0; i < HOLDERS; i++)
		send_little(&holders[i]);
	wait_until_held(HOLDERS);
	stats = buffer_stats();
	if (are_shared()) {
		/* None was too many, none needed memory of its own. */
		CHECK_EQ(stats.parts, HOLDERS);
		CHECK_EQ(stats.own + stats.empty + stats.copied, 0);
		CHECK_EQ(stats.spent, 0);
	} else {
		CHECK_EQ(stats.parts + stats.spent + stats.copied, 0);
	}
	end_holders();
	check_all_are_back();
	return 0;
}

/* ---- a stream that goes through all buffers, many times ---- */

#define STREAM_SIZE (64u << 10)

struct stream {
	int pair[2];
	unsigned number;
	bool series;
	size_t from, to; /* of what is sent and received by one call */
};

static int send_stream(void *arg)
{
	const struct stream *stream = arg;
	char data[900];
	size_t size;

	for (size_t at = stream->from; at < stream->to; at += size) {
		size = 1 + (at * 13 + stream->number) % sizeof(data);
		if (size > stream->to - at)
			size = stream->to - at;
		for (size_t i = 0; i < size; i++)
			data[i] = byte_at(stream->number, at + i);
		if (!CHECK_EQ(lend_send_all(stream->pair[1], data, size,
					    LEND_FOREVER),
			      size))
			return -1;
	}
	return 0;
}

static int take_stream(void *arg)
{
	const struct stream *stream = arg;
	struct lend_series *series = NULL;
	size_t at = stream->from;

	if (stream->series)
		CHECK_EQ(lend_series_open(stream->pair[0], LEND_SERIES_RECV,
					  NULL, &series),
			 0);
	while (at < stream->to) {
		struct lend_series_result result = { 0 };
		ssize_t res = series ? lend_series_next(series, LEND_FOREVER,
							&result) :
				       lend_recv_buffer(stream->pair[0],
							LEND_FOREVER,
							&result.buffer);

		if (!CHECK(res > 0) ||
		    !CHECK(is_as_sent(result.buffer.data, (size_t)res,
				      stream->number, at)))
			break;
		at += (size_t)res;
		/* As long as it is held it stays what it is. */
		if (at % 3 == 0)
			lend_yield();
		CHECK(is_as_sent(result.buffer.data, (size_t)res,
				 stream->number, at - (size_t)res));
		lend_buffer_release(&result.buffer);
	}
	CHECK_EQ(at, stream->to);
	lend_series_close(series);
	return 0;
}

#define STREAMS 6

static void run_streams(struct stream *streams, size_t from, size_t to)
{
	lend_ref refs[2 * STREAMS];

	for (unsigned i = 0; i < STREAMS; i++) {
		streams[i].from = from;
		streams[i].to = to;
		refs[2 * i] = test_spawn(take_stream, &streams[i]);
		refs[2 * i + 1] = test_spawn(send_stream, &streams[i]);
	}
	for (unsigned i = 0; i < 2 * STREAMS; i++)
		CHECK_EQ(test_join(refs[i]), 0);
}

static void open_streams(struct stream *streams)
{
	for (unsigned i = 0; i < STREAMS; i++) {
		streams[i] = (struct stream){ .number = 100 + i,
					      .series = i % 2 };
		test_pair(streams[i].pair);
	}
}

static void close_streams(struct stream *streams)
{
	for (unsigned i = 0; i < STREAMS; i++) {
		close(streams[i].pair[0]);
		close(streams[i].pair[1]);
	}
}

static int streams_are_whole(void *arg)
{
	struct stream streams[STREAMS];

	(void)arg;
	open_streams(streams);
	run_streams(streams, 0, STREAM_SIZE);
	close_streams(streams);
	check_all_are_back();
	return 0;
}

/* Between one holder and the next all buffers go round, so that each would hold
 * another one, and soon all. */
static int who_keeps_little_does_not_keep_much(void *arg)
{
	unsigned most = lend_runtime_rings(lend_runtime_current()) *
			(BUFFERS / 4 / 2 + 1);
	struct stream streams[STREAMS];
	struct lend_buffer_stats stats;

	(void)arg;
	begin_holders();
	open_streams(streams);
	for (unsigned i = 0; i < HOLDERS; i++) {
		start_holder(i, i % 2);
		send_little(&holders[i]);
		wait_until_held(i + 1);
		run_streams(streams, i * 4096, (i + 1) * 4096);
	}
	/* Half of them, and one more, as that is when it is noticed. Those of
	 * the streams count until their rings are polled. */
	stats = buffer_stats();
	for (unsigned i = 0; i < 10000 && stats.spent > most; i++) {
		lend_sleep(lend_after(LEND_MS));
		stats = buffer_stats();
	}
	if (are_shared()) {
		CHECK(stats.copied > 0);
		CHECK_IN(stats.spent, 1, most);
	}
	end_holders();
	close_streams(streams);
	check_all_are_back();
	return 0;
}

/* ---- one actor's share ---- */

/* More than it may have: the rest comes into its own memory, also in order. */
static int one_has_its_share(void *arg)
{
	struct lend_series_result results[64] = { 0 };
	struct lend_buffer_stats stats;
	struct lend_series *series;
	int pair[2];

	(void)arg;
	test_pair(pair);
	CHECK_EQ(lend_series_open(pair[0], LEND_SERIES_RECV, NULL, &series), 0);
	for (unsigned i = 0; i < 64; i++) {
		char byte = byte_at(1, i);

		CHECK_EQ(write(pair[1], &byte, 1), 1);
		CHECK_EQ(lend_series_next(series, LEND_FOREVER, &results[i]),
			 1);
	}
	stats = buffer_stats();
	if (are_shared())
		CHECK_IN(stats.parts, 1, 64 / 4 + 1);
	for (unsigned i = 0; i < 64; i++) {
		CHECK_EQ(*results[i].buffer.data, byte_at(1, i));
		lend_buffer_release(&results[i].buffer);
	}
	lend_series_close(series);
	close(pair[0]);
	close(pair[1]);
	check_all_are_back();
	return 0;
}

/* ---- messages ---- */

/* The stream has used up buffers to an odd place meanwhile. */
static int messages_are_not_cut(void *arg)
{
	struct stream streams[STREAMS];
	char data[BUFFER_SIZE - 6];
	int pair[2];

	(void)arg;
	memset(data, 'm', sizeof(data));
	open_streams(streams);
	CHECK_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair),
		 0);
	for (unsigned i = 0; i < 30; i++) {
		struct lend_buffer buffer = { 0 };

		run_streams(streams, i * 100, (i + 1) * 100);
		CHECK_EQ(write(pair[1], data, sizeof(data)), sizeof(data));
		CHECK_EQ(lend_recv_buffer(pair[0], LEND_FOREVER, &buffer),
			 sizeof(data));
		CHECK(!memcmp(buffer.data, data, sizeof(data)));
		lend_buffer_release(&buffer);
	}
	close_streams(streams);
	close(pair[0]);
	close(pair[1]);
	check_all_are_back();
	return 0;
}

/* ---- masks ---- */

static unsigned seen;

static int look(void *arg)
{
	(void)arg;
	seen = lend_runtime_features(lend_runtime_current());
	return 0;
}

static unsigned features_of(bool asked, unsigned without)
{
	struct lend_options options = test_options;

	options.shared_buffers = asked;
	options.without = without;
	seen = 0;
	CHECK_EQ(lend_run(&options, look, NULL), 0);
	return seen & LEND_FEATURE_INC_BUFFERS;
}

static int in_use_only_if_asked_for(void)
{
	unsigned there = features_of(true, 0);

	CHECK_EQ(features_of(false, 0), 0);
	CHECK_EQ(features_of(true, LEND_FEATURE_INC_BUFFERS), 0);
	CHECK_EQ(features_of(true, LEND_FEATURE_BUFFER_RINGS), 0);
	CHECK_EQ(features_of(true, LEND_FEATURE_RECV_BUNDLE), there);
	return 0;
}

int main(int argc, char **argv)
{
	test_init(argc, argv, 60);
	test_plain("in_use_only_if_asked_for", in_use_only_if_asked_for);
	test_options.shared_buffers = true;
	test_actor("little_takes_a_part", little_takes_a_part);
	test_options.buffers = BUFFERS;
	test_options.buffer_size = BUFFER_SIZE;
	test_actor("streams_are_whole", streams_are_whole);
	test_actor("who_keeps_little_does_not_keep_much",
		   who_keeps_little_does_not_keep_much);
	test_actor("one_has_its_share", one_has_its_share);
	test_actor("messages_are_not_cut", messages_are_not_cut);
	return test_finish();
}
