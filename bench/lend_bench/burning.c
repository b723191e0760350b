/*
 * Computing before answering: see burning.h.
 */
#include "lend_bench/burning.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "lend_bench/conversation.h"
#include "lend_bench/spin.h"

static uint64_t thread_cpu_ns(void)
{
	struct timespec used;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
	return (uint64_t)used.tv_sec * LEND_S + (uint64_t)used.tv_nsec;
}

/* How much of the time from @began_ns to @ended_ns was in the window? A burn
 * may be a tenth of it, and lie over either end. */
static double share_of_window(const struct shared *shared, uint64_t began_ns,
			      uint64_t ended_ns)
{
	uint64_t opened_ns = atomic_load(&shared->opened_ns);
	uint64_t closed_ns = atomic_load(&shared->closed_ns);
	uint64_t from_ns = began_ns, to_ns = ended_ns;

	if (!opened_ns)
		return 0;
	if (from_ns < opened_ns)
		from_ns = opened_ns;
	if (closed_ns && to_ns > closed_ns)
		to_ns = closed_ns;
	if (to_ns <= from_ns)
		return 0;
	return (double)(to_ns - from_ns) / (double)(ended_ns - began_ns);
}

/* Nothing here suspends, so it is one thread's time. */
static void burn(struct subject *subject, uint32_t span_us)
{
	uint64_t began_ns = lend_now();
	uint64_t used_ns = thread_cpu_ns();
	double share;

	spin(span_us);
	used_ns = thread_cpu_ns() - used_ns;
	share = share_of_window(subject->shared, began_ns, lend_now());
	atomic_fetch_add_explicit(&subject->burned_ns,
				  (uint64_t)((double)used_ns * share),
				  memory_order_relaxed);
}

static int answer_frames(const struct server_connection *connection,
			 char *bytes, size_t frames, size_t frame_size)
{
	for (size_t i = 0; i < frames; i++) {
		struct frame frame;
		ssize_t res;

		memcpy(&frame, bytes + i * frame_size, sizeof(frame));
		if (frame.burn_us)
			burn(connection->subject, frame.burn_us);
		res = server_answer(connection, bytes + i * frame_size,
				    frame_size);
		if (res < 0)
			return (int)res;
	}
	return 0;
}

static int connection_run(void *arg)
{
	struct server_connection *connection = arg;
	size_t frame_size = connection->subject->config->params[PARAM_SIZE];
	char bytes[2 * FRAME_MAX];
	size_t size = 0;
	ssize_t res;

	while ((res = lend_recv(connection->fd, bytes + size,
				sizeof(bytes) - size, 0, LEND_FOREVER)) > 0) {
		size_t frames, used;

		size += (size_t)res;
		frames = size / frame_size;
		used = frames * frame_size;
		if (answer_frames(connection, bytes, frames, frame_size))
			break;
		size -= used;
		memmove(bytes, bytes + used, size);
	}
	return server_end(connection);
}

int burning_start(struct subject *subject, enum placement placement)
{
	spin_calibrate();
	return server_start(subject, placement, connection_run);
}
