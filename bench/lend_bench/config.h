/*
 * One configuration: what to run and on what. A run is one repeat of it.
 *
 * Plain data: it is handed to the process under test as it is.
 */
#ifndef LEND_BENCH_CONFIG_H
#define LEND_BENCH_CONFIG_H

#include <lend/ring.h>
#include <stdbool.h>
#include <stdint.h>

/* What a workload can be varied by; see params.c for names and ranges. */
enum param {
	PARAM_CONNECTIONS,
	PARAM_PIPELINE,
	PARAM_SIZE,
	PARAM_RATE,
	PARAM_ACTORS,
	PARAM_BATCH,
	PARAM_LENGTH,
	PARAM_BURN,
	PARAM_EVERY,
	PARAM_LOAD,
	PARAM_IDLE,
	PARAM_WORK,
	/* Of the runtime, so of any workload; only if they are given. */
	PARAM_STALL,
	PARAM_FLUSH_ACTORS,
	PARAM_FLUSH_SQES,
	PARAM_SQPOLL,
	PARAM_KICK,
	PARAM_TRACE,
	PARAM_COUNT,
};

/* Something done wrong on purpose, to see whether it is noticed. */
enum tamper {
	TAMPER_NONE,
	TAMPER_CORRUPT, /* one byte of one answer is another */
	TAMPER_LOSE,	/* one operation is not answered */
	TAMPER_HANG,	/* the process under test does not end */
};

#define VARIANT_SIZE 128
#define MODES_MAX    3

struct config {
	unsigned workload; /* index; see workload.h */
	enum lend_ring_mode mode;
	unsigned workers;
	unsigned rings;
	unsigned depth;
	unsigned params[PARAM_COUNT]; /* 0: not one of this workload's */
	unsigned params_used;	      /* a bit for each that is */
	enum tamper tamper;
	bool pin; /* generator and runtime on CPUs of their own */
	uint64_t seed;
	char variant[VARIANT_SIZE]; /* the parameters as text */
};

#endif
