/*
 * Goal:   user_data names one use of one record.
 */
#include "arbiter/op.h"

#include <criterion/criterion.h>
#include <signal.h>

Test(op, user_data_names_the_record)
{
	struct lend_op op = { 0 };
	uint64_t before = 0;

	/* All generations, and round again. */
	for (unsigned i = 0; i < 70000; i++) {
		uint64_t user_data;

		lend__op_init(&op, NULL);
		user_data = lend__op_user_data(&op);
		cr_assert_neq(user_data, before);
		cr_assert_eq(lend__op_from_user_data(user_data), &op);
		before = user_data;
	}
}

Test(op, earlier_use_is_noticed, .signal = SIGABRT)
{
	struct lend_op op = { 0 };
	uint64_t user_data;

	lend__op_init(&op, NULL);
	user_data = lend__op_user_data(&op);
	lend__op_fini(&op);
	lend__op_init(&op, NULL);
	lend__op_from_user_data(user_data);
}

Test(op, freeing_one_in_flight_is_a_bug, .signal = SIGABRT)
{
	struct lend_op op = { 0 };

	lend__op_init(&op, NULL);
	op.in_flight = true;
	lend__op_fini(&op);
}
