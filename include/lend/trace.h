/*
 * The flight recorder: what workers and arbiter did lately, for `lend trace`
 * or a program of yours. lend_options.trace_events turns it on.
 *
 * Each worker writes into a ring of records of its own, and what happens to
 * loans, under the arbiter's lock, goes to one more: these are the tracks. A
 * track keeps the latest lend_options.trace_events records; older ones are
 * overwritten and counted as lost. Loan events are rare beside those of
 * workers, so the arbiter's track reaches further back.
 *
 * A trace, in memory or in a file, is in the byte order of the machine:
 *
 *	struct lend_trace_header
 *	struct lend_trace_ring    one for each ring
 *	then for each track
 *		struct lend_trace_track
 *		struct lend_trace_record  as many as the track says
 *
 * doc/tracing.md says what each event means, and shows what one can see.
 */
#ifndef LEND_TRACE_H
#define LEND_TRACE_H

#include <lend/base.h>

struct lend_runtime;

/* What happened. Numbers do not change within a version of the format. */
enum lend_trace_event {
	LEND_TRACE_NONE,
	/* Loans; @ring, @worker: whose loan, @by: who did it, @why. */
	LEND_TRACE_HOLDER, /* recording begins: so it was; worker or nobody */
	LEND_TRACE_GRANT,
	LEND_TRACE_RECALL,
	LEND_TRACE_SEIZE,
	LEND_TRACE_RETURN,
	/* Claims. */
	LEND_TRACE_REVOKE, /* a claim lost its ring; @argument: its SQEs */
	LEND_TRACE_BIND,   /* a revoked claim got @ring; @argument: the ring it
			      began on; another one: an external commit */
	LEND_TRACE_WAIT,   /* no room: a claim queues; @argument: its ticket;
			      @name: the actor */
	LEND_TRACE_WAITED, /* it goes on, or gave up; @argument: the ticket */
	/* Rings. */
	LEND_TRACE_FLUSH,   /* entered; @argument: SQEs that the kernel took */
	LEND_TRACE_REFUSED, /* entered in vain; @argument: the error, above 0 */
	LEND_TRACE_OVERFLOW, /* its completion queue had overflowed */
	LEND_TRACE_HELP, /* polled for another worker; @argument: CQEs handled
			  */
	/* Workers. */
	LEND_TRACE_STALL, /* @worker is noticed to be stuck; @argument: for how
			     long by then, ns; @name: the actor, if known */
	LEND_TRACE_STALLED, /* the stall is over; @argument: its length, ns;
			       @name: the actor */
	LEND_TRACE_KICK,    /* @worker is interrupted, so that its completions
			       become visible */
	LEND_TRACE_STEAL,   /* @argument: actors taken from @worker */
	LEND_TRACE_PARK,    /* nothing to do; @ring: where it waits, or none */
	LEND_TRACE_UNPARK,
	LEND_TRACE_EVENTS /* how many there are */
};

/* Why a loan was granted, recalled, seized or returned. */
enum lend_trace_why {
	LEND_WHY_NONE,
	LEND_WHY_START,	    /* a worker starts: private mode */
	LEND_WHY_STOP,	    /* a worker stops */
	LEND_WHY_CLAIM,	    /* a claim needed a ring */
	LEND_WHY_EXHAUSTED, /* the ring had no room for the claim */
	LEND_WHY_RECALLED,  /* it was asked for */
	LEND_WHY_IDLE,	    /* its worker parks, and there are fewer rings than
			       workers */
	LEND_WHY_WAITER,    /* claims wait for slots */
	LEND_WHY_STALL,	    /* its borrower came to no safe point */
	LEND_WHY_REMOVED,   /* the ring is being removed */
	LEND_WHYS	    /* how many there are */
};

/* In lend_trace_record.ring, .worker and .by. */
#define LEND_TRACE_NOBODY UINT16_C(0xffff)

/* In lend_trace_track.worker. */
#define LEND_TRACE_ARBITER UINT32_C(0xffffffff)

