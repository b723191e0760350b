/*
 * What the command line says, checked.
 */
#ifndef LEND_CLI_OPTIONS_H
#define LEND_CLI_OPTIONS_H

#include <lend/log.h>
#include <lend/ring.h>
#include <stdbool.h>

#define LISTEN_MAX	16
#define CONNECTIONS_MAX 1000000

/* The services; bits, so that an option can be of several. */
enum service {
	SERVICE_SERVE = 1,
	SERVICE_ECHO = 2,
};

/* All strings are the command line's. */
struct options {
	enum service service;
	const char *listen[LISTEN_MAX];
	unsigned listen_count; /* at least 1 */
	const char *admin;     /* NULL: none */
	const char *root;      /* NULL: the built-in site */
	bool allow_links;
	bool demo;
	const char *access_log; /* NULL: none; "-": standard output */
	enum lend_ring_mode mode;
	unsigned workers; /* all four complete: never 0 */
	unsigned rings;
	unsigned depth;
	unsigned flush_actors; /* 0: the default */
	unsigned flush_sqes;   /* 0: the default */
	bool kick;	       /* by a signal */
	bool shared_buffers;
	unsigned connections_max;
	unsigned drain_timeout_s;
	unsigned sqpoll_idle_ms; /* 0: no polling threads */
	unsigned without;	 /* features masked: enum lend_feature */
	const char *trace;	 /* NULL: none */
	unsigned trace_events;	 /* 0: no flight recorder */
	enum lend_log_level log_level;
	bool help; /* asked for; the rest then means nothing */
};

/**
 * Read the arguments behind a command.
 *
 * What is wrong is said on standard error, in one line that names the value
 * and the remedy.
 *
 * @argv  argv[0] is the command's name, such as "serve"
 *
 * Return: true if @ret_options is complete
 */
bool options_read(enum service service, int argc, char **argv,
		  struct options *ret_options);

#endif
