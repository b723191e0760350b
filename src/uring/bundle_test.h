/*
 * A trial at the start: do bundles (several buffers for one completion of a
 * receive) have their buffers, and their bytes, in order?
 */
#ifndef LEND_URING_BUNDLE_TEST_H
#define LEND_URING_BUNDLE_TEST_H

#include <stdbool.h>

/* Really sends data, once in a process. Thread: any. Blocks: less than a
 * millisecond; a second if the kernel loses data. */
bool lend__bundles_work(void);

#endif
