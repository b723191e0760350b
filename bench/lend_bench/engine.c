/*
 * One run: see engine.h. Every step has a deadline: a process under test that
 * hangs is a result, too.
 */
#include "lend_bench/engine.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lend_bench/background.h"
#include "lend_bench/child.h"
#include "lend_bench/generator.h"
#include "lend_bench/machine.h"
#include "lend_bench/pin.h"
#include "lend_bench/workload.h"

/* A worker that keeps watch goes to sleep a while after the others. */
#define SETTLE_NS (400 * LEND_MS)
/* A process may take so long to start, however short the patience: that says
 * nothing about the runtime. */
#define START_NS (20 * LEND_S)

/* Who has used how much processor time, at one moment. */
struct accounts {
	uint64_t when_ns;
	struct machine_time machine;
	uint64_t ours_ns; /* engine, process under test, background */
};

struct engine {
	const struct config *config;
	const struct engine_times *times;
	struct child child;
	struct background background;
	struct accounts opened; /* at the window's begin */
	struct run *run;
};

/* Of one run at a time: what it leaves is copied, or read before the next. */
static struct histogram latency;

static bool fail(struct engine *engine, const char *format, ...)
	LEND_PRINTF(2, 3);

/* What failed first is the reason. Returns false. */
static bool fail(struct engine *engine, const char *format, ...)
{
	struct run *run = engine->run;
	va_list args;

	if (run->failure[0])
		return false;
	va_start(args, format);
	vsnprintf(run->failure, sizeof(run->failure), format, args);
	va_end(args);
	return false;
}

/* Let time pass, as long as the process under test lives. */
static bool pass(struct engine *engine, uint64_t span_ns)
{
	return child_watch(&engine->child, span_ns) ||
	       fail(engine, "%s", child_trouble(&engine->child));
}

/* Tell the child, and wait until it has done it. */
static bool order(struct engine *engine, char byte)
{
	if (!child_tell(&engine->child, byte) ||
	    child_hear(&engine->child, engine->times->patience_ns) != byte)
		return fail(engine, "%s", child_trouble(&engine->child));
	return true;
}

static bool start(struct engine *engine)
{
	uint64_t patience_ns = engine->times->patience_ns;
	struct shared *shared;
	char byte;
	int err = child_start(&engine->child, engine->config);

	if (err)
		return fail(engine, "the process under test: %s",
			    lend_error_text(err));
	shared = engine->child.shared;
	shared->patience_ns = patience_ns;
	if (patience_ns < START_NS)
		patience_ns = START_NS;
	byte = child_hear(&engine->child, patience_ns);
	if (byte == SAY_READY)
		return true;
	engine->run->error = shared->error;
	return fail(engine, "%s",
		    byte == SAY_FAILED ? shared->failure :
					 child_trouble(&engine->child));
}

/* ---- the others on this machine ---- */

static struct accounts accounts_read(const struct engine *engine)
{
	return (struct accounts){
		.when_ns = lend_now(),
		.machine = machine_time(),
		.ours_ns = machine_own_ns() + child_cpu_ns(&engine->child) +
			   background_cpu_ns(&engine->background),
	};
}

static double percent(uint64_t part, uint64_t whole)
{
	return whole ? 100.0 * (double)part / (double)whole : 0;
}

/* How much was the window disturbed by programs that are none of ours? */
static void take_others(struct engine *engine)
{
	struct accounts closed = accounts_read(engine);
	const struct accounts *opened = &engine->opened;
	uint64_t span_ns = closed.when_ns - opened->when_ns;
	uint64_t busy_ns = closed.machine.busy_ns - opened->machine.busy_ns;
	uint64_t ours_ns = closed.ours_ns - opened->ours_ns;
	struct extras *extras = &engine->run->extras;

	/* The machine's clock has steps of 10 ms. */
	engine->run->others_percent = percent(
		busy_ns > ours_ns ? busy_ns - ours_ns : 0, span_ns);
	extras_add(extras, "others_cpu_percent", engine->run->others_percent);
	extras_add(extras, "stolen_percent",
		   percent(closed.machine.stolen_ns - opened->machine.stolen_ns,
			   span_ns));
}

