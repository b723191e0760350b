/*
 * What the functions of the shim have in common.
 *
 * Each of them begins with posix__may_suspend(). Where that is false, on other
 * threads and inside of the library, and where the caller has asked not to
 * wait, the call goes to the next library. Otherwise it is made of the calls of
 * lend/io.h; posix__result() turns what they return into what POSIX says.
 */
#ifndef LEND_POSIX_SHIM_H
#define LEND_POSIX_SHIM_H

#include <lend/actor.h>
#include <lend/blocking.h>
#include <lend/clock.h>
#include <lend/io.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#define POSIX_API __attribute__((visibility("default")))

/**
 * Is an actor calling, and may it suspend? From then on it is pinned: the
 * caller may keep the address of errno, or of other thread-local variables,
 * over the call.
 */
bool posix__may_suspend(void);

/* Has O_NONBLOCK, or is not open: the next library's call does not block. */
bool posix__is_nonblocking(int fd);

/* The deadline that SO_RCVTIMEO or SO_SNDTIMEO (@option) mean; LEND_FOREVER if
 * they are not set, or @fd is no socket. */
uint64_t posix__deadline(int fd, int option);

/* In @milliseconds or @time from now; below 0 or NULL: LEND_FOREVER. */
uint64_t posix__after_ms(int milliseconds);
uint64_t posix__after(const struct timespec *time);

/**
 * @res of the library, as POSIX has it: -1 and errno.
 *
 * @deadline  that -ETIMEDOUT is about
 * @late      errno when it has passed
 */
ssize_t posix__result(ssize_t res, uint64_t deadline, int late);

/* Set errno, return -1. */
int posix__fail(int error);

/* Ends the program, as the C library does if a size that the compiler has seen
 * is too small. */
void posix__check_room(size_t size, size_t room);

#endif
