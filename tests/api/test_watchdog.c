/*
 * Goal:   P8: a worker that comes to no safe point is told once, while that
 *         lasts: with the actor's name, where it was spawned, whether it
 *         computes or is blocked, and a backtrace of its stack.
 * Method: the actor holds its worker up until its line is in the log, so no
 *         time is too short and none too long. All workers are held up at once,
 *         as nobody is left to notice then.
 */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness/harness.h"

#define NEVER (30 * LEND_S)

/* Who is held up so long, and not told of, begins another stall. */
#define AGAIN LEND_S

/* What the log has said since the test began. */
static pthread_mutex_t log_lock = PTHREAD_MUTEX_INITIALIZER;
static char said[65536]; /* [lock: log_lock] */
static size_t said_size;

static void remember(enum lend_log_level level, const char *line, void *arg)
{
	size_t size = strlen(line);

	(void)level;
	(void)arg;
	pthread_mutex_lock(&log_lock);
	if (said_size + size + 2 < sizeof(said)) {
		memcpy(said + said_size, line, size);
		said_size += size;
		said[said_size++] = '\n';
		said[said_size] = '\0';
	}
	pthread_mutex_unlock(&log_lock);
}

static void forget(void)
{
	pthread_mutex_lock(&log_lock);
	said_size = 0;
	said[0] = '\0';
	pthread_mutex_unlock(&log_lock);
}

/* Never waits: who holds a worker up so that it computes must not be seen to
 * be blocked by this lock. */
static unsigned count_said(const char *what)
{
	unsigned count = 0;

	if (pthread_mutex_trylock(&log_lock))
		return 0;
	for (const char *at = said; (at = strstr(at, what)); at++)
		count++;
	pthread_mutex_unlock(&log_lock);
	return count;
}

/* Which of them is missing is what is to be known of a failure. */
static bool check_said(const char *what)
{
	bool found;

	pthread_mutex_lock(&log_lock);
	found = strstr(said, what) != NULL;
	pthread_mutex_unlock(&log_lock);
	if (!found)
		printf("     the log does not have \"%s\"; it has:\n%s", what,
		       said);
	return CHECK(found);
}

/* ---- what holds workers up ---- */

/* Not inlined: its name is to be seen. */
__attribute__((noinline)) static bool spin_until_told(const char *what,
						      unsigned times)
{
	uint64_t end_ns = lend_after(NEVER), pause_ns;

	do {
		pause_ns = lend_after(AGAIN);
		while (lend_now() < pause_ns)
			if (count_said(what) >= times)
				return true;
		/* A new stall: the machine may have stopped the worker on its
		 * way here, and of that stall has been told. */
		CHECK_EQ(lend_sleep(lend_after(LEND_MS)), 0);
	} while (lend_now() < end_ns);
	return false;
}

struct hold {
	const char *until; /* the log says that */
	unsigned times;
};

static int compute(void *arg)
{
	const struct hold *hold = arg;

	return spin_until_told(hold->until, hold->times) ? 0 : -1;
}

__attribute__((noinline)) static lend_ref
spawn_named(lend_actor_fn fn, void *arg, unsigned on, const char *name)
{
	const struct lend_spawn_options options = {
		.name = name,
		.joinable = true,
		.worker = on,
	};
	lend_ref ref = { 0, 0 };

	CHECK_EQ(lend_spawn(fn, arg, &options, &ref), 0);
	return ref;
}

/* ---- the tests ---- */

/* One of them is on the worker of the actor that waits for them. */
static int all_compute(void *arg)
{
	struct hold hold = { .until = "in compute+0x",
			     .times = test_options.workers };
	lend_ref refs[16];
	struct lend_stats stats;

	(void)arg;
	for (unsigned i = 0; i < test_options.workers; i++)
		refs[i] = spawn_named(compute, &hold, i + 1, "dreamer");
	for (unsigned i = 0; i < test_options.workers; i++)
		CHECK_EQ(test_join(refs[i]), 0);
	check_said("goes on: actor dreamer #");
	check_said("it computes");
	/* Its function, and who spawned it. */
	check_said(", compute+0x0");
	check_said("spawned in spawn_named+0x");
	/* Whose stack: how it came to be where it is. */
	check_said("in compute+0x");
	lend_stats_read(NULL, &stats);
	CHECK(stats.watchdog_computing >= test_options.workers);
	return 0;
}

/* Until another thread has read in the log that it is blocked; with 'a' it is
 * to block again, as what was told was where it had been before. */
static int block_in_read(void *arg)
{
	char byte;

	while (read((int)(intptr_t)arg, &byte, 1) == 1) {
		if (byte != 'a')
			return 0;
		CHECK_EQ(lend_sleep(lend_after(LEND_MS)), 0);
	}
	return -1;
}

/* From outside: have those blocked in read() block again until @what is said
 * @times. */
