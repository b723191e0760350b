/*
 * The threads of workers: starting one.
 */
#ifndef LEND_RT_THREAD_H
#define LEND_RT_THREAD_H

#include <signal.h>

struct lend_runtime;
struct lend_worker;

/**
 * Make the record of worker @index ready, and start its thread. How that went
 * it reports by lend__runtime_worker_started().
 *
 * Thread: any, one at a time. Blocks: no.
 *
 * Return: 0
 *         -EAGAIN  no thread
 *         -ENOMEM, or the error of eventfd(2)
 */
int lend__thread_start(struct lend_runtime *runtime, unsigned index);

/* Block all signals that can be blocked sensibly: the calling thread is about
 * to start one of the runtime's. The caller restores *@ret_before. */
void lend__thread_block_signals(sigset_t *ret_before);

/* The thread of a worker: runs until the runtime stops, or it has left. */
void *lend__thread_main(void *worker);

#endif