#define LEND_TRACE_MAGIC   "LENDTRC" /* with its terminating 0: 8 bytes */
#define LEND_TRACE_VERSION 1

/* 64 bytes. */
struct lend_trace_record {
	uint64_t number;  /* in its track, from 1 */
	uint64_t time_ns; /* CLOCK_MONOTONIC */
	uint8_t event;	  /* enum lend_trace_event */
	uint8_t why;	  /* enum lend_trace_why */
	uint16_t ring;
	uint16_t worker; /* whom it is about */
	uint16_t by;	 /* the worker that did it */
	uint64_t argument;
	char name[32]; /* of an actor, terminated; or empty */
};

/* 128 bytes. */
struct lend_trace_header {
	char magic[8];
	uint32_t version;
	uint32_t header_size; /* of this struct; what follows is after it */
	uint32_t record_size;
	uint32_t rings;
	uint32_t workers;
	uint32_t tracks;
	uint32_t depth;	     /* of the rings */
	uint32_t mode;	     /* enum lend_ring_mode */
	uint64_t started_ns; /* when the runtime started, CLOCK_MONOTONIC */
	uint64_t written_ns; /* when this was written, CLOCK_MONOTONIC */
	uint64_t unix_ns;    /* the same, ns since 1970 */
	uint64_t reserved[8];
};

/* A ring at the time of writing; 64 bytes. The counts are since the start. */
struct lend_trace_ring {
	uint32_t index;
	uint32_t holder; /* LEND_TRACE_NOBODY: none */
	uint64_t granted;
	uint64_t recalled;
	uint64_t seized;
	uint64_t returned;
	uint64_t reserved[3];
};

/* 32 bytes. */
struct lend_trace_track {
	uint32_t worker; /* LEND_TRACE_ARBITER: the arbiter's */
	uint32_t reserved;
	uint64_t records; /* that follow, oldest first */
	uint64_t lost;	  /* older ones, overwritten */
	uint64_t reserved_too;
};

LEND_BEGIN_DECLS

/**
 * Go on recording, or pause. A runtime with trace_events records from its
 * start.
 *
 * @runtime  NULL: the calling actor's
 *
 * Thread: any. Blocks: for the arbiter's lock, briefly.
 *
 * Return: 0
 *         -EINVAL  the runtime was started without trace_events
 */
LEND_API LEND_NODISCARD int
lend_runtime_trace_start(struct lend_runtime *runtime);
LEND_API LEND_NODISCARD int
lend_runtime_trace_stop(struct lend_runtime *runtime);

/**
 * Copy what is recorded. Recording goes on meanwhile; a record that is
 * overwritten while it is read counts as lost.
 *
 * @runtime   NULL: the calling actor's
 * @ret_data  written only on success: the trace, see above
 * @ret_size  its size, bytes
 *
 * Thread: any. Blocks: for the arbiter's lock, briefly; it is a copy of up to
 * (workers + 1) * trace_events * 64 bytes.
 * Ownership: free() it.
 *
 * Return: 0
 *         -EINVAL  the runtime was started without trace_events
 *         -ENOMEM
 */
LEND_API LEND_NODISCARD int
lend_runtime_trace_read(struct lend_runtime *runtime, void **ret_data,
			size_t *ret_size);

/**
 * The same into a file, a pipe or a socket.
 *
 * @fd  open for writing; written to from where it stands, and not closed
 *
 * Thread: any; actors had better not. Blocks: the thread, for write(2).
 *
 * Return: as lend_runtime_trace_read(), or the error of write(2)
 */
LEND_API LEND_NODISCARD int
lend_runtime_trace_write(struct lend_runtime *runtime, int fd);

/**
 * The name of an event, such as "grant", and of a reason, such as "stall"; ""
 * for LEND_WHY_NONE. NULL for a number that is none.
 *
 * Thread: any. Blocks: no. Ownership: a constant string.
 */
LEND_API const char *lend_trace_event_name(unsigned event);
LEND_API const char *lend_trace_why_name(unsigned why);

LEND_END_DECLS

#endif
