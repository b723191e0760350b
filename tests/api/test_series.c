/*
 * Goal:   K11, P3, K5: a series of receives gives every byte once and in order,
 *         whatever stops it: too many results that nobody takes, no buffers.
 *         One that sends a lot takes no more than its share of the buffers.
 * Method: streams whose every byte is checked, under each of these; buffers are
 *         counted afterwards. Nothing is measured by the clock.
 */
#include <errno.h>
#include <unistd.h>

#include "api/stream.h"
#include "harness/harness.h"

static int every_byte_in_order(void *arg)
{
	static struct streams streams;

	(void)arg;
	start_streams(&streams, 100000);
	finish_streams(&streams);
	return 0;
}

/* ---- back pressure ---- */

/* The receiver is busy with something else until the sender can send no more:
 * what it takes then is what was sent. */
static int what_waits_is_bounded(void *arg)
{
	static char data[1000];
	struct stream stream = { .number = 3 };
	struct lend_series *series;
	struct lend_stats stats;
	int pair[2];
	ssize_t res;
	lend_ref ref;

	(void)arg;
	test_pair(pair);
	series = open_recv(pair[1], 4);
	/* Something is taken, and the series armed. */
	data[0] = byte_at(3, 0);
	CHECK_EQ(write(pair[0], data, 1), 1);
	CHECK_EQ(take_stream(series, 3, 0, 1), 1);
	stream.size = 1;
	do {
		for (size_t i = 0; i < sizeof(data); i++)
			data[i] = byte_at(3, stream.size + i);
		res = send(pair[0], data, sizeof(data), MSG_DONTWAIT);
		if (res > 0)
			stream.size += (size_t)res;
		lend_yield();
	} while (res > 0);
	lend_stats_read(NULL, &stats);
	/* What the kernel has posted before it heard, and 4. */
	CHECK_IN(stats.buffers.in_use, 0, 80);
	stream.fd = pair[1];
	CHECK_EQ(take_stream(series, 3, 1, stream.size - 1), stream.size - 1);
	/* It goes on as before. */
	data[0] = byte_at(3, stream.size);
	CHECK_EQ(write(pair[0], data, 1), 1);
	CHECK_EQ(take_stream(series, 3, stream.size, 1), 1);
	lend_series_close(series);
	ref = test_spawn(send_stream,
			 &(struct stream){ pair[0], 3, 100, false });
	CHECK_EQ(test_join(ref), 0);
	CHECK_EQ(lend_close(pair[0]), 0);
	CHECK_EQ(lend_close(pair[1]), 0);
	check_buffers_are_back();
	return 0;
}

/* More messages than may wait, one after the other, so that the kernel makes a
 * result of each. */
static int small_messages_wait_too(void *arg)
{
	uint64_t end_ns = lend_after(20 * LEND_S);
	struct lend_series *series;
	struct lend_stats before, after;
	bool is_bounded;
	char data[2];
	int pair[2];

	(void)arg;
	test_pair(pair);
	series = open_recv(pair[1], 2);
	CHECK_EQ(lend_series_next(series, LEND_NOW, NULL), -ETIMEDOUT);
	lend_stats_read(NULL, &before);
	for (unsigned i = 0; i < 200; i++) {
		data[0] = byte_at(9, i);
		CHECK_EQ(write(pair[0], data, 1), 1);
		lend_yield();
		if (i % 8 == 0)
			lend_sleep(lend_after(LEND_MS));
	}
	/* A poller may be on its way to stop it. */
	do {
		lend_stats_read(NULL, &after);
		is_bounded = after.series.stopped > before.series.stopped ||
			     after.buffers.in_use <= 2;
		lend_yield();
	} while (!is_bounded && lend_now() < end_ns);
	CHECK_EQ(take_stream(series, 9, 0, 200), 200);
	if (lend_runtime_features(lend_runtime_current()) &
	    LEND_FEATURE_MULTISHOT)
		CHECK(is_bounded);
	lend_series_close(series);
	CHECK_EQ(lend_close(pair[0]), 0);
	CHECK_EQ(lend_close(pair[1]), 0);
	check_buffers_are_back();
	return 0;
}

