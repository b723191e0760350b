/*
 * Called by whatever writes a figure for a reader. Files for programs get all
 * digits and do not come here.
 */
#include "lend_bench/quantity.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define NOTHING "–"

/* @digits with a comma before each three from the end. */
static void group_thousands(const char *digits, bool negative,
			    struct quantity *ret_quantity)
{
	char *text = ret_quantity->text;
	size_t length = strlen(digits);

	if (negative)
		*text++ = '-';
	for (size_t i = 0; i < length; i++) {
		if (i > 0 && (length - i) % 3 == 0)
			*text++ = ',';
		*text++ = digits[i];
	}
	*text = '\0';
}

/* How many decimals leave three digits that count. */
static int decimals(double value)
{
	double size = fabs(value);

	if (size >= 99.95)
		return 0;
	if (size >= 9.995)
		return 1;
	if (size >= 0.9995)
		return 2;
	if (size >= 0.09995)
		return 3;
	return 4;
}

struct quantity quantity_number(double value)
{
	struct quantity quantity = { NOTHING };
	char digits[24];

	if (!isfinite(value))
		return quantity;
	if (value == 0) {
		strcpy(quantity.text, "0");
	} else if (fabs(value) >= 1e15) {
		snprintf(quantity.text, sizeof(quantity.text), "%.3g", value);
	} else if (fabs(value) >= 999.5) {
		snprintf(digits, sizeof(digits), "%.0f", fabs(value));
		group_thousands(digits, value < 0, &quantity);
	} else if (fabs(value) < 0.001) {
		snprintf(quantity.text, sizeof(quantity.text), "%.2g", value);
	} else {
		snprintf(quantity.text, sizeof(quantity.text), "%.*f",
			 decimals(value), value);
	}
	return quantity;
}

struct quantity quantity_number_tick(double value)
{
	struct quantity quantity;

	/* Whole thousands as above; others with all the digits they have. */
	if (!isfinite(value) || fabs(value) >= 999.5)
		return quantity_number(value);
	snprintf(quantity.text, sizeof(quantity.text), "%.6g", value);
	return quantity;
}

static struct quantity time_as(double ns,
			       struct quantity (*number)(double value))
{
	static const char *const units[] = { "ns", "µs", "ms", "s" };
	struct quantity quantity = { NOTHING };
	unsigned unit = 0;

	if (!isfinite(ns))
		return quantity;
	while (unit < 3 && fabs(ns) >= 999.5) {
		ns /= 1000;
		unit++;
	}
	snprintf(quantity.text, sizeof(quantity.text), "%.30s %s",
		 number(ns).text, units[unit]);
	return quantity;
}

struct quantity quantity_time(double ns)
{
	return time_as(ns, quantity_number);
}

struct quantity quantity_time_tick(double ns)
{
	return time_as(ns, quantity_number_tick);
}

struct quantity quantity_ratio(double value)
{
	struct quantity quantity;

	if (!isfinite(value) || value < 0.1 || value >= 9.9995)
		return quantity_number(value);
	snprintf(quantity.text, sizeof(quantity.text), "%.3f", value);
	return quantity;
}

struct quantity quantity_percent(double fraction)
{
	struct quantity quantity = { NOTHING };

	if (isfinite(fraction))
		snprintf(quantity.text, sizeof(quantity.text), "%.*f %%",
			 fraction < 0.0995 ? 1 : 0, fraction * 100);
	return quantity;
}
