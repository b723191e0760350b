/*
 * What reports say, for tests of them: each actor is asked for until the report
 * has it as it should be, as nobody knows when it has gone to sleep. For one .c
 * file each.
 */
#ifndef LEND_TESTS_REPORTED_H
#define LEND_TESTS_REPORTED_H

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "harness/harness.h"

#define NEVER (30 * LEND_S)

static inline const char *report(void)
{
	static char text[32768];
	int fd = memfd_create("report", MFD_CLOEXEC);
	ssize_t size = 0;

	if (CHECK(fd >= 0)) {
		lend_report(NULL, fd);
		size = pread(fd, text, sizeof(text) - 1, 0);
		close(fd);
	}
	text[size > 0 ? size : 0] = '\0';
	return text;
}

/* A line that begins with @who and has @what. */
static inline bool has_line(const char *text, const char *who, const char *what)
{
	for (const char *line = strstr(text, who); line;
	     line = strstr(line + 1, who)) {
		const char *end = strchr(line, '\n');
		const char *found = strstr(line, what);

		if (found && end && found < end)
			return true;
	}
	return false;
}

static inline bool wait_for_line(const char *who, const char *what)
{
	uint64_t end_ns = lend_after(NEVER);

	while (!has_line(report(), who, what)) {
		if (lend_now() > end_ns) {
			printf("     no line of \"%s\" with \"%s\" in:\n%s",
			       who, what, report());
			return CHECK(false);
		}
		lend_sleep(lend_after(LEND_MS));
	}
	return true;
}

/* ---- who is in them ---- */

__attribute__((noinline, unused)) static lend_ref
spawn_named(lend_actor_fn fn, void *arg, const char *name)
{
	const struct lend_spawn_options options = { .name = name,
						    .joinable = true };
	lend_ref ref = { 0, 0 };

	CHECK_EQ(lend_spawn(fn, arg, &options, &ref), 0);
	return ref;
}

static inline int receive(void *arg)
{
	struct lend_msg *msg;

	(void)arg;
	return lend_receive(LEND_FOREVER, &msg) == -ECANCELED ? 0 : -1;
}

static inline int join(void *arg)
{
	const lend_ref *whom = arg;

	return lend_join(*whom, LEND_FOREVER, NULL) == -ECANCELED ? 0 : -1;
}

static _Atomic bool is_closed; /* both of the circle are there */

__attribute__((unused)) static int join_other(void *arg)
{
	while (!atomic_load(&is_closed))
		lend_yield();
	return join(arg);
}

/* "left" and "right", who join each other. What names them stays until they
 * have ended. */
__attribute__((unused)) static void spawn_circle(lend_ref circle[2])
{
	atomic_store(&is_closed, false);
	circle[0] = spawn_named(join_other, &circle[1], "left");
	circle[1] = spawn_named(join_other, &circle[0], "right");
	atomic_store(&is_closed, true);
}

#endif
