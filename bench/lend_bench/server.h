/*
 * The server of served workloads: accepts on 127.0.0.1, one actor a connection.
 */
#ifndef LEND_BENCH_SERVER_H
#define LEND_BENCH_SERVER_H

#include "lend_bench/crew.h"
#include "lend_bench/subject.h"

/* What a connection's actor is given; it frees it with server_end(). */
struct server_connection {
	struct subject *subject;
	int fd;
};

/**
 * Listen, and leave the port in subject->shared.
 *
 * @fn  runs on each connection, with its struct server_connection
 *
 * Thread: the subject's main. Return: 0, or -errno after subject_fail().
 */
int server_start(struct subject *subject, enum placement placement,
		 lend_actor_fn fn);

/* A connection is over: close and free. Returns 0. */
int server_end(struct server_connection *connection);

/* Send back what comes: the connection of most served workloads. */
int server_echo(void *arg);

/* Answer, unless something is to go wrong here. Return: as lend_send_all(). */
ssize_t server_answer(const struct server_connection *connection, char *bytes,
		      size_t size);

#endif
