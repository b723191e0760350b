/*
 * The processor time another process has used.
 */
#ifndef BENCH_PROCESS_TIME_H
#define BENCH_PROCESS_TIME_H

#include <stdint.h>
#include <sys/types.h>

struct process_time {
	uint64_t used_ns;
	/* Runnable, but without a processor; 0 where the kernel does not say.
	 */
	uint64_t waited_ns;
};

/*
 * Processor time of all threads of @pid, kernel threads that work for
 * it (io-wq, SQPOLL) included, as they are threads of it. A thread that has
 * exited is not counted any more: compare samples of a process whose threads
 * stay.
 *
 * Return: 0
 *         -ESRCH  there is no such process
 */
int process_time(pid_t pid, struct process_time *ret_time);

#endif
