/*
 * The programs that a scenario is made of: actors that use the library as its
 * users do, and check every result and every byte.
 */
#ifndef LEND_TESTS_SIM_PROGRAM_H
#define LEND_TESTS_SIM_PROGRAM_H

#include <lend/lend.h>

#include "sim.h"

/* Each is an actor's function; its argument is a number of its own, from 1. */
int sim_program_echo(void *arg);
int sim_program_claims(void *arg);
int sim_program_held_claims(void *arg);
int sim_program_sleeps(void *arg);
int sim_program_cancels(void *arg);
int sim_program_closes(void *arg);
int sim_program_files(void *arg);
int sim_program_messages(void *arg);
int sim_program_burns(void *arg);
int sim_program_listens(void *arg);
int sim_program_timeouts(void *arg);
int sim_program_chains(void *arg);
int sim_program_leavers(void *arg);
int sim_program_sizes(void *arg);
int sim_program_http(void *arg);
int sim_program_series(void *arg);
int sim_program_series_end(void *arg);
int sim_program_events(void *arg);
int sim_program_scopes(void *arg);
int sim_program_operations(void *arg);
int sim_program_crowd(void *arg);
int sim_program_permits(void *arg);
int sim_program_room(void *arg);

static inline unsigned sim_number(void *arg)
{
	return (unsigned)(uintptr_t)arg;
}

/* Chance for programs. */
static inline unsigned sim_draw(unsigned low, unsigned high)
{
	return sim_random_from(&sim.program, low, high);
}

/* The @i-th byte of what program @number sends. */
static inline char sim_byte(unsigned number, size_t i)
{
	return (char)(number * 31 + i * 7 + i / 251);
}

void sim_fill(char *data, size_t size, unsigned number, size_t from);
void sim_compare(const char *data, size_t size, unsigned number, size_t from);

/* What a program sends over a stream, or expects of it. */
struct sim_stream {
	int fd;
	unsigned number;
	size_t size;
};

/* All of it, in pieces; 0, or the error of a send. */
int sim_send_stream(const struct sim_stream *stream);

lend_ref sim_spawn(lend_actor_fn fn, void *arg);
/* Its exit value must be @value. */
void sim_join(lend_ref actor, int value);

/* A claim that waits as long as it takes. */
struct lend_claim_handle *sim_claim(unsigned count);

#endif
