/*
 * The end of an actor, those who wait for it, and the slot that it leaves, for
 * spin: src/actor/join.c and the end in registry.c, with Note [entry] of
 * registry.h, [G3], [G6] and [G7].
 *
 * Goal:   a value is had once; who waits is told, and touched by nobody once it
 *         has left; who finds that a watched actor has ended finds its message;
 *         a slot is freed once, when nobody uses it any more, and is in no list
 *         of a scope then.
 * Method: an actor that ends, on its own stack and then off it; joiners, which
 *         may give up; somebody who watches it, and then asks whether it is
 *         there still; somebody who pins the record. It may be a member of a
 *         scope. The slot then has a second actor, with the next
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
bool alive = true, ended, locked, idle, joined, watched;
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
bool is_joinable, in_scope;
bool is_listed;		  /* the entry, by the scope */
bool is_promised;	  /* the value, to those who were in the list */
bool wants_message, has_message;

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
#define UNTOLD	    9 /* it has ended, and the message is not there */
bool two_holders, had_twice, touched, freed_twice, used, lost, no_value, not_found,
	untold;
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
#define ONE_STEP   7 /* an end that leaves a value, and takes no lock */
#define TOLD_ONE   8 /* one that tells somebody without it */
#define LOCKS	   9 /* one that takes it */
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
		used = in_use || pins || holder || is_listed;
		never(used, USED);
		generation = SECOND;
		alive = true;
		ended = false;
		idle = false
	}
}

/* join_ended(): lend__entry_unlock_collected(), and what comes around it */
inline collect()
{
	/* lend__scope_forget() */
	is_listed = false;
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

/* What end_entry() changes in one step; nobody has the lock. */
inline end_step()
{
	d_step {
#ifndef BREAK_JOINED_EARLY
		kept = is_joinable && !joined;
#endif
		takes = false;
#ifndef BREAK_WATCHED_UNLOCKED
		takes = takes || watched;
#endif
#ifndef BREAK_SCOPE_UNLOCKED
		takes = takes || (kept && in_scope);
#endif
		alive = false;
		joined = false;
		watched = false;
		for (j : 0 .. JOINERS - 1) {
			is_promised = is_promised || in_list[j]
		}
		j = 0
	}
	if
	:: takes ->
		reached(LOCKS);
		locked = true;
		hold(JOINERS)
#ifndef BREAK_ENDED_LATE
	:: !takes && kept ->
		reached(ONE_STEP);
		ended = true
#endif
	:: else
	fi
}

/* finish() from lend__registry_end() on, and lend__registry_free_slot() */
proctype actor()
{
	byte j;
	bool kept, takes, was_ended;

#ifndef BREAK_VALUE_AFTER
	has_value = true;
#endif
#ifdef BREAK_JOINED_EARLY
	kept = is_joinable && !joined;
#endif
#ifdef BREAK_ALIVE_FIRST
	alive = false;
#endif
	atomic { !locked -> end_step() }
#ifdef BREAK_VALUE_AFTER
	has_value = true;
#endif
#ifdef BREAK_ENDED_LATE
	if
	:: kept && !takes -> ended = true
	:: else
	fi;
#endif
	/* lend__joiners_wake() */
	for (j : 0 .. JOINERS - 1) {
		if
		:: in_list[j] ->
			assert(REACH != TOLD_ONE || takes);
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
	/* tell_locked() */
	if
	:: wants_message -> has_message = true
	:: else
	fi;
	if
	:: kept && in_scope -> is_listed = true
	:: else
	fi;
	if
	:: takes -> atomic { drop(); locked = false; ended = kept }
	:: else
	fi;
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
	byte j;
	bool got, was_idle;

	entry_lock(me);
	if
	:: !got -> atomic {
		not_found = is_joinable && !had && !is_promised;
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
#ifdef BREAK_NOT_JOINED
	entry_unlock();
#else
	/* lend__entry_unlock_with() */
	atomic { drop(); locked = false; joined = true }
#endif
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
			/* lend__entry_unlock_without() */
			atomic {
				drop();
				locked = false;
#ifndef BREAK_JOINED_STAYS
				joined = false;
				for (j : 0 .. JOINERS - 1) {
					joined = joined || in_list[j]
				}
				j = 0
#endif
			}
			gone[me] = true;
			goto out
		:: got && !alive -> entry_unlock()
		:: !got -> told[me] != WAITS
		fi
	od;
out:	skip
}

/* Somebody who watches it, lend__monitor_add(), and then wants that back,
 * lend__monitor_remove(). */
proctype locker()
{
	bool got;

	entry_lock(JOINERS + 1);
	if
	:: got && alive ->
		wants_message = true;
		/* lend__entry_unlock_with() */
		atomic { drop(); locked = false; watched = true }
	:: got && !alive -> entry_unlock(); goto out
	:: else -> goto out
	fi;
	entry_lock(JOINERS + 1);
	if
	:: got && alive -> wants_message = false; entry_unlock()
	:: got && !alive ->
		atomic { untold = !has_message; never(untold, UNTOLD) }
		entry_unlock()
	:: else -> atomic { untold = !has_message; never(untold, UNTOLD) }
	fi;
out:	skip
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
		if
		:: in_scope = true
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
