/*
 * Scopes: many actors, and none left behind.
 *
 * You learn: that a scope owns its actors; how the first answer ends the search
 * for the others; that a scope's deadline ends all in it; that a cleanup is
 * called however an actor ends; how to finish a thing in spite of all that.
 *
 *	./07_scopes
 */
#include <errno.h>
#include <lend/lend.h>
#include <stdio.h>

/* Only the runtime's one worker runs actors here, so counters are plain. */
static int searching, saved;

static void stop_searching(void *arg)
{
	(void)arg;
	searching--;
}

/* The result is the number of the door with the prize, after a while. */
static int look_behind(void *arg)
{
	int door = *(const int *)arg, err = lend_defer(stop_searching, NULL);

	if (err)
		return err;
	searching++;
	/* The prize is behind 3; behind the others one searches for ever. */
	err = lend_sleep(door == 3 ? lend_after(5 * LEND_MS) : LEND_FOREVER);
	return err ? err : door;
}

static int first_answer_wins(void)
{
	const struct lend_spawn_options keep = { .joinable = true };
	int doors[] = { 1, 2, 3, 4 }, found = 0, err;
	struct lend_scope *scope;

	err = lend_scope_open(NULL, &scope);
	for (int i = 0; i < 4 && !err; i++)
		err = lend_scope_spawn(scope, look_behind, &doors[i], &keep,
				       NULL);
	if (!err)
		err = lend_scope_next(scope, LEND_FOREVER, NULL, &found);
	printf("found it behind door %d, %d still search\n", found, searching);
	/* Cancels them and waits: doors[] is theirs until here. */
	lend_scope_close(scope);
	printf("closed: %d search\n", searching);
	return err;
}

/* Half of what it does must not be done by halves. */
static int save(void *arg)
{
	uint64_t before = lend_uncancellable_begin();

	(void)arg;
	if (!lend_sleep(lend_after(20 * LEND_MS)))
		saved++;
	lend_uncancellable_end(before);
	return lend_sleep(LEND_FOREVER);
}

static int too_late(void)
{
	const struct lend_scope_options options = {
		.deadline = lend_after(10 * LEND_MS),
	};
	struct lend_scope *scope;
	int door = 1, err = lend_scope_open(&options, &scope);

	if (err)
		return err;
	err = lend_scope_spawn(scope, look_behind, &door, NULL, NULL);
	if (!err)
		err = lend_scope_spawn(scope, save, NULL, NULL, NULL);
	if (!err)
		err = lend_sleep(LEND_FOREVER);
	printf("inside: %s\n", lend_error_name(err));
	err = lend_scope_close(scope);
	printf("the scope: %s, %d search, %d saved\n", lend_error_name(err),
	       searching, saved);
	return 0;
}

static int main_actor(void *arg)
{
	(void)arg;
	return first_answer_wins() || too_late();
}

int main(void)
{
	return lend_run(&(struct lend_options){ .workers = 1 }, main_actor,
			NULL);
}
