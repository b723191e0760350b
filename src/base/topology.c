/*
 * The table of who shares what: see topology.h. Called by thieves and wakers of
 * the layer rt, which have it for the order in which they try workers: a file
 * that is missing makes that order worse, and nothing else.
 */
#include "base/topology.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Numbers may be left out; after so many there is none any more. */
#define GAP_MAX 64

/* Levels of caches, data and instructions apart: there are four or five. */
#define CACHES_MAX 16

/* What a file of a CPU's directory begins with. */
static bool read_text(int directory, const char *name, char *text, size_t size)
{
	int fd = openat(directory, name, O_RDONLY | O_CLOEXEC);
	ssize_t res;

	if (fd < 0)
		return false;
	res = read(fd, text, size - 1);
	close(fd);
	if (res <= 0)
		return false;
	text[res] = '\0';
	return true;
}

/* A number, or the lowest one of a list such as "4-7,12-15", in which the
 * system has them in order: so it stands for the whole. */
static bool read_first(int directory, const char *name, uint16_t *ret_first)
{
	char text[64], *end;
	unsigned long value;

	if (!read_text(directory, name, text, sizeof(text)))
		return false;
	value = strtoul(text, &end, 10);
	if (end == text || value >= LEND_CPUS_MAX)
		return false;
	*ret_first = (uint16_t)value;
	return true;
}

static void read_cache(int directory, unsigned index, uint16_t groups[LEND_FAR])
{
	char name[64], type[32];
	uint16_t level;

	snprintf(name, sizeof(name), "cache/index%u/type", index);
	if (!read_text(directory, name, type, sizeof(type)) ||
	    strncmp(type, "Instruction", 11) == 0)
		return;
	snprintf(name, sizeof(name), "cache/index%u/level", index);
	if (!read_first(directory, name, &level) || level < 2 || level > 3)
		return;
	snprintf(name, sizeof(name), "cache/index%u/shared_cpu_list", index);
	read_first(directory, name,
		   &groups[level == 2 ? LEND_SAME_L2 : LEND_SAME_L3]);
}

/* The node is the name of a link: "node1". */
static void read_node(int directory, uint16_t groups[LEND_FAR])
{
	int fd = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *entries = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;

	if (!entries) {
		if (fd >= 0)
			close(fd);
		return;
	}
	while ((entry = readdir(entries))) {
		unsigned node;

		if (sscanf(entry->d_name, "node%u", &node) == 1)
			groups[LEND_SAME_NODE] = (uint16_t)node;
	}
	closedir(entries);
}

static void read_cpu(int directory, unsigned cpu, uint16_t groups[LEND_FAR])
{
	if (!read_first(directory, "topology/thread_siblings_list",
			&groups[LEND_SAME_CORE]))
		groups[LEND_SAME_CORE] = (uint16_t)cpu;
	/* Unless there is something better to say: a core has an L2 of its own,
	 * a package an L3. */
	groups[LEND_SAME_L2] = groups[LEND_SAME_CORE];
	groups[LEND_SAME_L3] = 0;
	read_first(directory, "topology/package_cpus_list",
		   &groups[LEND_SAME_L3]);
	groups[LEND_SAME_NODE] = 0;
	for (unsigned i = 0; i < CACHES_MAX; i++)
		read_cache(directory, i, groups);
	read_node(directory, groups);
}

void lend__topology_read(struct lend_topology *topology, const char *directory)
{
	int parent = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	unsigned gap = parent < 0 ? GAP_MAX : 0;

	for (unsigned cpu = 0; cpu < LEND_CPUS_MAX; cpu++) {
		uint16_t *groups = topology->groups[cpu];
		char name[16];
		int fd;

		memset(groups, 0, sizeof(topology->groups[cpu]));
		groups[LEND_SAME_CORE] = groups[LEND_SAME_L2] = (uint16_t)cpu;
		if (gap == GAP_MAX)
			continue;
		snprintf(name, sizeof(name), "cpu%u", cpu);
		fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		gap = fd < 0 ? gap + 1 : 0;
		if (fd < 0)
			continue;
		read_cpu(fd, cpu, groups);
		close(fd);
	}
	if (parent >= 0)
		close(parent);
}

static struct lend_topology machine;

static void read_machine(void)
{
	lend__topology_read(&machine, "/sys/devices/system/cpu");
}

const struct lend_topology *lend__topology(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, read_machine);
	return &machine;
}
