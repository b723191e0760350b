/*
 * Goal:   elements leave a list in the order the operations promise, and
 *         removing one that is in no list changes nothing.
 */
#include "base/list.h"

#include <criterion/criterion.h>

Test(list, keeps_order_and_forgives_a_second_removal)
{
	struct lend_list list, a, b, c;

	lend_list_init(&list);
	lend_list_push_back(&list, &a);
	lend_list_push_back(&list, &b);
	lend_list_push_front(&list, &c);
	lend_list_remove(&a);
	lend_list_remove(&a);
	cr_expect_eq(lend_list_pop_front(&list), &c);
	cr_expect_eq(lend_list_pop_front(&list), &b);
	cr_expect_null(lend_list_pop_front(&list));
	cr_expect(lend_list_empty(&list));
}
