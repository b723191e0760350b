/*
 * What the program says on standard error: one line, one write.
 */
#ifndef LEND_CLI_SAY_H
#define LEND_CLI_SAY_H

#include <lend/base.h>
#include <lend/log.h>

/* How the program ends. */
enum exit_status {
	EXIT_DONE = 0,
	EXIT_BROKEN = 1, /* something failed after the start */
	EXIT_USAGE = 2,	 /* the command line, or what it names */
	EXIT_NO_RING = 3 /* io_uring can not be used */
};

/* "lend: " and the line. Thread: any. */
void say(const char *format, ...) LEND_PRINTF(1, 2);

/* The same, if --log asks for that level. Thread: any. */
void say_at(enum lend_log_level level, const char *format, ...)
	LEND_PRINTF(2, 3);

/* From which level on; before the first thread starts. */
void say_level_set(enum lend_log_level level);

#endif