/* What waits when a series is closed goes back, though its actor goes on; and
 * counts for nothing any more. */
static int what_waits_goes_back(void *arg)
{
	struct lend_stats stats;

	(void)arg;
	for (unsigned round = 0; round < 30; round++) {
		struct lend_series *series;
		int pair[2];

		test_pair(pair);
		series = open_recv(pair[1], 4);
		CHECK_EQ(lend_series_next(series, LEND_NOW, NULL), -ETIMEDOUT);
		for (unsigned i = 0; i < 4; i++) {
			CHECK_EQ(write(pair[0], "what waits", 10), 10);
			lend_sleep(lend_after(100 * LEND_US));
		}
		lend_series_close(series);
		CHECK_EQ(lend_close(pair[0]), 0);
		CHECK_EQ(lend_close(pair[1]), 0);
	}
	lend_stats_read(NULL, &stats);
	if (lend_runtime_features(lend_runtime_current()) &
	    LEND_FEATURE_BUFFER_RINGS)
		CHECK_EQ(stats.buffers.own, 0);
	check_buffers_are_back();
	return 0;
}

/* Who keeps more than its share is served all the same, from its own memory,
 * and what it keeps stays as it is. */
static int who_holds_much_is_served(void *arg)
{
	struct lend_series_result held[40];
	struct lend_series *series;
	struct lend_stats stats;
	int pair[2];

	(void)arg;
	test_pair(pair);
	series = open_recv(pair[1], 16);
	for (unsigned i = 0; i < 40; i++) {
		char data[3] = { byte_at(1, i), byte_at(2, i), byte_at(3, i) };

		CHECK_EQ(write(pair[0], data, 3), 3);
		if (!CHECK_EQ(lend_series_next(series, LEND_FOREVER, &held[i]),
			      3))
			return -1;
	}
	lend_stats_read(NULL, &stats);
	CHECK_IN(stats.buffers.in_use, 0, 10);
	CHECK_IN(stats.buffers.own, 30, 40);
	for (unsigned i = 0; i < 40; i++) {
		const char *data = held[i].buffer.data;

		CHECK(data[0] == byte_at(1, i) && data[1] == byte_at(2, i) &&
		      data[2] == byte_at(3, i));
		lend_buffer_release(&held[i].buffer);
	}
	lend_series_close(series);
	CHECK_EQ(lend_close(pair[0]), 0);
	CHECK_EQ(lend_close(pair[1]), 0);
	check_buffers_are_back();
	return 0;
}

/* ---- one who sends a lot, and others ---- */

#define QUIET 20

static int answer_quietly(void *arg)
{
	int fd = (int)(intptr_t)arg, answered = 0;
	struct lend_series *series = open_recv(fd, 4);
	struct lend_series_result result;
	ssize_t res;

	while ((res = lend_series_next(series, LEND_FOREVER, &result)) > 0) {
		CHECK_EQ(lend_send_all(fd, result.buffer.data, (size_t)res,
				       LEND_FOREVER),
			 res);
		lend_buffer_release(&result.buffer);
		answered++;
	}
	CHECK_EQ(res, 0);
	lend_series_close(series);
	return answered;
}

static int send_without_end(void *arg)
{
	static const char data[65536];
	int fd = (int)(intptr_t)arg;

	while (!atomic_load(&stop))
		if (lend_send(fd, data, sizeof(data), 0, LEND_FOREVER) < 0)
			break;
	return lend_close(fd);
}

