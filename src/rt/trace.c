/*
 * Reading the flight recorders: see include/lend/trace.h.
 */
#include <lend/trace.h>

#include <errno.h>
#include <lend/clock.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "arbiter/mode.h"
#include "base/record.h"
#include "rt/current.h"
#include "rt/runtime.h"
#include "rt/worker.h"
#include "uring/ring.h"

_Static_assert(sizeof(struct lend_trace_header) == 128, "the format");
_Static_assert(sizeof(struct lend_trace_ring) == 64, "the format");
_Static_assert(sizeof(struct lend_trace_track) == 32, "the format");

static struct lend_runtime *runtime_or_own(struct lend_runtime *runtime)
{
	return runtime ? runtime : lend_runtime_current();
}

/* The tracks: the arbiter's, then the workers'. */
static struct lend_recorder *track(struct lend_runtime *runtime, unsigned i)
{
	return i ? &runtime->workers[i - 1].borrower.recorder :
		   &runtime->arbiter.recorder;
}

static unsigned track_count(const struct lend_runtime *runtime)
{
	return lend__runtime_used(runtime) + 1;
}

/* ---- start, stop ---- */

static int turn(struct lend_runtime *runtime, bool on)
{
	for (unsigned i = 0; i < track_count(runtime); i++)
		/* Relaxed: see lend__record(). */
		atomic_store_explicit(&track(runtime, i)->on, on,
				      memory_order_relaxed);
	return 0;
}

/* Who has which ring as recording begins: nobody saw them get it. */
static void record_holders_locked(struct lend_arbiter *arbiter)
{
	for (unsigned i = 0; i < lend__pool_count(&arbiter->pool); i++) {
		const struct lend_borrower *holder = arbiter->loans[i].borrower;

		lend__record(&arbiter->recorder,
			     &(struct lend_event){
				     .event = LEND_TRACE_HOLDER,
				     .ring = (uint16_t)i,
				     .worker = holder ?
						       (uint16_t)holder->index :
						       LEND_TRACE_NOBODY,
				     .by = LEND_TRACE_NOBODY,
			     });
	}
}

int lend_runtime_trace_start(struct lend_runtime *runtime)
{
	struct lend_arbiter *arbiter;

	runtime = runtime_or_own(runtime);
	arbiter = &runtime->arbiter;
	if (!arbiter->recorder.records)
		return -EINVAL;
	pthread_mutex_lock(&arbiter->lock);
	if (!atomic_load_explicit(&arbiter->recorder.on,
				  memory_order_relaxed)) {
		turn(runtime, true);
		record_holders_locked(arbiter);
	}
	pthread_mutex_unlock(&arbiter->lock);
	return 0;
}

int lend_runtime_trace_stop(struct lend_runtime *runtime)
{
	struct lend_arbiter *arbiter;

	runtime = runtime_or_own(runtime);
	arbiter = &runtime->arbiter;
	if (!arbiter->recorder.records)
		return -EINVAL;
	/* Under the lock: a loan event is recorded whole or not at all. */
	pthread_mutex_lock(&arbiter->lock);
	turn(runtime, false);
	pthread_mutex_unlock(&arbiter->lock);
	return 0;
}

/* ---- reading ---- */

static void read_header(const struct lend_runtime *runtime,
			struct lend_trace_header *header)
{
	unsigned workers = lend__runtime_used(runtime);
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	*header = (struct lend_trace_header){
		.magic = LEND_TRACE_MAGIC,
		.version = LEND_TRACE_VERSION,
		.header_size = sizeof(*header),
		.record_size = sizeof(struct lend_trace_record),
		.rings = lend__pool_used(&runtime->arbiter.pool),
		.workers = workers,
		.tracks = workers + 1,
		.depth = runtime->arbiter.pool.depth,
		.mode = runtime->arbiter.mode->id,
		.started_ns = runtime->started_ns,
		.written_ns = lend_now(),
		.unix_ns = (uint64_t)now.tv_sec * LEND_S +
			   (uint64_t)now.tv_nsec,
	};
}

static void read_rings_locked(const struct lend_arbiter *arbiter,
			      struct lend_trace_ring *rings, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		const struct lend_loan *loan = &arbiter->loans[i];

		rings[i] = (struct lend_trace_ring){
			.index = i,
			.holder = loan->borrower ? loan->borrower->index :
						   LEND_TRACE_NOBODY,
			.granted = loan->granted,
			.recalled = loan->recalled,
			.seized = loan->seized,
			.returned = loan->returned,
		};
	}
}