/* ---- workloads that work by themselves ---- */

static bool watch(struct engine *engine)
{
	struct run *run = engine->run;
	const struct shared *shared = engine->child.shared;
	const struct sample *samples = shared->samples;

	if (!pass(engine, engine->times->warmup_ns))
		return false;
	engine->opened = accounts_read(engine);
	if (!order(engine, SAY_OPEN))
		return false;
	if (!pass(engine, engine->times->window_ns) ||
	    !order(engine, SAY_CLOSE))
		return false;
	take_others(engine);
	run->operations = samples[SAMPLE_CLOSE].operations -
			  samples[SAMPLE_OPEN].operations;
	run->seconds = (double)(samples[SAMPLE_CLOSE].when_ns -
				samples[SAMPLE_OPEN].when_ns) /
		       1e9;
	run->cpu_seconds = (double)(samples[SAMPLE_CLOSE].cpu_ns -
				    samples[SAMPLE_OPEN].cpu_ns) /
			   1e9;
	if (!order(engine, SAY_QUIT))
		return false;
	run->errors = shared->errors;
	run->lost = shared->started > shared->finished + shared->errors ?
			    shared->started - shared->finished -
				    shared->errors :
			    0;
	for (unsigned i = 0; i < shared->extras.count; i++)
		extras_add(&run->extras, shared->extras.list[i].name,
			   shared->extras.list[i].value);
	latency = shared->latency;
	return true;
}

/* ---- served workloads ---- */

static void take_figures(struct engine *engine,
			 const struct generator_result *result)
{
	struct run *run = engine->run;
	struct extras *extras = &run->extras;

	run->operations = result->answers;
	run->seconds = (double)result->window_ns / 1e9;
	run->errors = result->errors;
	run->lost = result->lost;
	latency = result->latency;
	if (result->late.total) {
		extras_add(extras, "late_p99_us",
			   (double)histogram_ns(&result->late, 0.99) / 1e3);
		extras_add(extras, "late_p99_9_us",
			   (double)histogram_ns(&result->late, 0.999) / 1e3);
	}
	if (result->burn_latency.total) {
		extras_add(extras, "burns", (double)result->burns);
		extras_add(extras, "burn_p50_ms",
			   (double)histogram_ns(&result->burn_latency, 0.5) /
				   1e6);
	}
}

/* Many connections that do nothing: what does the server do meanwhile? */
static bool measure_idleness(struct engine *engine)
{
	uint64_t before_ns, window_ns = engine->times->window_ns;

	if (!pass(engine, SETTLE_NS))
		return false;
	before_ns = child_cpu_ns(&engine->child);
	if (!pass(engine, window_ns))
		return false;
	extras_add(&engine->run->extras, "idle_cpu_percent",
		   100.0 * (double)(child_cpu_ns(&engine->child) - before_ns) /
			   (double)window_ns);
	return true;
}

static bool load(struct engine *engine, struct generator *generator)
{
	const struct engine_times *times = engine->times;
	struct child *child = &engine->child;
	uint64_t before_ns;

	if (config_has(engine->config, PARAM_IDLE) && !measure_idleness(engine))
		return false;
	generator_run(generator, times->warmup_ns);
	engine->opened = accounts_read(engine);
	/* It is told and not waited for: the schedule goes on. */
	child_tell(child, SAY_OPEN);
	before_ns = child_cpu_ns(child);
	atomic_store(&child->shared->opened_ns, lend_now());
	generator_measure(generator, true);
	generator_run(generator, times->window_ns);
	generator_measure(generator, false);
	engine->run->cpu_seconds = (double)(child_cpu_ns(child) - before_ns) /
				   1e9;
	atomic_store(&child->shared->closed_ns, lend_now());
	child_tell(child, SAY_CLOSE);
	take_others(engine);
	generator_drain(generator, times->patience_ns);
	take_figures(engine, generator_result(generator));
	if (child_hear(child, times->patience_ns) != SAY_OPEN ||
	    child_hear(child, times->patience_ns) != SAY_CLOSE)
		return fail(engine, "%s", child_trouble(child));
	return true;
}

