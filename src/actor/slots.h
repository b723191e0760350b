/*
 * Free slots: the numbers of places that no actor has.
 *
 * Each worker keeps some in a magazine, from which it takes and to which it
 * gives without a lock; what a magazine lacks or has too much of moves by the
 * batch between it and the lists that all share.
 *
 * Note [magazine]
 * A magazine is one word: how many slots, and the first of a list. Its worker
 * pushes and pops by compare-and-swap; others do nothing but take all of it, by
 * an exchange, with the lock in hand. As only the owner ever puts anything in,
 * a word that it finds unchanged is unchanged, so that its pop is safe although
 * it has read a link before: no slot comes back behind its back. Batches move
 * under the lock, so who has it and has emptied all magazines knows of every
 * free slot, and nobody is refused while one of them is in another's magazine.
 *
 * Note [closing]
 * Who waits for the last actor stores @closed, then empties the magazines; a
 * worker gives a slot to its magazine, then loads @closed. All four are
 * sequentially consistent [G5], so one of the two finds the slot. One that is
 * taken is either taken before its magazine was emptied, and so counted in
 * @out, or asked for under the lock, where @closed is seen.
 *
 * Note [warm]
 * A slot that an actor has left is warm: its pages are there, for the next one,
 * as giving them back and faulting them in again costs more than all the rest
 * of an actor's life. What a burst has left is kept as long as it is likely to
 * be needed: as many as were out at once in this window of time or the one
 * before, but no more than a share of the machine's memory. What is above that
 * goes back to the system when a batch comes in, or when a worker that has seen
 * it is about to wait and the windows are over: once, not again and again.
 *
 * Note [cooling]
 * Slots that are being trimmed are in no list, as the system calls that give
 * their pages back are made without the lock. They are free all the same: who
 * finds nothing else, and would be refused, waits for those who trim, which
 * wait for nobody and take no slot meanwhile.
 */
#ifndef LEND_ACTOR_SLOTS_H
#define LEND_ACTOR_SLOTS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <lend/base.h>

#include "base/bits.h"

/* Slots that move at once, and twice that is the most in a magazine: a burst of
 * a hundred actors stays in it, and on its processor. What moves is cold for
 * who gets it, a dozen cache lines each. */
#define LEND_SLOTS_BATCH 64

/* So many free ones stay warm, with those in magazines, whatever was needed
 * lately. */
#define LEND_SLOTS_WARM_MIN 128

/* How long the most that were out at once are remembered, at least. */
#define LEND_SLOTS_WINDOW_NS UINT64_C(1000000000)

#define LEND_SLOTS_NONE UINT32_MAX

/* Of one worker. */
struct lend_magazine {
	/* [atomic: G5] slots << 32 | the first + 1; Note [magazine] */
	LEND_CACHE_ALIGNED _Atomic uint64_t free;
	_Atomic uint64_t spawned; /* [owner] counter: actors */
	uint64_t look_ns;	  /* [owner] for a surplus; UINT64_MAX: never */
	uint32_t looks_left;	  /* [owner] see stack_mark.h */
};

struct lend_slots {
	/* [const] */
	_Atomic uint32_t *next; /* + 1; who has the list writes it */
	struct lend_magazine *magazines;
	unsigned count;
	unsigned magazines_count;
	unsigned warm_max;
	_Atomic bool
		closed; /* [atomic: G5] [lock] writes: none are given out */

	LEND_CACHE_ALIGNED pthread_mutex_t lock;
	uint32_t warm;	     /* [lock] free slots with pages, + 1 */
	uint32_t cold;	     /* [lock] free slots without, + 1 */
	unsigned warm_count; /* [lock] */
	unsigned used_end;   /* [lock] slots from here on are untouched */
	unsigned out; /* [lock] slots that are in neither list: of actors, and
		       * in magazines */
	unsigned cooling;      /* [lock] of these, in a surplus */
	uint64_t window_ns;    /* [lock] when the present window began */
	unsigned peak;	       /* [lock] most that were out in it */
	unsigned peak_before;  /* [lock] in the one before */
	_Atomic unsigned kept; /* out, but of actors that have ended */
};

/* More than comes in at once, so that none is left over. */
#define LEND_SURPLUS_MAX (2 * LEND_SLOTS_BATCH)

/* Slots whose pages are to be given back, then lend__slots_cool(). */
struct lend_surplus {
	uint32_t slots[LEND_SURPLUS_MAX];
	unsigned count;
};

/* @slot_size: bytes that a free one may hold. 0, or -ENOMEM. */
LEND_NODISCARD int lend__slots_init(struct lend_slots *slots, unsigned count,
				    unsigned magazines, size_t slot_size);
void lend__slots_fini(struct lend_slots *slots);

/* A slot that is the caller's from now on.
 *
 * @magazine  the calling worker's own; NULL on other threads
 *
 * Return: LEND_SLOTS_NONE if all are taken, or after lend__slots_close()
 */
uint32_t lend__slots_take(struct lend_slots *slots,
			  struct lend_magazine *magazine);

/* Give back a slot that has its pages to the calling worker's own magazine.
 * False: it has no room, and lend__slots_give() is to be called. */
LEND_NODISCARD bool lend__slots_keep(struct lend_slots *slots,
				     struct lend_magazine *magazine,
				     uint32_t index);

/* The same, wherever there is room. @ret_surplus: the caller's to trim.
 * @magazine: as lend__slots_take(). */
void lend__slots_give(struct lend_slots *slots, struct lend_magazine *magazine,
		      uint32_t index, struct lend_surplus *ret_surplus);

/* Give back slots of a surplus, without pages now. At once: Note [cooling]. */
void lend__slots_cool(struct lend_slots *slots, const uint32_t *indices,
		      unsigned count);

/* Give back a slot that was taken a moment ago, and has no pages. */
void lend__slots_put_back(struct lend_slots *slots, uint32_t index);

/* Surplus that nobody has needed for a while, if @magazine's worker has to look
 * for it at @now_ns. Thread: that worker, not in a hurry. */
void lend__slots_settle(struct lend_slots *slots,
			struct lend_magazine *magazine, uint64_t now_ns,
			struct lend_surplus *ret_surplus);

/* From now on magazines are not filled any more. */
void lend__slots_close(struct lend_slots *slots);

/* Sequentially consistent [G5]: after what the caller did before. */
static inline bool lend__slots_are_closed(const struct lend_slots *slots)
{
	return atomic_load_explicit(&slots->closed, memory_order_seq_cst);
}

/* Empty a magazine, or all of them, into the shared list. Any thread. */
void lend__slots_return(struct lend_slots *slots,
			struct lend_magazine *magazine);
void lend__slots_return_all(struct lend_slots *slots);

/* Actors that have not ended, as far as can be said while they come and go;
 * exactly if nobody takes or gives, or all magazines are empty and stay so. */
unsigned lend__slots_alive(struct lend_slots *slots);

/* Slots from there on were never used. */
unsigned lend__slots_end(struct lend_slots *slots);

#endif
