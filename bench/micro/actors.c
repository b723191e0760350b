/*
 * Many actors that do nothing: what each of them costs in memory while it
 * waits, and how fast they come and go; the same with a read in flight each,
 * all cancelled at once.
 */
#include "micro.h"

#include <errno.h>
#include <inttypes.h>
#include <lend/lend.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Pairs of a pipe's ends that the readers share. */
#define PIPES_MAX 64

struct crowd {
	struct lend_runtime *runtime;
	unsigned count; /* of actors, all workers' together */
	unsigned spawners;
	lend_actor_fn fn;
	int pipes[PIPES_MAX][2];
	unsigned pipe_count;
	_Atomic unsigned waiting;
	_Atomic unsigned ended;
	_Atomic unsigned wrong; /* results that are not the expected ones */
	_Atomic int error;	/* of a spawn */
};

static struct crowd crowd;

/* ---- what the system says ---- */

struct footprint {
	uint64_t resident; /* bytes */
	uint64_t page_tables;
	uint64_t mappings;
};

static struct footprint footprint_now(void)
{
	struct footprint now = { 0 };
	char line[256];
	FILE *file = fopen("/proc/self/status", "re");

	while (file && fgets(line, sizeof(line), file)) {
		uint64_t kib;

		if (sscanf(line, "VmRSS: %" SCNu64, &kib) == 1)
			now.resident = kib * 1024;
		if (sscanf(line, "VmPTE: %" SCNu64, &kib) == 1)
			now.page_tables = kib * 1024;
	}
	if (file)
		fclose(file);
	file = fopen("/proc/self/maps", "re");
	while (file && fgets(line, sizeof(line), file))
		now.mappings++;
	if (file)
		fclose(file);
	return now;
}

/* Of all threads, in the kernel too. */
static uint64_t cpu_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (uint64_t)now.tv_sec * LEND_S + (uint64_t)now.tv_nsec;
}

static double each(uint64_t after, uint64_t before)
{
	return ((double)after - (double)before) / crowd.count;
}

/* ---- the actors ---- */

static int wait_for_message(void *arg)
{
	struct lend_msg *msg;
	int err;

	(void)arg;
	atomic_fetch_add_explicit(&crowd.waiting, 1, memory_order_relaxed);
	err = lend_receive(LEND_FOREVER, &msg);
	if (err != -ECANCELED)
		atomic_fetch_add(&crowd.wrong, 1);
	atomic_fetch_add_explicit(&crowd.ended, 1, memory_order_relaxed);
	return err;
}

static int wait_for_data(void *arg)
{
	int fd = *(int *)arg;
	char byte;
	ssize_t res;

	atomic_fetch_add_explicit(&crowd.waiting, 1, memory_order_relaxed);
	res = lend_read(fd, &byte, 1, -1, LEND_FOREVER);
	if (res != -ECANCELED)
		atomic_fetch_add(&crowd.wrong, 1);
	atomic_fetch_add_explicit(&crowd.ended, 1, memory_order_relaxed);
	return (int)res;
}

static int spawn_some(void *arg)
{
	unsigned share = crowd.count / crowd.spawners;
	unsigned number = (unsigned)(uintptr_t)arg;

	if (number == 0)
		share += crowd.count % crowd.spawners;
	for (unsigned i = 0; i < share; i++) {
		int *pipe_end = crowd.pipes[i % PIPES_MAX];
		int err = lend_spawn(crowd.fn, pipe_end, NULL, NULL);

		if (err) {
			atomic_store(&crowd.error, err);
			return err;
		}
		/* Let them come to their wait: what is not run yet has no
		 * stack yet. */
		if (i % 256 == 255 && lend_yield())
			return -ECANCELED;
	}
	return 0;
}

/* ---- a measurement ---- */

static bool spawn_all(uint64_t *ret_ns)
{
	uint64_t start_ns = lend_now();

	for (unsigned i = 0; i < crowd.spawners; i++) {
		struct lend_spawn_options on = { .worker = i + 1 };

		if (lend_runtime_spawn(crowd.runtime, spawn_some,
				       (void *)(uintptr_t)i, &on, NULL))
			return false;
	}
	while (atomic_load(&crowd.waiting) < crowd.count) {
		if (atomic_load(&crowd.error)) {
			fprintf(stderr, "spawn: %s\n",
				lend_error_text(atomic_load(&crowd.error)));
			return false;
		}
		usleep(1000);
	}
	*ret_ns = lend_now() - start_ns;
	return true;
}

