/*
 * Goal:   the root is always the smallest key, and of equal ones the first that
 *         was added, whatever is added and removed.
 * Method: a random trace against an array that is searched.
 */
#include "base/pairing.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define NODES 200
#define STEPS 200000

static uint64_t random_state;

static uint64_t next_random(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

static void seed(void)
{
	const char *text = getenv("LEND_TEST_SEED");

	random_state = text ? strtoull(text, NULL, 0) : (uint64_t)time(NULL);
	random_state |= 1;
	printf("LEND_TEST_SEED=%llu\n", (unsigned long long)random_state);
	fflush(stdout);
}

Test(pairing, root_is_the_smallest, .init = seed, .timeout = 60)
{
	static struct lend_pairing_node nodes[NODES];
	static bool inside[NODES];
	static unsigned added[NODES];
	struct lend_pairing heap = { NULL, 0 };

	for (unsigned step = 0; step < STEPS; step++) {
		unsigned i = (unsigned)(next_random() % NODES);
		const struct lend_pairing_node *first = NULL;

		/* Now and then many in a row, so that it gets deep. */
		if (inside[i])
			lend_pairing_remove(&heap, &nodes[i]);
		else
			lend_pairing_add(&heap, &nodes[i],
					 next_random() %
						 (step % 3 ? 50 : 1000));
		inside[i] = !inside[i];
		added[i] = step;
		if (heap.root && next_random() % 4 == 0) {
			inside[heap.root - nodes] = false;
			lend_pairing_remove(&heap, heap.root);
		}
		for (unsigned j = 0; j < NODES; j++)
			if (inside[j] && (!first || nodes[j].key < first->key ||
					  (nodes[j].key == first->key &&
					   added[j] < added[first - nodes])))
				first = &nodes[j];
		cr_assert_eq(heap.root, first, "step %u", step);
	}
}

Test(pairing, long_lists_need_no_stack, .timeout = 60)
{
	const unsigned count = 1000000;
	struct lend_pairing_node *nodes = calloc(count, sizeof(*nodes));
	struct lend_pairing heap = { NULL, 0 };

	cr_assert(nodes);
	for (unsigned i = 0; i < count; i++)
		lend_pairing_add(&heap, &nodes[i], i);
	for (unsigned i = 0; i < count; i++) {
		cr_assert_eq(heap.root, &nodes[i]);
		lend_pairing_remove(&heap, heap.root);
	}
	cr_expect_null(heap.root);
	free(nodes);
}
