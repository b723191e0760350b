/*
 * The report as text, for a terminal or a mail.
 */
#ifndef LEND_BENCH_REPORT_TEXT_H
#define LEND_BENCH_REPORT_TEXT_H

#include <stdio.h>

#include "lend_bench/model.h"

void report_text_write(FILE *out, const struct model *model);

#endif
