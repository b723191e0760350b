/*
 * When requests are due that come at a rate, and who sends them: the connection
 * that has waited longest for one.
 */
#ifndef BENCH_LOAD_PACE_H
#define BENCH_LOAD_PACE_H

#include <stdbool.h>
#include <stdint.h>

struct pace {
	double interval_ns; /* 0: there is no rate */
	double due_ns;	    /* when the next requests are due */
	double until_ns;    /* none is due any more */
	unsigned *idle;	    /* a ring of @size connections without a request */
	unsigned size;
	unsigned first;
	unsigned count;
};

/* @interval_ns: 0 for no rate; @connections: the numbers there can be. Ends
 * the program if there is no memory. */
void pace_init(struct pace *pace, double interval_ns, unsigned connections,
	       uint64_t now_ns);
void pace_fini(struct pace *pace);

static inline bool pace_has_rate(const struct pace *pace)
{
	return pace->interval_ns > 0;
}

/* This connection has all its answers. */
void pace_add(struct pace *pace, unsigned connection);

/* Requests are due from @now_ns until @until_ns. */
void pace_turn(struct pace *pace, uint64_t now_ns, uint64_t until_ns);

/* All that were due have been sent, and all connections have their answers. */
bool pace_is_over(const struct pace *pace);

/* Who is to send now, and when that was due; false if nothing is, or nobody is
 * there to send it: then it stays due. */
bool pace_next(struct pace *pace, uint64_t now_ns, unsigned *ret_connection,
	       uint64_t *ret_due_ns);

/* For how long there is nothing to send, up to @max_ns. */
long pace_wait_ns(const struct pace *pace, uint64_t now_ns, long max_ns);

#endif
