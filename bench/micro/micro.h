/*
 * Measurements inside the library: what no user of it can see. See main.c.
 */
#ifndef BENCH_MICRO_H
#define BENCH_MICRO_H

#include <stdbool.h>

/* How long a revocation takes; @rounds of each kind. Return: exit status. */
int micro_revoke(unsigned rounds);

/* What a claim and its commit cost on a held loan, beside plain liburing;
 * @rounds through a ring of each kind. Return: exit status. */
int micro_claim(unsigned rounds);

/* What an operation costs in each interface, beside plain liburing; @rounds of
 * each kind and mode, 1 to 1000. Return: exit status. */
int micro_operation(unsigned rounds);
/* What @count actors cost that wait for a message, or with a read in flight
 * each, and how fast they come and go. Return: exit status. */
int micro_actors(unsigned count, bool reads);

/* What @count timers cost, of workers and of actors, and what a scope adds to
 * a spawn. Return: exit status. */
int micro_timers(unsigned count);

/* How late actors are that sleep, on a worker that is idle and on one that is
 * not, and a thread beside them. Return: 0 or an error. */
int micro_lateness(void);

/* What it takes to wake a thread that sleeps in the kernel, by each means;
 * @rounds of each. Return: exit status. */
int micro_wake(unsigned rounds);

/* The wheel that the timers are in, beside a heap alone, with @count timers; a
 * page of memory for each. Return: exit status. */
int micro_wheel(unsigned count);

/* Note which CPUs there are to choose from. Call it before any thread is kept
 * to one, and once. */
void micro_pin_init(void);

/* Keep the calling thread to the first or the last CPU that it may use. False
 * if there is only one. */
bool micro_pin(bool last);

#endif
