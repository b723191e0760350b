/*
 * The simulated machine: threads that are coroutines of one real thread, a
 * clock that stands still while anybody runs, memory with store buffers, and a
 * kernel with io_uring, sockets and files. Everything that is left to chance
 * is drawn from one seed, so a run can be repeated exactly.
 *
 * The library on top is the real one, compiled once more so that each of its
 * accesses to memory is announced (see memory.c), without src/uring/sys.c,
 * src/rt/current.c and src/base/check.c, whose functions are defined here, and
 * with the calls of libc that wait or enter the kernel wrapped (see libc.c).
 */
#ifndef LEND_TESTS_SIM_SIM_H
#define LEND_TESTS_SIM_SIM_H

#include <lend/base.h>
#include <lend/clock.h>
#include <lend/runtime.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "actor/fiber.h"

#define SIM_THREADS_MAX 160
#define SIM_STORES_MAX	8
#define SIM_NEVER	UINT64_MAX

/* ---- chance ---- */

struct sim_random {
	uint64_t state;
};

uint64_t sim_random_next(struct sim_random *random);
/* 0 to @n - 1; @n is not 0. */
unsigned sim_random_below(struct sim_random *random, unsigned n);
/* From @low to @high, both included. */
unsigned sim_random_from(struct sim_random *random, unsigned low,
			 unsigned high);
bool sim_random_chance(struct sim_random *random, unsigned per_myriad);

/* ---- what a seed decides ---- */

struct sim_knobs {
	struct lend_options options;
	const char *masked; /* LEND_DISABLE */
	bool resizes;	    /* workers and rings come and go */
	bool crowd;	    /* a thousand actors, and nothing else */
	/* The scheduler. */
	unsigned preempt_mean; /* accesses to shared words between switches */
	unsigned stall_chance; /* a thread that is switched to stalls */
	unsigned interrupt_chance; /* completion work runs unasked */
	bool store_buffers;
	/* The kernel. */
	unsigned fault_chance; /* of each kind where it can happen */
	unsigned short_chance; /* of reads and writes cut short */
	unsigned delay_chance; /* of completions that could come at once */
	unsigned delay_us_max;
	unsigned cq_entries_max; /* 0: as many as asked for */
	unsigned socket_room;	 /* bytes that a socket buffers */
};

/* ---- one run ---- */

struct sim_store {
	void *address;
	unsigned size;
	uint64_t value;
};

struct sim_req;

enum sim_thread_state {
	SIM_RUNNABLE,
	SIM_BLOCKED,
	SIM_ENDED,
};

struct sim_thread {
	struct lend_fiber fiber;
	void *stack;
	int index;
	enum sim_thread_state state;
	const char *name;
	void *(*start)(void *arg);
	void *arg;
	void *result;
	struct lend_worker *current; /* stands in for the thread-local one */
	struct lend_worker *worker;  /* it is the thread of that worker */

	/* Blocked until @ready says so, or until then. */
	bool (*ready)(void *arg);
	void *ready_arg;
	uint64_t wake_ns;
	uint64_t idle_ns; /* waits for events since then; 0: for a lock */

	/* Runnable, but does not run; @spinning: it computes, and interrupts
	 * reach it; otherwise it is off its processor. */
	uint64_t stalled_ns;
	bool spinning;
	bool burning; /* in an actor, which the program meant */

	int signal_sent; /* and not handled yet; 0: none */
	bool handling;

	struct sim_req *work_first; /* completion work, in order */
	struct sim_req *work_last;

	struct sim_store stores[SIM_STORES_MAX];
	unsigned stores_count;
	unsigned drain_in;

	/* See check.c. */
	bool must_return; /* a recall found it inside a claim */
	unsigned since_leave;
	bool left_claim; /* its last access was the end of a claim */
	bool in_use;	 /* as it sees that itself */
};

struct sim {
	uint64_t seed;
	struct sim_knobs knobs;
	struct sim_random schedule; /* who runs */
	struct sim_random kernel;   /* what the kernel does */
	struct sim_random program;  /* what the scenario is */

	uint64_t now_ns;
	uint64_t steps;	 /* scheduling decisions */
	uint64_t points; /* where one could have been */
	uint64_t steps_max;
	unsigned until_preempt;
	uint64_t hash; /* of the trace */
	bool tracing;
	bool over;

	struct lend_fiber scheduler;
	struct sim_thread *threads[SIM_THREADS_MAX];
	unsigned threads_count;
	struct sim_thread *current; /* NULL: the scheduler */
	struct lend_runtime *runtime;
};

extern struct sim sim;

/* Draw the knobs of a seed, then everything else from it. */
void sim_knobs_draw(void);
/* The scenario of --crowd instead. */
void sim_knobs_crowd(void);
/* Run the scenario of sim.seed to its end. */
void sim_run(void);
void sim_scenario(void);

/* ---- what is told about a run (report.c) ---- */

