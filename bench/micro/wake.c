/*
 * What it takes to wake a worker that waits inside the kernel, by each means
 * that there is.
 *
 * One thread, the sleeper, parks over and over; another one, on another CPU,
 * waits until the kernel says that it sleeps, reads the clock, and wakes it.
 * The clock runs until the sleeper is back in user space. The waker's time in
 * the call, and all the sleeper's time, are counted as well. Sleepers that wait
 * in a ring do so in one of each kind that the library opens: deferred, as in
 * private mode, and cooperative, as in the others. The means take turns, a
 * block of rounds each, so that what else goes on in the machine meets all of
 * them.
 */
#include "micro.h"

#include <errno.h>
#include <fcntl.h>
#include <lend/clock.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "histogram.h"
#include "uring/compat.h"

#ifndef IORING_REGISTER_SEND_MSG_RING
#define IORING_REGISTER_SEND_MSG_RING 31
#endif

#define BLOCKS	   10
#define GIVE_UP_NS (5 * LEND_S)

enum means {
	EVENT_POLL,	 /* what the library does */
	EVENT_MULTISHOT, /* the same poll for every wake */
	EVENT_READ,	 /* the ring empties the event descriptor, too */
	MESSAGE,	 /* MSG_RING, on a ring of the waker's */
	MESSAGE_QUIET,	 /* and without a CQE there */
	MESSAGE_CALL,	 /* without a ring of the waker's */
	FUTEX_IN_RING,
	FUTEX_ALONE, /* the sleeper sees nothing of a ring */
	MEANS
};

static const char *const names[MEANS] = {
	"eventfd, poll in the ring",
	"eventfd, multishot poll",
	"eventfd, read in the ring",
	"MSG_RING",
	"MSG_RING, no CQE at the waker",
	"MSG_RING by a system call",
	"futex in the ring",
	"futex, no ring",
};

struct score {
	struct histogram latency;
	struct histogram waker;
	uint64_t sleeper_ns;
	uint64_t rounds;
	int error; /* this kernel does not have it */
};

struct bench {
	/* [const] while the sleeper lives */
	enum means means;
	unsigned ring_flags;
	unsigned rounds;
	struct score *score;
	int event_fd;
	struct io_uring own; /* the waker's */

	/* [sleeper] */
	struct io_uring ring;
	bool armed;
	uint64_t value; /* what a read in the ring has read */

	/* [atomic: each released by who writes it] */
	_Atomic int ready; /* 1 when the sleeper has begun, or its error */
	_Atomic int tid;
	_Atomic unsigned parking; /* the round that it is about to sleep in */
	_Atomic unsigned woken;	  /* the round that it has woken up in */
	_Atomic uint64_t woken_ns;
	_Atomic int error;
	_Atomic uint32_t word; /* of the futex */
};

static uint64_t cpu_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (uint64_t)now.tv_sec * LEND_S + (uint64_t)now.tv_nsec;
}

/* ---- the sleeper ---- */

static int open_ring(struct io_uring *ring, unsigned flags)
{
	struct io_uring_params params = { .flags = flags };

	return io_uring_queue_init_params(8, ring, &params);
}

/* Prepare what will wake it. */
static void arm(struct bench *bench, unsigned round)
{
	struct io_uring_sqe *sqe;
	uint64_t count;

	if (bench->armed || bench->means >= MESSAGE)
		if (bench->means != FUTEX_IN_RING)
			return;
	/* Readable, it would wake at once. */
	if (bench->means == EVENT_POLL &&
	    read(bench->event_fd, &count, sizeof(count)) < 0 && errno != EAGAIN)
		atomic_store(&bench->error, -errno);
	sqe = io_uring_get_sqe(&bench->ring);
	if (bench->means == FUTEX_IN_RING) {
		io_uring_prep_rw(IORING_OP_FUTEX_WAIT, sqe,
				 FUTEX2_SIZE_U32 | FUTEX2_PRIVATE, &bench->word,
				 0, round - 1);
		sqe->addr3 = FUTEX_BITSET_MATCH_ANY;
	} else if (bench->means == EVENT_READ) {
		io_uring_prep_read(sqe, bench->event_fd, &bench->value,
				   sizeof(bench->value), 0);
	} else {
		io_uring_prep_poll_add(sqe, bench->event_fd, POLLIN);
		if (bench->means == EVENT_MULTISHOT) {
			sqe->len = IORING_POLL_ADD_MULTI;
			bench->armed = true;
		}
	}
}

static void sleep_in_ring(struct bench *bench, unsigned round)
{
	struct io_uring_cqe *cqe;
	int err;

	arm(bench, round);
	do
		err = io_uring_submit_and_wait(&bench->ring, 1);
	while (err == -EINTR);
	if (err < 0 || io_uring_peek_cqe(&bench->ring, &cqe)) {
		atomic_store(&bench->error, err < 0 ? err : -EIO);
		return;
	}
	if (cqe->res < 0 &&
	    !(bench->means == FUTEX_IN_RING && cqe->res == -EAGAIN))
		atomic_store(&bench->error, cqe->res);
	if (bench->armed && !(cqe->flags & IORING_CQE_F_MORE))
		bench->armed = false;
	io_uring_cqe_seen(&bench->ring, cqe);
}

