/*
 * The workloads there are; crowd_works[] in works.c lists them.
 */
#ifndef BENCH_MICRO_WORKS_H
#define BENCH_MICRO_WORKS_H

#include "crowd.h"

extern const struct crowd_work crowd_cycle, crowd_cycle_1;
extern const struct crowd_work crowd_yield, crowd_yield_1,
	crowd_yield_if_needed;
extern const struct crowd_work crowd_churn;
extern const struct crowd_work crowd_locality, crowd_locality_own;
extern const struct crowd_work crowd_transfer_yield, crowd_transfer_park;
extern const struct crowd_work crowd_transfer_all;
extern const struct crowd_work crowd_spawn, crowd_spawn_many;
extern const struct crowd_work crowd_pingpong, crowd_pingpong_far;
extern const struct crowd_work crowd_fan_in_1, crowd_fan_in_16;
extern const struct crowd_work crowd_wake_latency, crowd_wait_1000;
extern const struct crowd_work crowd_timer, crowd_timer_move, crowd_sleep;

#endif
