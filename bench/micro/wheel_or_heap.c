/*
 * The timing wheel that workers have beside a heap alone: what each costs a
 * server. Nodes lie as far apart as in actors' records, on pages of their own,
 * so that misses of the caches are in the figures; there are no locks and no
 * signals in them.
 *
 *  random   deadlines anywhere within an hour
 *  timeout  always 30 s from now, which goes on by 1 us: what servers do
 *  equal    all at the same moment
 *
 *  delete and add      each in turn, to a later moment
 *  all due at once     taken out one by one, by order
 *  moved on            connections with a timeout of 30 s: one at random has a
 *                      request, which moves its deadline, while 60 s go by in
 *                      which each has 6 of them on average; the opening of
 *                      slots is in this figure, for each request
 *  left, looked at     the same as Lend does it: a timer stays where it is and
 *                      looks when it goes off whether that was meant
 *  sleep               a timer of 1 ms goes off, among others of half an hour
 *  add, delete, alone  a timer that never goes off: it did not time out
 */
#include "micro.h"

#include <lend/clock.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/list.h"
#include "base/wheel.h"

#define SPREAD_NS  (3600 * LEND_S)
#define TIMEOUT_NS (30 * LEND_S)
#define SERVED_NS  (60 * LEND_S)
/* Within that time, for each connection. */
#define REQUESTS 6

/* Records of actors are 64 KiB apart and shifted by some lines; so far apart a
 * million would be too much memory here, and a page is as good. */
#define APART 4096

enum keys {
	KEYS_RANDOM,
	KEYS_TIMEOUT,
	KEYS_EQUAL,
	KEYS_COUNT,
};

static const char *const key_names[] = { "random", "timeout", "equal" };

struct record {
	struct lend_pairing_node node;
	uint64_t deadline; /* if the timer was left where it was */
};

struct contest {
	char *memory;
	unsigned count;
	bool is_wheel;
	enum keys keys;
	uint64_t now, random;
	struct lend_pairing heap;
	struct lend_wheel wheel;
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

static void add(struct contest *contest, struct record *record, uint64_t key)
{
	if (contest->is_wheel)
		lend_wheel_add(&contest->wheel, &record->node, key,
			       contest->now);
	else
		lend_pairing_add(&contest->heap, &record->node, key);
}

static void delete (struct contest *contest, struct record *record)
{
	if (contest->is_wheel)
		lend_wheel_remove(&contest->wheel, &record->node);
	else
		lend_pairing_remove(&contest->heap, &record->node);
}

/* The first one that is due; NULL: none. */
static struct record *take(struct contest *contest)
{
	struct lend_pairing_node *first = contest->heap.root;
	unsigned work = UINT32_MAX;

