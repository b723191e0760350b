/*
 * Room in a mailbox, for spin: src/actor/room.c with Note [room] of room.h,
 * [G9], and what rt/suspend.c does with those who wait.
 *
 * Goal:   a mailbox never has more messages than its limit; who waits for room
 *         does not wait while the receiver does and there is some; nobody
 *         touches a receiver that has ended, nor a sender that has left; what a
 *         sender believes to have sent was received, and nothing else.
 * Method: senders, which wait and may give up; a receiver that receives, lets
 *         others run, waits for something else, or ends, as it likes. All
 *         interleavings of what is not one instruction; memory is sequentially
 *         consistent, as all that counts is one word, and what is read beside
 *         it was written before the change of it that one has seen.
 *
 * -DNO_MEMORY  who has a place may have no memory for a message
 * -DBREAK_...  mutations, listed in meson.build
 */
#ifndef SENDERS
#define SENDERS 2
#endif
#ifndef ACTS
#define ACTS 2 /* of each */
#endif
#ifndef ROOM
#define ROOM 1
#endif
#define LAG 2

/* The word of the entry. */
bool alive = true, locked;
byte messages, pins;

/* The mailbox: what was pushed, and whether the receiver is suspended. */
byte box;
bool signal, idle;

/* The receiver. */
byte inbox, taken, given;
bool owes_room, quiet; /* it waits, and nothing is about to wake it */
bool freed;

/* Those who wait. */
byte told[SENDERS]; /* `ended` */
bool in_list[SENDERS], in_time[SENDERS], gone[SENDERS];
byte sent, received;

#define WAITS	0
#define TELLING 1
#define TOLD	2

#define TOO_MANY 1
#define USED	 2 /* freed, and somebody uses it */
#define TOUCHED	 3 /* a sender that has left */
#define LOST	 4 /* it waits, and there is room; or it is never told */
#define WRONG	 5 /* what was sent was not received, or the other way */
bool too_many, used, touched, lost, wrong;
#ifndef ONLY
#define ONLY 0
#endif
#define never(what, number) assert(!what || (ONLY && ONLY != number))

#ifndef REACH
#define REACH 0
#endif
#define CLOSELY	  1 /* room that the word does not show */
#define ADMITTED  2
#define REFUSED	  3
#define GAVE_UP	  4
#define TOLD_LATE 5 /* it gives up while it is told */
#define ON_WAY	  6 /* the end waits for a message */
#define QUIET	  7
#define SAME_NUMBER 8 /* the word has changed, and is the same again */
#define CANCELLED   9 /* a place without a message */
#define reached(number) assert(REACH != number)

/* lend__actor_deliver() */
inline push()
{
	atomic {
		used = freed;
		never(used, USED);
		box++;
		too_many = box + inbox > ROOM;
		never(too_many, TOO_MANY);
		idle = false
	}
}

inline entry_lock()
{
	atomic {
		if
		:: !alive && !locked -> got = false
		:: alive && !locked -> locked = true; got = true
		fi
	}
}

inline entry_unlock()
{
	locked = false
}

/* book_closely() */
inline book_closely()
{
	skip;
again:	atomic {
		got = alive;
		if
		:: got -> pins++
		:: else
		fi
	}
	if
	:: !got -> goto over
	:: else
	fi;
look:
	word = messages;
	seen = given;
	lag = taken - seen;
	if
	:: word - lag >= ROOM -> pins--; got = false
	:: else ->
		/* The compare-and-swap. */
		atomic {
			if
#ifndef BREAK_BOOK_PLAIN
			:: messages != word -> goto look
#endif
			:: else
			fi;
			pins--;
			messages++
		}
#ifndef BREAK_SAME_NUMBER
		if
		:: seen != given ->
			reached(SAME_NUMBER);
			messages--;
			goto again
		:: else
		fi;
#endif
		reached(CLOSELY);
		push();
		sent++
	fi
}

#define touch(s) atomic { touched = gone[s]; never(touched, TOUCHED) }

/* lend__joiner_tell_locked() */
inline tell(s, value)
{
	touch(s);
	in_time[s] = value;
#ifdef BREAK_TOLD_AT_ONCE
	told[s] = TOLD;
#else
	told[s] = TELLING;
#endif
	touch(s);
	told[s] = TOLD
}

