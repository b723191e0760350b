/*
 * The queue of a lane, its owner and two thieves, for spin: lend_queue_push(),
 * lend_queue_pop_ahead() and lend_queue_pop_some() of src/base/ck.h.
 *
 * Goal:   each element is taken once, and none is left; nobody takes what was
 *         never put in.
 * Method: the owner pushes PUSHES elements and pops at any time; thieves take
 *         up to two at once, ACTS times each. All interleavings, on a memory
 *         with store buffers (memory.pml). Only the owner's stores are delayed:
 *         thieves change the head alone, by a compare-and-swap, which goes to
 *         the memory at once. When all is quiet the owner has found it empty.
 *
 * The head is counted, and so is the tail: a head that is beyond the tail looks
 * like a queue that is very long.
 *
 * -DWEAK       not x86: see memory.pml
 * -DSIZE       of the ring, a power of two, which holds one less
 * -DBREAK_...  mutations, listed in meson.build
 */
#define OWNER 0
#define PROCS 1

#ifndef SIZE
#define SIZE 2
#endif
#ifndef PUSHES
#define PUSHES 4
#endif
#ifndef ACTS
#define ACTS 2
#endif

/* The words of the memory. */
#define LOCK	0 /* none here */
#define HEAD	1
#define TAIL	2
#define SLOT(n) (3 + ((n) & (SIZE - 1)))
#define WORDS	(3 + SIZE)
#define STORES	4

/* The fence in a push: the slot before the tail. */
#ifdef BREAK_RELAXED_TAIL
#define IS_RELEASE(w, v) false
#else
#define IS_RELEASE(w, v) ((w) == TAIL)
#endif
#define ON_FENCE(p) skip

#include "memory.pml"

/* What the owner has stored is there before it moves the head. On x86 each
 * locked instruction sees to that; elsewhere a fence does. */
#if defined(WEAK) && defined(BREAK_NO_FENCE)
#define READY true
#else
#define READY (sb_length[OWNER] == 0)
#endif

/* What must never become true. */
#define TWICE 1 /* taken a second time, or though nobody has put it in */
#define LOST  2 /* the owner finds the queue empty, and not all were taken */
bool twice, lost;
#ifndef ONLY
#define ONLY 0
#endif
#define never(wrong, number) assert(!wrong || (ONLY && ONLY != number))

#ifndef REACH
#define REACH 0
#endif
#define RACED 1 /* a thief was quicker than the owner */
#define PAIR  2 /* a thief has got two */
#define FULL  3
#define QUIET 4
#define reached(number) assert(REACH != number)

/* A ring holds one less than its size. */
#ifdef BREAK_ROOM
#define ROOM_MOST (SIZE + 1)
#else
#define ROOM_MOST (SIZE - 1)
#endif

#define ALL ((1 << (PUSHES + 1)) - 2)

int taken; /* a bit for each; they count from 1 */

inline take(element)
{
	twice = twice || element == 0 || (taken >> element & 1);
	taken = taken | 1 << element
}

proctype owner()
{
	byte tail, head, element;
	byte room_until = SIZE - 1;
	bool swapped;

	do
	:: tail < PUSHES ->
		if
		:: tail == room_until ->
			head = mem[HEAD];
			room_until = head + ROOM_MOST
		:: else
		fi;
		if
		:: tail != room_until ->
			d_step {
				ROOM(OWNER, 2) ->
				store(OWNER, SLOT(tail), tail + 1);
				store(OWNER, TAIL, tail + 1);
				tail++
			}
		:: else -> reached(FULL)
		fi
	:: true ->
		head = mem[HEAD];
		swapped = false;
		do
		:: swapped || head == tail -> break
		:: else ->
			d_step { load(OWNER, SLOT(head), element) }
#ifdef BREAK_POP_PLAIN
			d_step { READY -> swapped = mem[HEAD] == head }
			d_step {
				if
				:: swapped -> mem[HEAD] = head + 1; take(element)
				:: else -> head = mem[HEAD]
				fi
			}
#else
			d_step {
				READY ->
				swapped = mem[HEAD] == head;
				if
				:: swapped -> mem[HEAD] = head + 1; take(element)
				:: else -> head = mem[HEAD]
				fi
			}
#endif
			never(twice, TWICE);
			assert(REACH != RACED || swapped)
		od;
		element = 0;
		if
		:: !swapped && tail == PUSHES -> break
		:: else
		fi
	od
}

inline read()
{
	first = mem[SLOT(head)];
	second = mem[SLOT(head + 1)]
}

proctype thief()
{
	byte acts, head, tail, count, first, second;
	bool swapped;

	do
	:: acts == ACTS -> break
	:: else ->
		acts++;
		swapped = false;
#ifdef BREAK_TAIL_FIRST
		tail = mem[TAIL];
#endif
		head = mem[HEAD];
		do
		:: swapped -> break
		:: else ->
#ifndef BREAK_TAIL_FIRST
			tail = mem[TAIL];
#endif
			count = (tail - head) & 255;
			if
			:: count == 0 -> break
			:: count > 2 -> count = 2
			:: else
			fi;
#ifndef BREAK_READ_LATE
			read();
#endif
#ifdef BREAK_STEAL_PLAIN
			swapped = mem[HEAD] == head;
			d_step {
				if
				:: swapped -> mem[HEAD] = head + count
				:: else -> head = mem[HEAD]
				fi
			}
#else
			d_step {
				swapped = mem[HEAD] == head;
				if
				:: swapped -> mem[HEAD] = head + count
				:: else -> head = mem[HEAD]
				fi
			}
#endif
#ifdef BREAK_READ_LATE
			if
			:: swapped -> read()
			:: else
			fi;
#endif
			d_step {
				if
				:: swapped ->
					take(first);
					if
					:: count == 2 -> take(second)
					:: else
					fi
				:: else
				fi;
				first = 0;
				second = 0
			}
			never(twice, TWICE);
			assert(REACH != PAIR || !swapped || count < 2)
		od;
		head = 0;
		tail = 0;
		count = 0
	od
}

/* Nobody else can do anything. */
proctype observer()
{
end:	do
	:: atomic {
		timeout ->
		reached(QUIET);
		lost = taken != ALL;
		never(lost, LOST)
	   }
	od
}

init {
	atomic {
		run owner();
		run thief();
		run thief();
		run buffer(OWNER);
		run observer()
	}
}
