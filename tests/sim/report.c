/*
 * What a run tells: its trace, its hash, and how it failed.
 */
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "kernel.h"
#include "sim.h"

struct sim_report *sim_report;

static void mix(uint64_t value)
{
	sim.hash = (sim.hash ^ value) * UINT64_C(0x100000001b3);
	sim.hash ^= sim.hash >> 29;
}

void sim_trace(const char *text, uint64_t a, uint64_t b, uint64_t c)
{
	int thread = sim.current ? sim.current->index : -1;
	static char line[1000];

	for (const char *at = text; *at; at++)
		mix((unsigned char)*at);
	mix((uint64_t)thread);
	mix(sim.now_ns);
	mix(a);
	mix(b);
	mix(c);
	/* In any case: an actor's stack, on which this may be, is looked at for
	 * how deep it was, and a run is to be the same if it is told. */
	snprintf(line, sizeof(line),
		 "%8llu %12.3f us  thread %2d  %-10s %lld %lld %lld\n",
		 (unsigned long long)sim.steps, (double)sim.now_ns / 1000,
		 thread, text, (long long)a, (long long)b, (long long)c);
	if (sim.tracing)
		fputs(line, stdout);
}

void sim_report_update(void);
void sim_report_update(void)
{
	sim_report->steps = sim.steps;
	sim_report->points = sim.points;
	sim_report->now_ns = sim.now_ns;
	sim_report->hash = sim.hash;
}

static void print_threads(void)
{
	static const char *const states[] = { "runnable", "blocked", "ended" };

	for (unsigned i = 0; i < sim.threads_count; i++) {
		const struct sim_thread *thread = sim.threads[i];

		printf("  thread %u (%s): %s", i, thread->name,
		       states[thread->state]);
		if (thread->state == SIM_BLOCKED &&
		    thread->wake_ns != SIM_NEVER)
			printf(", until %.3f us",
			       (double)thread->wake_ns / 1000);
		if (thread->stalled_ns > sim.now_ns)
			printf(", stalled until %.3f us",
			       (double)thread->stalled_ns / 1000);
		printf("%s\n", thread->work_first ? ", completion work" : "");
	}
}

void sim_fail(const char *invariant, const char *format, ...)
{
	va_list args;
	int used;

	sim_report_update();
	used = snprintf(
		sim_report->failure, sizeof(sim_report->failure),
		"step %llu, %.3f us: %s: ", (unsigned long long)sim.steps,
		(double)sim.now_ns / 1000, invariant);
	va_start(args, format);
	vsnprintf(sim_report->failure + used,
		  sizeof(sim_report->failure) - (size_t)used, format, args);
	va_end(args);
	if (sim.tracing) {
		printf("%s\n", sim_report->failure);
		print_threads();
		sim_kernel_print();
		fflush(stdout);
	}
	_exit(1);
}
