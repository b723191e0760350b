/*
 * The calls of the table in either form, for programs of a scenario.
 */
#ifndef LEND_TESTS_SIM_EITHER_H
#define LEND_TESTS_SIM_EITHER_H

#include "program.h"

/* What lend_pending_notify() tells. */
#define SIM_NOTICE 77

static inline uint64_t sim_soon(unsigned us)
{
	return lend_after(sim_draw(0, us) * LEND_US);
}

/* Wait for it somehow, free it, and return its result. */
int sim_finish(struct lend_pending *pending);
/* Nothing has been done, and may be tried again. */
bool sim_is_passing(int res);
/* Wait until lend_io_used() is @before: abandoned records go when the kernel
 * has let go of them. */
void sim_expect_nothing_held(size_t before);

/* The result of an operation in either form, until it is its own. */
#define EITHER(name, ...)                                                      \
	__extension__({                                                        \
		struct lend_pending *pending;                                  \
		int result;                                                    \
                                                                               \
		do {                                                           \
			if (sim_draw(0, 1)) {                                  \
				result = (int)lend_##name(__VA_ARGS__,         \
							  LEND_FOREVER);       \
			} else {                                               \
				result = lend_##name##_async(__VA_ARGS__,      \
							     &pending);        \
				if (!result)                                   \
					result = sim_finish(pending);          \
			}                                                      \
		} while (sim_is_passing(result));                              \
		result;                                                        \
	})

#define EXPECT_0(name, ...)                                                    \
	do {                                                                   \
		int err_ = EITHER(name, __VA_ARGS__);                          \
                                                                               \
		SIM_EXPECT(!err_, #name ": %d", err_);                         \
	} while (0)

/* Parts of the program: actors, which get a number. */
int sim_operations_file(void *arg);
int sim_operations_datagrams(void *arg);
int sim_operations_children(void *arg);
int sim_operations_splice(void *arg);
/* The reader of a stream, which checks what comes. */
int sim_read_stream(void *arg);

#endif
