/*
 * A worker that parks, and those who wake it, for spin: Note [parking] of
 * src/rt/idle.c.
 *
 * Goal:   when all is quiet no work is left for a worker that sleeps, and no
 *         completion on the ring that it watches; one park costs its wakers at
 *         most one system call.
 * Method: two wakers that send work, or not, for ever; the worker; another one
 *         that helps, and may reap its ring at any time; and the kernel. All
 *         interleavings, on a memory with store buffers (memory.pml). The
 *         worker waits in its ring or in ppoll(2), without a timeout, which
 *         would hide a lost wake. Quiet is when nobody can do anything.
 *
 * The event descriptor, the poll on it and the completion queue are the
 * kernel's or under cq_lock: plain variables, one step each.
 *
 * -DWEAK       not x86: see memory.pml
 * -DBREAK_...  mutations, listed in meson.build
 */
#define WORKER	0
#define WAKER_1 1
#define WAKER_2 2
#define HELPER	3
#define PROCS	4

/* The words of the memory. */
#define LOCK	   0 /* none here */
#define INBOX	   1 /* worker->inbox: is there an actor in it */
#define PARK_STATE 2
#define ARMED	   3 /* wake_ops[].armed */
#define SQE	   4 /* the poll on the event descriptor is published */
#define WORDS	   5
#define STORES	   4

/* [P3], and the ring's tail. */
#define IS_RELEASE(w, v) (((w) == ARMED && (v) == 0) || ((w) == SQE))
#define ON_FENCE(p)	 skip

#include "memory.pml"

#define RUNNING	 0
#define PARKED	 1
#define NOTIFIED 2

/* The kernel's. */
bool event;	   /* the event descriptor is readable */
bool polled;	   /* the poll on it is submitted, and has not gone off */
bool wake_cqe;	   /* it has gone off */
bool other_cqe;	   /* something else has completed */
bool something;	   /* an operation is in flight */

bool cq_lock;
bool asleep;	   /* in the kernel */
byte writes;	   /* wakers of this park that go on to write */

/* What must never become true. */
#define LOST_WAKE  1 /* all is quiet, and there is work for a sleeper */
#define LATE_CQE   2 /* all is quiet, and a completion waits */
#define TWO_WRITES 3 /* two system calls to wake one worker once */
bool lost_wake, late_cqe, two_writes;
#ifndef ONLY
#define ONLY 0
#endif
#define never(wrong, number) assert(!wrong || (ONLY && ONLY != number))

#ifndef REACH
#define REACH 0
#endif
#define WOKEN	   1 /* in the ring, by a waker */
#define REAPED	   2 /* the helper takes the wake operation's completion */
#define LATE_WRITE 3 /* a waker writes when the worker has gone on */
#define QUIET	   4 /* nobody can do anything, the worker sleeps */
#define reached(number) assert(REACH != number)

/* A locked instruction of x86; elsewhere, with at most acquire and release
 * order, it is about one word and does not empty the buffer. That word is in
 * no buffer here. */
#ifdef WEAK
#define READY(p) true
#else
#define READY(p) (sb_length[p] == 0)
#endif

/* lend__worker_send(), lend__worker_wake() */
proctype waker(byte p)
{
	byte state;

	do
	:: break /* has nothing more to send */
	:: true ->
#ifdef BREAK_LOOK_THEN_SEND
		d_step { load(p, PARK_STATE, state) }
#endif
#ifdef WEAK
		/* The exchange with release order: seen by others later. */
		d_step { ROOM(p, 1) -> store(p, INBOX, 1) }
#else
		d_step { READY(p) -> mem[INBOX] = 1 }
#endif
#ifndef BREAK_NO_FENCE
		d_step { sb_length[p] == 0 -> skip } /* [P1] */
#endif
#ifndef BREAK_LOOK_THEN_SEND
		d_step { load(p, PARK_STATE, state) }
#endif
		if
		:: state == PARKED ->
#ifdef BREAK_NO_SWAP
			d_step {
				mem[PARK_STATE] = NOTIFIED;
				writes = writes + (writes < 2)
			}
#else
			d_step {
				state = mem[PARK_STATE];
				if
				:: state == PARKED ->
					mem[PARK_STATE] = NOTIFIED;
					writes = writes + (writes < 2)
				:: else
				fi
			}
#endif
			two_writes = two_writes || writes > 1;
			never(two_writes, TWO_WRITES);
			if
			:: state == PARKED -> d_step {
				assert(REACH != LATE_WRITE ||
				       mem[PARK_STATE] != RUNNING);
				event = true
			   }
			:: else
			fi
		:: else
		fi;
		state = 0
	od
}

/* lend__poller_poll(), with the completion lock: reap what is there. */
inline reap(p)
{
	other_cqe = false;
	if
	:: wake_cqe -> wake_cqe = false; store(p, ARMED, 0)
	:: else
	fi
}

