/*
 * Names of functions, for backtraces.
 */
#ifndef LEND_BASE_SYMBOL_H
#define LEND_BASE_SYMBOL_H

#include <lend/base.h>
#include <stdbool.h>
#include <stddef.h>

/**
 * Say what is at @address: "function+0x12 (module+0x1234)", or as much of that
 * as is known. The number after the module is what addr2line(1) wants.
 *
 * Static functions have a name too, unless the module was stripped: its symbol
 * table is read from its file.
 *
 * @text  at least @size bytes; always terminated
 *
 * Thread: any; not in a signal handler. Blocks: to read the file.
 */
void lend__symbol_print(const void *address, char *text, size_t size);

/* Is there code at @address, as far as the program's modules are known? */
bool lend__symbol_is_code(const void *address);

#endif
