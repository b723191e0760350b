/*
 * Goal:   the recorder keeps the latest records, says how many are gone, and
 *         shows a reader nothing else.
 * Method: here on one thread; tests/stress/stress_record.c has the readers
 *         that come in between.
 */
#include "base/record.h"

#include <criterion/criterion.h>
#include <lend/clock.h>
#include <string.h>

static struct lend_recorder recorder;

static void write_number(uint64_t argument, const char *name)
{
	lend__record(&recorder, &(struct lend_event){
					.event = LEND_TRACE_GRANT,
					.why = LEND_WHY_STALL,
					.ring = 7,
					.worker = 300,
					.by = LEND_TRACE_NOBODY,
					.argument = argument,
					.name = name,
				});
}

static void fini(void)
{
	lend__recorder_fini(&recorder);
}

Test(record, what_is_written_is_read, .fini = fini)
{
	uint64_t before = lend_now();
	struct lend_trace_record record;

	cr_assert_eq(lend__recorder_init(&recorder, 4), 0);
	cr_expect_eq(lend__recorder_count(&recorder), 0);
	cr_expect_not(lend__recorder_read(&recorder, 0, &record));
	cr_expect_not(lend__recorder_read(&recorder, 1, &record));
	write_number(UINT64_MAX, "an actor");
	cr_expect_eq(lend__recorder_count(&recorder), 1);
	cr_assert(lend__recorder_read(&recorder, 1, &record));
	cr_expect_eq(record.number, 1);
	cr_expect(record.time_ns >= before && record.time_ns <= lend_now());
	cr_expect_eq(record.event, LEND_TRACE_GRANT);
	cr_expect_eq(record.why, LEND_WHY_STALL);
	cr_expect_eq(record.ring, 7);
	cr_expect_eq(record.worker, 300);
	cr_expect_eq(record.by, LEND_TRACE_NOBODY);
	cr_expect_eq(record.argument, UINT64_MAX);
	cr_expect_str_eq(record.name, "an actor");
}

Test(record, names_are_cut_and_do_not_leak, .fini = fini)
{
	static const char digits[] = "0123456789012345678901234567890123456789";
	struct lend_trace_record record;

	cr_assert_eq(lend__recorder_init(&recorder, 1), 0);
	write_number(1, digits);
	cr_assert(lend__recorder_read(&recorder, 1, &record));
	cr_expect_eq(strlen(record.name), 31);
	cr_expect_eq(strncmp(record.name, digits, 31), 0);
	write_number(2, NULL);
	cr_assert(lend__recorder_read(&recorder, 2, &record));
	for (size_t i = 0; i < sizeof(record.name); i++)
		cr_expect_eq(record.name[i], 0);
	write_number(3, "");
	cr_assert(lend__recorder_read(&recorder, 3, &record));
	cr_expect_str_eq(record.name, "");
}

Test(record, the_oldest_are_overwritten, .fini = fini)
{
	struct lend_trace_record record;

	/* Rounded up to 8. */
	cr_assert_eq(lend__recorder_init(&recorder, 5), 0);
	cr_expect_eq(lend__recorder_capacity(&recorder), 8);
	for (uint64_t i = 1; i <= 21; i++)
		write_number(i * 10, NULL);
	cr_expect_eq(lend__recorder_count(&recorder), 21);
	for (uint64_t i = 1; i <= 30; i++) {
		bool is_there = lend__recorder_read(&recorder, i, &record);

		cr_expect_eq(is_there, i >= 14 && i <= 21, "number %llu",
			     (unsigned long long)i);
		if (is_there)
			cr_expect_eq(record.argument, i * 10);
	}
}

Test(record, off_records_nothing, .fini = fini)
{
	write_number(1, NULL); /* not initialised */
	cr_expect_eq(lend__recorder_count(&recorder), 0);
	cr_expect_eq(lend__recorder_capacity(&recorder), 0);
	cr_assert_eq(lend__recorder_init(&recorder, 2), 0);
	atomic_store(&recorder.on, false);
	write_number(2, NULL);
	cr_expect_eq(lend__recorder_count(&recorder), 0);
	atomic_store(&recorder.on, true);
	write_number(3, NULL);
	cr_expect_eq(lend__recorder_count(&recorder), 1);
}
