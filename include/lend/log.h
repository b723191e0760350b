/*
 * Log lines of the library, and where a program wants them.
 */
#ifndef LEND_LOG_H
#define LEND_LOG_H

enum lend_log_level {
	LEND_LOG_DEFAULT, /* LEND_LOG_WARNING: it and more important ones */
	LEND_LOG_ERROR,
	LEND_LOG_WARNING,
	LEND_LOG_INFO,
	LEND_LOG_DEBUG,
};

/* Where the library's log lines go: one call a line, no newline in it, from
 * any thread, perhaps from several at once. The line is gone when it returns.
 * It must not call the library and should not block. Lines are for people:
 * their texts may change at any time. Beside them the library writes only when
 * it ends the process (a failed assertion, a stack overflow), to standard
 * error. */
typedef void (*lend_log_fn)(enum lend_log_level level, const char *line,
			    void *arg);

#endif
