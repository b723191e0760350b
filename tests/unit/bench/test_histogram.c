/*
 * Goal:   a duration is found in its histogram to three digits, whatever its
 *         size, and percentiles are those of the sorted durations.
 * Method: durations around each power of two; a thousand known ones.
 */
#include "histogram.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static struct histogram histogram, other;

static void clear(void)
{
	memset(&histogram, 0, sizeof(histogram));
	memset(&other, 0, sizeof(other));
}

static void expect_close(uint64_t found, uint64_t span_ns)
{
	cr_expect_geq(found, span_ns);
	cr_expect_leq((double)(found - span_ns), (double)span_ns / 1000,
		      "%llu for %llu", (unsigned long long)found,
		      (unsigned long long)span_ns);
}

Test(histogram, three_digits_at_every_size, .init = clear)
{
	for (unsigned bit = 0; bit < 41; bit++) {
		for (int64_t off = -2; off <= 2; off++) {
			uint64_t span_ns = (UINT64_C(1) << bit) + (uint64_t)off;

			if (off < 0 && bit < 2)
				continue;
			clear();
			histogram_add(&histogram, span_ns);
			/* So that the longest does not hide the slot's end. */
			histogram_add(&histogram, UINT64_C(1) << 41);
			expect_close(histogram_ns(&histogram, 0.5), span_ns);
		}
	}
}

Test(histogram, slots_ascend_and_hold_their_own_ends, .init = clear)
{
	for (unsigned i = 1; i < HISTOGRAM_SLOTS; i++) {
		uint64_t end = histogram_slot_end_ns(i);

		cr_assert_gt(end, histogram_slot_end_ns(i - 1));
		histogram_add(&histogram, end);
		cr_assert_eq(histogram.counts[i], 1, "slot %u", i);
	}
}

Test(histogram, percentiles_are_those_of_the_sorted, .init = clear)
{
	/* 1 to 1000 us, backwards, so that order plays no part. */
	for (uint64_t us = 1000; us > 0; us--)
		histogram_add(&histogram, us * 1000);
	expect_close(histogram_ns(&histogram, 0.5), 500000);
	expect_close(histogram_ns(&histogram, 0.9), 900000);
	expect_close(histogram_ns(&histogram, 0.999), 999000);
	cr_expect_eq(histogram_ns(&histogram, 1), 1000000);
	cr_expect_eq(histogram.min_ns, 1000);
	cr_expect_eq(histogram.max_ns, 1000000);
	cr_expect_eq(histogram.sum_ns, 500500000);
}

Test(histogram, merged_is_as_if_added, .init = clear)
{
	static struct histogram both;

	memset(&both, 0, sizeof(both));
	for (uint64_t i = 0; i < 1000; i++) {
		uint64_t span_ns = i * i * 37 + 5;

		histogram_add(i % 3 ? &histogram : &other, span_ns);
		histogram_add(&both, span_ns);
	}
	histogram_merge(&histogram, &other);
	cr_expect_eq(memcmp(&histogram, &both, sizeof(both)), 0);
	/* Nothing merged changes nothing. */
	memset(&other, 0, sizeof(other));
	histogram_merge(&histogram, &other);
	cr_expect_eq(memcmp(&histogram, &both, sizeof(both)), 0);
}

Test(histogram, too_long_is_counted_as_the_longest, .init = clear)
{
	histogram_add(&histogram, UINT64_MAX / 2);
	cr_expect_eq(histogram.counts[HISTOGRAM_SLOTS - 1], 1);
	cr_expect_eq(histogram.max_ns, UINT64_MAX / 2);
}
