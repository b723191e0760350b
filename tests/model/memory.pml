/*
 * A shared memory with store buffers, for models of lock-free code.
 *
 * Each process has a buffer of its stores; a daemon of its own moves them to
 * the memory at any later moment. A load sees the newest store of its own
 * process, else the memory. So a store may become visible after loads that
 * follow it: what a fence is for, and what a sequentially consistent model can
 * not show.
 *
 * Default: total store order (x86); the buffer is a queue.
 * -DWEAK:  stores to different words leave in any order, but one with release
 *          order leaves after all that are older; and taking a lock (acquire)
 *          does not empty the buffer. Stores to one word keep their order.
 *          Loads that a processor may do early are modelled by who includes
 *          this: see ON_FENCE.
 *
 * A fence asked of another process (membarrier, an interrupt) is passed at a
 * moment of the target's own choice. It is the target that executes it, at some
 * point of its program: everything before that is visible afterwards, and
 * nothing after it has happened yet, not even a load that was done early.
 *
 * The includer defines PROCS, WORDS, LOCK (a word), STORES (what a buffer
 * holds), IS_RELEASE(word, value), and ON_FENCE(p): what a fence makes undone.
 */

byte mem[WORDS];
byte sb_word[PROCS * STORES];
byte sb_value[PROCS * STORES];
byte sb_length[PROCS];
bool fence_asked[PROCS];
hidden byte scan;

/* Who stores up to n values waits for that: a full buffer blocks. */
#define ROOM(p, n) (sb_length[p] + (n) <= STORES)

#define WORD_AT(p, i)	 sb_word[(p) * STORES + (i)]
#define VALUE_AT(p, i)	 sb_value[(p) * STORES + (i)]
#define RELEASE_AT(p, i) IS_RELEASE(WORD_AT(p, i), VALUE_AT(p, i))

/* The statements below are parts of an atomic or d_step. */

inline store(p, w, v)
{
	assert(sb_length[p] < STORES);
	WORD_AT(p, sb_length[p]) = w;
	VALUE_AT(p, sb_length[p]) = v;
	sb_length[p]++
}

inline load(p, w, result)
{
	result = mem[w];
	scan = 0;
	do
	:: scan < sb_length[p] ->
		if
		:: WORD_AT(p, scan) == (w) -> result = VALUE_AT(p, scan)
		:: else
		fi;
		scan++
	:: else -> break
	od;
	scan = 0
}

/* Entry @i reaches the memory. */
inline drain(p, i)
{
	mem[WORD_AT(p, i)] = VALUE_AT(p, i);
	scan = i;
	do
	:: scan + 1 < sb_length[p] ->
		WORD_AT(p, scan) = WORD_AT(p, scan + 1);
		VALUE_AT(p, scan) = VALUE_AT(p, scan + 1);
		scan++
	:: else -> break
	od;
	sb_length[p]--;
	WORD_AT(p, sb_length[p]) = 0;
	VALUE_AT(p, sb_length[p]) = 0
}

inline fence(p)
{
	do
	:: sb_length[p] > 0 -> drain(p, 0)
	:: else -> break
	od;
	ON_FENCE(p)
}

proctype buffer(byte p)
{
end:	do
	:: d_step { sb_length[p] > 0 -> drain(p, 0) }
	:: d_step { fence_asked[p] -> fence(p); fence_asked[p] = false }
#ifdef WEAK
	:: d_step {
		sb_length[p] > 1 && !RELEASE_AT(p, 1) &&
		WORD_AT(p, 0) != WORD_AT(p, 1) -> drain(p, 1)
	   }
	:: d_step {
		sb_length[p] > 2 && !RELEASE_AT(p, 2) &&
		WORD_AT(p, 0) != WORD_AT(p, 2) &&
		WORD_AT(p, 1) != WORD_AT(p, 2) -> drain(p, 2)
	   }
	:: d_step {
		sb_length[p] > 3 && !RELEASE_AT(p, 3) &&
		WORD_AT(p, 0) != WORD_AT(p, 3) &&
		WORD_AT(p, 1) != WORD_AT(p, 3) &&
		WORD_AT(p, 2) != WORD_AT(p, 3) -> drain(p, 3)
	   }
#endif
	od
}

/* Where pthread_mutex_lock() can go on; then mem[LOCK] = 1. A locked
 * instruction of x86 empties the buffer first. */
#ifdef WEAK
#define LOCKABLE(p) (mem[LOCK] == 0)
#else
#define LOCKABLE(p) (mem[LOCK] == 0 && sb_length[p] == 0)
#endif

inline lock(p)
{
	LOCKABLE(p) -> mem[LOCK] = 1;
	ON_FENCE(p)
}

/* pthread_mutex_unlock(): a store with release order. */
inline unlock(p)
{
	store(p, LOCK, 0)
}
