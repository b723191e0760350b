/*
 * Requests at a rate: see load_pace.h.
 */
#include "load_pace.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

void pace_init(struct pace *pace, double interval_ns, unsigned connections,
	       uint64_t now_ns)
{
	*pace = (struct pace){
		.interval_ns = interval_ns,
		.due_ns = (double)now_ns,
		.until_ns = INFINITY,
		.size = connections,
		.idle = calloc(connections, sizeof(*pace->idle)),
	};
	if (pace->idle == NULL) {
		perror("http_load: calloc");
		exit(1);
	}
}

void pace_fini(struct pace *pace)
{
	free(pace->idle);
	pace->idle = NULL;
}

void pace_add(struct pace *pace, unsigned connection)
{
	pace->idle[(pace->first + pace->count++) % pace->size] = connection;
}

void pace_turn(struct pace *pace, uint64_t now_ns, uint64_t until_ns)
{
	pace->due_ns = (double)now_ns;
	pace->until_ns = (double)until_ns;
}

bool pace_is_over(const struct pace *pace)
{
	return pace->due_ns >= pace->until_ns && pace->count == pace->size;
}

bool pace_next(struct pace *pace, uint64_t now_ns, unsigned *ret_connection,
	       uint64_t *ret_due_ns)
{
	if (pace->count == 0 || pace->due_ns > (double)now_ns ||
	    pace->due_ns >= pace->until_ns)
		return false;
	*ret_connection = pace->idle[pace->first];
	*ret_due_ns = (uint64_t)pace->due_ns;
	pace->first = (pace->first + 1) % pace->size;
	pace->count--;
	pace->due_ns += pace->interval_ns;
	return true;
}

long pace_wait_ns(const struct pace *pace, uint64_t now_ns, long max_ns)
{
	double left = pace->due_ns - (double)now_ns;

	if (pace->count == 0 || left > (double)max_ns ||
	    pace->due_ns >= pace->until_ns)
		return max_ns;
	return left > 0 ? (long)left : 0;
}
