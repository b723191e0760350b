/*
 * The end of an actor, those who wait for it, and the slot that it leaves, for
 * spin: src/actor/join.c and the end in registry.c, with Note [entry] of
 * registry.h, [G3], [G6] and [G7].
 *
 * Goal:   a value is had once; who waits is told, and touched by nobody once it
 *         has left; a slot is freed once, when nobody uses it any more.
 * Method: an actor that ends, on its own stack and then off it; joiners, which
 *         may give up; somebody who locks the entry for something else; somebody
 *         who pins the record. The slot then has a second actor, with the next
 *         generation, which those who know the first one do not find. All
 *         interleavings of what is not one instruction.
 *
 * The memory is sequentially consistent: the word is changed by locked
 * instructions alone, and what is read under its lock is written under it. The
 * value may arrive late where an order is missing: a mutation.
 *
 * -DBREAK_...  mutations, listed in meson.build
 */
#ifndef JOINERS
#define JOINERS 2
#endif
#ifndef LOCKERS
#define LOCKERS 1
#endif
#ifndef PINNERS
#define PINNERS 1
#endif

#define FIRST  1 /* generations */
#define SECOND 2

/* The word. All changes of it are within an atomic or d_step. */
byte generation = FIRST;
bool alive = true, ended, locked, idle;
byte pins;

/* What is read and written under its lock. */
byte holder;		  /* of the lock: a process, + 1; 0: nobody */
bool in_list[JOINERS];
bool has_value;		  /* of the entry */
byte told[JOINERS];	  /* `ended` of a joiner */
bool has_joined[JOINERS]; /* its value is there */
bool gone[JOINERS];	  /* its memory is somebody else's */
byte had;		  /* values */
bool in_use;		  /* the record, by its actor, or its stack */
byte frees;
bool is_joinable;

#define WAITS	0
#define TELLING 1
#define TOLD	2

#define TWO_HOLDERS 1
#define HAD_TWICE   2 /* two have had the value, or none is left for a joiner */
#define TOUCHED	    3 /* a joiner is touched that has left */
#define FREED_TWICE 4
#define USED	    5 /* freed, and somebody uses it */
#define LOST	    6 /* a slot that nobody frees, or a joiner that nobody tells */
#define NO_VALUE    7 /* told, and the value is not there */
#define NOT_FOUND   8 /* a value that nobody has had */
bool two_holders, had_twice, touched, freed_twice, used, lost, no_value, not_found;
#ifndef ONLY
#define ONLY 0
#endif
#define never(wrong, number) assert(!wrong || (ONLY && ONLY != number))

#ifndef REACH
#define REACH 0
#endif
#define GAVE_UP	   1 /* a joiner left before the end */
#define COLLECTED  2 /* after the end, before the stack is left */
#define LATE	   3 /* after that */
#define TOLD_LATE  4 /* a joiner gives up while it is being told */
#define HELD_IDLE  5 /* the stack is left while another has the lock */
#define QUIET	   6
#define reached(number) assert(REACH != number)

inline hold(who)
{
	two_holders = holder != 0;
	never(two_holders, TWO_HOLDERS);
	used = generation != FIRST;
	never(used, USED);
	holder = who + 1
}

inline drop()
{
	holder = 0
}

/* lend__entry_lock() with the first generation, as one step: a load and the
 * compare-and-swap that finds what was loaded. `got`: it is locked. */
inline entry_lock(who)
{
	atomic {
		if
#ifdef BREAK_NO_GENERATION
		:: !alive && !ended && !locked -> got = false
		:: (alive || ended) && !locked ->
#else
		:: generation != FIRST || (!alive && !ended && !locked) ->
			got = false
		:: generation == FIRST && (alive || ended) && !locked ->
#endif
			locked = true;
			got = true;
			hold(who)
		fi
	}
}

inline entry_unlock()
{
	atomic { drop(); locked = false }
}

/* Nobody uses it any more: it is another actor's at once. */
inline free_slot()
{
	atomic {
		frees++;
		freed_twice = frees > 1;
		never(freed_twice, FREED_TWICE);
		used = in_use || pins || holder;
		never(used, USED);
		generation = SECOND;
		alive = true;
		ended = false;
		idle = false
	}
}

/* lend__entry_unlock_collected(), and what comes after it */
inline collect()
{
	atomic {
		had++;
		had_twice = had > 1 || !has_value;
		never(had_twice, HAD_TWICE)
	}
#ifdef BREAK_COLLECT_TWO_STEPS
	was_idle = idle;
	atomic { drop(); locked = false; ended = false }
#else
	atomic { was_idle = idle; drop(); locked = false; ended = false }
#endif
	if
	:: was_idle -> reached(LATE); free_slot()
	:: else -> reached(COLLECTED)
	fi;
	was_idle = false
}

#define touch(j) atomic { touched = gone[j]; never(touched, TOUCHED) }

