/*
 * Sleeping and giving up the processor, for an actor: see shim.h.
 */
#include <errno.h>
#include <sched.h>
#include <time.h>
#include <unistd.h>

#include "posix/next.h"
#include "posix/shim.h"

static bool is_valid(const struct timespec *time)
{
	return time->tv_sec >= 0 && time->tv_nsec >= 0 &&
	       time->tv_nsec < (long)LEND_S;
}

/* 0 or an errno: nothing but a cancellation ends it early. */
static int sleep_until(uint64_t deadline, struct timespec *ret_left)
{
	int err = -lend_sleep(deadline);
	uint64_t now, left;

	if (!err || !ret_left)
		return err;
	now = lend_now();
	left = now < deadline ? deadline - now : 0;
	ret_left->tv_sec = (time_t)(left / LEND_S);
	ret_left->tv_nsec = (long)(left % LEND_S);
	return err;
}

POSIX_API int nanosleep(const struct timespec *time, struct timespec *ret_left)
{
	int err;

	if (!posix__may_suspend() || !is_valid(time))
		return NEXT(nanosleep)(time, ret_left);
	err = sleep_until(posix__after(time), ret_left);
	return err ? posix__fail(err) : 0;
}

/* From a point in time of @clock to one of the library's. */
static uint64_t deadline_of(clockid_t clock, const struct timespec *time)
{
	struct timespec now, span;

	clock_gettime(clock, &now);
	span.tv_sec = time->tv_sec - now.tv_sec;
	span.tv_nsec = time->tv_nsec - now.tv_nsec;
	if (span.tv_nsec < 0) {
		span.tv_sec--;
		span.tv_nsec += (long)LEND_S;
	}
	return span.tv_sec < 0 ? LEND_NOW : posix__after(&span);
}

POSIX_API int clock_nanosleep(clockid_t clock, int flags,
			      const struct timespec *time,
			      struct timespec *ret_left)
{
	bool is_absolute = flags & TIMER_ABSTIME;

	if ((clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC) ||
	    !posix__may_suspend() || !is_valid(time))
		return NEXT(clock_nanosleep)(clock, flags, time, ret_left);
	return sleep_until(is_absolute ? deadline_of(clock, time) :
					 posix__after(time),
			   is_absolute ? NULL : ret_left);
}

POSIX_API int usleep(useconds_t microseconds)
{
	int err;

	if (!posix__may_suspend())
		return NEXT(usleep)(microseconds);
	err = sleep_until(lend_after(microseconds * LEND_US), NULL);
	return err ? posix__fail(err) : 0;
}

POSIX_API unsigned sleep(unsigned seconds)
{
	struct timespec left = { 0, 0 };

	if (!posix__may_suspend())
		return NEXT(sleep)(seconds);
	sleep_until(lend_after(seconds * LEND_S), &left);
	return (unsigned)left.tv_sec + (left.tv_nsec > 0);
}

POSIX_API int sched_yield(void)
{
	if (!posix__may_suspend())
		return NEXT(sched_yield)();
	lend_yield();
	return 0;
}
