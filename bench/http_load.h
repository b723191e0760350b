/*
 * The load generator's parts: options (http_load.c) and what one thread does
 * (load_worker.c).
 */
#ifndef BENCH_HTTP_LOAD_H
#define BENCH_HTTP_LOAD_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "histogram.h"

#define PIPELINE_MAX 256

/* [const] while workers run. */
struct load_options {
	struct sockaddr_storage addr;
	socklen_t addr_size;
	unsigned connections;
	unsigned pipeline; /* requests outstanding on each connection */
	unsigned threads;
	double rate; /* requests a second; 0: as many as the server takes */
	double warmup_s;
	double seconds;
	bool echo;
	const char *path;
	const char *body;
	size_t message_size; /* --echo: bytes in one message */
	pid_t server;	     /* whose processor time to sample; 0: none */

	/* @pipeline requests back to back: any number of them is one send. */
	char *requests;
	size_t request_size;
};

struct load_worker {
	const struct load_options *options;
	pthread_t thread;
	pthread_barrier_t *connected;
	unsigned connections; /* this worker's part of them */
	bool samples_server;  /* one worker does, at its own window's edges */

	/* Results, valid after the thread was joined. */
	uint64_t requests;
	uint64_t errors;
	uint64_t window_ns;
	uint64_t own_ns;    /* processor time of this thread in the window */
	uint64_t server_ns; /* and of the server, if sampled */
	struct histogram latency;
};

/* A thread's start routine; @arg is its struct load_worker. */
void *load_worker_run(void *arg);

#endif
