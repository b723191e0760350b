/*
 * Goal:   probing finds what this kernel has, can be told to leave things out,
 *         and failures are explained in one line.
 */
#include "uring/features.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <liburing.h>
#include <stdlib.h>
#include <string.h>

Test(features, masks_hide_single_features)
{
	struct lend_features all, some;

	unsetenv("LEND_DISABLE");
	cr_assert_eq(lend__features_probe(&all), 0);
	setenv("LEND_DISABLE", "membarrier,buffer_rings", 1);
	cr_assert_eq(lend__features_probe(&some), 0);
	cr_expect(!some.membarrier);
	cr_expect(!some.buffer_rings);
	cr_expect_eq(some.defer_taskrun, all.defer_taskrun);
	cr_expect_eq(some.coop_taskrun, all.coop_taskrun);
	/* Whole words only. */
	setenv("LEND_DISABLE", "member,buffer_ringsx,,", 1);
	cr_assert_eq(lend__features_probe(&some), 0);
	cr_expect_eq(some.membarrier, all.membarrier);
	cr_expect_eq(some.buffer_rings, all.buffer_rings);
}

Test(features, opcodes_are_known)
{
	struct lend_features features;

	cr_assert_eq(lend__features_probe(&features), 0);
	cr_expect(lend__features_opcode(&features, IORING_OP_NOP));
	cr_expect(lend__features_opcode(&features, IORING_OP_RECV));
	cr_expect(!lend__features_opcode(&features, 127));
	cr_expect(!lend__features_opcode(&features, 5000));
}

Test(features, errors_are_explained)
{
	static const int errors[] = { -ENOSYS, -EPERM,	-ENOMEM,    -EMFILE,
				      -ENFILE, -EINVAL, -EOPNOTSUPP };

	for (unsigned i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		char text[256], cut[16];

		memset(cut, 'x', sizeof(cut));
		lend__features_explain(errors[i], text, sizeof(text));
		cr_expect_gt(strlen(text), 20);
		cr_expect_null(strchr(text, '\n'));
		lend__features_explain(errors[i], cut, sizeof(cut));
		cr_expect(memchr(cut, '\0', sizeof(cut)) != NULL);
	}
}
