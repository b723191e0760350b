/*
 * What both services do around their work: limits, signals, the runtime.
 */
#ifndef LEND_CLI_PROCESS_H
#define LEND_CLI_PROCESS_H

#include <lend/actor.h>
#include <lend/net.h>
#include <stddef.h>

#include "options.h"

/**
 * Raise the limit on descriptors, ignore SIGPIPE, block the signals of
 * signals.h.
 *
 * Thread: the first, before any other starts.
 *
 * Return: an exit status; what failed was said
 */
int process_prepare(void);

/**
 * Run @main_fn as the first actor of a runtime.
 *
 * Return: its exit value, or an exit status; what failed was said
 */
int process_run(const struct options *options, lend_actor_fn main_fn,
		void *arg);

/**
 * Wait for SIGTERM or SIGINT.
 *
 * Thread: one actor.
 *
 * Return: 0, or -ECANCELED
 */
int process_signal_await(const struct options *options) LEND_AWAITS;

/* "cannot listen": say it with the remedy. @option is "listen" or "admin". */
void process_complain_listen(const char *option, const char *address, int err);

/* One line with all that one needs to know to use the service. @addresses is
 * text that begins with what is done there. */
void process_announce(const struct options *options, const char *addresses);

#endif