/* What requests computed is not the runtime's own. */
static void take_burned(struct engine *engine)
{
	struct run *run = engine->run;
	double burned_s = (double)engine->child.shared->burned_ns / 1e9;

	if (burned_s <= 0)
		return;
	extras_add(&run->extras, "burned_cpu_s", burned_s);
	if (run->operations)
		extras_add(&run->extras, "cpu_beside_burns_ns_per_op",
			   (run->cpu_seconds - burned_s) * 1e9 /
				   (double)run->operations);
}

static bool serve(struct engine *engine)
{
	const struct config *config = engine->config;
	const struct shared *shared = engine->child.shared;
	struct generator_options options = {
		.port = shared->port,
		.conversation = {
			.frame_size = config->params[PARAM_SIZE],
			.seed = (uint32_t)config->seed,
		},
		.connections = config->params[PARAM_CONNECTIONS],
		.pipeline = config->params[PARAM_PIPELINE],
		.rate = config->params[PARAM_RATE],
		.idle = config->params[PARAM_IDLE],
	};
	struct generator *generator;
	bool done;
	int err;

	workload_at(config->workload)->aim(config, &options);
	err = generator_open(&options, &generator);
	if (err)
		return fail(engine, "the load generator: %s",
			    lend_error_text(err));
	done = load(engine, generator);
	generator_close(generator);
	if (!done || !order(engine, SAY_QUIT))
		return false;
	take_burned(engine);
	return true;
}

/* ---- all ---- */

/* Counters at the end less those at the beginning. */
static void stats_subtract(struct lend_stats *stats,
			   const struct lend_stats *from)
{
	struct lend_ring_stats *total = &stats->total;

	total->submissions -= from->total.submissions;
	total->enters -= from->total.enters;
	total->completions -= from->total.completions;
	total->granted -= from->total.granted;
	total->recalled -= from->total.recalled;
	total->seized -= from->total.seized;
	total->returned -= from->total.returned;
	for (unsigned i = 0; i < LEND_WHYS; i++)
		total->recalled_why[i] -= from->total.recalled_why[i];
	stats->waits -= from->waits;
	stats->helped -= from->helped;
	stats->spawned -= from->spawned;
	stats->switches -= from->switches;
	stats->messages -= from->messages;
	stats->steals -= from->steals;
	stats->steals_far -= from->steals_far;
	stats->parks -= from->parks;
	stats->wakes -= from->wakes;
	stats->stalls -= from->stalls;
	stats->stalled_ns -= from->stalled_ns;
	stats->kicks -= from->kicks;
	stats->wait_ns -= from->wait_ns;
	stats->claims_revoked -= from->claims_revoked;
	stats->claims_bound -= from->claims_bound;
	stats->commits_external -= from->commits_external;
	stats->overflows -= from->overflows;
	stats->refused -= from->refused;
}

static void judge(struct engine *engine)
{
	struct run *run = engine->run;

	if (run->errors)
		fail(engine, "%llu wrong answers or failed operations",
		     (unsigned long long)run->errors);
	if (run->lost)
		fail(engine, "%llu operations were never answered",
		     (unsigned long long)run->lost);
	if (!run->operations)
		fail(engine, "not one operation in the window");
	run->verified = !run->failure[0];
}

bool engine_run(const struct config *config, const struct engine_times *times,
		struct run *ret_run)
{
	struct engine engine = {
		.config = config,
		.times = times,
		.run = ret_run,
	};

	if (config->pin)
		pin_process(false);
	*ret_run = (struct run){ .config = config, .latency = &latency };
	memset(&latency, 0, sizeof(latency));
	if (start(&engine)) {
		background_start(&engine.background,
				 config->params[PARAM_LOAD]);
		if (workload_at(config->workload)->aim ? serve(&engine) :
							 watch(&engine)) {
			const struct sample *samples =
				engine.child.shared->samples;

			ret_run->stats = samples[SAMPLE_CLOSE].stats;
			stats_subtract(&ret_run->stats,
				       &samples[SAMPLE_OPEN].stats);
		}
		background_stop(&engine.background);
	}
	if (!child_end(&engine.child, times->patience_ns))
		fail(&engine, "%s", child_trouble(&engine.child));
	child_free(&engine.child);
	judge(&engine);
	return ret_run->verified;
}
