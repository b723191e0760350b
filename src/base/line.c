/*
 * Lines for people: see line.h. Not for what is said when the process ends by
 * an assertion, which is worth waiting for.
 */
#include "base/line.h"

#include <errno.h>
#include <poll.h>
#include <time.h>
#include <unistd.h>

bool lend__line_write(int fd, const char *line, size_t size,
		      uint64_t timeout_ns)
{
	const struct timespec timeout = {
		.tv_sec = (time_t)(timeout_ns / LEND_S),
		.tv_nsec = (long)(timeout_ns % LEND_S),
	};
	struct pollfd room = { .fd = fd, .events = POLLOUT };
	int ready;

	do
		ready = ppoll(&room, 1, &timeout, NULL);
	while (ready < 0 && errno == EINTR);
	/* An error of the descriptor is the write's to tell. */
	if (!ready)
		return false;
	return write(fd, line, size) >= 0;
}
