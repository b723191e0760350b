/*
 * Order statistics. Called by whatever shows repeats: the table of a run, the
 * report, the comparison of two results. Knows nothing of what was measured.
 */
#include "lend_bench/summary.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

/* From here on numbers of arrangements may not fit into a double. */
#define EXACT_MAX 1000

static int compare_doubles(const void *left, const void *right)
{
	double a = *(const double *)left;
	double b = *(const double *)right;

	return (a > b) - (a < b);
}

static void sort(double *values, size_t count)
{
	if (count > 0) /* qsort() must not be given NULL */
		qsort(values, count, sizeof(*values), compare_doubles);
}

static double quantile(const double *sorted, size_t count, double fraction)
{
	double place = fraction * (double)(count - 1);
	size_t below = (size_t)place;

	if (below + 1 >= count)
		return sorted[count - 1];
	return sorted[below] +
	       (place - (double)below) * (sorted[below + 1] - sorted[below]);
}

/* @skip values at each end lie outside of the interval, with @tail as the
 * probability for the true value to be beyond one end. */
static void fill(const double *sorted, size_t count, size_t skip, double tail,
		 struct summary *summary)
{
	assert(count > 0 && 2 * skip < count);
	summary->min = sorted[0];
	summary->q1 = quantile(sorted, count, 0.25);
	summary->median = quantile(sorted, count, 0.5);
	summary->q3 = quantile(sorted, count, 0.75);
	summary->max = sorted[count - 1];
	summary->low = sorted[skip];
	summary->high = sorted[count - 1 - skip];
	summary->coverage = fmax(0, 1 - 2 * tail);
}

static void fill_empty(struct summary *summary)
{
	*summary = (struct summary){
		.min = NAN,
		.q1 = NAN,
		.median = NAN,
		.q3 = NAN,
		.max = NAN,
		.low = NAN,
		.high = NAN,
		.coverage = NAN,
	};
}

/* The probability of exactly @heads heads in @count tosses of a fair coin. */
static double coin(size_t count, size_t heads)
{
	int sign;
	double n = (double)count;
	double k = (double)heads;

	return exp(lgamma_r(n + 1, &sign) - lgamma_r(k + 1, &sign) -
		   lgamma_r(n - k + 1, &sign) - n * M_LN2);
}

/*
 * Each value is above the true median with probability 1/2, on its own. So
 * the true median is below the value number k, from 0, as often as a coin
 * falls heads at most k times, and above its mirror image as often.
 */
void summary_of(double *values, size_t count, struct summary *ret_summary)
{
	double tail;
	size_t skip = 0;

	fill_empty(ret_summary);
	ret_summary->count = count;
	if (count == 0)
		return;
	sort(values, count);
	tail = coin(count, 0);
	while (2 * (skip + 1) < count) {
		double next = tail + coin(count, skip + 1);

		if (2 * next > 1 - SUMMARY_COVERAGE)
			break;
		tail = next;
		skip++;
	}
	fill(values, count, skip, tail, ret_summary);
}

double summary_spread(const struct summary *summary)
{
	if (!(summary->median > 0))
		return NAN;
	return (summary->q3 - summary->q1) / summary->median;
}

static bool positive(double value)
{
	return isfinite(value) && value > 0;
}

size_t summary_ratios(const double *a, const double *b, size_t count,
		      double *ret_ratios)
{
	size_t found = 0;

	for (size_t i = 0; i < count; i++) {
		if (positive(a[i]) && positive(b[i]))
			ret_ratios[found++] = a[i] / b[i];
	}
	return found;
}

void summary_of_ratios(const double *a, const double *b, size_t count,
		       double *scratch, struct summary *ret_summary)
{
	size_t found = summary_ratios(a, b, count, scratch);

	summary_of(scratch, found, ret_summary);
}

/*
 * How many arrangements of @a and @b things have u pairs in the wrong order,
 * for each u up to @u_max: the coefficients of a Gaussian binomial, by
 *
 *     [b+i over i] = [b+i-1 over i-1] * (1 - q^(b+i)) / (1 - q^i)
 *
 * which only ever adds and subtracts whole numbers.
 */
static void count_arrangements(size_t a, size_t b, size_t u_max,
			       double *ret_counts)
{
	ret_counts[0] = 1;
	for (size_t u = 1; u <= u_max; u++)
		ret_counts[u] = 0;
	for (size_t i = 1; i <= a; i++) {
		for (size_t u = u_max; u >= b + i; u--)
			ret_counts[u] -= ret_counts[u - b - i];
		for (size_t u = i; u <= u_max; u++)
			ret_counts[u] += ret_counts[u - i];
	}
}

/* How many of all the pairs' ratios to leave out at each end. */
static size_t factor_skip(size_t count_a, size_t count_b, double *scratch,
			  double *ret_tail)
{
	size_t pairs = count_a * count_b;
	size_t u_max = (pairs - 1) / 2;
	double all = 1, sum = 0;
	size_t skip;

	if (count_a + count_b > EXACT_MAX) {
		/* So many are normal: mean pairs / 2, and this deviation. */
		double sigma = sqrt((double)pairs *
				    (double)(count_a + count_b + 1) / 12);
		double below = (double)pairs / 2 - 1.959964 * sigma;

		*ret_tail = (1 - SUMMARY_COVERAGE) / 2;
		return below > 0 ? (size_t)below : 0;
	}
	for (size_t i = 1; i <= count_a; i++)
		all *= (double)(count_b + i) / (double)i;
	count_arrangements(count_a, count_b, u_max, scratch);
	sum = scratch[0];
	for (skip = 0; skip < u_max; skip++) {
		if (2 * (sum + scratch[skip + 1]) >
		    (1 - SUMMARY_COVERAGE) * all)
			break;
		sum += scratch[skip + 1];
	}
	*ret_tail = sum / all;
	return skip;
}

void summary_of_factor(const double *a, size_t count_a, const double *b,
		       size_t count_b, double *scratch,
		       struct summary *ret_summary)
{
	size_t pairs = count_a * count_b;
	double tail;
	size_t skip;

	fill_empty(ret_summary);
	ret_summary->count = pairs;
	if (pairs == 0)
		return;
	skip = factor_skip(count_a, count_b, scratch, &tail);
	for (size_t i = 0; i < count_a; i++) {
		for (size_t j = 0; j < count_b; j++)
			scratch[i * count_b + j] = a[i] / b[j];
	}
	sort(scratch, pairs);
	fill(scratch, pairs, skip, tail, ret_summary);
}

double summary_buckets_count(const struct summary_bucket *buckets, size_t count)
{
	double total = 0;

	for (size_t i = 0; i < count; i++)
		total += buckets[i].count;
	return total;
}

double summary_percentile(const struct summary_bucket *buckets, size_t count,
			  double fraction)
{
	double total = summary_buckets_count(buckets, count);
	/* A hair less than asked for: 0.999 * 1000 is above 999 in binary. */
	double wanted = fraction * total * (1 - 1e-12);
	double seen = 0;
	double upper = NAN;

	for (size_t i = 0; i < count; i++) {
		if (buckets[i].count <= 0)
			continue;
		upper = buckets[i].upper;
		seen += buckets[i].count;
		if (seen >= wanted)
			break;
	}
	return upper;
}
