/*
 * The access log: a line for each response.
 */
#ifndef LEND_CLI_ACCESS_LOG_H
#define LEND_CLI_ACCESS_LOG_H

#include <lend/actor.h>
#include <lend/http.h>

struct access_log;

/**
 * Open a log.
 *
 * @path  appended to; "-": standard output
 *
 * Thread: any, before the runtime starts.
 *
 * Return: NULL if it can not be opened: it was said why
 */
struct access_log *access_log_open(const char *path);

/* Start the actor that writes. Return: 0, or what lend_spawn() says. */
int access_log_start(struct access_log *log);

/* Add a line; the argument is a struct access_log. Thread: any actor. Blocks:
 * for the log's lock, while some bytes are copied. */
void access_log_add(const struct lend_http_access *access, void *arg);

/* Write what is left and end the actor. */
void access_log_end(struct access_log *log) LEND_AWAITS;

/* NULL is ignored. Thread: any, after the runtime's end. */
void access_log_free(struct access_log *log);

#endif
