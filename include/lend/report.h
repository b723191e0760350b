/*
 * What a runtime is doing just now, for people: who waits for what.
 */
#ifndef LEND_REPORT_H
#define LEND_REPORT_H

#include <lend/base.h>

struct lend_runtime;

LEND_BEGIN_DECLS

/**
 * Write lines of text: the workers and what they run, what is in flight, for
 * each actor what it waits for, on whom, since when, where it was spawned and
 * what it has touched of its stack, and which actors wait for each other: up to
 * 16 circles.
 *
 * Nothing is stopped for it. Each line is of an actor that lived when it was
 * written, but two lines may be of different moments; so may what an actor
 * waits for be and since when, if it has just been woken.
 *
 * @runtime  NULL: that of lend_runtime_current(); if there is none nothing is
 *           written
 * @fd       an open descriptor; when it has taken nothing for a second, all in
 *           all, or has failed, the rest is left out
 *
 * Thread: any. Blocks: the thread, for that second, and for locks, briefly.
 */
LEND_API void lend_report(struct lend_runtime *runtime, int fd);

LEND_END_DECLS

#endif
