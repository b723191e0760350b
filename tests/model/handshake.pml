/*
 * The life of a loan, for spin: Note [handshake] of arbiter/loan.c.
 *
 * Goal:   two borrowers are never inside a claim of one ring; who has lost its
 *         ring does not write to it; a taker goes on at the right tail, and
 *         what was published reaches the kernel once; no recall is lost.
 * Method: two borrowers, a rescuer that recalls all the time and the kernel
 *         run through all interleavings, on a memory with store buffers
 *         (memory.pml). The borrowers do, in any order and for ever, what the
 *         code has: claims that are committed, abandoned or too big, safe
 *         points, parking. Each step names the function that it stands for.
 *
 * What is one step here. Words under the arbiter's lock (state, holder,
 * recall_pending, seized) and a borrower's own (ring_of) are plain variables:
 * one process at a time has them. What is visible to others, without the lock,
 * is in the memory, and each load of it a step of its own. Stores go to the
 * buffer, which is nobody else's business, so those that follow each other
 * without a load are one step: that others see the first and not yet the last
 * is what the buffer's daemon does. The same for a fence between two of them: it
 * is one before the first, with some stores drained after it. A critical
 * section is one step as well, as all it shares is under the lock; the lock is
 * free for others once the store that frees it has left the buffer.
 *
 * -DMEMBARRIER      there is membarrier; without it `recalled` stays 1
 * -DBARRIER_FAILS   it may fail at times (memory, a sandbox)
 * -DWEAK            not x86: see memory.pml
 * -DRINGS, -DDEPTH  1 or 2
 * -DNO_SQES         all claims are abandoned: for two rings, in short
 * -DBREAK_...       mutations, listed in meson.build: each must be found out
 */
#ifndef RINGS
#define RINGS 1
#endif
#ifndef DEPTH
#define DEPTH 1
#endif

/* Head and tail count modulo this, which is above DEPTH. */
#define COUNT_MOD (DEPTH + 2)
#define NOBODY	  255
#define NO_RING	  255
#define NO_VALUE  255

#define RESCUER 2 /* borrowers are 0 and 1 */
#define PROCS	3

/* The words of the memory. */
#define LOCK	    0
#define IN_USE(b)   (1 + (b))
#define RECALLED(b) (3 + (b))
#define SQ_TAIL(r)  (5 + (r) * 4)
#define KTAIL(r)    (6 + (r) * 4)
#define SLOT(r, n)  (7 + (r) * 4 + (n) % DEPTH)
#define WORDS	    (5 + RINGS * 4)
#define STORES	    6

#ifdef BREAK_RELAXED_END
#define END_IS_RELEASE false
#else
#define END_IS_RELEASE true
#endif
#ifdef BREAK_RELAXED_TAIL
#define TAIL_IS_RELEASE false
#else
#define TAIL_IS_RELEASE true
#endif
#define IS_RELEASE(w, v)                                                       \
	((w) == LOCK ||                                                        \
	 (TAIL_IS_RELEASE && ((w) == KTAIL(0) || (w) == KTAIL(1))) ||          \
	 (END_IS_RELEASE && (v) == 0 &&                                        \
	  ((w) == IN_USE(0) || (w) == IN_USE(1))))

/* sq_tail as a processor has loaded it ahead of [B], if it did. */
byte early_tail[PROCS] = NO_VALUE;
#define ON_FENCE(p) early_tail[p] = NO_VALUE

#include "memory.pml"

#ifdef MEMBARRIER
#define HAS_MEMBARRIER true
#else
#define HAS_MEMBARRIER false
#endif

/* struct lend_loan, under the lock. */
mtype = { VACANT, GRANTED, ASKED_BACK };
mtype state[RINGS] = VACANT;
byte holder[RINGS] = NOBODY;

/* struct lend_borrower: the ring is the owner's, the rest under the lock. */
byte ring_of[2] = NO_RING;
bool recall_pending[2];
bool seized[2];

/* The kernel's. */
byte head[RINGS];

/* What the checks need to know; nobody acts on it. */
byte published[RINGS]; /* SQEs ever published, modulo COUNT_MOD */
byte inside[RINGS];    /* how many are writing to it */
bool left_to[2];       /* a recall found it in use, and relies on it */
bool calm[2] = true;   /* outside any claim, and has looked again */

