/*
 * Goal:   heaps stay whole and data intact while spans wander between threads:
 *         each thread takes spans of its own heap, passes some on to others,
 *         frees what it is passed, and now and then ends and leaves its
 *         disowned spans, so that the last one who frees makes room for the
 *         next owner.
 * Method: threads that each are a series of owners, as actors on one slot are;
 *         a table of places where spans are put and taken by exchange; stamps
 *         at both ends of each span. Under ThreadSanitizer it proves that what
 *         a heap's owner does is ordered with what others do to its spans.
 *
 *	stress-heap [SEED]
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <lend/clock.h>

#include "base/check.h"
#include "mem/heap.h"

#define THREADS	  4
#define PLACES	  64
#define HOME_SIZE 1024
#define OWNED_MAX 128
#define RUN_NS	  (3 * LEND_S)

struct slot {
	struct lend_heap heap;
	pthread_mutex_t lock; /* of a heap that nobody owns */
	_Atomic bool is_free;
	_Alignas(64) char home[HOME_SIZE];
};

static struct lend_heap_range range;
/* Twice as many as threads, so that a zombie does not stop its thread. */
static struct slot slots[2 * THREADS];
static _Atomic(uint64_t *) places[PLACES];
static _Atomic bool stopping;
static _Atomic uint64_t lives, zombies, passed;

struct owner {
	unsigned index;
	struct slot *slot;
	uint64_t random;
	uint64_t *spans[OWNED_MAX];
	unsigned count;
};

static uint64_t next_random(struct owner *owner)
{
	uint64_t x = owner->random;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return owner->random = x;
}

static struct slot *slot_of(const void *span)
{
	int index = lend__heap_range_owner(&range, span);

	for (unsigned i = 0; index < 0 && i < 2 * THREADS; i++)
		if ((const char *)span >= slots[i].home &&
		    (const char *)span < slots[i].home + HOME_SIZE)
			index = (int)i;
	lend_assert(index >= 0);
	return &slots[index];
}

/* Word 1 is the size in words, word 0 and the last one are the stamp. The heap
 * may use word 0 once it is freed. */
static void stamp(uint64_t *span, size_t words, uint64_t value)
{
	span[0] = value;
	span[1] = words;
	span[words - 1] = value;
}

static void verify(const uint64_t *span)
{
	lend_assert(span[1] >= 8);
	lend_assert(span[span[1] - 1] == span[0]);
}

static void give_up_slot(struct slot *slot)
{
	lend__heap_check(&slot->heap);
	lend__heap_trim(&slot->heap);
	lend__heap_fini(&slot->heap);
	atomic_store_explicit(&slot->is_free, true, memory_order_release);
}

/* As lend__registry_free_span() does. */
static void free_of_other(uint64_t *span)
{
	struct slot *slot = slot_of(span);
	bool is_last;

	if (lend__heap_return(&slot->heap, span))
		return;
	pthread_mutex_lock(&slot->lock);
	lend__heap_free(&slot->heap, span);
	is_last = lend__heap_empty(&slot->heap);
	pthread_mutex_unlock(&slot->lock);
	if (is_last)
		give_up_slot(slot);
}

static void free_span(struct owner *owner, uint64_t *span)
{
	verify(span);
	if (lend__heap_has(&owner->slot->heap, span))
		lend__heap_free(&owner->slot->heap, span);
	else
		free_of_other(span);
}

static void owner_begin(struct owner *owner)
{
	unsigned i = owner->index;
	bool expected = true;

	/* Acquire: who gave it up has finished with it. */
	while (!atomic_compare_exchange_strong_explicit(
		&slots[i].is_free, &expected, false, memory_order_acquire,
		memory_order_relaxed)) {
		expected = true;
		i = (i + 1) % (2 * THREADS);
		/* All are zombies: free something. */
		if (i == owner->index) {
			uint64_t *span = atomic_exchange(
				&places[next_random(owner) % PLACES], NULL);

			if (span) {
				verify(span);
				free_of_other(span);
			}
		}
	}
	owner->slot = &slots[i];
	owner->count = 0;
	lend__heap_init(&owner->slot->heap, &range, i, owner->slot->home,
			HOME_SIZE, 0);
}

