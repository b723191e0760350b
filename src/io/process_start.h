/*
 * Starting a child process: what a thread of the blocking pool does.
 */
#ifndef LEND_IO_PROCESS_START_H
#define LEND_IO_PROCESS_START_H

#include <lend/process.h>

struct lend_process_start {
	/* in */
	const char *file;
	char *const *argv;
	const struct lend_process_options *options;
	/* out, with 0; close-on-exec */
	pid_t pid;
	int pid_fd;
	int pipes[3]; /* our ends, or -1 */
};

/* @arg is a struct lend_process_start. 0 or -errno, and nothing is left. */
int lend__process_start(void *arg);

/* Kill it, reap it, close all. Blocks: until it is dead. */
void lend__process_undo(struct lend_process_start *start);

#endif
