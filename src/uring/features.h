/*
 * What this kernel can do, found out by asking it: never by its version.
 */
#ifndef LEND_URING_FEATURES_H
#define LEND_URING_FEATURES_H

#include <stdbool.h>
#include <stdint.h>

/* IORING_OP_SENDMSG_ZC, the last of Linux 6.1. */
#define LEND_EARLY_OPCODE_MAX 48

struct lend_features {
	bool coop_taskrun;  /* IORING_SETUP_COOP_TASKRUN, TASKRUN_FLAG */
	bool defer_taskrun; /* IORING_SETUP_DEFER_TASKRUN, SINGLE_ISSUER */
	bool submit_all;    /* IORING_SETUP_SUBMIT_ALL */
	bool buffer_rings;  /* IORING_REGISTER_PBUF_RING */
	bool multishot;	    /* IORING_ACCEPT_MULTISHOT */
	bool poll_first;    /* IORING_RECVSEND_POLL_FIRST */
	bool recv_credit;   /* optlen of a multishot receive */
	bool recv_bundle;   /* IORING_RECVSEND_BUNDLE, and it works */
	bool inc_buffers;   /* set by lend__features_probe_parts() alone */
	bool membarrier;    /* the fast handshake of loans */
	bool sqpoll;	    /* set by lend__features_probe_sqpoll() alone */
	bool late_opcodes;  /* any after SENDMSG_ZC */
	/* One bit for each opcode the kernel says it supports. */
	uint64_t opcodes[2];
};

/**
 * Ask the kernel. What LEND_DISABLE names is left out, and so are operations
 * that LEND_DISABLE_OPCODES names.
 *
 * @ret_features  written only on success
 *
 * Thread: any. Blocks: a few system calls.
 *
 * Return: 0
 *         -ENOSYS, -EPERM, -ENOMEM ...  io_uring_setup(2) failed: see
 *                 lend__features_explain()
 *         -EINVAL LEND_DISABLE names something that is no feature, or
 *                 LEND_DISABLE_OPCODES something that is no operation
 *         -EOPNOTSUPP  there is io_uring, but too old a one: no NODROP, no
 *                 EXT_ARG, or an operation is missing that nothing replaces
 */
int lend__features_probe(struct lend_features *ret_features);

/**
 * Ask the kernel for a ring with a polling thread (IORING_SETUP_SQPOLL), which
 * some sandboxes forbid. Separate, as it starts a thread.
 *
 * Return: 0; @features->sqpoll is set
 *         -EOPNOTSUPP  it is masked by LEND_DISABLE
 *         or the error of io_uring_setup(2)
 */
int lend__features_probe_sqpoll(struct lend_features *features);

/**
 * Try buffers that are filled in parts (IOU_PBUF_RING_INC): parts_test.h.
 *
 * Return: 0; @features->inc_buffers is set
 *         -EOPNOTSUPP  there is no such thing, it has failed its trial, or it
 *                      is masked by LEND_DISABLE
 */
int lend__features_probe_parts(struct lend_features *features);

/* Leave a set of enum lend_feature out, too, and what can not be without. */
void lend__features_mask(struct lend_features *features, unsigned without);

/* What there is, as a set. */
unsigned lend__features_set(const struct lend_features *features);

/**
 * The opcodes that a list of names stands for.
 *
 * @list  names as of lend_opcode_name() with commas between them, no blanks;
 *        empty ones are ignored
 * @ret_set  a bit for each; written only on success
 *
 * Return: 0
 *         -EINVAL  a name is no opcode's
 */
int lend__opcodes_parse(const char *list, uint64_t ret_set[2]);

static inline bool lend__features_opcode(const struct lend_features *features,
					 unsigned opcode)
{
	return opcode < 128 &&
	       (features->late_opcodes || opcode <= LEND_EARLY_OPCODE_MAX) &&
	       (features->opcodes[opcode / 64] >> (opcode % 64) & 1);
}

/**
 * One line, without a newline, on why io_uring is not to be had and what to
 * do about it.
 *
 * @error  what lend__features_probe() or opening a ring returned
 * @text   at least @size bytes, always terminated
 */
void lend__features_explain(int error, char *text, unsigned long size);

#endif
