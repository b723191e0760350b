/*
 * What a fuzz target and whoever drives it (libFuzzer, replay.c) agree on. A
 * property that does not hold ends the process through lend_assert().
 */
#ifndef LEND_TESTS_FUZZ_H
#define LEND_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