static void await_blocked(int fd, const char *what, unsigned times,
			  unsigned blocked)
{
	uint64_t end_ns = lend_after(NEVER), again_ns = lend_after(AGAIN);

	while (count_said(what) < times && lend_now() < end_ns) {
		usleep(1000);
		if (lend_now() < again_ns)
			continue;
		for (unsigned i = 0; i < blocked; i++)
			CHECK_EQ(write(fd, "a", 1), 1);
		again_ns = lend_after(AGAIN);
	}
}

struct release {
	int fd;
	const char *when;
};

static void *release_when_told(void *arg)
{
	const struct release *release = arg;

	await_blocked(release->fd, release->when, 1, 1);
	CHECK_EQ(write(release->fd, "r", 1), 1);
	return NULL;
}

static int block_one(size_t stack_size)
{
	const struct lend_spawn_options options = {
		.name = "sleeper",
		.joinable = true,
		.worker = test_options.workers,
		.stack_size = stack_size,
	};
	/* Below the frames of libc. */
	struct release release = { .when = "by block_in_read+0x" };
	struct lend_stats stats;
	char text[64];
	pthread_t thread;
	lend_ref ref;
	int fds[2];

	CHECK_EQ(pipe(fds), 0);
	release.fd = fds[1];
	pthread_create(&thread, NULL, release_when_told, &release);
	CHECK_EQ(lend_spawn(block_in_read, (void *)(intptr_t)fds[0], &options,
			    &ref),
		 0);
	CHECK_EQ(test_join(ref), 0);
	pthread_join(thread, NULL);
	snprintf(text, sizeof(text), "blocked in read() on descriptor %d",
		 fds[0]);
	check_said(text);
	check_said("actor sleeper #");
	/* Whose stack: how it came to be there. */
	check_said(release.when);
	lend_stats_read(NULL, &stats);
	CHECK(stats.watchdog_blocked > 0);
	close(fds[0]);
	close(fds[1]);
	return 0;
}

static int one_is_blocked(void *arg)
{
	(void)arg;
	return block_one(0);
}

static int one_on_its_own_stack_is_blocked(void *arg)
{
	(void)arg;
	return block_one(1 << 20);
}

/* A call that any signal ends is not ended by being watched. A stall is told
 * once, and may have been looked at between two naps: then comes another. */
static int sleep_blocked(void *arg)
{
	struct timespec time = { .tv_nsec = 100 * 1000 * 1000 };
	unsigned naps = 0;

	(void)arg;
	while (!count_said("blocked in clock_nanosleep()")) {
		if (clock_nanosleep(CLOCK_MONOTONIC, 0, &time, NULL))
			return -1;
		if (++naps > 300)
			return -2;
		if (naps % 5 == 0)
			CHECK_EQ(lend_sleep(lend_after(LEND_MS)), 0);
	}
	return 0;
}

static int who_is_blocked_is_not_disturbed(void *arg)
{
	(void)arg;
	CHECK_EQ(test_join(spawn_named(sleep_blocked, NULL, 1, "napper")), 0);
	return 0;
}

/* Two stalls: the first lasts until it could have been told again. */
static int compute_for_long(void *arg)
{
	unsigned told;

	(void)arg;
	if (!spin_until_told("actor twice #", 1))
		return -1;
	test_spin(5 * test_options.watchdog_ns);
	while (!(told = count_said("actor twice #")))
		continue;
	CHECK_EQ(told, 1);
	/* A yield may well come back before the next safe point. */
	CHECK_EQ(lend_sleep(lend_after(LEND_MS)), 0);
	return spin_until_told("actor twice #", 2) ? 0 : -1;
}

static int once_for_each_stall(void *arg)
{
	(void)arg;
	CHECK_EQ(test_join(spawn_named(compute_for_long, NULL, 1, "twice")), 0);
	return 0;
}

/* It slept with all the others, and is woken by what holds the only one up. */
static int after_idleness(void *arg)
{
	struct hold hold = { .until = "actor late riser #", .times = 1 };

	(void)arg;
	lend_sleep(lend_after(10 * test_options.watchdog_ns));
	CHECK_EQ(test_join(spawn_named(compute, &hold, 1, "late riser")), 0);
	return 0;
}

static int without_a_signal(void *arg)
{
	struct hold hold = { .until = "no backtrace: there is no signal",
			     .times = 1 };

	(void)arg;
	CHECK_EQ(test_join(spawn_named(compute, &hold, 1, "unseen")), 0);
	return 0;
}

/* ---- spare workers ---- */

static _Atomic bool ran;

static int run(void *arg)
{
	(void)arg;
	atomic_store(&ran, true);
	return 0;
}

struct releaser {
	struct lend_runtime *runtime;
	int fd;
	unsigned blocked;
	unsigned spares;  /* that come */
	unsigned workers; /* to be set meanwhile; 0: not */
};

