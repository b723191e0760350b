/*
 * Rates and costs of a run: see run.h.
 */
#include "lend_bench/run.h"

static double per_operation(const struct run *run, double value)
{
	return run->operations ? value / (double)run->operations : 0;
}

double run_rate(const struct run *run)
{
	return run->seconds > 0 ? (double)run->operations / run->seconds : 0;
}

double run_cpu_ns(const struct run *run)
{
	return per_operation(run, run->cpu_seconds * 1e9);
}

double run_enters(const struct run *run)
{
	return per_operation(run, (double)run->stats.total.enters);
}
