/*
 * The functions that the shim stands in front of: those of the next library,
 * which is the C library or another shim.
 *
 *	ssize_t res = NEXT(read)(fd, buffer, size);
 *
 * Each is looked up when it is first needed, so that the shim can be called
 * before its own start-up code has run.
 */
#ifndef LEND_POSIX_NEXT_H
#define LEND_POSIX_NEXT_H

#include <stdatomic.h>
#include <stdint.h>

/* *@place, or the address of @name, looked up and stored there. Aborts if there
 * is none. */
uintptr_t posix__next(_Atomic uintptr_t *place, const char *name);

#define NEXT(name)                                                             \
	__extension__({                                                        \
		static _Atomic uintptr_t place;                                \
		(__typeof__(&(name)))posix__next(&place, #name);               \
	})

#endif
