/*
 * Scenarios: short programs that use a part of the library, and go on, or give
 * up in order, whatever fails in them.
 */
#ifndef LEND_TESTS_FAULT_SCENARIO_H
#define LEND_TESTS_FAULT_SCENARIO_H

#include <lend/lend.h>
#include <stdbool.h>

struct scenario {
	const char *name;
	/* An actor, in a runtime that is made for it; or, if @is_plain, a
	 * function that makes its own. Returns 0. */
	lend_actor_fn fn;
	bool is_plain;
	void (*adjust)(struct lend_options *options); /* NULL: as they are */
};

/* Each ends with one without a name. */
extern const struct scenario scenarios_of_actors[];
extern const struct scenario scenarios_of_io[];
extern const struct scenario scenarios_of_transfers[];
extern const struct scenario scenarios_of_children[];
extern const struct scenario scenarios_of_claims[];
extern const struct scenario scenarios_of_servers[];
extern const struct scenario scenarios_of_scopes[];
extern const struct scenario scenarios_of_runtimes[];

/* Has a call done what it should? An error must be one that follows from what
 * was injected: that error, memory that lacked, an end that was asked for. One
 * that only means "try again" must not have come through to here. */
#define FINE(result) scenario_fine((result), __FILE__, __LINE__, #result, false)
/* The same where another may have failed, or have left: a peer. */
#define FINE_WITH_PEER(result)                                                 \
	scenario_fine((result), __FILE__, __LINE__, #result, true)

/* It is closed whatever the kernel says about it. */
#define CLOSE(fd) (void)FINE(lend_close(fd))

bool scenario_fine(long result, const char *file, int line, const char *text,
		   bool has_peer);

/* Ends of actors that scenarios spawn, some of which may not have come to be.
 * A zeroed reference is ignored. */
void scenario_join(lend_ref ref);
/* Start a joinable actor; zeroed if that failed. */
lend_ref scenario_spawn(lend_actor_fn fn, void *arg);

#endif
