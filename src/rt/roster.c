/*
 * Workers that can be woken, and those that can be robbed: see roster.h. Called
 * by idle.c and steal.c.
 */
#include "rt/roster.h"

#include <sched.h>

void lend__roster_park(struct lend_roster *roster, unsigned worker)
{
	/* [P4] Sequentially consistent: of a worker that parks and finds a
	 * sentinel, and this one, which goes back to work, one sees the other,
	 * as with [P2]. */
	atomic_fetch_or_explicit(&roster->words[worker / 64].parked,
				 UINT64_C(1) << worker % 64,
				 memory_order_seq_cst);
}

void lend__roster_unpark(struct lend_roster *roster, unsigned worker)
{
	_Atomic uint16_t *cpu = &roster->cpus[worker];
	int now = sched_getcpu();

	/* Relaxed: who still finds it parked learns more from its state. */
	atomic_fetch_and_explicit(&roster->words[worker / 64].parked,
				  ~(UINT64_C(1) << worker % 64),
				  memory_order_relaxed);
	if (now >= 0 && atomic_load_explicit(cpu, memory_order_relaxed) != now)
		atomic_store_explicit(cpu, (uint16_t)now, memory_order_relaxed);
}

enum lend_distance lend__roster_distance(const struct lend_roster *roster,
					 unsigned a, unsigned b)
{
	return lend__topology_distance(
		roster->topology,
		atomic_load_explicit(&roster->cpus[a], memory_order_relaxed),
		atomic_load_explicit(&roster->cpus[b], memory_order_relaxed));
}

/* Those of a word that exist, and are as asked for. */
static uint64_t bits_of(const struct lend_roster *roster, unsigned word,
			unsigned count, bool parked)
{
	/* [P4] */
	uint64_t bits = atomic_load_explicit(&roster->words[word].parked,
					     memory_order_seq_cst);

	if (!parked)
		bits = ~bits;
	if (count < (word + 1) * 64)
		bits &= (UINT64_C(1) << count % 64) - 1;
	return bits;
}

void lend__roster_find(const struct lend_roster *roster, unsigned worker,
		       unsigned count, bool parked, unsigned start,
		       unsigned most, struct lend_candidates *ret_candidates)
{
	uint16_t found[LEND_WORKERS_MAX];
	uint8_t distances[LEND_WORKERS_MAX];
	unsigned ends[LEND_DISTANCES + 1] = { 0 };
	unsigned words = (count + 63) / 64, n = 0;

	start %= count;
	/* The word with @start twice: first what follows it, last the rest. */
	for (unsigned i = 0; i <= words && n < most; i++) {
		unsigned word = (start / 64 + i) % words;
		uint64_t bits = bits_of(roster, word, count, parked);

		if (i == 0)
			bits &= ~UINT64_C(0) << start % 64;
		else if (i == words)
			bits &= (UINT64_C(1) << start % 64) - 1;
		for (; bits && n < most; bits &= bits - 1) {
			unsigned other = word * 64 +
					 (unsigned)__builtin_ctzll(bits);

			if (other == worker)
				continue;
			found[n] = (uint16_t)other;
			distances[n] = (uint8_t)lend__roster_distance(
				roster, worker, other);
			ends[distances[n++] + 1]++;
		}
	}
	for (unsigned i = 1; i < LEND_DISTANCES; i++)
		ends[i] += ends[i - 1];
	for (unsigned i = 0; i < n; i++)
		ret_candidates->workers[ends[distances[i]]++] = found[i];
	ret_candidates->count = n;
}
