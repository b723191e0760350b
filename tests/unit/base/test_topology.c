/*
 * Goal:   how far apart two CPUs are follows from what the system says they
 *         share; what it does not say makes them neighbours, and nothing fails.
 * Method: made-up trees in a directory of their own, as sysfs has them.
 */
#include "base/topology.h"

#include <criterion/criterion.h>
#include <ftw.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static struct lend_topology topology;
static char root[48];

static int remove_entry(const char *path, const struct stat *status, int type,
			struct FTW *ftw)
{
	(void)status;
	(void)type;
	(void)ftw;
	return remove(path);
}

static void setup(void)
{
	const char *parent = getenv("TMPDIR");

	snprintf(root, sizeof(root), "%s/lend-topology-XXXXXX",
		 parent && strlen(parent) < 24 ? parent : "/tmp");
	cr_assert_not_null(mkdtemp(root));
}

static void teardown(void)
{
	cr_expect_eq(nftw(root, remove_entry, 16, FTW_DEPTH | FTW_PHYS), 0);
}

static void make_directory(unsigned cpu, const char *name)
{
	char path[160];

	snprintf(path, sizeof(path), "%s/cpu%u/%s", root, cpu, name);
	mkdir(path, 0700);
}

__attribute__((format(printf, 3, 4))) static void
put(unsigned cpu, const char *name, const char *format, ...)
{
	char path[160];
	va_list args;
	FILE *file;

	snprintf(path, sizeof(path), "%s/cpu%u/%s", root, cpu, name);
	file = fopen(path, "w");
	cr_assert_not_null(file, "%s", path);
	va_start(args, format);
	vfprintf(file, format, args);
	va_end(args);
	fputc('\n', file);
	fclose(file);
}

static void put_cache(unsigned cpu, unsigned index, unsigned level,
		      const char *type, unsigned first, unsigned last)
{
	char name[64];

	snprintf(name, sizeof(name), "cache/index%u", index);
	make_directory(cpu, name);
	snprintf(name, sizeof(name), "cache/index%u/level", index);
	put(cpu, name, "%u", level);
	snprintf(name, sizeof(name), "cache/index%u/type", index);
	put(cpu, name, "%s", type);
	snprintf(name, sizeof(name), "cache/index%u/shared_cpu_list", index);
	put(cpu, name, "%u-%u", first, last);
}

/* Two nodes of 16 CPUs with two L3 each; every four CPUs have an L2, every two
 * are a core. */
static void put_cpu(unsigned cpu)
{
	char node[16];

	make_directory(cpu, "");
	make_directory(cpu, "topology");
	make_directory(cpu, "cache");
	snprintf(node, sizeof(node), "node%u", cpu / 16);
	make_directory(cpu, node);
	put(cpu, "topology/thread_siblings_list", "%u,%u", cpu / 2 * 2,
	    cpu / 2 * 2 + 1);
	put_cache(cpu, 0, 2, "Unified", cpu / 4 * 4, cpu / 4 * 4 + 3);
	put_cache(cpu, 1, 3, "Unified", cpu / 8 * 8, cpu / 8 * 8 + 7);
	/* Those that must not count come last. */
	put_cache(cpu, 2, 1, "Data", cpu / 2 * 2, cpu / 2 * 2 + 1);
	put_cache(cpu, 3, 2, "Instruction", 0, 31);
	put_cache(cpu, 4, 3, "Instruction", 0, 31);
	put_cache(cpu, 5, 4, "Unified", 0, 31);
}

static enum lend_distance between(unsigned a, unsigned b)
{
	enum lend_distance there = lend__topology_distance(&topology, a, b);

	cr_expect_eq(lend__topology_distance(&topology, b, a), there);
	return there;
}

