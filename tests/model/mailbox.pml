/*
 * A mailbox, its owner, those who send mail and those who unpark, for spin:
 * src/actor/mailbox.h with its Note [handed], and signals and permits of
 * src/actor/actor.c.
 *
 * Goal:   mail is taken once; an owner is queued once; when all is quiet there
 *         is nothing left for an owner that is suspended, and it has seen what
 *         was done before each lend_unpark().
 * Method: senders and unparkers that act a few times each, and the owner, which
 *         parks for ever. All interleavings of what is not one instruction.
 *
 * The memory is sequentially consistent: head and signals are changed by locked
 * instructions alone, and what is handed over, like the permit, by the queue,
 * whose order is not in question here. The list is walked from its newest end,
 * as its turning round concerns nobody else.
 *
 * -DBREAK_...  mutations, listed in meson.build
 */
#ifndef SENDERS
#define SENDERS 1
#endif
#ifndef UNPARKERS
#define UNPARKERS 2
#endif
#ifndef ACTS
#define ACTS 2
#endif

/* Nodes: those of the senders from 1 on, then the owner's own. */
#define SIGNAL (SENDERS + 1)
#define NODES  (SENDERS + 2)
#define IDLE   NODES

byte head;
byte next[NODES];
byte handed;
bool mailed, permit_signal; /* the bits of one word */
bool permit;
byte queued;  /* times the owner is in a queue */
bool running; /* or, just suspended, on its worker */

/* What the senders know, and the unparkers tell. */
bool in_hand[NODES]; /* the node is in no mailbox */
byte told, seen;

#define LOST_WAKE 1 /* all is quiet, and something was not taken */
#define TWICE	  2 /* mail was taken that nobody had sent */
#define RUN_TWICE 3 /* it is queued, and runs or is queued */
bool lost_wake, twice, run_twice;
#ifndef ONLY
#define ONLY 0
#endif
#define never(wrong, number) assert(!wrong || (ONLY && ONLY != number))

#ifndef REACH
#define REACH 0
#endif
#define HANDED	  1 /* one piece was handed, others are in the list */
#define COALESCED 2 /* an unpark finds the owner's node on its way */
#define KEPT	  3 /* a permit comes before the park that takes it */
#define QUIET	  4
#define reached(number) assert(REACH != number)

inline enqueue()
{
	atomic {
		queued++;
		run_twice = queued > 1 || running;
		never(run_twice, RUN_TWICE)
	}
}

/* lend__mailbox_push(), lend__actor_deliver(). @node is the caller's. */
inline push(node)
{
	d_step { found = head; done = false }
	do
	:: done -> break
	:: else ->
		d_step {
			if
			:: found == IDLE -> next[node] = 0
			:: else -> next[node] = found
			fi
		}
		d_step {
			if
			:: head == found ->
				done = true;
				if
				:: found != IDLE -> head = node
#ifdef BREAK_BOTH
				:: else -> head = node
#else
				:: else -> head = 0
#endif
				fi
			:: else -> found = head
			fi
		}
	od;
	if
	:: found == IDLE ->
#ifdef BREAK_HAND_LATE
		enqueue();
		handed = node
#else
		handed = node;
		enqueue()
#endif
	:: else
	fi;
	d_step { found = 0; done = false }
}

proctype sender(byte node)
{
	byte acts, found;
	bool done;

	do
	:: acts == ACTS -> break
	:: acts < ACTS ->
		d_step { in_hand[node] -> in_hand[node] = false; acts++ }
		push(node)
	od
}

/* lend__actor_unpark() */
proctype unparker()
{
	byte acts, found;
	bool done, roused, before;

	do
	:: acts == ACTS -> break
	:: acts < ACTS ->
		d_step { told++; acts++ }
		d_step {
			roused = head == IDLE;
			if
			:: roused -> head = 0
			:: else
			fi
		}
		if
		:: roused ->
#ifdef BREAK_PERMIT_LATE
			enqueue();
			permit = true
#else
			permit = true;
			enqueue()
#endif
		:: else ->
#ifndef BREAK_NO_SIGNAL
			d_step {
				before = mailed;
				mailed = true;
				permit_signal = true
			}
			if
			:: before -> reached(COALESCED)
			:: else -> push(SIGNAL)
			fi
#endif
		fi;
		d_step { roused = false; before = false }
	od
}

/* The owner sorts one piece of mail. */
inline sort(node)
{
	if
	:: node == SIGNAL ->
		d_step {
			signalled = permit_signal;
			mailed = false;
			permit_signal = false
		}
		permit = permit || signalled;
		signalled = false
	:: else -> d_step {
		twice = in_hand[node];
		never(twice, TWICE);
		in_hand[node] = true
	   }
	fi
}

/* lend_park() in a loop, lend__suspend(), and its worker */
proctype owner()
{
	byte mail, following;
	bool signalled;

runs:	/* lend__actor_sort_mail() */
	atomic { mail = handed; handed = 0 }
	if
	:: mail ->
		assert(REACH != HANDED || !head);
		sort(mail)
	:: else
	fi;
	if
	:: head ->
#ifdef BREAK_TAKE_PLAIN
		mail = head;
		head = 0
#else
		d_step { mail = head; head = 0 }
#endif
	:: else -> mail = 0
	fi;
	do
	:: !mail -> break
	:: else ->
#ifdef BREAK_NEXT_LATE
		sort(mail);
		mail = next[mail]
#else
		following = next[mail];
		sort(mail);
		d_step { mail = following; following = 0 }
#endif
	od;
	if
	:: permit ->
		reached(KEPT);
		d_step { permit = false; seen = told }
		goto runs
	:: else
	fi;
	/* Away from it: LEND_AFTER_SUSPEND. */
	if
	:: head -> goto runs
	:: else
	fi;
#ifdef BREAK_IDLE_PLAIN
	d_step { running = false; head = IDLE }
#else
	atomic {
		if
		:: head -> goto runs
		:: else -> running = false; head = IDLE
		fi
	}
#endif
end:	d_step { queued -> queued--; running = true }
	goto runs
}

/* Nobody else can do anything. */
proctype observer()
{
	byte i;

end:	atomic {
		timeout ->
		reached(QUIET);
		lost_wake = running || queued || handed || permit || mailed ||
			    permit_signal || seen != told || head != IDLE;
		for (i : 1 .. SENDERS) {
			lost_wake = lost_wake || !in_hand[i]
		}
		never(lost_wake, LOST_WAKE)
	}
}

init {
	byte i;

	atomic {
		running = true;
		for (i : 1 .. SENDERS) {
			in_hand[i] = true;
			run sender(i)
		}
#if UNPARKERS
		for (i : 1 .. UNPARKERS) {
			run unparker()
		}
#endif
		run owner();
		run observer()
	}
}
