/*
 * All workloads, in the order in which `lend-bench list` shows them.
 */
#include "lend_bench/workload.h"

#include <string.h>

#include "lend_bench/work_sched.h"

static const struct workload *const workloads[] = {
	&workload_nop,	     &workload_echo,	  &workload_http,
	&workload_file_read, &workload_burst,	  &workload_chain,
	&workload_migrate,   &workload_stall,	  &workload_uneven,
	&workload_few_rings, &workload_idle_herd,
};
#define WORKLOADS_COUNT (sizeof(workloads) / sizeof(workloads[0]))

const struct workload *workload_at(unsigned index)
{
	return index < WORKLOADS_COUNT ? workloads[index] :
					 work_sched_at(index - WORKLOADS_COUNT);
}

int workload_find(const char *name, size_t size)
{
	const struct workload *workload;

	for (unsigned i = 0; (workload = workload_at(i)); i++)
		if (strlen(workload->name) == size &&
		    memcmp(workload->name, name, size) == 0)
			return (int)i;
	return -1;
}
