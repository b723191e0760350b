/*
 * Goal:   K11, H10, K5: what ends the operation of a series loses nothing that
 *         had come, and nothing that was lent: a close or a cancellation at any
 *         moment, deadlines, rings and workers that go, or are stuck.
 * Method: streams whose every byte is checked, under each of these; buffers are
 *         counted afterwards. Nothing is measured by the clock.
 */
#include <errno.h>
#include <unistd.h>

#include "api/stream.h"
#include "harness/harness.h"

/* ---- ends ---- */

static int await_close(void *arg)
{
	int fd = (int)(intptr_t)arg;
	struct lend_series *series = open_recv(fd, 0);
	struct lend_series_result result;

	CHECK_EQ(take_stream(series, 0, 0, 1), 1);
	atomic_fetch_add(&waiting, 1);
	CHECK_EQ(lend_series_next(series, LEND_FOREVER, &result), -ECANCELED);
	CHECK_EQ(lend_series_next(series, LEND_FOREVER, &result), -EBADF);
	lend_series_close(series);
	return 0;
}

/* Armed, with results that wait, while it does something else. */
static int sleep_through_close(void *arg)
{
	int fd = (int)(intptr_t)arg;
	struct lend_series *series = open_recv(fd, 0);
	struct lend_series_result result;
	ssize_t res;

	CHECK_EQ(take_stream(series, 0, 0, 1), 1);
	atomic_fetch_add(&waiting, 1);
	while (!atomic_load(&stop))
		lend_sleep(lend_after(LEND_MS));
	/* What came before is there, if it came; else nothing is written. */
	res = lend_series_next(series, LEND_FOREVER, &result);
	CHECK_IN(res, -ECANCELED, 1);
	if (res > 0)
		lend_buffer_release(&result.buffer);
	lend_series_close(series);
	return 0;
}

static int closed_by_another(void *arg)
{
	lend_actor_fn fns[] = { await_close, sleep_through_close };
	char first = byte_at(0, 0), second = byte_at(0, 1);

	(void)arg;
	for (unsigned i = 0; i < 10; i++) {
		int pair[2];
		lend_ref ref;

		atomic_store(&stop, false);
		atomic_store(&waiting, 0);
		test_pair(pair);
		CHECK_EQ(write(pair[0], &first, 1), 1);
		ref = test_spawn(fns[i % 2], (void *)(intptr_t)pair[1]);
		wait_for(1);
		if (i % 2)
			CHECK_EQ(write(pair[0], &second, 1), 1);
		/* Its owner takes no part in it. */
		CHECK_EQ(lend_close(pair[1]), 0);
		atomic_store(&stop, true);
		CHECK_EQ(test_join(ref), 0);
		CHECK_EQ(lend_close(pair[0]), 0);
	}
	check_buffers_are_back();
	return 0;
}

/* Ends with results that nobody has taken, and some that nobody has given
 * back. */
static int end_with_results(void *arg)
{
	struct stream *stream = arg;
	struct lend_series *series = open_recv(stream->fd, 8);
	struct lend_series_result result;
	ssize_t res;

	do {
		res = lend_series_next(series, LEND_FOREVER, &result);
		if (stream->number == 0 && res > 0)
			lend_buffer_release(&result.buffer);
		atomic_fetch_add(&waiting, 1);
	} while (res > 0 && stream->number == 0);
	if (stream->number == 1)
		lend_sleep(LEND_FOREVER);
	if (stream->number == 2)
		lend_exit(-ECANCELED);
	return -ECANCELED;
}

static int ends_at_any_moment(void *arg)
{
	(void)arg;
	for (unsigned i = 0; i < 40; i++) {
		struct stream in = { .number = i % 4 };
		struct stream out = { .number = 5,
				      .size = 30000,
				      .may_end = true };
		lend_ref sender, ref;
		int pair[2];

		atomic_store(&waiting, 0);
		test_pair(pair);
		in.fd = pair[1];
		out.fd = pair[0];
		ref = test_spawn(end_with_results, &in);
		sender = test_spawn(send_stream, &out);
		wait_for(1);
		for (unsigned j = 0; j < i / 4; j++)
			lend_yield();
		lend_cancel(ref);
		CHECK_IN(test_join(ref), -ECANCELED, 0);
		/* Nobody reads the rest. */
		CHECK_EQ(lend_close(pair[1]), 0);
		lend_cancel(sender);
		CHECK_IN(test_join(sender), -ECANCELED, 0);
		CHECK_EQ(lend_close(pair[0]), 0);
	}
	check_buffers_are_back();
	return 0;
}

static int deadlines_end_waits_only(void *arg)
{
	struct lend_series *series;
	int pair[2];

	(void)arg;
	test_pair(pair);
	series = open_recv(pair[1], 0);
	for (unsigned i = 0; i < 20; i++) {
		char byte = byte_at(6, i);

		CHECK_EQ(lend_series_next(series, lend_after(100 * LEND_US),
					  NULL),
			 -ETIMEDOUT);
		if (i % 3 == 2)
			lend_series_pause(series);
		CHECK_EQ(write(pair[0], &byte, 1), 1);
		CHECK_EQ(take_stream(series, 6, i, 1), 1);
	}
	lend_series_close(series);
	CHECK_EQ(lend_close(pair[0]), 0);
	CHECK_EQ(lend_close(pair[1]), 0);
	check_buffers_are_back();
	return 0;
}

/* ---- while rings and workers come and go, or are stuck ---- */

static int sizes_change(void *arg)
{
	static struct streams streams;
	unsigned rings = lend_runtime_rings(lend_runtime_current());

	(void)arg;
	start_streams(&streams, 400000);
	for (unsigned i = 0; i < 6; i++) {
		CHECK_EQ(set_rings(i % 2 ? rings : rings + 2, SOON), 0);
		if (!is_private())
			CHECK_EQ(set_workers(1 + i % 3, SOON), 0);
	}
	finish_streams(&streams);
	return 0;
}

static int spin_now_and_then(void *arg)
{
	(void)arg;
	while (!atomic_load(&stop)) {
		test_spin(5 * LEND_MS);
		lend_yield();
	}
	return 0;
}

static int others_are_stuck(void *arg)
{
	static struct streams streams;
	lend_ref spinner;

	(void)arg;
	atomic_store(&stop, false);
	spinner = test_spawn(spin_now_and_then, NULL);
	start_streams(&streams, 60000);
	finish_streams(&streams);
	atomic_store(&stop, true);
	CHECK_EQ(test_join(spinner), 0);
	return 0;
}

int main(int argc, char **argv)
{
	test_init(argc, argv, 60);
	test_actor("closed_by_another", closed_by_another);
	test_actor("ends_at_any_moment", ends_at_any_moment);
	test_actor("deadlines_end_waits_only", deadlines_end_waits_only);
	test_actor("sizes_change", sizes_change);
	test_actor("others_are_stuck", others_are_stuck);
	return test_finish();
}
