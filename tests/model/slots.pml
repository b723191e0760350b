/*
 * Free slots: a worker with its magazine, a thread without one, and somebody
 * who waits for the last actor, for spin: src/actor/slots.h with its Note
 * [magazine] and Note [closing], [G5] and [G8], and registry.c as far as it
 * waits and tells.
 *
 * Goal:   a slot has one owner at a time; nobody is refused while one is free;
 *         who waits for the last actor neither misses one nor waits for ever.
 * Method: the worker spawns and ends actors, some of which leave a value that
 *         it collects later; the thread takes slots and gives them back; all of
 *         that while somebody closes and waits. All interleavings of what is
 *         not one instruction, or under the lock.
 *
 * The memory is sequentially consistent: what may be reordered where an order
 * is missing are mutations. But `closed` may be seen late, as it is read without
 * any order before a slot is taken, until something else has told of it.
 *
 * -DBREAK_...  mutations, listed in meson.build
 */
#ifndef SLOTS
#define SLOTS 2
#endif
#ifndef ACTS
#define ACTS 4
#endif
#ifndef OUTSIDE_ACTS
#define OUTSIDE_ACTS 1
#endif
#define MAGAZINE_MAX 2
#define BATCH	     1

/* Of a slot. */
#define NOBODYS	  0
#define WORKERS	  1 /* an actor that the worker has spawned */
#define OUTSIDERS 2
#define KEPT	  3 /* the value of one that has ended */

/* Slots are counted from 1; 0: none. */
byte next[SLOTS + 1];
byte owner[SLOTS + 1];
bool given[SLOTS + 1]; /* is in a list */
byte first, count;     /* the one word of the magazine */
byte warm, out;	       /* under the lock */
byte kept;
bool closed, locked;
bool told_locked, napping; /* the lock of `changed`, and who waits on it */
bool done;

#define TWO_OWNERS 1
#define REFUSED	   2 /* although a slot was free */
#define MISSED	   3 /* there is an actor, and the wait is over */
#define LOST_WAKE  4
bool two_owners, refused, missed, lost_wake;
#ifndef ONLY
#define ONLY 0
#endif
/* With the lock in hand: there is one in a list, of whoever. */
#if SLOTS == 2
#define any_given (given[1] || given[2])
#else
#define any_given (given[1] || given[2] || given[3])
#endif
bool was_free; /* under the lock: when the magazine was emptied */
#define never(wrong, number) assert(!wrong || (ONLY && ONLY != number))

#ifndef REACH
#define REACH 0
#endif
#define EMPTIED	  1 /* a pop finds that somebody has emptied the magazine */
#define SHED	  2
#define COLLECTED 3 /* a value, while somebody waits */
#define NAPPED	  4
#define QUIET	  5
#define reached(number) assert(REACH != number)

/* `seen`: this process can not miss any more that it is closed. */
inline lock()
{
	atomic { !locked -> locked = true; seen = closed }
}

inline unlock()
{
	locked = false
}

/* Somebody has it now. */
inline own(slot, by)
{
	atomic {
		two_owners = owner[slot] != NOBODYS;
		never(two_owners, TWO_OWNERS);
		missed = done;
		never(missed, MISSED);
		owner[slot] = by
	}
}

inline to_warm_locked(slot)
{
	d_step {
		next[slot] = warm;
		warm = slot;
		given[slot] = true
	}
}

/* The rest of a list that is nobody else's goes to the shared one. */
inline splice_locked(list)
{
	atomic {
		do
		:: list ->
			rest = next[list];
			next[list] = warm;
			warm = list;
			list = rest
		:: else -> break
		od;
		rest = 0
	}
}

inline empty_locked()
{
	d_step {
		was_free = any_given;
		list = first;
		out = out - count;
		first = 0;
		count = 0
	}
	splice_locked(list)
}

