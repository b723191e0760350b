/*
 * Goal:   the summaries are what a textbook says, and an interval that is
 *         called a 95 % one holds the true value that often.
 * Method: small cases computed by hand; tables of the sign test and of
 *         Mann-Whitney; draws from a distribution whose median is known.
 */
#include "lend_bench/summary.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define DRAWS	  4000
#define DRAWS_MAX 64

static uint64_t random_state;

static void seed(void)
{
	const char *text = getenv("LEND_TEST_SEED");

	random_state = text ? strtoull(text, NULL, 0) : (uint64_t)time(NULL);
	random_state |= 1;
	printf("LEND_TEST_SEED=%llu\n", (unsigned long long)random_state);
	fflush(stdout);
}

/* Above 0, below 1. */
static double draw(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return ((double)(random_state >> 12) + 0.5) / 0x1p52;
}

static void expect_near(double found, double wanted)
{
	cr_expect(fabs(found - wanted) <= 1e-9 * fmax(1, fabs(wanted)),
		  "%.12g instead of %.12g", found, wanted);
}

Test(summary, no_values)
{
	struct summary summary;

	summary_of(NULL, 0, &summary);
	cr_expect_eq(summary.count, 0);
	cr_expect(isnan(summary.median));
	cr_expect(isnan(summary.low));
	cr_expect(isnan(summary_spread(&summary)));
}

Test(summary, quartiles_lie_between_values)
{
	double values[] = { 4, 1, 3, 2 };
	struct summary summary;

	summary_of(values, 4, &summary);
	cr_expect_eq(summary.count, 4);
	expect_near(summary.min, 1);
	expect_near(summary.q1, 1.75);
	expect_near(summary.median, 2.5);
	expect_near(summary.q3, 3.25);
	expect_near(summary.max, 4);
	expect_near(summary_spread(&summary), 0.6);
}

Test(summary, one_value_has_no_interval)
{
	double value = 7;
	struct summary summary;

	summary_of(&value, 1, &summary);
	expect_near(summary.q1, 7);
	expect_near(summary.low, 7);
	expect_near(summary.high, 7);
	expect_near(summary.coverage, 0);
}

/* The table of the sign test: which values, from 1, enclose the median. */
Test(summary, interval_is_that_of_the_sign_test)
{
	static const struct {
		size_t count, low;
		double coverage;
	} table[] = {
		{ 5, 1, 0.9375 },	{ 6, 1, 0.96875 },
		{ 8, 1, 0.9921875 },	{ 9, 2, 0.9609375 },
		{ 11, 2, 0.98828125 },	{ 31, 10, 0.9705506 },
		{ 100, 40, 0.9647998 },
	};

	for (size_t row = 0; row < sizeof(table) / sizeof(*table); row++) {
		double values[100];
		size_t count = table[row].count;
		struct summary summary;

		for (size_t i = 0; i < count; i++)
			values[i] = (double)(count - i);
		summary_of(values, count, &summary);
		expect_near(summary.low, (double)table[row].low);
		expect_near(summary.high, (double)(count + 1 - table[row].low));
		cr_expect(fabs(summary.coverage - table[row].coverage) < 1e-5,
			  "%zu values: %.7f", count, summary.coverage);
	}
}

Test(summary, thousands_of_values_do_not_underflow)
{
	static double values[5001];
	struct summary summary;

	for (size_t i = 0; i < 5001; i++)
		values[i] = (double)i;
	summary_of(values, 5001, &summary);
	/* 2500 -+ 1.96 * sqrt(5001) / 2 */
	cr_expect(fabs(summary.low - 2430.7) < 2, "%g", summary.low);
	cr_expect(fabs(summary.high - 2569.3) < 2, "%g", summary.high);
	cr_expect_geq(summary.coverage, 0.95);
	cr_expect_leq(summary.coverage, 0.953);
}

/* Draws that are far from normal: 1/x, whose mean does not exist. */
Test(summary, interval_holds_the_median_as_often_as_it_says, .init = seed,
     .timeout = 60)
{
	static const size_t counts[] = { 6, 9, 31, 50 };

	for (size_t row = 0; row < 4; row++) {
		unsigned inside = 0;
		double coverage = 0;

		for (unsigned i = 0; i < DRAWS; i++) {
			double values[DRAWS_MAX];
			struct summary summary;

			for (size_t j = 0; j < counts[row]; j++)
				values[j] = 1 / draw();
			summary_of(values, counts[row], &summary);
			inside += summary.low <= 2 && 2 <= summary.high;
			coverage = summary.coverage;
		}
		/* Five standard deviations: once in two million runs. */
		cr_expect(fabs((double)inside / DRAWS - coverage) <
				  5 * sqrt(coverage * (1 - coverage) / DRAWS),
			  "%zu values: %u of %u inside, not %.3f", counts[row],
			  inside, DRAWS, coverage);
	}
}