Test(topology, what_is_shared_is_how_near_they_are, .init = setup,
     .fini = teardown)
{
	for (unsigned cpu = 0; cpu < 32; cpu++)
		put_cpu(cpu);
	lend__topology_read(&topology, root);
	cr_expect_eq(between(5, 5), LEND_SAME_CORE);
	cr_expect_eq(between(4, 5), LEND_SAME_CORE);
	cr_expect_eq(between(5, 6), LEND_SAME_L2);
	cr_expect_eq(between(3, 4), LEND_SAME_L3);
	cr_expect_eq(between(0, 7), LEND_SAME_L3);
	cr_expect_eq(between(7, 8), LEND_SAME_NODE);
	cr_expect_eq(between(0, 15), LEND_SAME_NODE);
	cr_expect_eq(between(15, 16), LEND_FAR);
	cr_expect_eq(between(0, 31), LEND_FAR);
}

Test(topology, numbers_that_are_left_out_harm_nobody, .init = setup,
     .fini = teardown)
{
	put_cpu(0);
	put_cpu(24);
	put_cpu(27);
	/* Many are, but no more than a few in a row. */
	put_cpu(64);
	put_cpu(99);
	put_cpu(97);
	lend__topology_read(&topology, root);
	cr_expect_eq(between(24, 27), LEND_SAME_L2);
	cr_expect_eq(between(0, 24), LEND_FAR);
	cr_expect_eq(between(97, 99), LEND_SAME_L2);
}

/* What would be a small one with its upper bits cut off, too. */
Test(topology, numbers_that_no_cpu_can_have_are_not_believed, .init = setup,
     .fini = teardown)
{
	for (unsigned cpu = 0; cpu < 16; cpu++)
		put_cpu(cpu);
	put_cache(12, 0, 2, "Unified", 65536, 65543);
	lend__topology_read(&topology, root);
	cr_expect_eq(between(12, 0), LEND_SAME_NODE);
}

Test(topology, packages_stand_in_for_caches_that_are_not_told, .init = setup,
     .fini = teardown)
{
	for (unsigned cpu = 0; cpu < 8; cpu++) {
		make_directory(cpu, "");
		make_directory(cpu, "topology");
		put(cpu, "topology/thread_siblings_list", "%u", cpu);
		put(cpu, "topology/package_cpus_list", "%u-%u", cpu / 4 * 4,
		    cpu / 4 * 4 + 3);
	}
	lend__topology_read(&topology, root);
	cr_expect_eq(between(0, 3), LEND_SAME_L3);
	cr_expect_eq(between(3, 4), LEND_SAME_NODE);
}

Test(topology, nonsense_is_passed_over, .init = setup, .fini = teardown)
{
	make_directory(0, "");
	make_directory(1, "");
	make_directory(1, "topology");
	put(1, "topology/thread_siblings_list", "%s", "");
	make_directory(2, "");
	make_directory(2, "topology");
	put(2, "topology/thread_siblings_list", "99999999999999999999");
	lend__topology_read(&topology, root);
	for (unsigned cpu = 0; cpu < 3; cpu++) {
		cr_expect_eq(between(cpu, cpu), LEND_SAME_CORE);
		cr_expect_eq(between(cpu, (cpu + 1) % 3), LEND_SAME_L3);
	}
}

Test(topology, without_anything_told_all_are_neighbours)
{
	lend__topology_read(&topology, "/nonexistent");
	cr_expect_eq(between(0, 0), LEND_SAME_CORE);
	cr_expect_eq(between(0, 1), LEND_SAME_L3);
	cr_expect_eq(between(0, LEND_CPUS_MAX - 1), LEND_SAME_L3);
	cr_expect_eq(between(0, LEND_CPUS_MAX), LEND_FAR);
	cr_expect_eq(between(UINT32_MAX, 0), LEND_FAR);
}

Test(topology, that_of_this_machine_is_read_once)
{
	const struct lend_topology *machine = lend__topology();

	cr_assert_not_null(machine);
	cr_expect_eq(lend__topology(), machine);
	lend__topology_read(&topology, "/sys/devices/system/cpu");
	cr_expect_arr_eq(topology.groups, machine->groups,
			 sizeof(topology.groups));
}
