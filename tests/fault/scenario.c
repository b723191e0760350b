/*
 * What scenarios share: see scenario.h.
 */
#include "fault/scenario.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "fault/inject.h"
#include "harness/harness.h"

static bool is_of_a_peer(long result)
{
	return result == -EPIPE || result == -ECONNRESET ||
	       result == -ETIMEDOUT || result == -ECONNREFUSED ||
	       result == -ENOTCONN;
}

/* lend_blocking() has one word for a thread that could not be started. */
static bool is_of_a_pool(long result)
{
	return result == -EAGAIN &&
	       (!strcmp(inject_where(), "pthread_create") ||
		!strcmp(inject_where(), "calloc"));
}

bool scenario_fine(long result, const char *file, int line, const char *text,
		   bool has_peer)
{
	bool expected;

	if (result >= 0)
		return true;
	expected = inject_was((int)result) || result == -ENOMEM ||
		   result == -ECANCELED || is_of_a_pool(result) ||
		   (has_peer && is_of_a_peer(result));
	if (inject_fired() && expected && !inject_was_transient())
		return false;
	fprintf(stderr,
		"%s:%d: %s is %s after %u faults, the last one %s of %s\n",
		file, line, text, lend_error_name((int)result), inject_fired(),
		lend_error_name(inject_error()), inject_where());
	CHECK(!"an error that nobody asked for");
	return false;
}

lend_ref scenario_spawn(lend_actor_fn fn, void *arg)
{
	static _Atomic unsigned next;
	unsigned turn = next++;
	const struct lend_spawn_options options = {
		.joinable = true,
		.worker = 1 + turn % test_options.workers,
		/* Some have a stack of their own. */
		.stack_size = turn % 3 == 2 ? 256 << 10 : 0,
	};
	lend_ref ref = { 0, 0 };

	(void)FINE(lend_spawn(fn, arg, &options, &ref));
	return ref;
}

void scenario_join(lend_ref ref)
{
	int err, value = 0;

	if (!ref.generation)
		return;
	do
		err = lend_join(ref, LEND_FOREVER, &value);
	while (!FINE(err) && !lend_is_cancelled());
	(void)FINE_WITH_PEER(value);
}
