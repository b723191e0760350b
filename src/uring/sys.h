/*
 * The single door to the kernel's io_uring, and to membarrier.
 *
 * No other file makes these system calls, so that linking another definition
 * of this header's functions replaces the kernel under the whole library.
 *
 * All functions return a result >= 0 or a negative errno, never errno itself.
 */
#ifndef LEND_URING_SYS_H
#define LEND_URING_SYS_H

#include <stddef.h>

struct io_uring;
struct io_uring_params;

/* Create a ring and map its queues. -errno of io_uring_setup(2) or mmap(2). */
int lend__sys_ring_open(struct io_uring *uring, unsigned depth,
			struct io_uring_params *params);
void lend__sys_ring_close(struct io_uring *uring);

/* io_uring_enter2(2). */
int lend__sys_enter(int fd, unsigned to_submit, unsigned min_complete,
		    unsigned flags, void *argument, size_t size);

/* io_uring_register(2), until no signal interrupts it. */
int lend__sys_register(int fd, unsigned opcode, void *argument, unsigned count);

/* Register this process for expedited membarriers. -ENOSYS or -EPERM where a
 * sandbox refuses it. */
int lend__sys_membarrier_register(void);

/* Every running thread of the process passes a full memory barrier before this
 * returns; threads that are not running pass one when they are switched in.
 * -ENOMEM, or what a sandbox says: then nobody need have passed one. */
int lend__sys_membarrier(void);

#endif
