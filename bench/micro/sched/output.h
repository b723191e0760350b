/*
 * Figures, printed: a line for each workload, or for each look at it.
 */
#ifndef BENCH_MICRO_OUTPUT_H
#define BENCH_MICRO_OUTPUT_H

#include "options.h"

void output_begin(enum options_format format);
/* @slices: put in another order. */
void output_work(enum options_format format, const struct crowd_work *work,
		 const struct crowd_plan *plan,
		 const struct crowd_slice *slices);
void output_end(enum options_format format);

#endif
