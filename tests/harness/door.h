/*
 * The door to the kernel (uring/sys.h), wrapped by the linker: a test sees, and
 * may change, each SQE before the kernel does. For programs that are linked
 * with
 * --wrap of lend__sys_enter, lend__sys_ring_open and lend__sys_ring_close, and
 * have one worker.
 */
#ifndef LEND_TESTS_DOOR_H
#define LEND_TESTS_DOOR_H

#include <liburing.h>

/* The test's own: called with each SQE once, in order, right before the enter
 * that submits it. Thread: the worker's. */
void test_door(struct io_uring_sqe *sqe);

#endif