/* As push(); `was`: how many there are then. */
inline push(slot)
{
	d_step { old_first = first; old_count = count; was = 0 }
	do
	:: was -> break
	:: else ->
		next[slot] = old_first;
		d_step {
			if
			:: first == old_first && count == old_count ->
				first = slot;
				count++;
				given[slot] = true;
				was = count
			:: else -> old_first = first; old_count = count
			fi
		}
	od;
	atomic { old_first = 0; old_count = 0 }
}

/* `got`: 0, there is none. */
inline pop()
{
	d_step { old_first = first; old_count = count; got = 0 }
	do
	:: got || !old_first -> break
	:: else ->
		rest = next[old_first];
#ifdef BREAK_POP_PLAIN
		d_step {
			first = rest;
			count = old_count - 1;
			got = old_first;
			given[got] = false
		}
#else
		atomic {
			if
			:: first == old_first && count == old_count ->
				d_step {
					first = rest;
					count--;
					got = old_first;
					given[got] = false
				}
			:: else ->
				reached(EMPTIED);
				d_step { old_first = first; old_count = count }
			fi
		}
#endif
	od;
	atomic { old_first = 0; old_count = 0; rest = 0 }
}

inline pop_warm_locked()
{
	d_step {
		got = warm;
		if
		:: got -> warm = next[got]; given[got] = false
		:: else
		fi
	}
}

/* As take_locked(), of a magazine or of none. */
inline take_locked(has_magazine)
{
	pop_warm_locked();
	if
	:: !got ->
#ifdef BREAK_NO_SEARCH
		was_free = any_given
#else
		empty_locked();
		pop_warm_locked()
#endif
	:: got && has_magazine && warm ->
		/* One more along with it. */
		list = got;
		pop_warm_locked();
		push(got);
		d_step { got = list; list = 0; was = 0; out++ }
	:: else
	fi;
	if
	:: got -> out++
	:: else -> atomic { refused = was_free; never(refused, REFUSED) }
	fi
}

inline take_slow(has_magazine)
{
	lock();
	if
#ifdef BREAK_CLOSED_UNSEEN
	:: true -> take_locked(has_magazine)
#else
	:: !closed -> take_locked(has_magazine)
	:: else
#endif
	fi;
	unlock()
}

/* note_end(), but for the look at `closed`. */
inline tell()
{
#ifdef BREAK_TELL_UNLOCKED
	napping = false
#else
	atomic { !told_locked -> told_locked = true }
	napping = false;
	told_locked = false
#endif
}

inline note_end(has_magazine, is_closed)
{
	if
	:: is_closed ->
		seen = true;
		if
		:: has_magazine ->
			lock();
			empty_locked();
			unlock()
		:: else
		fi;
		tell()
	:: else
	fi
}

inline shed()
{
#ifndef BREAK_SHED_UNLOCKED
	lock();
#endif
	d_step { list = first; was = count; first = 0; count = 0 }
	if
	:: was > BATCH ->
		reached(SHED);
		d_step {
			rest = list;
			list = next[rest];
			next[rest] = 0
		}
#ifdef BREAK_SHED_UNLOCKED
		lock();
#endif
		d_step {
			first = rest;
			count = BATCH;
			out = out - (was - BATCH);
			rest = 0
		}
		splice_locked(list);
		unlock()
	:: else ->
		/* Somebody has emptied it meanwhile. */
#ifdef BREAK_SHED_UNLOCKED
		lock();
#endif
		d_step { first = list; count = was; list = 0 }
		unlock()
	fi
}

/* give_slot() of the worker. */
inline give(slot)
{
#ifdef BREAK_CLOSED_FIRST
	early = closed;
#endif
	push(slot);
	if
	:: was == MAGAZINE_MAX -> shed()
	:: else
	fi;
	was = 0;
#ifdef BREAK_CLOSED_FIRST
	note_end(true, early);
	early = false
#else
	note_end(true, closed)
#endif
}

inline end_actor(slot)
{
	owner[slot] = NOBODYS;
	give(slot)
}

