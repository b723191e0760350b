/*
 * What the whole machine did: were others using it, too?
 */
#ifndef LEND_BENCH_MACHINE_H
#define LEND_BENCH_MACHINE_H

#include <stdint.h>

/* Of all CPUs together, since the machine started, in steps of 10 ms. */
struct machine_time {
	uint64_t busy_ns;   /* processes, interrupts */
	uint64_t stolen_ns; /* the hypervisor gave the CPU to another machine */
};

/* Zeroed if the kernel does not tell. */
struct machine_time machine_time(void);

/* Processor time of the calling process, all threads. */
uint64_t machine_own_ns(void);

#endif