static bool await_spares(const struct lend_runtime *runtime, unsigned spares,
			 unsigned workers)
{
	uint64_t end_ns = lend_after(NEVER);
	struct lend_stats stats;

	do {
		if (lend_may_suspend())
			lend_sleep(lend_after(LEND_MS));
		else
			usleep(1000);
		lend_stats_read(runtime, &stats);
	} while ((stats.spare_workers != spares || stats.workers != workers) &&
		 lend_now() < end_ns);
	CHECK_EQ(stats.spare_workers, spares);
	return CHECK_EQ(stats.workers, workers);
}

static void spawn_and_wait(struct lend_runtime *runtime)
{
	uint64_t end_ns = lend_after(NEVER);
	lend_ref ref;

	CHECK_EQ(lend_runtime_spawn(runtime, run, NULL, NULL, &ref), 0);
	while (!atomic_load(&ran) && lend_now() < end_ns)
		usleep(1000);
	CHECK(atomic_load(&ran));
}

/* From outside: all workers are blocked until somebody else has run, which
 * needs one worker more, and there is a spare one for each. */
static void *look_among_blocked(void *arg)
{
	struct releaser *releaser = arg;
	unsigned workers = test_options.workers;

	await_blocked(releaser->fd, "blocked in read()", releaser->blocked,
		      releaser->blocked);
	if (releaser->spares) {
		spawn_and_wait(releaser->runtime);
		await_spares(releaser->runtime, releaser->spares,
			     workers + releaser->spares);
	}
	if (releaser->workers)
		CHECK_EQ(lend_runtime_set_workers(releaser->runtime,
						  releaser->workers,
						  LEND_FOREVER),
			 0);
	for (unsigned i = 0; i < releaser->blocked; i++)
		CHECK_EQ(write(releaser->fd, "r", 1), 1);
	return NULL;
}

/* Afterwards there are as many workers as were wanted last. */
static int block_all(struct releaser *releaser)
{
	lend_ref refs[16];
	pthread_t thread;
	int fds[2];

	releaser->runtime = lend_runtime_current();
	releaser->blocked = test_options.workers;
	atomic_store(&ran, false);
	CHECK_EQ(pipe(fds), 0);
	releaser->fd = fds[1];
	pthread_create(&thread, NULL, look_among_blocked, releaser);
	for (unsigned i = 0; i < releaser->blocked; i++)
		refs[i] = spawn_named(block_in_read, (void *)(intptr_t)fds[0],
				      i + 1, "blocker");
	for (unsigned i = 0; i < releaser->blocked; i++)
		CHECK_EQ(test_join(refs[i]), 0);
	pthread_join(thread, NULL);
	await_spares(NULL, 0,
		     releaser->workers ? releaser->workers : releaser->blocked);
	close(fds[0]);
	close(fds[1]);
	return 0;
}

static int spares_stand_in(void *arg)
{
	struct releaser releaser = { .spares = test_options.workers };

	(void)arg;
	return block_all(&releaser);
}

/* Those that were spare are among them: they do not leave. */
static int who_sets_a_number_has_it(void *arg)
{
	struct releaser releaser = {
		.spares = test_options.workers,
		.workers = 2 * test_options.workers + 1,
	};

	(void)arg;
	return block_all(&releaser);
}

/* The watchdog does not even try, as that would be a line in the log at each
 * look. */
static int none_where_there_is_no_room(void *arg)
{
	struct releaser releaser = { .spares = 0 };

	(void)arg;
	block_all(&releaser);
	CHECK_EQ(count_said("refused"), 0);
	CHECK_EQ(count_said(" rings\n"), 0);
	return 0;
}

static void with_log(const char *name, lend_actor_fn fn,
		     struct lend_options *options)
{
	forget();
	test_actor_with(name, fn, options);
}

int main(int argc, char **argv)
{
	struct lend_options options;

	test_init(argc, argv, 120);
	test_options.watchdog_ns = 20 * LEND_MS;
	test_options.log = remember;
	options = test_options;
	with_log("computing", all_compute, &options);
	with_log("blocked", one_is_blocked, &options);
	with_log("blocked on its own stack", one_on_its_own_stack_is_blocked,
		 &options);
	with_log("undisturbed", who_is_blocked_is_not_disturbed, &options);
	with_log("once", once_for_each_stall, &options);
	with_log("after idleness", after_idleness, &options);
	options.watchdog_signal = -1;
	with_log("without a signal", without_a_signal, &options);
	options = test_options;
	options.spare_workers = test_options.workers;
	with_log("spares", spares_stand_in, &options);
	with_log("spares and a number", who_sets_a_number_has_it, &options);
	options.log_level = LEND_LOG_INFO;
	if (options.mode == LEND_RING_PRIVATE)
		options.rings_max = test_options.workers;
	else
		options.workers_max = test_options.workers;
	with_log("no room", none_where_there_is_no_room, &options);
	return test_finish();
}
