/*
 * Looking up the next library's functions: see next.h.
 */
#include "posix/next.h"

#include <dlfcn.h>
#include <stdlib.h>

uintptr_t posix__next(_Atomic uintptr_t *place, const char *name)
{
	/* Relaxed: an address of code; all who look it up find the same. */
	uintptr_t next = atomic_load_explicit(place, memory_order_relaxed);

	if (next)
		return next;
	next = (uintptr_t)dlsym(RTLD_NEXT, name);
	if (!next)
		abort();
	atomic_store_explicit(place, next, memory_order_relaxed);
	return next;
}
