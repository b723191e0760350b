/*
 * Actors that come and go.
 *
 *  spawn       one parent a worker: spawn a child, which does nothing, join it
 *  spawn-many  the same by the hundred, in a scope
 */
#include "works.h"

#define MANY 100

static unsigned count_parents(unsigned workers)
{
	return workers;
}

static unsigned place_parent(const struct crowd *crowd, unsigned index)
{
	(void)crowd;
	return index + 1;
}

static int child(void *arg)
{
	(void)arg;
	return 0;
}

static int run_spawn(struct crowd_member *self)
{
	static const struct lend_spawn_options joinable = { .joinable = true };

	for (;;) {
		lend_ref ref;
		int err = lend_spawn(child, NULL, &joinable, &ref);

		if (!err)
			err = lend_join(ref, LEND_FOREVER, NULL);
		if (err)
			return err;
		crowd_count(self);
	}
}

const struct crowd_work crowd_spawn = {
	.name = "spawn",
	.help = "a parent on each worker; an operation: spawn an actor, join it",
	.count = count_parents,
	.place = place_parent,
	.run = run_spawn,
};

static int spawn_many(struct crowd_member *self)
{
	struct lend_scope *scope;
	int err = lend_scope_open(NULL, &scope);

	if (err)
		return err;
	for (unsigned i = 0; i < MANY && !err; i++)
		err = lend_scope_spawn(scope, child, NULL, NULL, NULL);
	if (!err)
		err = lend_scope_join(scope, LEND_FOREVER);
	lend_scope_close(scope);
	for (unsigned i = 0; i < MANY && !err; i++)
		crowd_count(self);
	return err;
}

static int run_spawn_many(struct crowd_member *self)
{
	int err = 0;

	while (!err)
		err = spawn_many(self);
	return err;
}

const struct crowd_work crowd_spawn_many = {
	.name = "spawn-many",
	.help = "the same, 100 in a scope; an operation is one of them",
	.count = count_parents,
	.place = place_parent,
	.run = run_spawn_many,
};