/* Until the kernel has what they asked for. */
static bool wait_in_flight(void)
{
	for (unsigned i = 0; i < 60000; i++) {
		struct lend_stats stats;

		lend_stats_read(crowd.runtime, &stats);
		if (stats.total.in_flight >= crowd.count)
			return true;
		usleep(1000);
	}
	return false;
}

static void report_memory(const struct footprint *before,
			  const struct footprint *after)
{
	printf("resident      %8.0f bytes an actor, %.2f GiB together\n",
	       each(after->resident, before->resident),
	       (double)(after->resident - before->resident) / (1u << 30));
	printf("page tables   %8.0f bytes an actor\n",
	       each(after->page_tables, before->page_tables));
	printf("mappings      %8" PRIu64 " more\n",
	       after->mappings - before->mappings);
}

static void report_rate(const char *what, uint64_t span_ns, uint64_t cpu_ns)
{
	printf("%-12s %9.0f ns an actor, %.2f M/s, all in %.2f s; %.0f ns of CPU\n",
	       what, (double)span_ns / crowd.count,
	       crowd.count * 1e3 / (double)span_ns, (double)span_ns / LEND_S,
	       (double)cpu_ns / crowd.count);
}

static bool drain_all(uint64_t *ret_ns)
{
	uint64_t start_ns = lend_now();
	int err = lend_runtime_drain(crowd.runtime, lend_after(600 * LEND_S));

	*ret_ns = lend_now() - start_ns;
	return err == 0;
}

static bool measure(bool reads)
{
	struct footprint before = footprint_now(), full, after;
	uint64_t spawn_ns, end_ns, cpu_ns = cpu_now();

	if (!spawn_all(&spawn_ns))
		return false;
	report_rate("spawned", spawn_ns, cpu_now() - cpu_ns);
	if (reads && !wait_in_flight()) {
		fprintf(stderr, "not all reads came into flight\n");
		return false;
	}
	full = footprint_now();
	report_memory(&before, &full);
	cpu_ns = cpu_now();
	if (!drain_all(&end_ns)) {
		fprintf(stderr, "they did not end within 600 s\n");
		return false;
	}
	after = footprint_now();
	report_rate("ended", end_ns, cpu_now() - cpu_ns);
	printf("left          %8.0f bytes an actor\n",
	       each(after.resident, before.resident));
	if (atomic_load(&crowd.ended) != crowd.count ||
	    atomic_load(&crowd.wrong)) {
		fprintf(stderr, "%u ended, %u with another result\n",
			atomic_load(&crowd.ended), atomic_load(&crowd.wrong));
		return false;
	}
	return true;
}

static bool open_pipes(void)
{
	for (unsigned i = 0; i < PIPES_MAX; i++)
		if (pipe(crowd.pipes[i]))
			return false;
	return true;
}

static void close_pipes(void)
{
	for (unsigned i = 0; i < PIPES_MAX; i++) {
		close(crowd.pipes[i][0]);
		close(crowd.pipes[i][1]);
	}
}

int micro_actors(unsigned count, bool reads)
{
	struct lend_options options = { .actors_max = count + 16 };
	int err;
	bool ok;

	if (options.actors_max > 1u << 20)
		options.actors_max = 1u << 20;
	if (reads && !open_pipes()) {
		perror("pipe");
		return 1;
	}
	crowd.count = count;
	crowd.fn = reads ? wait_for_data : wait_for_message;
	err = lend_runtime_new(&options, &crowd.runtime);
	if (err) {
		fprintf(stderr, "lend_runtime_new: %s\n", lend_error_text(err));
		return 1;
	}
	crowd.spawners = lend_runtime_workers(crowd.runtime);
	printf("%u actors, each with %s; %u workers\n", count,
	       reads ? "a read in flight" : "a receive", crowd.spawners);
	ok = measure(reads);
	lend_runtime_free(crowd.runtime);
	if (reads)
		close_pipes();
	return !ok;
}
