/*
 * A place, the actors that live there one after another, and those who unpark
 * them by references, for spin: src/actor/mailbox.h with its Note [idle],
 * lend_unpark() of src/rt/permit.c, and pins of src/actor/registry.c.
 *
 * Goal:   nobody gets a permit that was meant for who had the place before, or
 *         is queued by such a one; whoever lives and was unparked does not stay
 *         parked.
 * Method: actors that park, or end, as they like; unparkers with references to
 *         any that there was so far. All interleavings of what is not one
 *         instruction.
 *
 * The memory is sequentially consistent: head, signals and the entry's word are
 * changed by locked instructions alone, and the permit is published by a queue.
 * There is no other mail than the actor's own node: see mailbox.pml.
 *
 * -DBREAK_...  mutations, listed in meson.build
 */
#ifndef LIVES
#define LIVES 2
#endif
#ifndef UNPARKERS
#define UNPARKERS 2
#endif
#ifndef ACTS
#define ACTS 2
#endif

/* Of the head: nothing, the actor's own node, or odd. */
#define SIGNAL 2
#ifdef BREAK_NO_GENERATION
#define idle_of(who) 1
#else
#define idle_of(who) ((who) * 2 + 1)
#endif
#define is_idle (head & 1)

byte head;
bool handed; /* the node */
bool permit;
bool mailed, permit_signal; /* the bits of one word */
byte generation, pins;	    /* with `alive`, the entry's word */
bool alive;
byte queued;
bool running; /* or on its way to its first turn, or from its last */

/* What the actors know, and the unparkers tell. */
byte told[LIVES + 1], seen[LIVES + 1];
byte whose; /* the record, until the last pin of its actor has gone */

#define STRANGER  1 /* somebody else's record is written, or queued */
#define LOST_WAKE 2
#define RUN_TWICE 3
bool stranger, lost_wake, run_twice;
#ifndef ONLY
#define ONLY 0
#endif
#define never(wrong, number) assert(!wrong || (ONLY && ONLY != number))

#ifndef REACH
#define REACH 0
#endif
#define OTHERS	1 /* the head is another one's idle word */
#define LATE	2 /* the idle word was there, and is gone */
#define AGAIN	3 /* and is there, of the next one */
#define NOBODY	4
#define KEPT	5
#define ENDING	6 /* a pin is waited for */
#define QUIET	7
#define reached(number) assert(REACH != number)

/* What belongs to the actor that is meant. */
inline meant(who)
{
	stranger = whose != who;
	never(stranger, STRANGER)
}

inline enqueue(who)
{
	atomic {
		meant(who);
		queued++;
		run_twice = queued > 1 || running;
		never(run_twice, RUN_TWICE)
	}
}

/* lend__actor_unpark_idle(), and who succeeds queues it. */
inline unpark_idle(who)
{
	atomic {
		roused = head == idle_of(who);
		assert(REACH != OTHERS || roused || !is_idle)
	}
	if
	:: roused ->
#ifdef BREAK_REPLACE_PLAIN
		head = 0;
#else
		atomic {
			roused = head == idle_of(who);
			assert(REACH != LATE || roused);
			assert(REACH != AGAIN || roused || !is_idle);
			if
			:: roused -> head = 0
			:: else
			fi
		}
#endif
		if
		:: roused ->
#ifdef BREAK_PERMIT_LATE
			enqueue(who);
			atomic { meant(who); permit = true }
#else
			atomic { meant(who); permit = true }
			enqueue(who)
#endif
		:: else
		fi
	:: else
	fi
}

/* lend__actor_signal() */
inline signal(who)
{
	atomic {
		meant(who);
		before = mailed;
		mailed = true;
		permit_signal = true
	}
	if
	:: before -> skip
	:: else ->
		atomic {
			meant(who);
			if
			:: is_idle -> head = 0; roused = true
			:: else -> head = SIGNAL; roused = false
			fi
		}
		if
		:: roused ->
			atomic { meant(who); handed = true }
			enqueue(who)
		:: else
		fi
	fi
}

proctype unparker()
{
	byte acts, who;
	bool roused, before;

	do
	:: acts == ACTS -> break
	:: acts < ACTS && generation ->
		d_step { acts++; who = generation }
		do
		:: who > 1 -> who--
		:: break
		od;
		told[who]++;
		unpark_idle(who);
		if
		:: roused -> skip
		:: else ->
#ifndef BREAK_NO_SLOW
#ifdef BREAK_NO_PIN
			atomic { roused = generation == who && alive }
#else
			atomic {
				roused = generation == who && alive;
				pins = pins + roused
			}
#endif
			if
			:: roused ->
				unpark_idle(who);
				if
				:: roused -> skip
				:: else -> signal(who)
				fi;
#ifndef BREAK_NO_PIN
				pins--
#endif
			:: else -> reached(NOBODY)
			fi
#else
			skip
#endif
		fi;
		d_step { who = 0; roused = false; before = false }
	od
}

/* All that live there, and their worker. */
proctype owners()
{
	byte life;
	bool signalled;

spawn:	/* lend__actor_init() of a record that may hold anything, then
	 * lend__registry_publish(). */
	life++;
	head = 0;
	d_step { permit = false; handed = false }
	d_step { mailed = false; permit_signal = false }
	d_step { generation = life; alive = true; whose = life }

runs:	/* lend__actor_sort_mail() */
	atomic { signalled = handed; handed = false }
	if
	:: head == SIGNAL -> atomic { head = 0; signalled = true }
	:: else
	fi;
	if
	:: signalled ->
		d_step {
			permit = permit || permit_signal;
			mailed = false;
			permit_signal = false;
			signalled = false
		}
	:: else
	fi;
	if
	:: permit ->
		reached(KEPT);
		d_step { permit = false; seen[life] = told[life] }
		goto runs
	:: !permit -> skip
	:: life < LIVES -> goto ends
	fi;
	atomic {
		if
		:: head -> goto runs
		:: else -> head = idle_of(life); running = false
		fi
	}
end:	d_step { queued -> queued--; running = true }
	goto runs;

ends:	/* lend__registry_end() */
	atomic { alive = false; assert(REACH != ENDING || !pins) }
#ifndef BREAK_NO_WAIT
	!pins;
#endif
	whose = 0;
	goto spawn
}

/* Nobody else can do anything. */
proctype observer()
{
end:	atomic {
		timeout ->
		reached(QUIET);
		lost_wake = running || queued || permit || mailed || handed ||
			    pins || head != idle_of(generation) ||
			    seen[generation] != told[generation];
		never(lost_wake, LOST_WAKE)
	}
}

init {
	byte i;

	atomic {
		running = true;
		for (i : 1 .. UNPARKERS) {
			run unparker()
		}
		run owners();
		run observer()
	}
}
