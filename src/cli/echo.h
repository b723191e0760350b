/*
 * `lend echo`.
 */
#ifndef LEND_CLI_ECHO_H
#define LEND_CLI_ECHO_H

#include "options.h"

/* Return: the exit status. */
int echo_command(const struct options *options);

#endif