/* lend_tell_wait() */
proctype sender(byte me)
{
	byte acts, word, lag, seen;
	bool got, is_full;

	do
	:: acts < ACTS ->
		acts++;
		/* lend__room_book() */
		atomic {
			is_full = alive && messages >= ROOM;
			got = alive && !is_full;
			if
			:: got -> messages++
			:: else
			fi
		}
#ifdef NO_MEMORY
		/* lend__room_cancel() */
		if
		:: got -> atomic {
			got = alive;
			if
			:: got -> pins++
			:: else
			fi
			}
			messages--;
			reached(CANCELLED);
			if
			:: got ->
#ifndef BREAK_CANCEL_SILENTLY
				atomic {
					used = freed;
					never(used, USED);
					signal = true;
					idle = false
				}
#endif
				pins--
			:: else
			fi;
			goto next
		:: true
		fi;
#endif
		if
		:: got ->
#ifdef BREAK_PLACE_IS_NO_PIN
			messages--;
			push();
			messages++;
#else
			push();
#endif
			sent++;
			goto next
		:: !got && !is_full -> goto over
		:: else
		fi;
		book_closely();
		if
		:: got -> goto next
		:: else
		fi;
		/* lend__room_wait() */
		gone[me] = false;
		told[me] = WAITS;
		in_time[me] = false;
		entry_lock();
		if
		:: !got -> goto over
		:: else
		fi;
#ifdef BREAK_SIGNAL_FIRST
		entry_unlock();
		atomic { signal = true; idle = false }
		entry_lock();
		if
		:: !got -> goto over
		:: else
		fi;
		in_list[me] = true;
#else
		in_list[me] = true;
#ifndef BREAK_NO_SIGNAL
		atomic {
			used = freed;
			never(used, USED);
			signal = true;
			idle = false
		}
#endif
#endif
		entry_unlock();
		if
		:: true ->
endwait:		told[me] != WAITS
		:: true /* the deadline */
		fi;
		/* lend__registry_leave() */
		do
		:: told[me] == TOLD -> break
		:: told[me] == TELLING ->
			reached(TOLD_LATE);
			told[me] != TELLING
		:: told[me] == WAITS ->
			entry_lock();
			if
			:: got ->
				in_list[me] = false;
				entry_unlock();
				reached(GAVE_UP);
				break
			:: !got -> told[me] != WAITS
			fi
		od;
#ifndef BREAK_NO_SECOND_LOOK
		if
		:: told[me] == TOLD && in_time[me] -> sent++
		:: else
		fi;
#endif
		gone[me] = true;
next:		skip
	:: else -> break
	od;
over:	gone[me] = true
}

/* lend__room_give() */
inline give()
{
	if
	:: taken > given ->
#ifdef BREAK_GIVE_FIRST
		messages = messages - (taken - given);
		given = taken
#else
		more = taken - given;
		given = taken;
		messages = messages - more
#endif
	:: else
	fi
}

/* lend__room_admit() */
inline admit(most)
{
	give();
	left = most;
	if
	:: messages < ROOM ->
		atomic { !locked -> locked = true }
		for (s : 0 .. SENDERS - 1) {
#ifdef BREAK_BOOK_OWN_PLAIN
			booked = in_list[s] && left && messages < ROOM;
			messages = messages + booked;
#else
			atomic {
				booked = in_list[s] && left && messages < ROOM;
				messages = messages + booked
			}
#endif
			if
			:: booked ->
				in_list[s] = false;
				left--;
				push();
				reached(ADMITTED);
				tell(s, true)
			:: else
			fi
		}
		owes_room = false;
		for (s : 0 .. SENDERS - 1) {
			owes_room = owes_room || in_list[s]
		}
		entry_unlock()
	:: else
	fi
}

/* lend__actor_sort_mail() */
inline sort()
{
	atomic {
		inbox = inbox + box;
		box = 0;
		owes_room = owes_room || signal;
		signal = false
	}
}

proctype receiver()
{
	byte s, more, left;
	bool booked;

	do
	:: sort();
		if
		:: inbox > 0 ->
			inbox--;
			received++;
			taken++;
			if
			:: taken % LAG == 0 -> give()
			:: else
			fi
		:: owes_room -> admit(1)	/* lend_yield() */
		:: true ->
			/* lend__suspend() */
#ifndef BREAK_NO_ADMIT
			if
			:: owes_room -> admit(SENDERS)
			:: else
			fi;
#endif
			atomic {
				if
				:: !box && !signal -> idle = true
				:: else
				fi
			}
endidle:		!idle
		:: true -> break
		fi
	od;
	/* lend__registry_end() */
	atomic { !locked -> locked = true; alive = false }
	for (s : 0 .. SENDERS - 1) {
		if
		:: in_list[s] ->
			reached(REFUSED);
			in_list[s] = false;
			tell(s, false)
		:: else
		fi
	}
	entry_unlock();
#ifndef BREAK_PINS
	!pins;
#endif
	/* lend__message_drop_all() */
	do
	:: sort();
		taken = taken + inbox;
		received = received + inbox;
		inbox = 0;
#ifdef BREAK_NO_WAIT
		break
#else
		if
		:: messages == taken - given -> break
		:: else ->
			reached(ON_WAY);
			box || signal || messages == taken - given
		fi
#endif
	od;
	freed = true
}

/* Nobody else can do anything. */
proctype observer()
{
	byte s;

end:	atomic {
		timeout ->
		reached(QUIET);
		if
		:: freed -> lost = _nr_pr > 2
		:: else ->
			/* It waits for something else. */
			lost = false;
			for (s : 0 .. SENDERS - 1) {
				lost = lost || (!in_list[s] && !gone[s]) ||
					(in_list[s] &&
					 messages - (taken - given) < ROOM)
			}
			lost = lost || !idle
		fi;
		never(lost, LOST);
		wrong = sent != received + inbox + box;
		never(wrong, WRONG)
	}
}

init {
	byte s;

	atomic {
		run observer();
		run receiver();
		for (s : 0 .. SENDERS - 1) {
			run sender(s)
		}
	}
}
