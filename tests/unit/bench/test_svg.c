/*
 * Goal: scales put values where they belong, ticks are round and few, text is
 *       harmless.
 */
#include "lend_bench/svg.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static void expect_near(double found, double wanted)
{
	cr_expect(fabs(found - wanted) < 1e-9, "%.12g instead of %.12g", found,
		  wanted);
}

Test(svg, scale_is_linear_or_logarithmic)
{
	struct svg_scale scale = svg_scale_fit(100, 200, 8, 0, 112);

	cr_expect_not(scale.logarithmic);
	expect_near(svg_scale_place(&scale, 94), 0);
	expect_near(svg_scale_place(&scale, 150), 56);
	expect_near(svg_scale_place(&scale, 206), 112);

	scale = svg_scale_fit(1, 10000, 8, 100, 0);
	cr_expect(scale.logarithmic);
	expect_near(svg_scale_place(&scale, 100), 50);
	cr_expect_gt(svg_scale_place(&scale, 1), svg_scale_place(&scale, 10));
}

/* A single value, or 0, still has a scale. */
Test(svg, scale_of_one_value)
{
	struct svg_scale scale = svg_scale_fit(5, 5, 8, 0, 10);

	expect_near(svg_scale_place(&scale, 5), 5);
	scale = svg_scale_fit(0, 0, 8, 0, 10);
	cr_expect(isfinite(svg_scale_place(&scale, 0)));
	cr_expect_geq(scale.low, 0);
}

Test(svg, ticks_are_round_and_few)
{
	static const double ranges[][2] = {
		{ 0.97, 1.04 }, { 4000, 6100 }, { 0, 7 },
		{ 99, 101 },	{ 1, 9 },	{ 10, 200 },
		{ 80, 1.3e8 },	{ 0.001, 1e9 }, { 5000, 5001 },
	};

	for (size_t i = 0; i < sizeof(ranges) / sizeof(*ranges); i++) {
		struct svg_scale scale = svg_scale_fit(ranges[i][0],
						       ranges[i][1], 8, 0, 400);
		double ticks[SVG_TICKS_MAX];
		unsigned count = svg_scale_ticks(&scale, 5, ticks);

		cr_expect(count >= 2 && count <= 8, "%u ticks from %g to %g",
			  count, ranges[i][0], ranges[i][1]);
		for (unsigned j = 0; j < count; j++) {
			double digits = ticks[j];

			cr_expect_geq(ticks[j], scale.low - 1e-9);
			cr_expect_leq(ticks[j], scale.high + 1e-9);
			if (j > 0)
				cr_expect_gt(ticks[j], ticks[j - 1]);
			/* At most four digits. */
			while (digits != 0 && fabs(digits) < 1000)
				digits *= 10;
			while (fabs(digits) >= 10000)
				digits /= 10;
			cr_expect(fabs(digits - round(digits)) < 1e-6, "%.12g",
				  ticks[j]);
		}
	}
}

Test(svg, text_is_escaped)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	cr_assert_not_null(out);
	svg_escape(out, "<a b=\"c\">&\x01 µ");
	fclose(out);
	cr_expect_str_eq(text, "&lt;a b=&quot;c&quot;&gt;&amp;\xef\xbf\xbd µ");
	free(text);
}

Test(svg, text_is_broken_into_lines)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	cr_assert_not_null(out);
	cr_expect_eq(svg_text_lines(NULL, 0, 0, "", "", 5), 0);
	cr_expect_eq(svg_text_lines(NULL, 0, 0, "", "aa bb", 5), 1);
	cr_expect_eq(svg_text_lines(NULL, 0, 0, "", "aaaaabbbbbcc", 5), 3);
	cr_expect_eq(svg_text_lines(NULL, 0, 0, "", "µµµµµ", 5), 1);
	cr_expect_eq(svg_text_lines(NULL, 0, 0, "", "µµµµµµ", 5), 2);
	cr_expect_eq(svg_text_lines(out, 1, 2, "c", "aa bb <c", 5), 2);
	fclose(out);
	cr_expect_not_null(strstr(text, ">aa bb<"), "%s", text);
	cr_expect_not_null(strstr(text, "y=\"17.0\" class=\"c\" "
					"text-anchor=\"start\">&lt;c<"),
			   "%s", text);
	free(text);
}

Test(svg, each_mode_has_a_class)
{
	cr_expect_str_eq(svg_mode_class("borrowed"), "m-borrowed");
	cr_expect_str_eq(svg_mode_class("private"), "m-private");
	cr_expect_str_eq(svg_mode_class("shared"), "m-shared");
	cr_expect_str_eq(svg_mode_class("\"><script>"), "m-other");
}
