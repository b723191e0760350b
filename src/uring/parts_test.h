/*
 * A trial at the start: does the kernel fill buffers in parts, and say of each
 * completion what is true?
 */
#ifndef LEND_URING_PARTS_TEST_H
#define LEND_URING_PARTS_TEST_H

#include <stdbool.h>

/* Thread: any. Blocks: once in a process, for less than a millisecond if all is
 * well. */
bool lend__parts_work(void);

/* The trial itself. One thread at a time. */
bool lend__parts_try(void);

#endif
