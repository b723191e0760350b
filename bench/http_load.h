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
#define SERVERS_MAX  8

struct load_server {
	struct sockaddr_storage addr;
	socklen_t addr_size;
	pid_t pid; /* whose processor time to sample; 0: none */
};

/* [const] while workers run. */
struct load_options {
	struct load_server servers[SERVERS_MAX];
	unsigned servers_count;
	unsigned turns;	      /* of each server; 0: one window of one server */
	bool spin;	      /* wait for nothing, look again */
	unsigned connections; /* to each server */
	unsigned pipeline;    /* requests outstanding on each connection */
	unsigned threads;
	double rate; /* requests a second; 0: as many as the server takes */
	double warmup_s;
	double seconds;
	bool echo;
	const char *path;
	const char *body;
	size_t message_size; /* --echo: bytes in one message */

	/* @pipeline requests back to back: any number of them is one send. */
	char *requests;
	size_t request_size;
};

/* What became of the requests that were due in one turn. */
struct load_turn {
	unsigned server;
	uint64_t requests;
	uint64_t p50_ns;
	uint64_t p99_ns;
	uint64_t gap_ns;    /* the most that the generator itself was late */
	uint64_t used_ns;   /* the server's processor time, begin to end */
	uint64_t waited_ns; /* that it was runnable, but did not run */
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
	struct load_turn *turns; /* with --turns: of all servers, in order */
};

/* A thread's start routine; @arg is its struct load_worker. */
void *load_worker_run(void *arg);

#endif