/* Copy a track up to record @last. Return: behind its end. */
static char *read_track(const struct lend_recorder *recorder, uint32_t worker,
			uint64_t last, char *place)
{
	struct lend_trace_track *head = (struct lend_trace_track *)place;
	struct lend_trace_record *records = (struct lend_trace_record *)(head +
									 1);
	uint64_t capacity = lend__recorder_capacity(recorder);
	uint64_t number = last > capacity ? last - capacity : 0;
	uint64_t copied = 0;

	while (++number <= last)
		if (lend__recorder_read(recorder, number, &records[copied]))
			copied++;
	*head = (struct lend_trace_track){
		.worker = worker,
		.records = copied,
		.lost = last - copied,
	};
	return (char *)(records + copied);
}

int lend_runtime_trace_read(struct lend_runtime *runtime, void **ret_data,
			    size_t *ret_size)
{
	struct lend_arbiter *arbiter;
	struct lend_trace_header header;
	size_t size = sizeof(header);
	uint64_t last;
	char *data, *place;

	runtime = runtime_or_own(runtime);
	arbiter = &runtime->arbiter;
	if (!arbiter->recorder.records)
		return -EINVAL;
	/* Rings and workers may be added meanwhile. */
	read_header(runtime, &header);
	size += header.rings * sizeof(struct lend_trace_ring);
	for (unsigned i = 0; i < header.tracks; i++)
		size += sizeof(struct lend_trace_track) +
			lend__recorder_capacity(track(runtime, i)) *
				sizeof(struct lend_trace_record);
	data = malloc(size);
	if (!data)
		return -ENOMEM;
	memcpy(data, &header, sizeof(header));
	place = data + sizeof(header);
	/* Holders, counts and the last loan event belong together. */
	pthread_mutex_lock(&arbiter->lock);
	read_rings_locked(arbiter, (struct lend_trace_ring *)place,
			  header.rings);
	last = lend__recorder_count(&arbiter->recorder);
	pthread_mutex_unlock(&arbiter->lock);
	place += header.rings * sizeof(struct lend_trace_ring);
	for (unsigned i = 0; i < header.tracks; i++) {
		const struct lend_recorder *recorder = track(runtime, i);

		place = read_track(recorder, i ? i - 1 : LEND_TRACE_ARBITER,
				   i ? lend__recorder_count(recorder) : last,
				   place);
	}
	*ret_data = data;
	*ret_size = (size_t)(place - data);
	return 0;
}

int lend_runtime_trace_write(struct lend_runtime *runtime, int fd)
{
	size_t size, done = 0;
	void *data;
	int err = lend_runtime_trace_read(runtime, &data, &size);

	if (err)
		return err;
	while (done < size) {
		ssize_t res = write(fd, (char *)data + done, size - done);

		if (res < 0 && errno == EINTR)
			continue;
		if (res < 0) {
			err = -errno;
			break;
		}
		done += (size_t)res;
	}
	free(data);
	return err;
}

/* ---- names ---- */

const char *lend_trace_event_name(unsigned event)
{
	static const char *const names[LEND_TRACE_EVENTS] = {
		[LEND_TRACE_NONE] = "none",
		[LEND_TRACE_HOLDER] = "holder",
		[LEND_TRACE_GRANT] = "grant",
		[LEND_TRACE_RECALL] = "recall",
		[LEND_TRACE_SEIZE] = "seize",
		[LEND_TRACE_RETURN] = "return",
		[LEND_TRACE_REVOKE] = "revoke",
		[LEND_TRACE_BIND] = "bind",
		[LEND_TRACE_WAIT] = "wait",
		[LEND_TRACE_WAITED] = "waited",
		[LEND_TRACE_FLUSH] = "flush",
		[LEND_TRACE_REFUSED] = "refused",
		[LEND_TRACE_OVERFLOW] = "overflow",
		[LEND_TRACE_HELP] = "help",
		[LEND_TRACE_STALL] = "stall",
		[LEND_TRACE_STALLED] = "stalled",
		[LEND_TRACE_KICK] = "kick",
		[LEND_TRACE_STEAL] = "steal",
		[LEND_TRACE_PARK] = "park",
		[LEND_TRACE_UNPARK] = "unpark",
	};

	return event < LEND_TRACE_EVENTS ? names[event] : NULL;
}

const char *lend_trace_why_name(unsigned why)
{
	static const char *const names[LEND_WHYS] = {
		[LEND_WHY_NONE] = "",
		[LEND_WHY_START] = "start",
		[LEND_WHY_STOP] = "stop",
		[LEND_WHY_CLAIM] = "claim",
		[LEND_WHY_EXHAUSTED] = "exhausted",
		[LEND_WHY_RECALLED] = "recalled",
		[LEND_WHY_IDLE] = "idle",
		[LEND_WHY_WAITER] = "waiter",
		[LEND_WHY_STALL] = "stall",
		[LEND_WHY_REMOVED] = "removed",
	};

	return why < LEND_WHYS ? names[why] : NULL;
}
