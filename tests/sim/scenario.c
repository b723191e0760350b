/*
 * A scenario: a runtime, some programs at once, and the end of it all.
 */
#include "program.h"

#include <errno.h>
#include <string.h>

#include "rt/runtime.h"

#define PROGRAMS_MAX 6

static const struct {
	const char *name;
	lend_actor_fn fn;
} programs[] = {
	{ "echo", sim_program_echo },
	{ "claims", sim_program_claims },
	{ "held claims", sim_program_held_claims },
	{ "sleeps", sim_program_sleeps },
	{ "cancels", sim_program_cancels },
	{ "closes", sim_program_closes },
	{ "files", sim_program_files },
	{ "messages", sim_program_messages },
	{ "burns", sim_program_burns },
	{ "listens", sim_program_listens },
	{ "timeouts", sim_program_timeouts },
	{ "chains", sim_program_chains },
	{ "leavers", sim_program_leavers },
	{ "sizes", sim_program_sizes },
	{ "http", sim_program_http },
	{ "series", sim_program_series },
	{ "series that end", sim_program_series_end },
	{ "events", sim_program_events },
	{ "scopes", sim_program_scopes },
	{ "operations", sim_program_operations },
	{ "permits", sim_program_permits },
	{ "room", sim_program_room },
};

void sim_fill(char *data, size_t size, unsigned number, size_t from)
{
	for (size_t i = 0; i < size; i++)
		data[i] = sim_byte(number, from + i);
}

void sim_compare(const char *data, size_t size, unsigned number, size_t from)
{
	for (size_t i = 0; i < size; i++)
		SIM_EXPECT(data[i] == sim_byte(number, from + i),
			   "program %u, byte %zu", number, from + i);
}

int sim_send_stream(const struct sim_stream *stream)
{
	char data[500];
	size_t at = 0;

	while (at < stream->size) {
		size_t size = sim_draw(1, sizeof(data));
		ssize_t res;

		if (size > stream->size - at)
			size = stream->size - at;
		sim_fill(data, size, stream->number, at);
		res = lend_send_all(stream->fd, data, size, LEND_FOREVER);
		if (res < 0)
			return (int)res;
		SIM_EXPECT(res == (ssize_t)size, "send: %d", (int)res);
		at += size;
		if (sim_draw(0, 3) == 0)
			lend_yield();
	}
	return 0;
}

lend_ref sim_spawn(lend_actor_fn fn, void *arg)
{
	struct lend_spawn_options options = { .joinable = true };
	unsigned workers = lend_runtime_workers(lend_runtime_current());
	lend_ref ref;
	int err;

	if (sim_draw(0, 1))
		options.worker = sim_draw(1, workers);
	err = lend_spawn(fn, arg, &options, &ref);
	SIM_EXPECT(!err, "spawn: %d", err);
	return ref;
}

void sim_join(lend_ref actor, int value)
{
	int got = 0;
	int err = lend_join(actor, LEND_FOREVER, &got);

	SIM_EXPECT(!err && got == value, "join: %d, value %d", err, got);
}

struct lend_claim_handle *sim_claim(unsigned count)
{
	struct lend_claim_handle *claim = NULL;
	int err = lend_claim(count, LEND_FOREVER, &claim);

	SIM_EXPECT(!err, "claim: %d", err);
	return claim;
}

static int root(void *arg)
{
	unsigned count = sim_draw(1, PROGRAMS_MAX);
	lend_ref refs[PROGRAMS_MAX];

	(void)arg;
	if (sim.knobs.crowd) {
		sim_join(sim_spawn(sim_program_crowd, NULL), 0);
		return 7;
	}
	for (unsigned i = 0; i < count; i++) {
		unsigned which = sim_draw(
			0, sizeof(programs) / sizeof(programs[0]) - 1);

		sim_trace(programs[which].name, i, 0, 0);
		refs[i] = sim_spawn(programs[which].fn,
				    (void *)(uintptr_t)(i + 1));
	}
	for (unsigned i = 0; i < count; i++)
		sim_join(refs[i], 0);
	return 7;
}

/* Everybody who had one has ended. */
static void check_buffers(const struct lend_runtime *runtime)
{
	const struct lend_pool *pool = &runtime->arbiter.pool;

	for (unsigned i = 0; i < lend__pool_used(pool); i++) {
		const struct lend_buffers *buffers = &pool->rings[i].buffers;

		for (unsigned j = 0; buffers->base && j < buffers->count; j++)
			if (buffers->owners[j])
				sim_fail("every buffer is given back",
					 "ring %u, buffer %u", i, j);
	}
}

void sim_scenario(void)
{
	const struct lend_spawn_options joinable = { .name = "root",
						     .joinable = true };
	struct lend_runtime *runtime;
	lend_ref ref;
	int value = 0, err;

	err = lend_runtime_new(&sim.knobs.options, &runtime);
	SIM_EXPECT(!err, "runtime: %d", err);
	err = lend_runtime_spawn(runtime, root, NULL, &joinable, &ref);
	SIM_EXPECT(!err, "spawn: %d", err);
	err = lend_runtime_join(runtime, ref, &value);
	SIM_EXPECT(!err && value == 7, "join: %d, value %d", err, value);
	sim_trace("stop", 0, 0, 0);
	lend_runtime_stop(runtime);
	check_buffers(runtime);
	sim.runtime = NULL;
	lend_runtime_free(runtime);
}