/* Takes what is sent, and gives it back late. */
static int take_without_end(void *arg)
{
	int fd = (int)(intptr_t)arg;
	struct lend_series *series = open_recv(fd, 4);
	struct lend_series_result result;
	ssize_t res;

	atomic_fetch_add(&waiting, 1);
	while ((res = lend_series_next(series, LEND_FOREVER, &result)) > 0) {
		lend_yield();
		lend_buffer_release(&result.buffer);
	}
	lend_series_close(series);
	return (int)res;
}

static int a_greedy_sender_starves_nobody(void *arg)
{
	int greedy[2], pairs[QUIET][2];
	lend_ref sender, taker, refs[QUIET];
	unsigned features = lend_runtime_features(lend_runtime_current());
	struct lend_stats stats;
	unsigned most = 0;

	(void)arg;
	atomic_store(&stop, false);
	atomic_store(&waiting, 0);
	test_pair(greedy);
	for (unsigned i = 0; i < QUIET; i++) {
		test_pair(pairs[i]);
		refs[i] = test_spawn(answer_quietly,
				     (void *)(intptr_t)pairs[i][1]);
	}
	taker = test_spawn(take_without_end, (void *)(intptr_t)greedy[1]);
	wait_for(1);
	sender = test_spawn(send_without_end, (void *)(intptr_t)greedy[0]);
	for (unsigned round = 0; round < 20; round++)
		for (unsigned i = 0; i < QUIET; i++) {
			char byte = byte_at(i, round), got = 0;

			CHECK_EQ(lend_send(pairs[i][0], &byte, 1, 0,
					   LEND_FOREVER),
				 1);
			CHECK_EQ(lend_recv(pairs[i][0], &got, 1, 0,
					   LEND_FOREVER),
				 1);
			CHECK_EQ(got, byte);
			lend_stats_read(NULL, &stats);
			if (stats.buffers.in_use > most)
				most = (unsigned)stats.buffers.in_use;
		}
	atomic_store(&stop, true);
	CHECK_EQ(test_join(sender), 0);
	CHECK_EQ(test_join(taker), 0);
	CHECK_EQ(lend_close(greedy[1]), 0);
	for (unsigned i = 0; i < QUIET; i++) {
		CHECK_EQ(lend_close(pairs[i][0]), 0);
		CHECK_EQ(test_join(refs[i]), 20);
		CHECK_EQ(lend_close(pairs[i][1]), 0);
	}
	/* Its 4, one in its hand, those that are on their way back, and one of
	 * a quiet one: it can not have all 64. */
	if (features & LEND_FEATURE_RECV_CREDIT)
		CHECK_IN(most, 0, 24);
	check_buffers_are_back();
	return 0;
}

/* ---- no buffers ---- */

static int without_buffers_nothing_is_lost(void *arg)
{
	static struct streams streams;
	struct lend_stats stats;

	(void)arg;
	start_streams(&streams, 20000);
	finish_streams(&streams);
	lend_stats_read(NULL, &stats);
	if (lend_runtime_features(lend_runtime_current()) &
	    LEND_FEATURE_BUFFER_RINGS)
		CHECK(stats.buffers.empty > 0);
	CHECK(stats.buffers.own > 0);
	return 0;
}

int main(int argc, char **argv)
{
	struct lend_options options;

	test_init(argc, argv, 60);
	test_actor("every_byte_in_order", every_byte_in_order);
	test_actor("what_waits_is_bounded", what_waits_is_bounded);
	test_actor("small_messages_wait_too", small_messages_wait_too);
	options = test_options;
	options.buffers_actor_max = 8;
	test_actor_with("who_holds_much_is_served", who_holds_much_is_served,
			&options);
	test_actor_with("what_waits_goes_back", what_waits_goes_back, &options);
	options = test_options;
	options.buffers = 64;
	test_actor_with("a_greedy_sender_starves_nobody",
			a_greedy_sender_starves_nobody, &options);
	options.buffers = 1;
	options.buffer_size = 256;
	test_actor_with("without_buffers_nothing_is_lost",
			without_buffers_nothing_is_lost, &options);
	return test_finish();
}