/* What a run leaves for the process that started it. */
struct sim_report {
	uint64_t steps;
	uint64_t points;
	uint64_t now_ns;
	uint64_t hash;
	uint64_t counts[16];
	uint64_t wait_max;  /* turns of others that a runnable actor waited */
	uint64_t crowd_max; /* runnable actors at one time */
	char failure[1024];
};

enum sim_count {
	SIM_COUNT_SQES,
	SIM_COUNT_CQES,
	SIM_COUNT_OVERFLOWS,
	SIM_COUNT_FAULTS,
	SIM_COUNT_SHORTS,
	SIM_COUNT_STALLS,
	SIM_COUNT_SEIZED,
	SIM_COUNT_BUFFERED, /* stores that waited in a store buffer */
	SIM_COUNT_WAITS,    /* claims that had to wait in line */
	SIM_COUNT_STEALS,   /* actors taken from other workers */
	SIM_COUNTS,
};

extern struct sim_report *sim_report;

static inline void sim_count(enum sim_count what)
{
	sim_report->counts[what]++;
}

/* Note an event; its text and numbers go into the hash. No addresses. */
void sim_trace(const char *text, uint64_t a, uint64_t b, uint64_t c);

/* An invariant is broken: say so and end the process. */
LEND_NORETURN LEND_PRINTF(2, 3) void sim_fail(const char *invariant,
					      const char *format, ...);

/* What a program of the scenario expects. */
#define SIM_EXPECT(condition, ...)                                             \
	do {                                                                   \
		if (!(condition))                                              \
			sim_fail("program: " #condition, __VA_ARGS__);         \
	} while (0)

/* ---- threads (thread.c) ---- */

struct sim_thread *sim_thread_start(const char *name, void *(*start)(void *arg),
				    void *arg);
bool sim_thread_stack_has(const struct sim_thread *thread, const void *address);
/* A place where another thread may take over. */
void sim_point(void);
/* Let the others run. */
void sim_yield(void);
/* Wait. False: @wake_ns has come first. */
bool sim_block(bool (*ready)(void *arg), void *arg, uint64_t wake_ns);
/* The same, for whatever may come, and not for a lock. */
bool sim_idle(bool (*ready)(void *arg), void *arg, uint64_t wake_ns);
/* Compute for so long: other threads run, interrupts reach this one. */
void sim_burn(uint64_t span_ns);
/* A signal for a thread: its handler runs there, in the middle of whatever it
 * does. */
void sim_signal(struct sim_thread *thread, int number);
extern void (*sim_signal_handler)(int number);
/* The scheduler: returns when all threads have ended. */
void sim_schedule(void);

/* Call @fn at that time, outside all threads. */
void sim_at(uint64_t time_ns, void (*fn)(void *arg), void *arg);
bool sim_has_events(void);

/* ---- memory (memory.c) ---- */

/* Everything this thread has stored becomes visible. */
void sim_drain(struct sim_thread *thread);
void sim_drain_all(void);
void sim_drain_some(struct sim_random *random);

/* ---- checks (check.c) ---- */

void sim_check_step(void);
/* What was published by the ring that @uring is part of. */
struct io_uring;
uint64_t sim_check_published(const struct io_uring *uring);
void sim_check_end(void);
void sim_check_idle(void);
void sim_check_burn(void);
/* Memory is given back to whoever it came from. */
void sim_check_free(const void *address, size_t size);
/* @address is about to be written by the current thread. */
void sim_check_write(const void *address);
/* The handshake's words: see check.c. */
void sim_check_store(const void *address, uint64_t value);
void sim_check_load(const void *address, uint64_t *value);

/* ---- mutations (mutate.c) ---- */

enum sim_mutation {
	SIM_MUTATE_NOTHING,
	SIM_MUTATE_NO_MEMBARRIER,
	SIM_MUTATE_SEIZE_IN_USE,
	SIM_MUTATE_NO_SECOND_LOOK,
	SIM_MUTATE_FORGET_UNSUBMITTED,
	SIM_MUTATE_SUBMIT_TWICE,
	SIM_MUTATE_DROP_OVERFLOW,
	SIM_MUTATE_IGNORE_OVERFLOW,
	SIM_MUTATE_LIFO,
	SIM_MUTATE_FREE_EARLY,
	SIM_MUTATE_LOSE_WAKE,
	SIM_MUTATE_SPLIT_CHAIN,
	SIM_MUTATE_NO_FENCE,
	SIM_MUTATE_NO_WATCH,
	SIM_MUTATE_ONE_COMPLETION,
	SIM_MUTATE_KEEP_ADDRESS,
	SIM_MUTATE_STAY,
	SIM_MUTATE_STARVE,
	SIM_MUTATE_QUEUE_TWICE,
	SIM_MUTATE_BUNDLE_ORDER,
	SIM_MUTATE_LATE_CHILD,
	SIM_MUTATIONS,
};

extern enum sim_mutation sim_mutation;
const char *sim_mutation_name(enum sim_mutation mutation);
const char *sim_mutation_text(enum sim_mutation mutation);

#endif
