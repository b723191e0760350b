/*
 * Goal: three digits that count, whatever the size; nothing is shown as a
 *       number that is none.
 */
#include "lend_bench/quantity.h"

#include <criterion/criterion.h>
#include <math.h>

Test(quantity, numbers)
{
	cr_expect_str_eq(quantity_number(0).text, "0");
	cr_expect_str_eq(quantity_number(NAN).text, "–");
	cr_expect_str_eq(quantity_number(INFINITY).text, "–");
	cr_expect_str_eq(quantity_number(0.00001234).text, "1.2e-05");
	cr_expect_str_eq(quantity_number(0.01234).text, "0.0123");
	cr_expect_str_eq(quantity_number(0.1234).text, "0.123");
	cr_expect_str_eq(quantity_number(0.9999).text, "1.00");
	cr_expect_str_eq(quantity_number(9.999).text, "10.0");
	cr_expect_str_eq(quantity_number(12.34).text, "12.3");
	cr_expect_str_eq(quantity_number(99.99).text, "100");
	cr_expect_str_eq(quantity_number(999.4).text, "999");
	cr_expect_str_eq(quantity_number(999.5).text, "1,000");
	cr_expect_str_eq(quantity_number(1234567).text, "1,234,567");
	cr_expect_str_eq(quantity_number(123456789012345).text,
			 "123,456,789,012,345");
	cr_expect_str_eq(quantity_number(-12.34).text, "-12.3");
	cr_expect_str_eq(quantity_number(-123456).text, "-123,456");
}

Test(quantity, ticks_have_the_digits_they_have)
{
	cr_expect_str_eq(quantity_number_tick(1).text, "1");
	cr_expect_str_eq(quantity_number_tick(0.95).text, "0.95");
	cr_expect_str_eq(quantity_number_tick(1.005).text, "1.005");
	cr_expect_str_eq(quantity_number_tick(100.5).text, "100.5");
	cr_expect_str_eq(quantity_number_tick(100).text, "100");
	cr_expect_str_eq(quantity_number_tick(2000).text, "2,000");
	cr_expect_str_eq(quantity_time_tick(50000).text, "50 µs");
}

Test(quantity, times)
{
	cr_expect_str_eq(quantity_time(0).text, "0 ns");
	cr_expect_str_eq(quantity_time(999).text, "999 ns");
	cr_expect_str_eq(quantity_time(999.6).text, "1.00 µs");
	cr_expect_str_eq(quantity_time(12345).text, "12.3 µs");
	cr_expect_str_eq(quantity_time(1234567).text, "1.23 ms");
	cr_expect_str_eq(quantity_time(12e9).text, "12.0 s");
	cr_expect_str_eq(quantity_time(12345e9).text, "12,345 s");
	cr_expect_str_eq(quantity_time(NAN).text, "–");
}

Test(quantity, ratios_and_percents)
{
	cr_expect_str_eq(quantity_ratio(1.0204).text, "1.020");
	cr_expect_str_eq(quantity_ratio(0.0123).text, "0.0123");
	cr_expect_str_eq(quantity_ratio(23.456).text, "23.5");
	cr_expect_str_eq(quantity_ratio(NAN).text, "–");
	cr_expect_str_eq(quantity_percent(0.0123).text, "1.2 %");
	cr_expect_str_eq(quantity_percent(0.123).text, "12 %");
	cr_expect_str_eq(quantity_percent(NAN).text, "–");
}
