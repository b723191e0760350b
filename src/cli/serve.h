/*
 * `lend serve`.
 */
#ifndef LEND_CLI_SERVE_H
#define LEND_CLI_SERVE_H

#include "options.h"

/* Return: the exit status. */
int serve_command(const struct options *options);

#endif
