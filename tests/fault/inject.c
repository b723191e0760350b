/*
 * Counting places and choosing the one that fails: see inject.h.
 */
#include "fault/inject.h"

#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>

static struct inject_plan plan;
static _Atomic enum inject_kind armed;
static _Atomic unsigned points, fired;
static _Atomic(const char *) where_it_was;
static _Atomic int error_it_was;
static _Atomic bool all_transient;

#define ERRORS_MAX 134
static _Atomic bool was[ERRORS_MAX]; /* by errno */

void inject_begin(const struct inject_plan *wanted)
{
	plan = *wanted;
	atomic_store(&points, 0);
	atomic_store(&fired, 0);
	atomic_store(&where_it_was, "nothing");
	atomic_store(&error_it_was, 0);
	atomic_store(&all_transient, true);
	for (int i = 0; i < ERRORS_MAX; i++)
		atomic_store(&was[i], false);
	atomic_store(&armed, plan.kind);
}

unsigned inject_end(void)
{
	atomic_store(&armed, INJECT_NOTHING);
	return atomic_load(&points);
}

unsigned inject_fired(void)
{
	return atomic_load(&fired);
}

const char *inject_where(void)
{
	return atomic_load(&where_it_was);
}

int inject_error(void)
{
	return atomic_load(&error_it_was);
}

bool inject_was(int error)
{
	return error < 0 && error > -ERRORS_MAX && atomic_load(&was[-error]);
}

bool inject_was_transient(void)
{
	return atomic_load(&all_transient);
}

/* Others mean that as well, but say so to the caller, who is told. */
static bool is_transient(enum inject_kind kind, const char *where, int error)
{
	if (kind == INJECT_OPERATION)
		return error == -ECANCELED || error == -EINTR;
	return kind == INJECT_KERNEL &&
	       (error == -EINTR || !strcmp(where, "io_uring_enter"));
}

int inject_point(enum inject_kind kind, const char *where, const int *errors)
{
	unsigned number, choices = 0;
	int error;

	if (atomic_load_explicit(&armed, memory_order_relaxed) != kind)
		return 0;
	number = atomic_fetch_add(&points, 1) + 1;
	if (!plan.first || number < plan.first ||
	    number - plan.first >= plan.count)
		return 0;
	while (errors[choices])
		choices++;
	error = errors[plan.turn % choices];
	atomic_store(&where_it_was, where);
	atomic_store(&error_it_was, error);
	atomic_store(&was[-error], true);
	if (!is_transient(kind, where, error))
		atomic_store(&all_transient, false);
	atomic_fetch_add(&fired, 1);
	return error;
}
