/*
 * What the tests of changing sizes share: traffic whose every byte is checked,
 * and changes that mean the same in every mode. For one .c file each.
 */
#ifndef LEND_TESTS_TRAFFIC_H
#define LEND_TESTS_TRAFFIC_H

#include <stdatomic.h>
#include <string.h>

#include "harness/harness.h"

#define PAIRS 16
#define BLOCK 700
#define SOON  lend_after(30 * LEND_S)

static _Atomic bool stop;
static _Atomic unsigned waiting;

static inline bool is_private(void)
{
	return test_options.mode == LEND_RING_PRIVATE;
}

/* The number of rings, or in private mode of workers, which is the same. */
static inline int set_rings(unsigned rings, uint64_t deadline)
{
	struct lend_runtime *runtime = lend_runtime_current();

	return is_private() ?
		       lend_runtime_set_workers(runtime, rings, deadline) :
		       lend_runtime_set_rings(runtime, rings, deadline);
}

static inline int set_workers(unsigned workers, uint64_t deadline)
{
	return lend_runtime_set_workers(lend_runtime_current(), workers,
					deadline);
}

static inline void wait_for(unsigned count)
{
	while (atomic_load(&waiting) < count)
		lend_yield();
}

/* ---- traffic ---- */

static inline int echo(void *arg)
{
	int fd = (int)(intptr_t)arg;
	struct lend_buffer buffer;
	ssize_t size;

	while ((size = lend_recv_buffer(fd, LEND_FOREVER, &buffer)) > 0) {
		ssize_t sent = lend_send_all(fd, buffer.data, (size_t)size,
					     LEND_FOREVER);

		lend_buffer_release(&buffer);
		if (sent != size)
			return -1;
	}
	CHECK_EQ(size, 0);
	return lend_close(fd);
}

/* How many blocks came back as they went. */
static inline int check(void *arg)
{
	int fd = (int)(intptr_t)arg, blocks = 0;
	char out[BLOCK], in[BLOCK];

	do {
		size_t got = 0;

		for (unsigned i = 0; i < BLOCK; i++)
			out[i] = (char)(i * 7 + (unsigned)blocks +
					(unsigned)fd);
		if (!CHECK_EQ(lend_send_all(fd, out, BLOCK, LEND_FOREVER),
			      BLOCK))
			break;
		while (got < BLOCK) {
			ssize_t n = lend_recv(fd, in + got, BLOCK - got, 0,
					      LEND_FOREVER);

			if (!CHECK(n > 0))
				return -1;
			got += (size_t)n;
		}
		if (!CHECK_EQ(memcmp(in, out, BLOCK), 0))
			break;
		blocks++;
		if (blocks % 16 == 0)
			lend_sleep(lend_after(100 * LEND_US));
	} while (!atomic_load(&stop));
	lend_close(fd);
	return blocks;
}

struct traffic {
	lend_ref clients[PAIRS];
	lend_ref servers[PAIRS];
};

static inline void start_traffic(struct traffic *traffic)
{
	unsigned workers = lend_runtime_workers(lend_runtime_current());

	atomic_store(&stop, false);
	for (unsigned i = 0; i < PAIRS; i++) {
		int pair[2];

		test_pair(pair);
		traffic->clients[i] = test_spawn_on(1 + i % workers, check,
						    (void *)(intptr_t)pair[0]);
		traffic->servers[i] = test_spawn_on(1 + i % workers, echo,
						    (void *)(intptr_t)pair[1]);
	}
}

static inline void stop_traffic(const struct traffic *traffic)
{
	atomic_store(&stop, true);
	for (unsigned i = 0; i < PAIRS; i++) {
		CHECK_IN(test_join(traffic->clients[i]), 1, INT32_MAX);
		CHECK_EQ(test_join(traffic->servers[i]), 0);
	}
}

#endif
