/*
 * What --help prints.
 */
#ifndef LEND_CLI_HELP_H
#define LEND_CLI_HELP_H

#include "options.h"

/* Whole texts, ready to be printed. */
extern const char help_general[];
extern const char help_trace[];
const char *help_of(enum service service);

#endif