static void sleep_on_futex(struct bench *bench, unsigned round)
{
	while (atomic_load_explicit(&bench->word, memory_order_acquire) ==
	       round - 1)
		syscall(SYS_futex, &bench->word, FUTEX_WAIT_PRIVATE, round - 1,
			NULL, NULL, 0);
}

static void *sleeper_main(void *arg)
{
	struct bench *bench = arg;
	uint64_t began_ns;
	int err = 0;

	micro_pin(false);
	if (bench->means != FUTEX_ALONE)
		err = open_ring(&bench->ring, bench->ring_flags);
	atomic_store(&bench->tid, gettid());
	atomic_store(&bench->ready, err ? err : 1);
	if (err)
		return NULL;
	began_ns = cpu_ns();
	for (unsigned round = 1; round <= bench->rounds; round++) {
		atomic_store(&bench->parking, round);
		if (bench->means == FUTEX_ALONE)
			sleep_on_futex(bench, round);
		else
			sleep_in_ring(bench, round);
		atomic_store(&bench->woken_ns, lend_now());
		atomic_store(&bench->woken, round);
		if (atomic_load(&bench->error))
			break;
	}
	bench->score->sleeper_ns += cpu_ns() - began_ns;
	if (bench->means != FUTEX_ALONE)
		io_uring_queue_exit(&bench->ring);
	return NULL;
}

/* ---- the waker ---- */

/* What the kernel says of the sleeper: does it sleep? */
static bool sleeps(int stat_fd)
{
	char text[128];
	ssize_t size = pread(stat_fd, text, sizeof(text) - 1, 0);
	const char *state;

	if (size <= 0)
		return false;
	text[size] = '\0';
	state = strrchr(text, ')');
	return state && state[1] && state[2] == 'S';
}

static bool give_up(struct bench *bench, uint64_t end_ns)
{
	if (atomic_load(&bench->error))
		return true;
	if (lend_now() < end_ns)
		return false;
	atomic_store(&bench->error, -ETIMEDOUT);
	return true;
}

static bool await_sleep(struct bench *bench, int stat_fd, unsigned round)
{
	uint64_t end_ns = lend_after(GIVE_UP_NS);

	while (atomic_load(&bench->parking) != round || !sleeps(stat_fd))
		if (give_up(bench, end_ns))
			return false;
	return true;
}

static void prepare_message(struct bench *bench, struct io_uring_sqe *sqe)
{
	io_uring_prep_msg_ring(sqe, bench->ring.ring_fd, 0, 0, 0);
	if (bench->means == MESSAGE_QUIET)
		sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
}

static int send_by_ring(struct bench *bench)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&bench->own);
	struct io_uring_cqe *cqe;
	int res;

	prepare_message(bench, sqe);
	res = io_uring_submit(&bench->own);
	if (res < 0)
		return res;
	if (io_uring_peek_cqe(&bench->own, &cqe))
		return 0;
	res = cqe->res;
	io_uring_cqe_seen(&bench->own, cqe);
	return res < 0 ? res : 0;
}

static int wake(struct bench *bench, unsigned round)
{
	struct io_uring_sqe sqe;
	uint64_t one = 1;

	switch (bench->means) {
	case EVENT_POLL:
	case EVENT_MULTISHOT:
	case EVENT_READ:
		return write(bench->event_fd, &one, sizeof(one)) < 0 ? -errno :
								       0;
	case MESSAGE:
	case MESSAGE_QUIET:
		return send_by_ring(bench);
	case MESSAGE_CALL:
		memset(&sqe, 0, sizeof(sqe));
		prepare_message(bench, &sqe);
		return syscall(SYS_io_uring_register, -1,
			       IORING_REGISTER_SEND_MSG_RING, &sqe, 1) < 0 ?
			       -errno :
			       0;
	default:
		atomic_store_explicit(&bench->word, round,
				      memory_order_release);
		return syscall(SYS_futex, &bench->word, FUTEX_WAKE_PRIVATE, 1,
			       NULL, NULL, 0) < 0 ?
			       -errno :
			       0;
	}
}

/* The first round of a block is not counted: caches are cold. */
static bool wake_once(struct bench *bench, int stat_fd, unsigned round)
{
	struct score *score = bench->score;
	uint64_t end_ns, start_ns, before_ns, spent_ns;
	int err;

	if (!await_sleep(bench, stat_fd, round))
		return false;
	before_ns = cpu_ns();
	start_ns = lend_now();
	err = wake(bench, round);
	spent_ns = cpu_ns() - before_ns;
	if (err) {
		atomic_store(&bench->error, err);
		return false;
	}
	end_ns = lend_after(GIVE_UP_NS);
	while (atomic_load(&bench->woken) != round)
		if (give_up(bench, end_ns))
			return false;
	if (round == 1)
		return true;
	histogram_add(&score->latency,
		      atomic_load(&bench->woken_ns) - start_ns);
	histogram_add(&score->waker, spent_ns);
	return true;
}