/* lend__poller_help() of another worker; its enter submits as well */
proctype helper()
{
end:	do
	:: atomic {
		!cq_lock && (wake_cqe || other_cqe) && ROOM(HELPER, 2) ->
		cq_lock = true
	   }
		atomic {
			assert(REACH != REAPED || !wake_cqe);
			reap(HELPER)
		}
		/* The unlock is a release: what was stored is seen before. */
		d_step { sb_length[HELPER] == 0 -> cq_lock = false }
	:: d_step { mem[SQE] -> mem[SQE] = 0; polled = true }
	od
}

proctype kernel()
{
end:	do
	:: d_step { polled && event -> polled = false; wake_cqe = true }
	:: d_step { something -> something = false; other_cqe = true }
	od
}

#define HAS_CQE (wake_cqe || other_cqe)

/* lend__ring_enter() by the worker. The kernel reads what it stored. */
inline submit()
{
	fence(WORKER);
	if
	:: mem[SQE] -> mem[SQE] = 0; polled = true
	:: else
	fi
}

/* poll_rings() */
inline poll()
{
	if
	:: atomic {
		!cq_lock && HAS_CQE && ROOM(WORKER, 1) -> reap(WORKER)
	   }
	:: true
	fi
}

/* lend__worker_run() and lend__worker_park() */
proctype worker()
{
	byte work, armed;

	do
	:: /* drain_inbox(), run_round(): an actor may start an operation */
		atomic {
			READY(WORKER) ->
			mem[INBOX] = 0;
			if
			:: something = true
			:: true
			fi
		}
		poll();
		d_step { load(WORKER, INBOX, work) }
		if
		:: work -> goto next
		:: else
		fi;
		if /* something was written */
		:: d_step { something -> submit() };
			poll();
			goto next
		:: true
		fi;

		/* arm_wake() */
		d_step { load(WORKER, ARMED, armed) }
		if
		:: armed
		:: else ->
			d_step { event = false }
			atomic {
				ROOM(WORKER, 2) ->
#ifdef BREAK_ARMED_AFTER
				store(WORKER, SQE, 1);
				store(WORKER, ARMED, 1)
#else
				store(WORKER, ARMED, 1);
				store(WORKER, SQE, 1)
#endif
			}
		fi;

		/* enter_park(), and the look: [P1] */
#ifdef BREAK_LOOK_FIRST
		d_step { load(WORKER, INBOX, work) }
#endif
		atomic {
			ROOM(WORKER, 1) -> store(WORKER, PARK_STATE, PARKED);
			writes = 0
#ifndef BREAK_RELAXED_PARK
			; fence(WORKER)
#endif
		}
#ifndef BREAK_LOOK_FIRST
		d_step { load(WORKER, INBOX, work) }
#endif
		if
		:: work -> goto leave
		:: else
		fi;
#ifdef BREAK_DRAIN_LATE
		d_step { event = false }
#endif
		if
		:: goto in_ppoll /* other rings to watch as well */
		:: true
		fi;

		/* wait_in_ring() */
#ifdef BREAK_NO_CQ_LOCK
		d_step { load(WORKER, ARMED, armed) }
#else
		if
		:: atomic { !cq_lock -> cq_lock = true }
		:: atomic { cq_lock -> goto leave }
		fi;
#ifndef BREAK_ARMED_BEFORE
		d_step { load(WORKER, ARMED, armed) }
#else
		armed = true;
#endif
#endif
		if
		:: armed ->
			d_step { submit(); asleep = true }
			atomic {
				HAS_CQE ->
				assert(REACH != WOKEN || !wake_cqe ||
				       mem[PARK_STATE] != NOTIFIED);
				asleep = false
			}
		:: else
		fi;
#ifndef BREAK_NO_CQ_LOCK
		cq_lock = false;
#endif
		goto leave;

in_ppoll:	/* wait_in_ppoll() */
		atomic {
			submit();
			asleep = true
		}
		atomic {
			event || HAS_CQE -> asleep = false;
			if
			:: event -> event = false
			:: else
			fi
		}

leave:		/* leave_park() */
		atomic {
			READY(WORKER) && sb_length[WORKER] == 0 ->
			mem[PARK_STATE] = RUNNING
		}
		poll();
next:		work = 0;
		armed = 0
	od
}

/* Nobody else can do anything. */
proctype observer()
{
end:	do
	:: atomic {
		timeout ->
		reached(QUIET);
		assert(asleep);
		lost_wake = lost_wake || mem[INBOX];
		never(lost_wake, LOST_WAKE);
		late_cqe = late_cqe || HAS_CQE;
		never(late_cqe, LATE_CQE)
	   }
	od
}

init {
	atomic {
		run worker();
		run waker(WAKER_1);
		run waker(WAKER_2);
		run helper();
		run kernel();
		run buffer(WORKER);
		run buffer(WAKER_1);
		run buffer(WAKER_2);
		run buffer(HELPER);
		run observer()
	}
}