/* What must never become true. -DONLY=n looks at one of them alone. */
#define TWO_WRITERS  1 /* two borrowers inside a claim of one ring */
#define STALE_WRITER 2 /* inside a claim, and the ring is lent to another */
#define WRONG_TAIL   3 /* a claim starts elsewhere than the last one ended */
#define LOST_SQE     4 /* the kernel finds another SQE than was published */
#define LOST_RECALL  5 /* left to a borrower that does not look any more */
bool two_writers, stale_writer, wrong_tail, lost_sqe, lost_recall;
#ifndef ONLY
#define ONLY 0
#define own_assert(condition) assert(condition)
#else
#define own_assert(condition) skip
#endif
#define never(wrong, number) assert(!wrong || (ONLY && ONLY != number))

/* Places that must be reached, or the rest would prove little: -DREACH=n. */
#ifndef REACH
#define REACH 0
#endif
#define LEARNED   1 /* a borrower learns that its ring was taken from it */
#define OBEYED	  2 /* a borrower gives back what was asked back */
#define NO_ROOM   3 /* a claim finds none */
#define TAKEN_OVER 4 /* a ring is lent with SQEs that the kernel has not seen */
#define reached(number) assert(REACH != number)

/* ---- loan.c ---- */

/* lend__loan_grant() */
inline loan_grant(b, r)
{
	own_assert(state[r] == VACANT && holder[r] == NOBODY);
	own_assert(ring_of[b] == NO_RING && !recall_pending[b]);
	assert(REACH != TAKEN_OVER || mem[KTAIL(r)] == head[r]);
	state[r] = GRANTED;
	holder[r] = b;
	ring_of[b] = r;
#ifdef BREAK_RECALLED_ON_LOAN
	store(b, RECALLED(r), 0)
#endif
}

/* lend__loan_return() */
inline loan_return(b)
{
	own_assert(state[ring_of[b]] != VACANT && holder[ring_of[b]] == b);
	state[ring_of[b]] = VACANT;
	holder[ring_of[b]] = NOBODY;
	ring_of[b] = NO_RING;
	recall_pending[b] = false;
	left_to[b] = false
}

/* lend__loan_recall(), second half: [c] was @used. */
inline seize_or_leave(r, b, used)
{
	if
	:: used ->
		left_to[b] = true;
		lost_recall = lost_recall || calm[b];
		never(lost_recall, LOST_RECALL)
	:: else ->
		recall_pending[b] = false;
		left_to[b] = false;
		seized[b] = true;
		holder[r] = NOBODY;
		state[r] = VACANT;
#ifdef BREAK_SEIZER_CLEARS
		store(RESCUER, RECALLED(b), 0)
#endif
	fi
}

/* ---- mode_borrowed.c ---- */

/* obey_locked() */
inline obey(b)
{
	if
	:: seized[b] ->
		reached(LEARNED);
		seized[b] = false;
#ifndef BREAK_STALE_RING
		ring_of[b] = NO_RING
#endif
	:: !seized[b] && recall_pending[b] -> reached(OBEYED); loan_return(b)
	:: else
	fi;
#if !defined(BREAK_RECALLED_ON_LOAN) && !defined(BREAK_CLEAR_UNLOCKED)
	if
	:: HAS_MEMBARRIER -> store(b, RECALLED(b), 0)
	:: else
	fi
#endif
}

/* take_vacant_locked(), but for the look at the room */
inline find_vacant(r)
{
	if
	:: state[0] == VACANT -> r = 0
#if RINGS > 1
	:: state[1] == VACANT -> r = 1
#endif
	:: else -> r = NO_RING
	fi
}

/* settle(), when it takes the lock: @idle, it parks and gives its ring back.
 * Who has none may take one for those who wait (serve_locked()). */
inline settle_locked(b, idle)
{
	atomic {
		ROOM(b, 3) && LOCKABLE(b) -> lock(b);
		obey(b);
		if
		:: ring_of[b] != NO_RING && idle -> loan_return(b)
		:: ring_of[b] == NO_RING ->
			find_vacant(ring);
			if
			:: ring != NO_RING -> loan_grant(b, ring)
			:: true
			fi;
			ring = 0
		:: else
		fi;
		unlock(b)
	}
#ifdef BREAK_CLEAR_UNLOCKED
	d_step { ROOM(b, 1) -> store(b, RECALLED(b), 0) }
#endif
}

