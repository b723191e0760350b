/*
 * The workloads of scheduling, of which there is no list here:
 * ../micro/sched/works.c has it.
 */
#ifndef LEND_BENCH_WORK_SCHED_H
#define LEND_BENCH_WORK_SCHED_H

#define WORK_SCHED_MAX 48

struct workload;

/* NULL behind the last. Thread: the main one. */
const struct workload *work_sched_at(unsigned index);

#endif
