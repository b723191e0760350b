/*
 * Faults on request: the n-th time that the library asks for memory, calls the
 * kernel or has it do an operation, it is refused.
 *
 * The library under test is a copy of the static one whose calls of the C
 * library and of liburing bear other names (see meson.build), so that those of
 * the test itself never fail and are not counted.
 */
#ifndef LEND_TESTS_FAULT_INJECT_H
#define LEND_TESTS_FAULT_INJECT_H

#include <stdbool.h>

enum inject_kind {
	INJECT_NOTHING,
	INJECT_ALLOC,	  /* memory: malloc and the like, mmap, I/O heaps */
	INJECT_KERNEL,	  /* system calls */
	INJECT_OPERATION, /* results of operations on rings */
	INJECT_KINDS
};

struct inject_plan {
	enum inject_kind kind;
	unsigned first; /* from 1: the first that fails */
	unsigned count; /* so many in a row */
	unsigned turn;	/* which of the errors that the call may have */
};

/* Count, and fail what @plan says, from now on. Thread: one, at rest. */
void inject_begin(const struct inject_plan *plan);

/* Stop that. Return: how many places there were. */
unsigned inject_end(void);

/* How many times something failed, what it was last, and with which error. */
unsigned inject_fired(void);
const char *inject_where(void);
int inject_error(void);
/* Was it one of the errors? */
bool inject_was(int error);

/* Was it an error that means no more than "try again"? */
bool inject_was_transient(void);

/* Memory that the library has at this moment: blocks and mappings. */
long inject_live_blocks(void);
long inject_live_mappings(void);

/* Does the kernel have an operation that fails to order? */
bool inject_has_operations(void);

/* How many errors are tried one after the other, at most. */
#define INJECT_TURNS 4

/* ---- between inject.c and the stand-ins ---- */

/* Is this the one to fail? Return: 0, or a negative errno of @errors, which
 * ends with 0. */
int inject_point(enum inject_kind kind, const char *where, const int *errors);

#endif
