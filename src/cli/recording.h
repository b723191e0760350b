/*
 * --trace: what the flight recorder has, in a file.
 */
#ifndef LEND_CLI_RECORDING_H
#define LEND_CLI_RECORDING_H

#include <lend/runtime.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

struct recording {
	const char *path; /* NULL: none, and nothing below does anything */
	struct lend_runtime *runtime;
	pthread_t thread;
	_Atomic bool ending;
};

/**
 * Make sure that the file can be written, and block SIGUSR2.
 *
 * Thread: the first, before any other starts.
 *
 * Return: an exit status; what failed was said
 */
int recording_prepare(const char *path);

/* Write the file whenever SIGUSR2 comes. 0 or a negative errno. */
int recording_start(struct recording *recording, struct lend_runtime *runtime);

/* Write it for the last time. The runtime has stopped and was not freed. */
void recording_end(struct recording *recording);

#endif