/* It leaves a value, and its slot to who collects that. */
inline end_kept(slot)
{
	d_step { owner[slot] = KEPT; kept++ }
	note_end(false, closed)
}

inline collect(slot)
{
	assert(REACH != COLLECTED || !napping);
	owner[slot] = NOBODYS;
#ifdef BREAK_KEPT_LATE
	push(slot);
	d_step { kept--; was = 0 }
	note_end(true, closed)
#else
	kept--;
	give(slot)
#endif
}

proctype worker()
{
	byte acts, got, rest, list, was, old_first, old_count, slot;
	bool seen;
#ifdef BREAK_CLOSED_FIRST
	bool early;
#endif

	do
	:: acts < ACTS ->
		acts++;
		if
		/* What was not ordered may be seen late. */
		:: !seen ->
			pop();
			if
			:: !got -> take_slow(true)
			:: else
			fi;
			if
			:: got -> own(got, WORKERS); got = 0
			:: else
			fi
		:: atomic { owner[1] == WORKERS -> slot = 1 }
			end_actor(slot)
		:: atomic { owner[SLOTS] == WORKERS -> slot = SLOTS }
			end_actor(slot)
		:: atomic { owner[1] == WORKERS -> slot = 1 }
			end_kept(slot)
		:: atomic { owner[1] == KEPT -> slot = 1 }
			collect(slot)
		:: else -> skip
		fi;
		slot = 0
	:: acts == ACTS -> break
	od;
	/* All that have not ended. */
	slot = 1;
	do
	:: slot > SLOTS -> break
	:: else ->
		if
		:: owner[slot] == WORKERS -> end_actor(slot)
		:: else
		fi;
		slot++
	od
}

proctype outsider()
{
	byte acts, got, rest, list, was, old_first, old_count;
	bool seen;

	do
	:: acts == OUTSIDE_ACTS -> break
	:: else ->
		acts++;
		take_slow(false);
		if
		:: got ->
			own(got, OUTSIDERS);
			owner[got] = NOBODYS;
#ifdef BREAK_OTHERS_PUSH
			push(got);
			was = 0;
#else
			lock();
			d_step { out--; }
			to_warm_locked(got);
			unlock();
#endif
			note_end(false, closed);
			got = 0
		:: else
		fi
	od
}

/* lend__slots_alive() == 0 */
inline look()
{
	lock();
#ifdef BREAK_KEPT_FIRST
	alive = out - kept;
	alive = alive - count;
#else
	alive = out - count;
	alive = alive - kept;
#endif
	unlock()
}

inline return_all()
{
	lock();
	empty_locked();
	unlock()
}

/* lend_runtime_drain() */
proctype closer()
{
	byte rest, list;
	short alive;
	bool seen;

#ifdef BREAK_EMPTY_FIRST
	return_all();
#endif
	lock();
	closed = true;
	unlock();
	atomic { !told_locked -> told_locked = true }
	do
	:: true ->
#ifndef BREAK_EMPTY_FIRST
		return_all();
#endif
		look();
		if
		:: alive <= 0 -> break
		:: else
		fi;
		d_step { napping = true; told_locked = false }
end:		!napping;
		reached(NAPPED);
		atomic { !told_locked -> told_locked = true }
	od;
	atomic {
		told_locked = false;
		done = true;
		for (alive : 1 .. SLOTS) {
			missed = missed || owner[alive] == WORKERS ||
				 owner[alive] == OUTSIDERS
		}
		never(missed, MISSED)
	}
}

/* Nobody else can do anything. */
proctype observer()
{
end:	atomic {
		timeout ->
		reached(QUIET);
		lost_wake = !done;
		never(lost_wake, LOST_WAKE)
	}
}

init {
	byte slot;

	atomic {
		for (slot : 1 .. SLOTS) {
			given[slot] = true;
			next[slot] = slot - 1
		}
		warm = SLOTS;
		run worker();
		run outsider();
		run closer();
		run observer()
	}
}
