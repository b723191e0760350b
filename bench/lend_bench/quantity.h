/*
 * Numbers as people read them: three digits that count, and a unit.
 */
#ifndef LEND_BENCH_QUANTITY_H
#define LEND_BENCH_QUANTITY_H

/* By value, so that several fit into one call of printf(). */
struct quantity {
	char text[48];
};

/* "0.0123", "12.3", "12,345"; a dash for NAN. */
struct quantity quantity_number(double value);

/* "123 ns", "12.3 µs", "1.23 ms", "12.3 s". */
struct quantity quantity_time(double ns);

/* The same with all the digits a round value has: two marks of an axis, or two
 * counts, never look the same. */
struct quantity quantity_number_tick(double value);
struct quantity quantity_time_tick(double ns);

/* Three decimals near 1, three digits elsewhere. */
struct quantity quantity_ratio(double value);

/* A fraction as "12 %"; one decimal below 10 %. */
struct quantity quantity_percent(double fraction);

#endif