/* One that will not be woken any more. */
static void release(struct bench *bench, pthread_t sleeper)
{
	struct timespec until;
	uint64_t one = 1;

	for (;;) {
		(void)!write(bench->event_fd, &one, sizeof(one));
		atomic_store(&bench->word, UINT32_MAX);
		syscall(SYS_futex, &bench->word, FUTEX_WAKE_PRIVATE, 1, NULL,
			NULL, 0);
		if (bench->means >= MESSAGE && bench->means <= MESSAGE_CALL)
			(void)send_by_ring(bench);
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_sec++;
		if (pthread_timedjoin_np(sleeper, NULL, &until) == 0)
			return;
	}
}

static int run_block(struct bench *bench)
{
	char path[64];
	pthread_t sleeper;
	int stat_fd = -1, state;
	bool ok = true;

	if (pthread_create(&sleeper, NULL, sleeper_main, bench))
		return -EAGAIN;
	while (!(state = atomic_load(&bench->ready)))
		continue;
	if (state < 0) {
		pthread_join(sleeper, NULL);
		return state;
	}
	snprintf(path, sizeof(path), "/proc/self/task/%d/stat",
		 atomic_load(&bench->tid));
	stat_fd = open(path, O_RDONLY | O_CLOEXEC);
	if (stat_fd < 0)
		atomic_store(&bench->error, -errno);
	for (unsigned round = 1; ok && round <= bench->rounds; round++)
		ok = wake_once(bench, stat_fd, round);
	if (ok)
		pthread_join(sleeper, NULL);
	else
		release(bench, sleeper);
	if (stat_fd >= 0)
		close(stat_fd);
	if (ok)
		bench->score->rounds += bench->rounds;
	return atomic_load(&bench->error);
}

static int measure_block(enum means means, unsigned ring_flags, unsigned rounds,
			 struct score *score)
{
	struct bench bench = {
		.means = means,
		.ring_flags = ring_flags,
		.rounds = rounds + 1,
		.score = score,
	};
	int err;

	bench.event_fd = eventfd(
		0, EFD_CLOEXEC | (means == EVENT_READ ? 0 : EFD_NONBLOCK));
	if (bench.event_fd < 0)
		return -errno;
	err = open_ring(&bench.own, ring_flags);
	if (!err) {
		err = run_block(&bench);
		io_uring_queue_exit(&bench.own);
	}
	close(bench.event_fd);
	return err;
}

/* ---- all ---- */

static void print(const char *name, const struct score *score)
{
	if (score->error) {
		printf("    %-32s not here: %s\n", name,
		       lend_error_name(score->error));
		return;
	}
	printf("    %-32s %8.1f %8.1f %8.1f %8.2f %8.2f\n", name,
	       (double)histogram_ns(&score->latency, 0.5) / 1e3,
	       (double)histogram_ns(&score->latency, 0.9) / 1e3,
	       (double)histogram_ns(&score->latency, 0.99) / 1e3,
	       (double)histogram_ns(&score->waker, 0.5) / 1e3,
	       (double)score->sleeper_ns / 1e3 / (double)score->rounds);
}

static int measure(const char *kind, unsigned ring_flags, unsigned rounds)
{
	/* Large, and zeroed anew for each kind. */
	static struct score scores[MEANS];
	int failed = 0;

	memset(scores, 0, sizeof(scores));
	for (unsigned block = 0; block < BLOCKS; block++)
		for (int means = 0; means < MEANS; means++)
			if (!scores[means].error)
				scores[means].error = measure_block(
					(enum means)means, ring_flags,
					(rounds + BLOCKS - 1) / BLOCKS,
					&scores[means]);
	printf("  in a %s ring\n", kind);
	for (int means = 0; means < MEANS; means++) {
		print(names[means], &scores[means]);
		/* A kernel may lack it; but not wake nobody by it. */
		failed |= scores[means].error == -ETIMEDOUT;
	}
	return failed;
}

int micro_wake(unsigned rounds)
{
	int failed;

	/* The sleeper inherits it: waking up is measured, not economy. */
	prctl(PR_SET_TIMERSLACK, 1000);
	if (!micro_pin(true)) {
		fputs("lend-bench-internal: wake needs two CPUs\n", stderr);
		return 3;
	}
	printf("waking a thread that sleeps in the kernel, in us: until it is back; CPU of the\nwaker in the call, median; CPU of the sleeper a round, mean\n    %-32s %8s %8s %8s %8s %8s\n",
	       "", "median", "p90", "p99", "waker", "sleeper");
	failed = measure("deferred",
			 IORING_SETUP_SINGLE_ISSUER |
				 IORING_SETUP_DEFER_TASKRUN,
			 rounds);
	failed |= measure("cooperative", IORING_SETUP_COOP_TASKRUN, rounds);
	return failed;
}
