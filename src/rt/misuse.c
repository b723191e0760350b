/*
 * What is said about a call that was made outside actors, or by the wrong one:
 * see misuse.h. The process ends here, so it may cost milliseconds.
 */
#include "rt/misuse.h"

#include <dlfcn.h>
#include <execinfo.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "actor/actor.h"
#include "base/symbol.h"
#include "rt/current.h"

#define FRAMES_MAX 16
#define NAME_SIZE  80

/* What does the same for threads. */
static const struct {
	const char *call, *instead;
} for_threads[] = {
	{ "lend_ask", "lend_runtime_ask()" },
	{ "lend_close", "lend_runtime_close()" },
	{ "lend_io_free", "lend_runtime_io_free()" },
	{ "lend_join", "lend_runtime_join()" },
	{ "lend_sleep", "nanosleep()" },
	{ "lend_yield", "sched_yield()" },
};

static const char *for_thread(const char *call)
{
	for (size_t i = 0; i < sizeof(for_threads) / sizeof(*for_threads); i++)
		if (!strcmp(call, for_threads[i].call))
			return for_threads[i].instead;
	return NULL;
}

/* The library's own functions have two underscores. */
static bool is_public(const char *symbol)
{
	return !strncmp(symbol, "lend_", 5) && symbol[5] != '_';
}

/* Code of the library, which is a module of its own or a part of the program;
 * there static functions are not told from the program's. */
static bool is_own(const void *address, const char *symbol)
{
	Dl_info own, info;

	if (!dladdr((const void *)(uintptr_t)lend__misuse_outside, &own) ||
	    !own.dli_fname || !strstr(own.dli_fname, "liblend."))
		return !strncmp(symbol, "lend_", 5);
	return dladdr(address, &info) && info.dli_fbase == own.dli_fbase;
}

/* The public function that the program has called: @name, or another one that
 * came to that. Left as it is if there are no symbols. */
static void find_call(char name[NAME_SIZE])
{
	void *frames[FRAMES_MAX];
	int count = backtrace(frames, FRAMES_MAX);
	bool found = is_public(name), entered = false;

	for (int i = 0; i < count; i++) {
		/* One back: into the call, not to where it returns to. */
		const char *address = (const char *)frames[i] - 1;
		char symbol[200];

		lend__symbol_print(address, symbol, sizeof(symbol));
		if (!is_own(address, symbol)) {
			/* What walks the stack may come first; and what has
			 * called the program is none of its calls. */
			if (found && entered)
				break;
			continue;
		}
		entered = true;
		if (is_public(symbol)) {
			/* Without what the compiler calls a part of it. */
			symbol[strcspn(symbol, ".+ ")] = '\0';
			snprintf(name, NAME_SIZE, "%.*s", NAME_SIZE - 1,
				 symbol);
			found = true;
		}
	}
}

static void name_call(const char *function, char call[NAME_SIZE])
{
	snprintf(call, NAME_SIZE, "%s",
		 is_public(function) ? function : "an operation");
	find_call(call);
}

void lend__misuse_foreign(const char *function, const char *thing,
			  const char *who)
{
	const struct lend_actor *self = lend__current_actor();
	char call[NAME_SIZE], title[LEND_ACTOR_TITLE_SIZE];

	if (!self)
		lend__misuse_outside(function);
	name_call(function, call);
	lend__actor_title(self->name, self->index, title);
	lend__panic(
		NULL, 0, NULL,
		"%s%s was called by actor %s with %s that is not its own: only %s may do that",
		call, is_public(call) ? "()" : "", title, thing, who);
}

void lend__misuse_outside(const char *function)
{
	char call[NAME_SIZE];
	const char *where, *instead;

	name_call(function, call);
	where = lend__current_worker() ? "in a function that a worker calls" :
					 "on a thread that runs no actors";
	instead = for_thread(call);
	lend__panic(
		NULL, 0, NULL,
		"%s%s was called outside an actor, %s: call it in an actor, a function given to lend_run(), lend_spawn() or lend_runtime_spawn()%s%s",
		call, is_public(call) ? "()" : "", where,
		instead ? ", or use " : "", instead ? instead : "");
}
