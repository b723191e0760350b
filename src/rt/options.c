/*
 * The options of a runtime: defaults, and what is refused, with a line in the
 * log that says why. Called when a runtime starts.
 */
#include "rt/options.h"

#include <errno.h>
#include <lend/feature.h>
#include <stdlib.h>

#include "arbiter/mode.h"
#include "arbiter/pool.h"
#include "base/bits.h"
#include "base/cpu.h"
#include "base/log.h"
#include "base/record.h"
#include "mem/heap.h"
#include "mem/stack.h"

/* Enough for any one request; a quarter of a ring's. */
#define BUFFERS_ACTOR_MAX 64
#define BUFFER_SIZE_MIN	  64

int lend__option_refuse(const struct lend_log *log, const char *name,
			long long value, const char *rule)
{
	lend__log(log, LEND_LOG_ERROR, "option %s is %lld: %s", name, value,
		  rule);
	return -EINVAL;
}

static int check_sizes(const struct lend_options *options,
		       const struct lend_log *log)
{
	if (options->actors_max > LEND_STACK_SLOTS_MAX)
		return lend__option_refuse(log, "actors_max",
					   options->actors_max,
					   "at most 1048576");
	if (!lend_is_power_of_two(options->stack_size) ||
	    options->stack_size < LEND_STACK_SIZE_MIN ||
	    options->stack_size > LEND_STACK_SIZE_MAX)
		return lend__option_refuse(
			log, "stack_size", options->stack_size,
			"a power of two from 16384 to 8388608");
	if (options->heap_max > LEND_HEAP_SLICE_DEFAULT)
		return lend__option_refuse(log, "heap_max", options->heap_max,
					   "at most 4194304");
	if (options->trace_events > LEND_TRACE_EVENTS_MAX)
		return lend__option_refuse(log, "trace_events",
					   options->trace_events,
					   "at most 1048576");
	return 0;
}

/* Of each ring, and what an actor may have of them. */
static int complete_buffers(struct lend_options *options,
			    const struct lend_log *log)
{
	if (!options->buffers)
		options->buffers = LEND_POOL_BUFFERS;
	if (!options->buffer_size)
		options->buffer_size = LEND_POOL_BUFFER_SIZE;
	if (!options->buffers_actor_max)
		options->buffers_actor_max = BUFFERS_ACTOR_MAX;
	if (options->buffers > LEND_POOL_BUFFERS_MAX)
		return lend__option_refuse(log, "buffers", options->buffers,
					   "1 to 32768");
	if (options->buffer_size < BUFFER_SIZE_MIN ||
	    options->buffer_size > LEND_POOL_BUFFER_SIZE_MAX)
		return lend__option_refuse(log, "buffer_size",
					   options->buffer_size,
					   "64 to 1048576");
	options->buffers = (unsigned)lend_ceil_power_of_two(options->buffers);
	options->buffer_size = (unsigned)lend_align_up(options->buffer_size,
						       64);
	return 0;
}

int lend__options_complete(struct lend_options *options,
			   const struct lend_log *log)
{
	const struct lend_mode *mode = lend__mode_find(options->mode);

	/* The log is open already, with that level: the line is in it. */
	if ((unsigned)options->log_level > LEND_LOG_DEBUG)
		return lend__option_refuse(log, "log_level", options->log_level,
					   "one of enum lend_log_level");
	if (!mode)
		return lend__option_refuse(log, "mode", options->mode,
					   "borrowed, private or shared");
	options->mode = mode->id;
	if (!options->workers)
		options->workers = lend__cpu_allowed() > LEND_WORKERS_MAX ?
					   LEND_WORKERS_MAX :
					   lend__cpu_allowed();
	if (!options->rings)
		options->rings = options->workers;
	if (!options->workers_max)
		options->workers_max = LEND_WORKERS_MAX;
	if (!options->rings_max)
		options->rings_max = LEND_RINGS_MAX;
	if (!options->depth)
		options->depth = 256;
	if (!options->actors_max)
		options->actors_max = 131072;
	if (!options->stack_size)
		options->stack_size = 65536;
	if (!options->stall_ns)
		options->stall_ns = 2 * LEND_MS;
	if (options->workers > LEND_WORKERS_MAX)
		return lend__option_refuse(log, "workers", options->workers,
					   "1 to 256");
	if (options->rings > LEND_RINGS_MAX)
		return lend__option_refuse(log, "rings", options->rings,
					   "1 to 256");
	if (options->sqpoll_idle_ms > LEND_SQPOLL_IDLE_MS_MAX)
		return lend__option_refuse(log, "sqpoll_idle_ms",
					   options->sqpoll_idle_ms,
					   "at most 60000");
	if (options->workers_max > LEND_WORKERS_MAX ||
	    options->workers_max < options->workers)
		return lend__option_refuse(
			log, "workers_max", options->workers_max,
			"at least as many as workers, at most 256");
	if (options->rings_max > LEND_RINGS_MAX ||
	    options->rings_max < options->rings)
		return lend__option_refuse(
			log, "rings_max", options->rings_max,
			"at least as many as rings, at most 256");
	if (options->depth > LEND_DEPTH_MAX)
		return lend__option_refuse(log, "depth", options->depth,
					   "1 to 32768");
	if (options->flush_actors > LEND_DEPTH_MAX)
		return lend__option_refuse(log, "flush_actors",
					   options->flush_actors, "0 to 32768");
	if (options->flush_sqes > LEND_DEPTH_MAX)
		return lend__option_refuse(log, "flush_sqes",
					   options->flush_sqes, "0 to 32768");
	if (mode->one_to_one && options->rings != options->workers)
		return lend__option_refuse(
			log, "rings", options->rings,
			"private mode has one ring for each worker; give the same number, or use borrowed or shared");
	if (complete_buffers(options, log))
		return -EINVAL;
	return check_sizes(options, log);
}

int lend__options_check_masks(const struct lend_options *options,
			      const struct lend_log *log)
{
	const char *disabled = getenv("LEND_DISABLE");
	const char *opcodes = getenv("LEND_DISABLE_OPCODES");
	char known[LEND_FEATURES_TEXT_MAX];
	uint64_t opcodes_set[2];
	unsigned set;

	if (options->without & ~LEND_FEATURES_ALL)
		return lend__option_refuse(log, "without", options->without,
					   "not a set of enum lend_feature");
	if (opcodes && lend__opcodes_parse(opcodes, opcodes_set)) {
		lend__log(
			log, LEND_LOG_ERROR,
			"LEND_DISABLE_OPCODES is \"%s\": it names operations of io_uring in lower case with commas between them, such as bind,ftruncate",
			opcodes);
		return -EINVAL;
	}
	if (opcodes)
		lend__log(log, LEND_LOG_INFO, "operations masked: %s", opcodes);
	if (!disabled || !lend_features_parse(disabled, &set))
		return 0;
	lend_features_format(LEND_FEATURES_ALL, known, sizeof(known));
	lend__log(
		log, LEND_LOG_ERROR,
		"LEND_DISABLE is \"%s\": it names features with commas between them, and these there are: %s",
		disabled, known);
	return -EINVAL;
}
