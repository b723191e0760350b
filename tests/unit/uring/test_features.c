/*
 * Goal:   probing finds what this kernel has, can be told to leave things out,
 *         and failures are explained in one line.
 */
#include "uring/features.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <lend/feature.h>
#include <liburing.h>
#include <stdlib.h>
#include <string.h>

#include "uring/compat.h"

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
	cr_expect_eq(some.multishot, all.multishot);
	/* Whole words only; what is no feature is not passed over, as a test
	 * would then test something else than it says. */
	setenv("LEND_DISABLE", "member,buffer_ringsx,,", 1);
	cr_expect_eq(lend__features_probe(&some), -EINVAL);
	setenv("LEND_DISABLE", ",,submit_all,", 1);
	cr_assert_eq(lend__features_probe(&some), 0);
	cr_expect(!some.submit_all);
	cr_expect_eq(some.membarrier, all.membarrier);
}

Test(features, masks_hide_single_operations)
{
	struct lend_features all, some;
	uint64_t set[2] = { 7, 7 };

	unsetenv("LEND_DISABLE_OPCODES");
	cr_assert_eq(lend__features_probe(&all), 0);
	setenv("LEND_DISABLE_OPCODES", ",tee,pipe,", 1);
	cr_assert_eq(lend__features_probe(&some), 0);
	cr_expect(!lend__features_opcode(&some, IORING_OP_TEE));
	cr_expect(!lend__features_opcode(&some, IORING_OP_PIPE));
	some.opcodes[0] |= all.opcodes[0] & (UINT64_C(1) << IORING_OP_TEE |
					     UINT64_C(1) << IORING_OP_PIPE);
	cr_expect_eq(some.opcodes[0], all.opcodes[0]);
	cr_expect_eq(some.opcodes[1], all.opcodes[1]);
	cr_expect_eq(lend__features_set(&some), lend__features_set(&all));

	/* Without it nothing works. */
	setenv("LEND_DISABLE_OPCODES", "recvmsg", 1);
	cr_expect_eq(lend__features_probe(&some), -EOPNOTSUPP);
	setenv("LEND_DISABLE_OPCODES", "te", 1);
	cr_expect_eq(lend__features_probe(&some), -EINVAL);
	unsetenv("LEND_DISABLE_OPCODES");

	cr_expect_eq(lend__opcodes_parse("tee,teeth", set), -EINVAL);
	cr_expect_eq(set[0], 7);
	cr_expect_eq(lend__opcodes_parse("", set), 0);
	cr_expect_eq(set[0] | set[1], 0);
}

/* What is left without @bit. */
static unsigned without(unsigned set, unsigned bit)
{
	const unsigned bundle_needs = LEND_FEATURE_BUFFER_RINGS |
				      LEND_FEATURE_MULTISHOT |
				      LEND_FEATURE_RECV_CREDIT;

	set &= ~bit;
	return bit & bundle_needs ? set & ~LEND_FEATURE_RECV_BUNDLE : set;
}

Test(features, every_one_can_be_masked)
{
	struct lend_features all;

	unsetenv("LEND_DISABLE");
	cr_assert_eq(lend__features_probe(&all), 0);
	for (unsigned bit = 1; bit & LEND_FEATURES_ALL; bit <<= 1) {
		const char *name = lend_feature_name((enum lend_feature)bit);
		struct lend_features masked = all, some;
		unsigned parsed = 0;

		cr_assert_not_null(name);
		cr_assert_eq(lend_features_parse(name, &parsed), 0);
		cr_expect_eq(parsed, bit);
		lend__features_mask(&masked, bit);
		cr_expect_eq(lend__features_set(&masked),
			     without(lend__features_set(&all), bit));
		setenv("LEND_DISABLE", name, 1);
		cr_assert_eq(lend__features_probe(&some), 0);
		cr_expect_eq(lend__features_set(&some),
			     without(lend__features_set(&all), bit), "%s",
			     name);
	}
	cr_expect_null(lend_feature_name((enum lend_feature)0));
	cr_expect_null(lend_feature_name((enum lend_feature)3));
}

Test(features, sets_have_a_text)
{
	char text[LEND_FEATURES_TEXT_MAX], cut[8],
		round[LEND_FEATURES_TEXT_MAX];
	unsigned parsed = 0;
	size_t used = 0;

	lend_features_format(0, text, sizeof(text));
	cr_expect_str_eq(text, "none");
	lend_features_format(LEND_FEATURE_MULTISHOT | LEND_FEATURE_MEMBARRIER,
			     text, sizeof(text));
	cr_expect_str_eq(text, "multishot, membarrier");
	lend_features_format(LEND_FEATURES_ALL, cut, sizeof(cut));
	cr_expect_eq(strlen(cut), sizeof(cut) - 1);
	lend_features_format(LEND_FEATURES_ALL, text, sizeof(text));
	cr_expect_lt(strlen(text), sizeof(text) - 1, "no room for them all");
	for (const char *c = text; *c; c++)
		if (*c != ' ')
			round[used++] = *c;
	round[used] = '\0';
	cr_expect_eq(lend_features_parse(round, &parsed), 0);
	cr_expect_eq(parsed, LEND_FEATURES_ALL);
	parsed = 7;
	cr_expect_eq(lend_features_parse("multishot,nonsense", &parsed),
		     -EINVAL);
	cr_expect_eq(parsed, 7, "written on failure");
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
