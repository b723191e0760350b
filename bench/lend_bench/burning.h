/*
 * A server whose requests say how much processor time they take: see struct
 * frame. The answer is the request.
 */
#ifndef LEND_BENCH_BURNING_H
#define LEND_BENCH_BURNING_H

#include "lend_bench/server.h"

/* As server_start(). What is burned within the window is counted in
 * subject->burned_ns. */
int burning_start(struct subject *subject, enum placement placement);

#endif
