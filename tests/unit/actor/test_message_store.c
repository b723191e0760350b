/*
 * Goal:   blocks that a worker has freed are used again, there or, by whole
 *         chains, in another worker; what is kept is bounded, and all is freed.
 * Method: blocks of malloc() put and taken by hand; their addresses are what is
 *         compared. That nothing is lost is a leak checker's to say.
 */
#include "actor/message_store.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#define KEPT_MAX ((LEND_MESSAGE_DEPOT_MAX + 2) * LEND_MESSAGE_CHAIN_MAX)

static struct lend_message_depot depot;
static struct lend_message_store one, other;

static void begin(void)
{
	lend__message_depot_init(&depot);
	lend__message_store_init(&one, &depot);
	lend__message_store_init(&other, &depot);
}

static void end(void)
{
	lend__message_store_fini(&one);
	lend__message_store_fini(&other);
	lend__message_depot_fini(&depot);
}

static struct lend_mail *new_block(unsigned class)
{
	struct lend_mail *block = malloc(lend__message_class_size(class));

	cr_assert(block);
	return block;
}

static unsigned take_all(struct lend_message_store *store, unsigned class)
{
	struct lend_mail *block;
	unsigned count = 0;

	while ((block = lend__message_store_take(store, class))) {
		free(block);
		count++;
	}
	return count;
}

Test(message_store, classes_hold_their_sizes)
{
	if (!LEND_MESSAGE_STORED)
		cr_skip_test("AddressSanitizer sees each block");
	for (size_t size = 1; size <= 512; size++) {
		unsigned class = lend__message_class(size);

		if (class == LEND_MESSAGE_CLASSES) {
			cr_expect(size > lend__message_class_size(class - 1));
			continue;
		}
		cr_expect(size <= lend__message_class_size(class));
		cr_expect(!class || size > lend__message_class_size(class - 1));
	}
}

Test(message_store, what_is_freed_is_used_again, .init = begin, .fini = end)
{
	struct lend_mail *blocks[LEND_MESSAGE_CLASSES];

	for (unsigned i = 0; i < LEND_MESSAGE_CLASSES; i++) {
		cr_expect_null(lend__message_store_take(&one, i));
		blocks[i] = new_block(i);
		lend__message_store_put(&one, i, blocks[i]);
	}
	for (unsigned i = 0; i < LEND_MESSAGE_CLASSES; i++) {
		cr_expect_null(lend__message_store_take(&other, i));
		cr_assert_eq(lend__message_store_take(&one, i), blocks[i]);
		cr_expect_null(lend__message_store_take(&one, i));
		free(blocks[i]);
	}
}

Test(message_store, whole_chains_go_to_others, .init = begin, .fini = end)
{
	/* Two chains stay, the third moves the first on. */
	for (unsigned i = 0; i < 2 * LEND_MESSAGE_CHAIN_MAX; i++)
		lend__message_store_put(&one, 1, new_block(1));
	cr_expect_eq(take_all(&other, 1), 0);
	lend__message_store_put(&one, 1, new_block(1));
	cr_expect_eq(take_all(&other, 0), 0);
	cr_expect_eq(take_all(&other, 1), LEND_MESSAGE_CHAIN_MAX);
	cr_expect_eq(take_all(&one, 1), LEND_MESSAGE_CHAIN_MAX + 1);
}

Test(message_store, what_is_kept_is_bounded, .init = begin, .fini = end)
{
	for (unsigned i = 0; i < 2 * KEPT_MAX; i++)
		lend__message_store_put(&one, 2, new_block(2));
	cr_expect_eq(depot.counts[2], LEND_MESSAGE_DEPOT_MAX);
	cr_expect_eq(take_all(&one, 2), KEPT_MAX);
	cr_expect_eq(depot.counts[2], 0);
}
