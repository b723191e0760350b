/*
 * Features: what Lend uses of the kernel where it is to be had, and does
 * without where it is not.
 *
 * Each can be masked, by lend_options.without or by the environment variable
 * LEND_DISABLE: the runtime then does as if the kernel lacked it. That is for
 * tests of the fallbacks, for comparisons, and to avoid a kernel's bug.
 */
#ifndef LEND_FEATURE_H
#define LEND_FEATURE_H

#include <lend/base.h>

/* Bits: a set of features is an unsigned. Behind each: without it. */
enum lend_feature {
	/* private rings are set up as those of the other modes */
	LEND_FEATURE_DEFER_TASKRUN = 1 << 0,
	/* completions interrupt the thread that submitted */
	LEND_FEATURE_COOP_TASKRUN = 1 << 1,
	/* an SQE that is refused ends its enter; what is behind it waits for
	 * the next one */
	LEND_FEATURE_SUBMIT_ALL = 1 << 2,
	/* lend_recv_buffer() uses memory of the actor */
	LEND_FEATURE_BUFFER_RINGS = 1 << 3,
	/* one SQE for each connection that is accepted, and for each result of
	 * a series */
	LEND_FEATURE_MULTISHOT = 1 << 4,
	/* a receive looks for data before it waits, also where there is none */
	LEND_FEATURE_POLL_FIRST = 1 << 5,
	/* claims of borrowed mode take the arbiter's lock */
	LEND_FEATURE_MEMBARRIER = 1 << 6,
	/* lend_options.sqpoll_idle_ms is refused; in use only if that is set */
	LEND_FEATURE_SQPOLL = 1 << 7,
	/* a multishot receive ends by being told to, not by itself, when too
	 * much waits */
	LEND_FEATURE_RECV_CREDIT = 1 << 8,
	/* operations that came after Linux 6.1 (ftruncate, bind, listen,
	 * futexes, waitid) are made by system calls, or -EOPNOTSUPP */
	LEND_FEATURE_LATE_OPCODES = 1 << 9,
	/* one completion of a multishot receive for each buffer that is filled;
	 * only with buffer_rings, multishot and recv_credit, and if it has
	 * passed a trial */
	LEND_FEATURE_RECV_BUNDLE = 1 << 10,
	/* lend_options.shared_buffers does nothing; in use only if that is set,
	 * with buffer_rings, and if it has passed a trial */
	LEND_FEATURE_INC_BUFFERS = 1 << 11,
};

#define LEND_FEATURES_ALL ((1u << 12) - 1)

/* What lend_features_format() needs for any set. */
#define LEND_FEATURES_TEXT_MAX 192

LEND_BEGIN_DECLS

/**
 * The name of a feature: its constant in lower case, "defer_taskrun".
 *
 * @feature  one bit
 *
 * Thread: any. Blocks: no. Ownership: a constant string.
 *
 * Return: NULL if there is no such feature
 */
LEND_API const char *lend_feature_name(enum lend_feature feature);

/**
 * The set that a list of names stands for.
 *
 * @list     names with commas between them, no blanks; empty ones are ignored
 * @ret_set  written only on success
 *
 * Thread: any. Blocks: no.
 *
 * Return: 0
 *         -EINVAL  a name is no feature's
 */
LEND_API LEND_NODISCARD int lend_features_parse(const char *list,
						unsigned *ret_set);

/**
 * The names of a set, with a comma and a blank between them; "none" for 0.
 *
 * @text  at least @size bytes, always terminated
 * @size  bytes, from 1; LEND_FEATURES_TEXT_MAX is always enough
 *
 * Thread: any. Blocks: no.
 */
LEND_API void lend_features_format(unsigned set, char *text, size_t size);

LEND_END_DECLS

#endif