/* finish() from lend__registry_end() on, and lend__registry_free_slot() */
proctype actor()
{
	byte j;
	bool kept, was_ended;

#ifdef BREAK_ALIVE_FIRST
	alive = false;
	atomic { !locked -> locked = true; hold(JOINERS) }
#else
	/* lock_for_end() */
	atomic { !locked -> locked = true; alive = false; hold(JOINERS) }
#endif
	kept = is_joinable;
	for (j : 0 .. JOINERS - 1) {
		if
		:: in_list[j] -> kept = false
		:: else
		fi
	}
	has_value = kept;
	/* lend__joiners_wake_locked() */
	for (j : 0 .. JOINERS - 1) {
		if
		:: in_list[j] ->
			touch(j);
			in_list[j] = false;
#ifndef BREAK_VALUE_LATE
			d_step { has_joined[j] = true; had++ }
#endif
#ifdef BREAK_TOLD_AT_ONCE
			told[j] = TOLD;
#else
			told[j] = TELLING;
#endif
			/* lend__actor_wake(), of a record that is there. */
			touch(j);
			told[j] = TOLD;
#ifdef BREAK_VALUE_LATE
			d_step { has_joined[j] = true; had++ }
#endif
		:: else
		fi
	}
#ifdef BREAK_ENDED_LATE
	atomic { drop(); locked = false }
	ended = kept;
#else
	atomic { drop(); locked = false; ended = kept }
#endif
#ifndef BREAK_PINS
	!pins;
#endif
	/* Off its stack. */
#ifdef BREAK_IDLE_EARLY
	if
	:: kept -> atomic { was_ended = ended; idle = true }
	:: else
	fi;
	in_use = false;
#else
	in_use = false;
#ifdef BREAK_LEAVE_TWO_STEPS
	if
	:: kept -> idle = true; was_ended = ended
	:: else
	fi;
#else
	if
	:: kept -> atomic {
		assert(REACH != HELD_IDLE || !holder);
		was_ended = ended;
		idle = true
	   }
	:: else
	fi;
#endif
#endif
	if
	:: kept && was_ended
	:: else -> free_slot()
	fi
}

/* lend_join() with a deadline */
proctype joiner(byte me)
{
	bool got, was_idle;

	entry_lock(me);
	if
	:: !got -> atomic {
		not_found = is_joinable && !had;
		never(not_found, NOT_FOUND)
	   }
		goto out
	:: else
	fi;
	if
	:: !alive ->
		/* join_ended() */
		collect();
		goto out
	:: else
	fi;
	in_list[me] = true;
	entry_unlock();
	/* Told, or tired of waiting. */
	if
	:: told[me] != WAITS
	:: true
	fi;
	/* lend__registry_leave() */
	do
	:: told[me] == TOLD ->
leaves:		atomic {
			no_value = !has_joined[me];
			never(no_value, NO_VALUE);
			gone[me] = true
		}
		goto out
#ifdef BREAK_LEAVE_TELLING
	:: told[me] == TELLING -> goto leaves
#endif
	:: told[me] == TELLING -> reached(TOLD_LATE);
		told[me] != TELLING
	:: told[me] == WAITS ->
#ifdef BREAK_LEAVE_UNLOCKED
		atomic { in_list[me] = false; gone[me] = true }
		goto out
#endif
		entry_lock(me);
		if
		:: got && alive ->
			reached(GAVE_UP);
			in_list[me] = false;
			entry_unlock();
			gone[me] = true;
			goto out
		:: got && !alive -> entry_unlock()
		:: !got -> told[me] != WAITS
		fi
	od;
out:	skip
}

/* Somebody who adds or takes back a watch: lend__monitor_add(). */
proctype locker()
{
	bool got;

	entry_lock(JOINERS + 1);
	if
	:: got -> entry_unlock()
	:: else
	fi
}

/* Somebody who sends something: lend__registry_pin(). */
proctype pinner()
{
	bool got;

	atomic {
		got = alive && generation == FIRST;
		if
		:: got -> pins++
		:: else
		fi
	}
	if
	:: got ->
		/* The record is that of the first actor. */
		atomic { used = generation != FIRST; never(used, USED) }
		pins--
	:: else
	fi
}

/* Nobody else can do anything. */
proctype observer()
{
end:	atomic {
		timeout ->
		reached(QUIET);
		/* All have come to their end, and the slot is free, or its
		 * value can be collected. */
		lost = _nr_pr > 2 || (!frees && !(ended && idle)) ||
		       holder || pins;
		never(lost, LOST)
	}
}

init {
	byte j;

	atomic {
		in_use = true;
		if
		:: is_joinable = true
		:: true
		fi;
		run observer();
		run actor();
		for (j : 0 .. JOINERS - 1) {
			run joiner(j)
		}
#if LOCKERS
		run locker();
#endif
#if PINNERS
		run pinner()
#endif
	}
}