/* ---- claim.h ---- */

#define ROOM_IN(r, tail) ((DEPTH + head[r] + COUNT_MOD - (tail)) % COUNT_MOD)

#ifdef BREAK_RECALLED_ON_LOAN
#define MY_RECALLED(b) RECALLED(ring_of[b])
#else
#define MY_RECALLED(b) RECALLED(b)
#endif

/* lend__claim_begin(): the load [B]; lend__claim_leave(): the load [D] */
inline look(b)
{
#ifdef BREAK_RECALLED_ON_LOAN
	if
	:: ring_of[b] == NO_RING -> flag = 1
	:: else -> load(b, RECALLED(ring_of[b]), flag)
	fi
#else
	load(b, RECALLED(b), flag)
#endif
}

inline goes_inside(b, r)
{
	two_writers = two_writers || inside[r] > 0;
	never(two_writers, TWO_WRITERS);
	inside[r]++
}

/* lend__claim_commit(): note_ops and lend__ring_publish() */
inline publish(b)
{
	wrong_tail = wrong_tail || tail != published[ring];
	never(wrong_tail, WRONG_TAIL);
	published[ring] = (published[ring] + 1) % COUNT_MOD;
	store(b, SLOT(ring, tail), tail + 1);
	tail = (tail + 1) % COUNT_MOD;
	store(b, SQ_TAIL(ring), tail);
	store(b, KTAIL(ring), tail)
}

inline goes_outside(b)
{
	/* It filled slots, also if it did not publish them. */
	stale_writer = stale_writer || holder[ring] != b;
	never(stale_writer, STALE_WRITER);
	inside[ring]--;
	ring = 0;
	tail = 0;
	store(b, IN_USE(b), 0)
}

inline is_calm(b)
{
	calm[b] = true;
	lost_recall = lost_recall || left_to[b];
	never(lost_recall, LOST_RECALL)
}

proctype borrower(byte b)
{
	byte flag, tail, ring;

between:
	do
	:: break
	:: atomic { /* settle() at a safe point */
		look(b);
		if
		:: flag -> flag = 0; goto obeys
		:: ring_of[b] != NO_RING -> goto parks
		:: !flag
		fi
	   }
	od;

#ifdef BREAK_LOOK_FIRST
	atomic { look(b) }
#endif
	atomic { ROOM(b, 1) -> calm[b] = false; store(b, IN_USE(b), 1) } /* [A] */
#ifdef WEAK
	if
	:: d_step {
		ring_of[b] != NO_RING ->
		load(b, SQ_TAIL(ring_of[b]), early_tail[b])
	   }
	:: true
	fi;
#endif
	atomic {
#ifndef BREAK_LOOK_FIRST
		look(b); /* [B] */
#endif
		if
		:: flag || ring_of[b] == NO_RING -> goto claim_slow
		:: else -> ring = ring_of[b]
		fi
	}
	atomic { /* lend__ring_room() */
		tail = early_tail[b];
		if
		:: tail == NO_VALUE -> load(b, SQ_TAIL(ring), tail)
		:: else
		fi;
		early_tail[b] = NO_VALUE;
		if
		:: ROOM_IN(ring, tail) == 0 -> goto claim_slow
		:: else -> goes_inside(b, ring); goto filled
		fi
	}

claim_slow:
	atomic {
		flag = 0;
		tail = 0;
		ring = 0;
		early_tail[b] = NO_VALUE;
		ROOM(b, 1) -> store(b, IN_USE(b), 0) /* [C], nothing written */
	}
	if
	:: true -> /* lend__claim_slow(): -E2BIG */
#ifdef BREAK_EARLY_RETURN
		goto calm_again
#else
		goto look_again
#endif
	:: true
	fi;
	atomic { /* claim() of mode_borrowed.c */
		ROOM(b, 4) && LOCKABLE(b) -> lock(b);
		obey(b);
		if
		:: ring_of[b] == NO_RING -> find_vacant(ring)
		:: else -> ring = ring_of[b]
		fi;
		if
		:: ring != NO_RING -> load(b, SQ_TAIL(ring), tail)
		:: else
		fi;
		if
		:: ring == NO_RING || ROOM_IN(ring, tail) == 0 -> /* -EAGAIN */
			reached(NO_ROOM);
			if
			:: ring_of[b] != NO_RING -> loan_return(b)
			:: else
			fi;
			unlock(b);
			ring = 0;
			tail = 0;
			goto calm_again
		:: else ->
			if
			:: ring_of[b] == NO_RING -> loan_grant(b, ring)
			:: else
			fi;
#ifndef BREAK_LATE_IN_USE
			store(b, IN_USE(b), 1);
			goes_inside(b, ring);
#endif
			unlock(b)
		fi
	}
#ifdef BREAK_LATE_IN_USE
	atomic {
		ROOM(b, 1) -> store(b, IN_USE(b), 1);
		goes_inside(b, ring)
	}
#endif

filled:
#ifdef BREAK_LOOK_BEFORE_END
	atomic { look(b) }
#endif
	if
#ifndef NO_SQES
	:: atomic { ROOM(b, 4) -> publish(b); goes_outside(b) } /* [C] */
#endif
	:: atomic { ROOM(b, 1) -> goes_outside(b) } /* lend__claim_abandon() */
	fi;
#ifdef BREAK_NO_SECOND_LOOK
	goto calm_again;
#endif
look_again:
	atomic { /* [D] */
#ifndef BREAK_LOOK_BEFORE_END
		look(b);
#endif
		if
		:: flag -> flag = 0
		:: else -> goto calm_again
		fi
	}
obeys:	/* lend__claim_settle() */
	settle_locked(b, false);
calm_again:
	atomic { is_calm(b); goto between }
parks:
	settle_locked(b, true);
	goto between
}

