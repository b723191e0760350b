/*
 * Sets of features: their names, and how they are laid over what a kernel has.
 * See include/lend/feature.h and features.h.
 */
#include <lend/feature.h>

#include <errno.h>
#include <lend/opcode.h>
#include <stdio.h>
#include <string.h>

#include "uring/compat.h"
#include "uring/features.h"

struct feature_row {
	const char *name;
	enum lend_feature feature;
	size_t field; /* in struct lend_features */
};

#define ROW(constant, member)                                                  \
	{                                                                      \
#member, constant, offsetof(struct lend_features, member)      \
	}

static const struct feature_row rows[] = {
	ROW(LEND_FEATURE_DEFER_TASKRUN, defer_taskrun),
	ROW(LEND_FEATURE_COOP_TASKRUN, coop_taskrun),
	ROW(LEND_FEATURE_SUBMIT_ALL, submit_all),
	ROW(LEND_FEATURE_BUFFER_RINGS, buffer_rings),
	ROW(LEND_FEATURE_MULTISHOT, multishot),
	ROW(LEND_FEATURE_POLL_FIRST, poll_first),
	ROW(LEND_FEATURE_MEMBARRIER, membarrier),
	ROW(LEND_FEATURE_SQPOLL, sqpoll),
	ROW(LEND_FEATURE_RECV_CREDIT, recv_credit),
	ROW(LEND_FEATURE_LATE_OPCODES, late_opcodes),
	ROW(LEND_FEATURE_RECV_BUNDLE, recv_bundle),
	ROW(LEND_FEATURE_INC_BUFFERS, inc_buffers),
};
#define ROWS_COUNT (sizeof(rows) / sizeof(rows[0]))

_Static_assert(IORING_OP_PIPE < 128, "a set of opcodes is two words");
_Static_assert((1u << ROWS_COUNT) - 1 == LEND_FEATURES_ALL,
	       "each feature has a row");

/* What a bundle is made of. Without credit one connection would have all the
 * buffers. */
#define BUNDLE_NEEDS                                                           \
	((unsigned)LEND_FEATURE_BUFFER_RINGS | LEND_FEATURE_MULTISHOT |        \
	 LEND_FEATURE_RECV_CREDIT)

static bool *field_of(struct lend_features *features, unsigned row)
{
	return (bool *)((char *)features + rows[row].field);
}

void lend__features_mask(struct lend_features *features, unsigned without)
{
	for (unsigned i = 0; i < ROWS_COUNT; i++)
		if (without & rows[i].feature)
			*field_of(features, i) = false;
	if (~lend__features_set(features) & BUNDLE_NEEDS)
		features->recv_bundle = false;
	if (!features->buffer_rings)
		features->inc_buffers = false;
}

unsigned lend__features_set(const struct lend_features *features)
{
	struct lend_features copy = *features;
	unsigned set = 0;

	for (unsigned i = 0; i < ROWS_COUNT; i++)
		if (*field_of(&copy, i))
			set |= rows[i].feature;
	return set;
}

const char *lend_feature_name(enum lend_feature feature)
{
	for (unsigned i = 0; i < ROWS_COUNT; i++)
		if (rows[i].feature == feature)
			return rows[i].name;
	return NULL;
}

static unsigned find(const char *name, size_t length)
{
	for (unsigned i = 0; i < ROWS_COUNT; i++)
		if (strlen(rows[i].name) == length &&
		    memcmp(rows[i].name, name, length) == 0)
			return rows[i].feature;
	return 0;
}

int lend_features_parse(const char *list, unsigned *ret_set)
{
	unsigned set = 0;

	while (*list) {
		size_t length = strcspn(list, ",");
		unsigned feature = find(list, length);

		if (length && !feature)
			return -EINVAL;
		set |= feature;
		list += length + (list[length] == ',');
	}
	*ret_set = set;
	return 0;
}

static int find_opcode(const char *name, size_t length)
{
	const char *known;

	for (unsigned i = 0; (known = lend_opcode_name(i)); i++)
		if (strlen(known) == length && !memcmp(known, name, length))
			return (int)i;
	return -EINVAL;
}

int lend__opcodes_parse(const char *list, uint64_t ret_set[2])
{
	uint64_t set[2] = { 0 };

	while (*list) {
		size_t length = strcspn(list, ",");
		int opcode = length ? find_opcode(list, length) : 0;

		if (opcode < 0)
			return opcode;
		if (length)
			set[opcode / 64] |= UINT64_C(1) << (opcode % 64);
		list += length + (list[length] == ',');
	}
	memcpy(ret_set, set, sizeof(set));
	return 0;
}

void lend_features_format(unsigned set, char *text, size_t size)
{
	size_t used = 0;

	snprintf(text, size, "none");
	for (unsigned i = 0; i < ROWS_COUNT && used < size; i++)
		if (set & rows[i].feature)
			used += (size_t)snprintf(text + used, size - used,
						 "%s%s", used ? ", " : "",
						 rows[i].name);
}
