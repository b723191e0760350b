/*
 * Calling functions of the program's from inside of the library: see program.h.
 *
 * An actor may be in the middle of anything when the library has something to
 * log. A log function that writes is no reason to suspend it there, which
 * liblend-posix would otherwise do.
 */
#include "rt/program.h"

#include <lend/actor.h>

#include "actor/actor.h"
#include "rt/current.h"
#include "rt/runtime.h"

static void write_line(enum lend_log_level level, const char *line, void *arg)
{
	const struct lend_runtime *runtime = arg;
	struct lend_actor *self = lend__current_actor();

	if (self)
		self->callbacks++;
	runtime->options.log(level, line, runtime->options.log_arg);
	if (self)
		self->callbacks--;
}

void lend__program_take_log(struct lend_runtime *runtime)
{
	if (!runtime->options.log)
		return;
	runtime->log.write = write_line;
	runtime->log.arg = runtime;
}

bool lend_may_suspend(void)
{
	const struct lend_actor *self = lend__current_actor();

	return self && !self->callbacks;
}
