/*
 * Lines of text for people, to a descriptor that perhaps nobody reads.
 */
#ifndef LEND_BASE_LINE_H
#define LEND_BASE_LINE_H

#include <lend/clock.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* For a line of the log, as workers write those, too. */
#define LEND_LINE_PATIENCE_NS (100 * LEND_MS)

/**
 * Write a line, in one write, so that lines of several threads do not mix.
 *
 * A pipe that says it has room has a page of it. Who writes between the look
 * and the write may take that, and we wait for the reader then: it takes
 * several who have waited for the same page.
 *
 * @size        bytes, a page at most
 * @timeout_ns  how long to wait for room
 *
 * Thread: any. Blocks: the thread, for @timeout_ns.
 *
 * Return: false: it was not taken
 */
bool lend__line_write(int fd, const char *line, size_t size,
		      uint64_t timeout_ns);

#endif