/* lend__arbiter_rescue(), of a worker that does nothing else */
proctype rescuer()
{
	byte r, b, used;

again:	atomic {
		LOCKABLE(RESCUER) && ROOM(RESCUER, 1) -> lock(RESCUER);
		if
		:: holder[0] != NOBODY -> r = 0
#if RINGS > 1
		:: holder[1] != NOBODY -> r = 1
#endif
		:: else -> goto leave
		fi;
		b = holder[r];
		if
		:: state[r] == GRANTED ->
			state[r] = ASKED_BACK;
			recall_pending[b] = true
		:: else
		fi;
		/* lend__loan_recall(): [a] */
#ifdef BREAK_RECALLED_ON_LOAN
		store(RESCUER, RECALLED(r), 1);
#else
		store(RESCUER, RECALLED(b), 1);
#endif
#ifdef BREAK_LOOK_BEFORE_BARRIER
		load(RESCUER, IN_USE(b), used);
#endif
#ifdef BARRIER_FAILS
		if
#ifdef BREAK_FAILURE_IGNORED
		:: goto after_barrier
#else
		:: goto leave
#endif
		:: true
		fi;
#endif
#if defined(MEMBARRIER) && !defined(BREAK_NO_MEMBARRIER)
		fence(RESCUER); /* [b]: the caller's own */
		fence_asked[b] = true
#endif
	}
	!fence_asked[b];
after_barrier:
	atomic {
#ifndef BREAK_LOOK_BEFORE_BARRIER
		load(RESCUER, IN_USE(b), used); /* [c] */
#endif
		seize_or_leave(r, b, used)
	}
leave:	atomic {
		ROOM(RESCUER, 1) -> unlock(RESCUER);
		used = 0;
		r = 0;
		b = 0;
		goto again
	}
}

/* Any thread's enter, at any time: takes what the tail shows. Each SQE has its
 * number, counted from 1. */
inline kernel_takes(r)
{
	lost_sqe = lost_sqe || mem[SLOT(r, head[r])] != head[r] + 1;
	never(lost_sqe, LOST_SQE);
	head[r] = (head[r] + 1) % COUNT_MOD
}

proctype kernel()
{
end:	do
	:: d_step { mem[KTAIL(0)] != head[0] -> kernel_takes(0) }
#if RINGS > 1
	:: d_step { mem[KTAIL(1)] != head[1] -> kernel_takes(1) }
#endif
	od
}

init {
	atomic {
		if
		:: HAS_MEMBARRIER
		:: else -> /* lend__arbiter_attach() */
			mem[RECALLED(0)] = 1;
			mem[RECALLED(1)] = 1
		fi;
		run borrower(0);
		run borrower(1);
		run rescuer();
		run buffer(0);
		run buffer(1);
		run buffer(2);
		run kernel()
	}
}
