/*
 * Goal:   what standard error does not take, as nobody reads it, is lost, and
 *         the next line that gets through says how many lines were; once.
 * Method: standard error is a pipe that is full, or has room again.
 */
#include "base/log.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define PAGE 4096
#define ROOM (4 * PAGE)

static struct lend_log lines;
static int ends[2];

static void setup(void)
{
	cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
	cr_assert(fcntl(ends[1], F_SETPIPE_SZ, ROOM) == ROOM);
	cr_assert_eq(dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
	lend__log_init(&lines, LEND_LOG_INFO, NULL, NULL);
}

TestSuite(log, .init = setup, .timeout = 60);

static void fill(void)
{
	static const char pages[ROOM];

	cr_assert_eq(write(ends[1], pages, ROOM), ROOM);
}

/* All that is in it. */
static void expect_said(const char *what)
{
	char said[PAGE];
	ssize_t size = read(ends[0], said, sizeof(said) - 1);

	cr_assert(size >= 0);
	said[size] = '\0';
	cr_expect_str_eq(said, what);
}

static void make_room(void)
{
	char pages[ROOM];

	cr_assert_eq(read(ends[0], pages, ROOM), ROOM);
}

static void say(const char *what)
{
	lend__log(&lines, LEND_LOG_WARNING, "%s", what);
}

Test(log, what_is_read_is_not_lost)
{
	say("one");
	say("two");
	expect_said("lend: warning: one\nlend: warning: two\n");
}

Test(log, lost_lines_are_counted)
{
	fill();
	for (unsigned i = 0; i < 3; i++)
		say("lost");
	make_room();
	say("four");
	say("five");
	expect_said("lend: warning: 3 lines of the log were lost\n"
		    "lend: warning: four\n"
		    "lend: warning: five\n");

	/* Not those of the time before. */
	fill();
	say("lost");
	make_room();
	say("seven");
	expect_said("lend: warning: 1 line of the log was lost\n"
		    "lend: warning: seven\n");
}

/* Long as it may be: it ends where a line does. */
Test(log, a_long_line_comes_with_them)
{
	char text[2000], said[PAGE];
	ssize_t size;

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	fill();
	say("lost");
	make_room();
	say(text);
	size = read(ends[0], said, PAGE);
	cr_assert(size > 1000);
	cr_expect_eq(said[size - 1], '\n');
}

/* What nobody wants to hear is not lost. */
Test(log, what_is_below_the_level_is_not_counted)
{
	fill();
	lend__log(&lines, LEND_LOG_DEBUG, "detail");
	make_room();
	say("one");
	expect_said("lend: warning: one\n");
}
