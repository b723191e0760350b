/*
 * Goal:   whoever reads a flight recorder while it is written to gets whole
 *         records in their order, and knows how many are gone.
 * Method: one writer, as fast as it can, on recorders so small that readers
 *         are overtaken all the time. Whatever is in a record follows from its
 *         number, so a mixture of two shows. Names come and go, as they use
 *         words that other records leave alone. That readers were overtaken,
 *         and that they got something, is checked, too.
 */
#include <lend/clock.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/record.h"

#define READERS 2
#define SPAN_NS (400 * LEND_MS)

static struct lend_recorder recorder;
static _Atomic bool stop;
static _Atomic uint64_t read_count, missed_count;

#define CHECK(condition)                                                       \
	do {                                                                   \
		if (!(condition)) {                                            \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__,     \
				#condition);                                   \
			abort();                                               \
		}                                                              \
	} while (0)

static uint64_t mix(uint64_t number)
{
	number ^= number >> 31;
	number *= UINT64_C(0x9e3779b97f4a7c15);
	return number ^ number >> 29;
}

static void name_of(uint64_t number, char *name)
{
	name[0] = 0;
	if (mix(number) % 3)
		snprintf(name, 32, "%.*llu", (int)(1 + mix(number) % 30),
			 (unsigned long long)number);
}

static void *write_all(void *arg)
{
	uint64_t number = 0;

	(void)arg;
	while (!atomic_load(&stop)) {
		uint64_t bits = mix(++number);
		char name[32];

		name_of(number, name);
		lend__record(&recorder,
			     &(struct lend_event){
				     .event = bits % LEND_TRACE_EVENTS,
				     .why = bits >> 8 & 7,
				     .ring = (uint16_t)(bits >> 16),
				     .worker = (uint16_t)(bits >> 32),
				     .by = (uint16_t)(bits >> 48),
				     .argument = ~bits,
				     .name = name[0] ? name : NULL,
			     });
	}
	return NULL;
}

static void check(const struct lend_trace_record *record, uint64_t number)
{
	uint64_t bits = mix(number);
	char name[32];

	name_of(number, name);
	CHECK(record->number == number);
	CHECK(record->event == bits % LEND_TRACE_EVENTS);
	CHECK(record->why == (bits >> 8 & 7));
	CHECK(record->ring == (uint16_t)(bits >> 16));
	CHECK(record->worker == (uint16_t)(bits >> 32));
	CHECK(record->by == (uint16_t)(bits >> 48));
	CHECK(record->argument == ~bits);
	CHECK(strcmp(record->name, name) == 0);
}

static void *read_all(void *arg)
{
	uint64_t capacity = lend__recorder_capacity(&recorder);

	(void)arg;
	while (!atomic_load(&stop)) {
		uint64_t last = lend__recorder_count(&recorder);
		uint64_t number = last > capacity ? last - capacity : 0;
		uint64_t time_ns = 0, got = 0, missed = 0;

		while (++number <= last) {
			struct lend_trace_record record;

			if (!lend__recorder_read(&recorder, number, &record)) {
				missed++;
				continue;
			}
			got++;
			check(&record, number);
			CHECK(record.time_ns >= time_ns);
			time_ns = record.time_ns;
		}
		atomic_fetch_add(&read_count, got);
		atomic_fetch_add(&missed_count, missed);
	}
	return NULL;
}

/* Did a run see what it is for? Not before every thread has had its turn. */
static bool is_enough(uint64_t capacity)
{
	return lend__recorder_count(&recorder) > capacity &&
	       atomic_load(&read_count) > 0 &&
	       (capacity > 1 || atomic_load(&missed_count) > 0);
}

static void run(uint64_t capacity)
{
	pthread_t threads[READERS + 1];
	uint64_t end_ns = lend_after(60 * LEND_S);

	memset(&recorder, 0, sizeof(recorder));
	CHECK(lend__recorder_init(&recorder, capacity) == 0);
	atomic_store(&stop, false);
	atomic_store(&read_count, 0);
	atomic_store(&missed_count, 0);
	for (int i = 0; i <= READERS; i++)
		CHECK(!pthread_create(&threads[i], NULL,
				      i ? read_all : write_all, NULL));
	do
		nanosleep(&(struct timespec){ .tv_nsec = SPAN_NS }, NULL);
	while (!is_enough(capacity) && lend_now() < end_ns);
	atomic_store(&stop, true);
	for (int i = 0; i <= READERS; i++)
		pthread_join(threads[i], NULL);
	printf("capacity %llu: %llu written, %llu read, %llu missed\n",
	       (unsigned long long)capacity,
	       (unsigned long long)lend__recorder_count(&recorder),
	       (unsigned long long)atomic_load(&read_count),
	       (unsigned long long)atomic_load(&missed_count));
	/* What is there when nobody writes is all there. */
	for (uint64_t i = 0; i < capacity; i++) {
		uint64_t number = lend__recorder_count(&recorder) - i;
		struct lend_trace_record record;

		CHECK(lend__recorder_read(&recorder, number, &record));
		check(&record, number);
	}
	CHECK(is_enough(capacity));
	lend__recorder_fini(&recorder);
}

int main(void)
{
	for (uint64_t capacity = 1; capacity <= 1024; capacity *= 32)
		run(capacity);
	return 0;
}