	if (contest->is_wheel) {
		first = lend_wheel_take(&contest->wheel, contest->now, &work);
	} else if (first && first->key <= contest->now) {
		lend_pairing_remove(&contest->heap, first);
	} else {
		first = NULL;
	}
	return first ? lend_container_of(first, struct record, node) : NULL;
}

static uint64_t random_next(struct contest *contest)
{
	contest->random ^= contest->random << 13;
	contest->random ^= contest->random >> 7;
	contest->random ^= contest->random << 17;
	return contest->random;
}

static uint64_t key_of(struct contest *contest)
{
	switch (contest->keys) {
	case KEYS_RANDOM:
		return contest->now + random_next(contest) % SPREAD_NS;
	case KEYS_TIMEOUT:
		contest->now += LEND_US;
		return contest->now + TIMEOUT_NS;
	default:
		return 2 * SPREAD_NS;
	}
}

static void print(const struct contest *contest, const char *step,
		  uint64_t span_ns)
{
	printf("%-6s %-8s %-20s %8u timers  %7.1f ns each\n",
	       contest->is_wheel ? "wheel" : "heap", key_names[contest->keys],
	       step, contest->count, (double)span_ns / contest->count);
}

static void add_all(struct contest *contest)
{
	uint64_t begin = cpu_now();

	for (unsigned i = 0; i < contest->count; i++)
		add(contest, record_at(contest, i), key_of(contest));
	print(contest, "add", cpu_now() - begin);
}

/* All are armed; each in turn is deleted and armed again, later. */
static void turn_over(struct contest *contest)
{
	uint64_t begin = cpu_now();

	for (unsigned i = 0; i < contest->count; i++) {
		struct record *record = record_at(contest, i);

		delete (contest, record);
		add(contest, record, key_of(contest));
	}
	print(contest, "delete and add", cpu_now() - begin);
}

static bool take_all(struct contest *contest)
{
	uint64_t begin = cpu_now(), last = 0;
	struct record *record;
	unsigned count = 0;

	contest->now = 4 * SPREAD_NS;
	for (; (record = take(contest)); count++) {
		if (record->node.key < last)
			return false;
		last = record->node.key;
	}
	print(contest, "all due at once", cpu_now() - begin);
	return count == contest->count;
}

static void serve(struct contest *contest, bool leaves)
{
	uint64_t begin, step_ns = SERVED_NS / contest->count / REQUESTS;

	for (unsigned i = 0; i < contest->count; i++) {
		struct record *record = record_at(contest, i);

		record->deadline = contest->now +
				   random_next(contest) % TIMEOUT_NS;
		add(contest, record, record->deadline);
	}
	begin = cpu_now();
	for (unsigned i = 0; i < REQUESTS * contest->count; i++) {
		struct record *record = record_at(
			contest,
			(unsigned)(random_next(contest) % contest->count));

		contest->now += step_ns;
		record->deadline = contest->now + TIMEOUT_NS;
		if (!leaves) {
			delete (contest, record);
			add(contest, record, record->deadline);
		}
		while ((record = take(contest))) {
			/* It timed out, and the next one comes in its place. */
			if (record->deadline <= contest->now)
				record->deadline = contest->now + TIMEOUT_NS;
			add(contest, record, record->deadline);
		}
	}
	print(contest, leaves ? "left, looked at" : "moved on",
	      (cpu_now() - begin) / REQUESTS);
}

static bool sleep_among(struct contest *contest)
{
	struct record sleeper;
	uint64_t begin;

	for (unsigned i = 0; i < contest->count; i++)
		add(contest, record_at(contest, i),
		    contest->now + SPREAD_NS / 2 +
			    random_next(contest) % SPREAD_NS);
	begin = cpu_now();
	for (unsigned i = 0; i < contest->count; i++) {
		add(contest, &sleeper, contest->now + LEND_MS);
		contest->now += LEND_MS;
		if (take(contest) != &sleeper)
			return false;
	}
	print(contest, "sleep", cpu_now() - begin);
	return true;
}

static void empty(struct contest *contest)
{
	contest->heap.root = NULL;
	lend_wheel_init(&contest->wheel);
	contest->now = 1;
	contest->random = 88172645463325252;
}

static bool run(struct contest *contest)
{
	bool is_right = true;
	uint64_t begin;

	empty(contest);
	add_all(contest);
	turn_over(contest);
	is_right = take_all(contest);
	if (contest->keys != KEYS_TIMEOUT)
		return is_right;
	empty(contest);
	serve(contest, false);
	empty(contest);
	serve(contest, true);
	empty(contest);
	is_right = sleep_among(contest) && is_right;
	empty(contest);
	begin = cpu_now();
	for (unsigned i = 0; i < contest->count; i++) {
		struct record *record = record_at(contest, i);

		add(contest, record, key_of(contest));
		delete (contest, record);
	}
	print(contest, "add, delete, alone", cpu_now() - begin);
	return is_right;
}

int micro_wheel(unsigned count)
{
	struct contest *contest = calloc(1, sizeof(*contest));
	bool is_right = true;

	if (!contest)
		return 1;
	contest->count = count;
	contest->memory = calloc(count, APART);
	if (!contest->memory) {
		free(contest);
		return 1;
	}
	for (unsigned i = 0; i < count; i++)
		*(volatile char *)record_at(contest, i) = 0;
	printf("a node has %zu bytes, a heap %zu, a wheel %zu\n",
	       sizeof(struct lend_pairing_node), sizeof(struct lend_pairing),
	       sizeof(struct lend_wheel));
	for (unsigned i = 0; i < 2 * KEYS_COUNT; i++) {
		contest->is_wheel = i & 1;
		contest->keys = i / 2;
		is_right &= run(contest);
	}
	if (!is_right)
		fprintf(stderr, "not all timers went off, or not in order\n");
	free(contest->memory);
	free(contest);
	return !is_right;
}
