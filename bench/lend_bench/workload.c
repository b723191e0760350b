/*
 * All workloads, in the order in which `lend-bench list` shows them.
 */
#include "lend_bench/workload.h"

#include <string.h>

static const struct workload *const workloads[] = {
	&workload_nop,	     &workload_echo,	  &workload_http,
	&workload_file_read, &workload_burst,	  &workload_chain,
	&workload_migrate,   &workload_stall,	  &workload_uneven,
	&workload_few_rings, &workload_idle_herd,
};
#define WORKLOADS_COUNT (sizeof(workloads) / sizeof(workloads[0]))

const struct workload *workload_at(unsigned index)
{
	return index < WORKLOADS_COUNT ? workloads[index] : NULL;
}

int workload_find(const char *name, size_t size)
{
	for (unsigned i = 0; i < WORKLOADS_COUNT; i++)
		if (strlen(workloads[i]->name) == size &&
		    memcmp(workloads[i]->name, name, size) == 0)
			return (int)i;
	return -1;
}
