/*
 * What many repeats of one measurement say: median, quartiles, an interval of
 * the median that needs no distribution, percentiles of a histogram.
 *
 * Nothing here allocates, prints or fails. Why these statistics and no others:
 * doc/adr/0013-order-statistics.md.
 *
 * Thread: any; no state.
 */
#ifndef LEND_BENCH_SUMMARY_H
#define LEND_BENCH_SUMMARY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * All fields are NAN if there was no value.
 *
 * @low, @high  two of the values, which enclose the median of what was drawn
 *              from with the probability @coverage, whatever its distribution
 * @coverage    the least that is 0.95 or more; with fewer than 6 values the
 *              extremes are all there is, and this is what they are worth
 */
struct summary {
	size_t count;
	double min, q1, median, q3, max;
	double low, high, coverage;
};

/* One bar of a histogram: @count values above the bar before, up to @upper. */
struct summary_bucket {
	double upper;
	double count;
};

/* Is summary.low .. high worth being called a 95 % interval? */
#define SUMMARY_COVERAGE 0.95

/**
 * Sum up @values, which are sorted in place.
 *
 * Quartiles and the median lie between two values where need be, linearly.
 *
 * @values  finite
 */
void summary_of(double *values, size_t count, struct summary *ret_summary);

/* (q3 - q1) / median: how far the middle half spreads. NAN if that is not a
 * number. */
double summary_spread(const struct summary *summary);

/**
 * The ratios a[i] / b[i] of pairs that were measured side by side.
 *
 * A pair of which one is 0, negative or not finite has no ratio and is left
 * out: say so where the result is shown, if it is less than @count.
 *
 * @ret_ratios  room for @count; may be @a or @b
 *
 * Return: how many there are
 */
size_t summary_ratios(const double *a, const double *b, size_t count,
		      double *ret_ratios);

/* The two together: summary_ratios() into @scratch, room for @count, and
 * summary_of() these. */
void summary_of_ratios(const double *a, const double *b, size_t count,
		       double *scratch, struct summary *ret_summary);

/**
 * The ratio of two medians that were *not* measured side by side: what to
 * multiply @b by to get @a.
 *
 * The median of all the count_a * count_b ratios a[i] / b[j], and an interval
 * from their order, exact if the two differ by a factor only (Mann-Whitney,
 * Hodges-Lehmann).
 *
 * @a, @b    above 0 and finite
 * @scratch  room for count_a * count_b, and for no less than that + 1
 */
void summary_of_factor(const double *a, size_t count_a, const double *b,
		       size_t count_b, double *scratch,
		       struct summary *ret_summary);

/* How many values the buckets hold. */
double summary_buckets_count(const struct summary_bucket *buckets,
			     size_t count);

/**
 * The value that @fraction of all do not exceed: the upper end of the bucket
 * it is in.
 *
 * @buckets   in ascending order of their upper ends
 * @fraction  0 to 1, 0.999 for p99.9
 *
 * Return: NAN if the buckets are empty
 */
double summary_percentile(const struct summary_bucket *buckets, size_t count,
			  double fraction);

#endif
