/*
 * Goal:   with polling threads: one for each ring; one that sleeps is woken by
 *         what is submitted next; an idle program uses no CPU; where they are
 *         refused, that is said.
 * Method: the states of the kernel's threads, from /proc, tell whether they
 *         sleep; a lost wake-up shows as the watchdog.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "harness/harness.h"

/* Polling threads of this process, and how many of them sleep. */
static unsigned polling_threads(unsigned *ret_asleep)
{
	DIR *directory = opendir("/proc/self/task");
	struct dirent *entry;
	unsigned count = 0;

	*ret_asleep = 0;
	while (directory && (entry = readdir(directory))) {
		char path[300], line[256], *end, state;
		FILE *file;

		snprintf(path, sizeof(path), "/proc/self/task/%s/stat",
			 entry->d_name);
		file = fopen(path, "r");
		if (!file)
			continue;
		end = fgets(line, sizeof(line), file) ? strrchr(line, ')') :
							NULL;
		fclose(file);
		if (!end || !strstr(line, "(iou-sqp-") ||
		    sscanf(end + 1, " %c", &state) != 1)
			continue;
		count++;
		*ret_asleep += state == 'S';
	}
	if (directory)
		closedir(directory);
	return count;
}

/* The workers of a runtime that has nothing else to do must wait for it in the
 * kernel, so this blocks nobody. */
static bool await_sleepers(unsigned count)
{
	uint64_t end_ns = lend_after(20 * LEND_S);
	unsigned asleep;

	do {
		polling_threads(&asleep);
		if (asleep >= count)
			return true;
		lend_sleep(lend_after(LEND_MS));
	} while (lend_now() < end_ns);
	return false;
}

static int one_for_each_ring(void *arg)
{
	unsigned rings = lend_runtime_rings(lend_runtime_current());
	uint64_t end_ns = lend_after(20 * LEND_S);
	unsigned count, asleep;

	(void)arg;
	/* The one that was started to see whether it may be goes in its own
	 * time. */
	while ((count = polling_threads(&asleep)) != rings &&
	       lend_now() < end_ns)
		lend_sleep(lend_after(LEND_MS));
	CHECK_EQ(count, rings);
	CHECK(lend_runtime_features(lend_runtime_current()) &
	      LEND_FEATURE_SQPOLL);
	return 0;
}

static int sleepers_are_woken(void *arg)
{
	unsigned rings = lend_runtime_rings(lend_runtime_current());

	(void)arg;
	for (int i = 0; i < 10; i++) {
		CHECK_EQ(test_nop(), 0);
		if (!CHECK(await_sleepers(rings)))
			return -1;
		/* And at once, when it may be about to go to sleep. */
		CHECK_EQ(test_nop(), 0);
	}
	for (unsigned i = 0; i < 300; i++) {
		CHECK_EQ(test_nop(), 0);
		/* Around the idle time, so that it is met in every state. */
		lend_sleep(lend_after((i % 30) * 300 * LEND_US));
	}
	return 0;
}

static int idle_costs_nothing(void *arg)
{
	unsigned rings = lend_runtime_rings(lend_runtime_current());
	uint64_t end_ns = lend_after(20 * LEND_S);
	uint64_t cpu_ns;

	(void)arg;
	CHECK_EQ(test_nop(), 0);
	/* Workers, too, look around for a while before they sleep for good. */
	do {
		lend_sleep(lend_after(300 * LEND_MS));
		if (!CHECK(await_sleepers(rings)))
			return -1;
		cpu_ns = test_cpu_ns();
		lend_sleep(lend_after(400 * LEND_MS));
		cpu_ns = test_cpu_ns() - cpu_ns;
	} while (cpu_ns > 20 * LEND_MS && lend_now() < end_ns);
	printf("idle: %.1f ms of CPU in 400 ms\n", (double)cpu_ns / LEND_MS);
	if (!test_is_slow())
		CHECK_IN(cpu_ns, 0, 20 * LEND_MS);
	return 0;
}

static int nothing(void *arg)
{
	(void)arg;
	return 0;
}

static int refusal_is_told(void)
{
	struct lend_options options = test_options;
	char text[256];

	options.sqpoll_idle_ms = 10;
	options.without = LEND_FEATURE_SQPOLL;
	CHECK_EQ(lend_run(&options, nothing, NULL), -EOPNOTSUPP);
	lend_explain(-EOPNOTSUPP, text, sizeof(text));
	CHECK(strstr(text, "SQPOLL"));
	return 0;
}

int main(int argc, char **argv)
{
	test_init(argc, argv, 60);
	test_plain("refusal_is_told", refusal_is_told);
	if (test_options.sqpoll_idle_ms) {
		test_actor("one_for_each_ring", one_for_each_ring);
		test_actor("sleepers_are_woken", sleepers_are_woken);
		test_actor("idle_costs_nothing", idle_costs_nothing);
	}
	return test_finish();
}
