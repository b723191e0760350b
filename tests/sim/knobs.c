/*
 * What a seed decides about the runtime, the scheduler and the kernel, and the
 * thread that runs the scenario.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel.h"
#include "sim.h"

#define PICK(random, ...)                                                      \
	((const unsigned[]){ __VA_ARGS__ })[sim_random_below(                  \
		random,                                                        \
		sizeof((const unsigned[]){ __VA_ARGS__ }) / sizeof(unsigned))]

static const char *draw_masks(struct sim_random *random)
{
	static const char *const masks[] = {
		"",
		"",
		"",
		"",
		"membarrier",
		"buffer_rings",
		"coop_taskrun",
		"defer_taskrun",
		"membarrier,buffer_rings",
		"multishot",
		"poll_first",
		"recv_credit",
		"recv_bundle",
	};

	return masks[sim_random_below(random,
				      sizeof(masks) / sizeof(masks[0]))];
}

static void log_line(enum lend_log_level level, const char *line, void *arg)
{
	(void)arg;
	sim_trace(line, level, 0, 0);
}

static void draw_options(struct sim_random *random,
			 struct lend_options *options)
{
	options->mode = PICK(random, LEND_RING_BORROWED, LEND_RING_BORROWED,
			     LEND_RING_BORROWED, LEND_RING_PRIVATE,
			     LEND_RING_SHARED);
	options->workers = PICK(random, 1, 2, 2, 2, 3, 3, 4);
	if (sim_random_below(random, 50) == 0)
		options->workers = PICK(random, 16, 64);
	options->rings = sim_random_from(random, 1, 8);
	if (options->mode == LEND_RING_PRIVATE)
		options->rings = options->workers;
	options->depth = PICK(random, 1, 1, 2, 2, 4, 8, 16);
	/* Its thread would be told of stalls that are nobody's fault. */
	options->watchdog_ns = LEND_FOREVER;
	options->workers_max = options->workers + 2;
	options->rings_max = options->rings + 3;
	options->actors_max = 256;
	options->stack_size = 65536;
	options->stall_ns = PICK(random, 20000, 200000, 2000000);
	options->flush_actors = PICK(random, 0, 0, 0, 1, 3);
	options->flush_sqes = PICK(random, 0, 0, 0, 1, 2);
	/* Few, so that they are all in use now and then. */
	options->buffers = PICK(random, 1, 2, 4, 16, 256);
	options->buffer_size = PICK(random, 64, 256, 4096);
	options->buffers_actor_max = PICK(random, 1, 3, 64);
	options->trace_events = PICK(random, 0, 0, 16);
	options->kick_signal = sim_random_below(random, 4) ? 0 : SIGURG;
	options->log = log_line;
	options->log_level = LEND_LOG_INFO;
}

void sim_knobs_draw(void)
{
	struct sim_random random = { sim.seed * UINT64_C(0x2545f4914f6cdd1d) };
	struct sim_knobs *knobs = &sim.knobs;

	sim.schedule.state = sim_random_next(&random);
	sim.kernel.state = sim_random_next(&random);
	sim.program.state = sim_random_next(&random);
	memset(knobs, 0, sizeof(*knobs));
	draw_options(&random, &knobs->options);
	knobs->masked = draw_masks(&random);
	knobs->resizes = knobs->options.workers < 16 &&
			 sim_random_below(&random, 3) == 0;
	knobs->preempt_mean = PICK(&random, 2, 8, 32, 128);
	knobs->stall_chance = PICK(&random, 0, 0, 5, 50);
	knobs->interrupt_chance = PICK(&random, 0, 100, 1000);
	knobs->store_buffers = sim_random_below(&random, 4) != 0;
	knobs->fault_chance = PICK(&random, 0, 0, 50, 500);
	knobs->short_chance = PICK(&random, 0, 500, 5000);
	knobs->delay_chance = PICK(&random, 0, 1000, 5000);
	knobs->delay_us_max = PICK(&random, 1, 50, 3000);
	knobs->cq_entries_max = PICK(&random, 0, 0, 2, 8);
	knobs->socket_room = PICK(&random, 64, 512, 4096, 65536);
	sim.now_ns = LEND_S;
	sim.steps_max = 4000000;
}

void sim_knobs_crowd(void)
{
	struct lend_options *options = &sim.knobs.options;

	sim.knobs.crowd = true;
	sim.knobs.resizes = false;
	/* Few of them, now and then, so that many wait. */
	options->workers = sim.seed % 4 ? 64 : 1 + sim.seed / 4 % 2;
	options->workers_max = options->workers;
	options->rings_max = options->rings;
	if (options->mode == LEND_RING_PRIVATE)
		options->rings = options->rings_max = options->workers;
	options->actors_max = 1100;
	sim.steps_max = 20000000;
}

static void print_knobs(void)
{
	const struct sim_knobs *knobs = &sim.knobs;
	const struct lend_options *options = &knobs->options;

	printf("%s, %u workers, %u rings of %u, stall_ns %llu, without '%s'\n",
	       lend_ring_mode_name(options->mode), options->workers,
	       options->rings, options->depth,
	       (unsigned long long)options->stall_ns, knobs->masked);
	printf("switch every %u, stall %u, interrupt %u, store buffers %d\n",
	       knobs->preempt_mean, knobs->stall_chance,
	       knobs->interrupt_chance, knobs->store_buffers);
	printf("fault %u, short %u, delay %u up to %u us, CQ %u, sockets %u\n",
	       knobs->fault_chance, knobs->short_chance, knobs->delay_chance,
	       knobs->delay_us_max, knobs->cq_entries_max, knobs->socket_room);
}

static void *main_thread(void *arg)
{
	(void)arg;
	sim_scenario();
	return NULL;
}

void sim_run(void)
{
	if (sim.tracing)
		print_knobs();
	setenv("LEND_DISABLE", sim.knobs.masked, 1);
	sim_thread_start("main", main_thread, NULL);
	sim_schedule();
	sim_check_end();
}
