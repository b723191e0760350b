/*
 * The heap of timers beside a timing wheel: what each costs a server. Nodes lie
 * as far apart as in actors' records, on pages of their own, so that misses of
 * the caches are in the figures; there are no locks and no signals in them.
 *
 *  random   deadlines anywhere within an hour
 *  timeout  always 30 s from now, which goes on by 1 us: what servers do
 *  add, delete  a timer that never goes off: the operation did not time out
 *  at once  all are due, and taken out one by one, by order in the heap
 */
#include "micro.h"

#include <lend/clock.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/pairing.h"
#include "wheel.h"

#define SPREAD_NS  (3600 * LEND_S)
#define TIMEOUT_NS (30 * LEND_S)

/* Records of actors are 64 KiB apart and shifted by some lines; so far apart a
 * million would be too much memory here, and a page is as good. */
#define APART 4096

struct record {
	union {
		struct lend_pairing_node heap;
		struct wheel_node wheel;
	};
};

struct contest {
	char *memory;
	unsigned count;
	bool is_wheel;
	struct lend_pairing heap;
	struct wheel wheel;
};

static uint64_t cpu_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (uint64_t)now.tv_sec * LEND_S + (uint64_t)now.tv_nsec;
}

static struct record *record_at(const struct contest *contest, unsigned index)
{
	return (void *)(contest->memory + (size_t)index * APART +
			index % 32 * 64);
}

static void add(struct contest *contest, unsigned index, uint64_t key)
{
	struct record *record = record_at(contest, index);

	if (contest->is_wheel)
		wheel_add(&contest->wheel, &record->wheel, key);
	else
		lend_pairing_add(&contest->heap, &record->heap, key);
}

static void delete (struct contest *contest, unsigned index)
{
	struct record *record = record_at(contest, index);

	if (contest->is_wheel)
		wheel_remove(&contest->wheel, &record->wheel);
	else
		lend_pairing_remove(&contest->heap, &record->heap);
}

static void ignore(struct wheel_node *node)
{
	(void)node;
}

static unsigned take_all(struct contest *contest)
{
	unsigned count = 0;

	if (contest->is_wheel)
		return wheel_expire(&contest->wheel, 2 * SPREAD_NS, ignore);
	while (contest->heap.root) {
		lend_pairing_remove(&contest->heap, contest->heap.root);
		count++;
	}
	return count;
}

static uint64_t random_next(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static uint64_t key_of(bool random, unsigned index, uint64_t *state)
{
	return random ? random_next(state) % SPREAD_NS :
			TIMEOUT_NS + index * LEND_US;
}

static void print(const struct contest *contest, bool random, const char *step,
		  uint64_t span_ns)
{
	printf("%-8s %-8s %-20s %8u timers  %7.1f ns each\n",
	       contest->is_wheel ? "wheel" : "heap",
	       random ? "random" : "timeout", step, contest->count,
	       (double)span_ns / contest->count);
}

/* All are armed; each in turn is deleted and armed again, later. */
static void turn_over(struct contest *contest, bool random, uint64_t *state)
{
	uint64_t begin = cpu_now();

	for (unsigned i = 0; i < contest->count; i++) {
		delete (contest, i);
		add(contest, i, key_of(random, contest->count + i, state));
	}
	print(contest, random, "delete and add", cpu_now() - begin);
}

static bool run(struct contest *contest, bool random)
{
	uint64_t state = 88172645463325252, begin = cpu_now();
	bool is_complete;

	for (unsigned i = 0; i < contest->count; i++)
		add(contest, i, key_of(random, i, &state));
	print(contest, random, "add", cpu_now() - begin);
	turn_over(contest, random, &state);
	begin = cpu_now();
	is_complete = take_all(contest) == contest->count;
	print(contest, random, "all due at once", cpu_now() - begin);
	/* Alone in it: the operation that never times out. */
	begin = cpu_now();
	for (unsigned i = 0; i < contest->count; i++) {
		add(contest, i, 2 * SPREAD_NS + key_of(random, i, &state));
		delete (contest, i);
	}
	print(contest, random, "add, delete, alone", cpu_now() - begin);
	return is_complete;
}

int micro_wheel(unsigned count)
{
	struct contest contest = { .count = count };
	bool is_complete = true;

	contest.memory = calloc(count, APART);
	if (!contest.memory)
		return 1;
	for (unsigned i = 0; i < count; i++)
		*(volatile char *)record_at(&contest, i) = 0;
	for (unsigned i = 0; i < 4; i++) {
		contest.is_wheel = i & 1;
		is_complete &= run(&contest, i < 2);
	}
	if (!is_complete)
		fprintf(stderr, "not all timers went off\n");
	free(contest.memory);
	return !is_complete;
}
