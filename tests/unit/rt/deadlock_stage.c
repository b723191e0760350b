/*
 * A runtime in which nothing runs: see deadlock_stage.h.
 */
#include "deadlock_stage.h"

#include <criterion/criterion.h>

#include "actor/registry.h"
#include "rt/deadlock.h"
#include "said.h"

struct stage stage;

/* ---- what is told ---- */

static void remember(enum lend_log_level level, const char *line, void *arg)
{
	(void)arg;
	stage.level_said = level;
	said_append(stage.said, sizeof(stage.said), line);
}

unsigned stage_count_said(const char *what)
{
	return said_count(stage.said, what);
}

unsigned stage_count_told(void)
{
	return stage_count_said("nothing can run any more");
}

void stage_expect_told(void)
{
	cr_expect(lend__deadlock_look(&stage.runtime));
	cr_expect_eq(stage_count_told(), 1, "%s", stage.said);
}

/* ---- the runtime ---- */

void stage_set(void)
{
	struct lend_runtime *runtime = &stage.runtime;

	cr_assert_eq(lend__registry_init(&runtime->registry, STAGE_ACTORS, 1,
					 16384, 0),
		     0);
	lend__log_init(&runtime->log, LEND_LOG_INFO, remember, NULL);
	runtime->workers = stage.workers;
	atomic_store(&runtime->workers_count, STAGE_WORKERS);
	atomic_store(&runtime->workers_used, STAGE_WORKERS);
	atomic_store(&runtime->parked, STAGE_WORKERS);
	runtime->arbiter.pool.rings = &stage.ring;
	atomic_store(&runtime->arbiter.pool.count, 1);
	atomic_store(&runtime->arbiter.pool.used, 1);
	for (unsigned i = 0; i < STAGE_WORKERS; i++) {
		stage.workers[i].runtime = runtime;
		stage.workers[i].wake_ops = &stage.wake_ops[i];
		atomic_store(&stage.workers[i].timers.next_ns, UINT64_MAX);
	}
}

void stage_strike(void)
{
	struct lend_registry *registry = &stage.runtime.registry;

	for (unsigned i = 0; i < stage.actors_count; i++) {
		stage.actors[i]->scope = NULL;
		lend__registry_end(registry, stage.actors[i]);
		lend__registry_free(registry, NULL, stage.actors[i]);
	}
	lend__registry_fini(registry);
}

/* ---- actors ---- */

void stage_wait_anew_for(struct lend_actor *actor, uint8_t kind, int whom)
{
	atomic_store(&actor->waits_for,
		     lend__actor_waits(kind, whom, UINT32_MAX));
}

void stage_wait_for(struct lend_actor *actor, uint8_t kind, int whom)
{
	stage_wait_anew_for(actor, kind, whom);
	cr_assert(lend__mailbox_idle(&actor->mailbox, actor->generation));
}

struct lend_actor *stage_spawn(const char *name)
{
	struct lend_registry *registry = &stage.runtime.registry;
	struct lend_actor *actor;

	cr_assert_eq(lend__registry_take(registry, NULL, NULL, false, &actor),
		     0);
	lend__actor_init(actor, &stage.runtime.host, NULL, NULL, name);
	lend__heap_init(&actor->heap, &registry->heaps, actor->index,
			(char *)actor - LEND_ACTOR_HOME_SIZE,
			LEND_ACTOR_HOME_SIZE, 0);
	stage.actors[stage.actors_count++] = actor;
	return actor;
}

struct lend_actor *stage_spawn_suspended(const char *name, uint8_t kind,
					 int whom)
{
	struct lend_actor *actor = stage_spawn(name);

	stage_wait_for(actor, kind, whom);
	lend__registry_publish(&stage.runtime.registry, actor);
	return actor;
}

struct lend_actor *stage_spawn_reader(void)
{
	return stage_spawn_suspended("reader", LEND_WAITS_MESSAGE, -1);
}