Test(summary, ratios_are_of_pairs)
{
	double a[] = { 2, 30, 5, 1, 9 };
	double b[] = { 1, 10, 0, NAN, 2 };
	double ratios[5];
	struct summary summary;

	cr_expect_eq(summary_ratios(a, b, 5, ratios), 3);
	expect_near(ratios[0], 2);
	expect_near(ratios[1], 3);
	expect_near(ratios[2], 4.5);
	summary_of_ratios(a, b, 5, ratios, &summary);
	cr_expect_eq(summary.count, 3);
	expect_near(summary.median, 3);
}

/* Pairs see through what is common to both, however wild. */
Test(summary, paired_ratio_sees_through_a_common_drift, .init = seed)
{
	double a[31], b[31], scratch[31];
	struct summary summary;

	for (size_t i = 0; i < 31; i++) {
		b[i] = exp(10 * draw());
		a[i] = b[i] * (1.02 + 0.001 * draw());
	}
	summary_of_ratios(a, b, 31, scratch, &summary);
	cr_expect(summary.low > 1.02 && summary.high < 1.021);
}

/* Known: Hodges-Lehmann of logarithms, and the tables of U for 5 %. */
Test(summary, factor_of_two_samples)
{
	static const struct {
		size_t a, b, u;
	} table[] = {
		{ 4, 4, 0 }, { 5, 5, 2 }, { 8, 10, 17 }, { 20, 20, 127 }
	};
	double scratch[401], a[20], b[20];
	struct summary summary;

	a[0] = 2, a[1] = 4, b[0] = 1, b[1] = 2;
	summary_of_factor(a, 2, b, 2, scratch, &summary);
	expect_near(summary.median, 2);
	expect_near(summary.min, 1);
	expect_near(summary.max, 4);
	expect_near(summary.coverage, 1 - 2 / 6.0);

	for (size_t row = 0; row < 4; row++) {
		size_t pairs = table[row].a * table[row].b;

		for (size_t i = 0; i < table[row].a; i++)
			a[i] = 100 * (1 + (double)i);
		for (size_t i = 0; i < table[row].b; i++)
			b[i] = 1 + (double)i / 1000;
		summary_of_factor(a, table[row].a, b, table[row].b, scratch,
				  &summary);
		cr_expect_geq(summary.coverage, 0.95);
		cr_expect_eq(summary.count, pairs);
		expect_near(summary.low, scratch[table[row].u]);
		expect_near(summary.high, scratch[pairs - 1 - table[row].u]);
	}
}

Test(summary, factor_interval_holds_the_factor_as_often_as_it_says,
     .init = seed, .timeout = 60)
{
	static const size_t counts[][2] = { { 4, 4 }, { 5, 9 }, { 15, 15 } };
	double scratch[226];

	for (size_t row = 0; row < 3; row++) {
		unsigned inside = 0;
		double coverage = 0;

		for (unsigned i = 0; i < DRAWS; i++) {
			double a[15], b[15];
			struct summary summary;

			for (size_t j = 0; j < counts[row][0]; j++)
				a[j] = 3 / draw();
			for (size_t j = 0; j < counts[row][1]; j++)
				b[j] = 1 / draw();
			summary_of_factor(a, counts[row][0], b, counts[row][1],
					  scratch, &summary);
			inside += summary.low <= 3 && 3 <= summary.high;
			coverage = summary.coverage;
		}
		cr_expect(fabs((double)inside / DRAWS - coverage) <
				  5 * sqrt(coverage * (1 - coverage) / DRAWS),
			  "%zu and %zu values: %u of %u inside, not %.3f",
			  counts[row][0], counts[row][1], inside, DRAWS,
			  coverage);
	}
}

Test(summary, many_values_of_a_factor_are_normal)
{
	size_t count = 600;
	double *scratch = malloc((count * count + 1) * sizeof(*scratch));
	double *a = malloc(count * sizeof(*a));
	struct summary summary;

	cr_assert(scratch && a);
	for (size_t i = 0; i < count; i++)
		a[i] = 1 + (double)i / 1000;
	summary_of_factor(a, count, a, count, scratch, &summary);
	expect_near(summary.median, 1);
	cr_expect(summary.low < 1 && summary.low > 0.9);
	cr_expect(summary.high > 1 && summary.high < 1.1);
	free(scratch);
	free(a);
}

Test(summary, percentiles_of_buckets)
{
	static const struct summary_bucket buckets[] = {
		{ 10, 500 }, { 20, 400 }, { 30, 0 },
		{ 40, 99 },  { 50, 1 },	  { 60, 0 },
	};

	expect_near(summary_buckets_count(buckets, 6), 1000);
	expect_near(summary_percentile(buckets, 6, 0), 10);
	expect_near(summary_percentile(buckets, 6, 0.5), 10);
	expect_near(summary_percentile(buckets, 6, 0.501), 20);
	expect_near(summary_percentile(buckets, 6, 0.9), 20);
	expect_near(summary_percentile(buckets, 6, 0.99), 40);
	expect_near(summary_percentile(buckets, 6, 0.999), 40);
	expect_near(summary_percentile(buckets, 6, 0.9999), 50);
	expect_near(summary_percentile(buckets, 6, 1), 50);
	cr_expect(isnan(summary_percentile(buckets, 0, 0.5)));
	cr_expect(isnan(summary_percentile(&buckets[2], 1, 0.5)));
}