static void owner_end(struct owner *owner)
{
	struct slot *slot = owner->slot;

	atomic_fetch_add(&lives, 1);
	lend__heap_free_all(&slot->heap);
	if (lend__heap_abandon(&slot->heap))
		atomic_fetch_add(&zombies, 1);
	else
		give_up_slot(slot);
}

static void take_span(struct owner *owner)
{
	static const size_t sizes[] = { 64, 64, 128, 512, 2048, 4096, 65536 };
	size_t size = sizes[next_random(owner) % 7];
	void *span;

	if (owner->count == OWNED_MAX ||
	    lend__heap_alloc(&owner->slot->heap, size, &span))
		return;
	stamp(span, size / 8, next_random(owner));
	owner->spans[owner->count++] = span;
}

static void pass_span(struct owner *owner)
{
	uint64_t *span, *other;

	if (!owner->count)
		return;
	span = owner->spans[--owner->count];
	lend__heap_disown(&owner->slot->heap, span);
	other = atomic_exchange(&places[next_random(owner) % PLACES], span);
	atomic_fetch_add(&passed, 1);
	if (other)
		free_span(owner, other);
}

static void *run(void *arg)
{
	struct owner *owner = arg;

	owner_begin(owner);
	while (!atomic_load(&stopping)) {
		switch (next_random(owner) % 8) {
		case 0:
		case 1:
		case 2:
			take_span(owner);
			break;
		case 3:
		case 4:
			pass_span(owner);
			break;
		case 5:
		case 6:
			if (owner->count)
				free_span(owner, owner->spans[--owner->count]);
			break;
		default:
			if (next_random(owner) % 64 == 0) {
				owner_end(owner);
				owner_begin(owner);
			} else {
				lend__heap_settle(&owner->slot->heap,
						  lend_now());
			}
		}
	}
	owner_end(owner);
	return NULL;
}

int main(int argc, char **argv)
{
	uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 0) : lend_now();
	static struct owner owners[THREADS];
	pthread_t threads[THREADS];
	uint64_t until_ns = lend_after(RUN_NS);

	printf("seed %llu\n", (unsigned long long)seed);
	fflush(stdout);
	lend_assert(!lend__heap_range_init(&range, 2 * THREADS, 0, 0));
	for (unsigned i = 0; i < 2 * THREADS; i++) {
		pthread_mutex_init(&slots[i].lock, NULL);
		atomic_init(&slots[i].is_free, true);
	}
	for (unsigned i = 0; i < THREADS; i++) {
		owners[i] = (struct owner){
			.index = i,
			.random = (seed + i) * UINT64_C(0x9e3779b97f4a7c15) | 1,
		};
		pthread_create(&threads[i], NULL, run, &owners[i]);
	}
	while (lend_now() < until_ns)
		sched_yield();
	atomic_store(&stopping, true);
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	for (unsigned i = 0; i < PLACES; i++) {
		uint64_t *span = atomic_exchange(&places[i], NULL);

		if (span) {
			verify(span);
			free_of_other(span);
		}
	}
	/* Nothing is lost: each slot could have an owner, none holds memory. */
	for (unsigned i = 0; i < 2 * THREADS; i++)
		lend_assert(atomic_load(&slots[i].is_free));
	lend_assert(atomic_load(&range.totals.held) == 0);
	lend_assert(atomic_load(&range.totals.returns) > 0);
	lend_assert(atomic_load(&zombies) > 0);
	printf("%llu owners, %llu left spans behind, %llu spans passed on, %llu returned\n",
	       (unsigned long long)atomic_load(&lives),
	       (unsigned long long)atomic_load(&zombies),
	       (unsigned long long)atomic_load(&passed),
	       (unsigned long long)atomic_load(&range.totals.returns));
	lend__heap_range_fini(&range);
	return 0;
}
