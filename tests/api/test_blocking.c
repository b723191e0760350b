/*
 * Goal:   P8, first half, and B13: functions that block run on a bounded pool
 *         of threads, and suspend only their actor. Deadlines and cancellation
 *         end the waiting for a thread; a function that runs is waited for, or
 *         left with what it was given, and nothing is used after it was freed.
 * Method: functions that wait for a gate, which the test opens when it has seen
 *         what it wants; the pool's numbers are read, not guessed.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/harness.h"

#define THREADS 3

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static bool is_open;	/* [lock] */
static unsigned inside; /* [lock] functions at the gate */
static _Atomic unsigned begun;
static _Atomic unsigned freed;

static void set_gate(bool open)
{
	pthread_mutex_lock(&lock);
	is_open = open;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
}

/* Blocks its thread until the gate is open. */
static int pass_gate(void *arg)
{
	atomic_fetch_add(&begun, 1);
	pthread_mutex_lock(&lock);
	inside++;
	while (!is_open)
		pthread_cond_wait(&changed, &lock);
	inside--;
	pthread_mutex_unlock(&lock);
	return (int)(intptr_t)arg;
}

static void reset(void)
{
	set_gate(false);
	atomic_store(&begun, 0);
	atomic_store(&freed, 0);
}

static struct lend_blocking_stats pool(void)
{
	struct lend_stats stats;

	lend_stats_read(NULL, &stats);
	return stats.blocking;
}

static void wait_for_running(unsigned count)
{
	while (pool().running != count)
		lend_sleep(lend_after(LEND_MS / 10));
}

static void wait_for_queued(unsigned count)
{
	while (pool().queued != count)
		lend_sleep(lend_after(LEND_MS / 10));
}

static int call(void *arg)
{
	int ret = -1;
	int err = lend_blocking(pass_gate, arg, LEND_FOREVER, &ret);

	return err ? err : ret;
}

/* ---- what it is for ---- */

static int count_up(void *arg)
{
	_Atomic unsigned *count = arg;

	while (!lend_is_cancelled()) {
		atomic_fetch_add(count, 1);
		lend_yield();
	}
	return 0;
}

/* More calls than threads wait, and the actors of every worker run on. */
static int actors_run_while_functions_block(void *arg)
{
	unsigned workers = lend_runtime_workers(lend_runtime_current());
	lend_ref callers[2 * THREADS], others[16];
	_Atomic unsigned counts[16] = { 0 };

	(void)arg;
	reset();
	for (unsigned i = 0; i < 2 * THREADS; i++)
		callers[i] = test_spawn_on(1 + i % workers, call,
					   (void *)(intptr_t)i);
	wait_for_running(THREADS);
	wait_for_queued(THREADS);
	CHECK_EQ(pool().threads, THREADS);
	for (unsigned i = 0; i < workers; i++)
		others[i] = test_spawn_on(i + 1, count_up, &counts[i]);
	for (unsigned i = 0; i < workers; i++)
		while (atomic_load(&counts[i]) < 100)
			lend_yield();
	CHECK_EQ(pool().run, 0);
	set_gate(true);
	for (unsigned i = 0; i < 2 * THREADS; i++)
		CHECK_EQ(test_join(callers[i]), i);
	for (unsigned i = 0; i < workers; i++) {
		lend_cancel(others[i]);
		test_join(others[i]);
	}
	CHECK_EQ(pool().run, 2 * THREADS);
	CHECK_EQ(pool().running, 0);
	CHECK_EQ(pool().queued, 0);
	CHECK_EQ(lend_blocking(NULL, NULL, LEND_FOREVER, NULL), -EINVAL);
	return 0;
}

/* ---- giving up ---- */

static void fill_pool(lend_ref callers[THREADS])
{
	reset();
	for (intptr_t i = 0; i < THREADS; i++)
		callers[i] = test_spawn(call, (void *)i);
	wait_for_running(THREADS);
}

static void empty_pool(lend_ref callers[THREADS])
{
	set_gate(true);
	for (unsigned i = 0; i < THREADS; i++)
		CHECK_EQ(test_join(callers[i]), i);
}

static int who_gives_up_in_the_queue_has_not_run(void *arg)
{
	lend_ref callers[THREADS], waiter;
	int ret = 77;

	(void)arg;
	fill_pool(callers);
	CHECK_EQ(lend_blocking(pass_gate, NULL, lend_after(LEND_MS), &ret),
		 -ETIMEDOUT);
	CHECK_EQ(lend_blocking(pass_gate, NULL, LEND_NOW, &ret), -ETIMEDOUT);
	CHECK_EQ(pool().queued, 0);
	waiter = test_spawn(call, NULL);
	wait_for_queued(1);
	CHECK_EQ(lend_cancel(waiter), 0);
	CHECK_EQ(test_join(waiter), -ECANCELED);
	CHECK_EQ(pool().queued, 0);
	empty_pool(callers);
	CHECK_EQ(atomic_load(&begun), THREADS);
	CHECK_EQ(ret, 77);
	return 0;
}

/* Cancelled, it gets the function's result, and can do nothing more. */
static int call_and_then(void *arg)
{
	int ret = -1, err;

	/* The deadline is to pass while it runs, not before. */
	for (uint64_t wait_ns = LEND_MS;; wait_ns *= 2) {
		err = lend_blocking(pass_gate, arg, lend_after(wait_ns), &ret);
		if (err != -ETIMEDOUT)
			break;
	}
	CHECK_EQ(err, 0);
	CHECK_EQ(lend_blocking(pass_gate, arg, LEND_FOREVER, NULL), -ECANCELED);
	return ret;
}

static int one_that_runs_is_waited_for(void *arg)
{
	lend_ref caller;
	int value;

	(void)arg;
	reset();
	caller = test_spawn(call_and_then, (void *)5);
	wait_for_running(1);
	lend_cancel(caller);
	CHECK_EQ(lend_join(caller, lend_after(20 * LEND_MS), &value),
		 -ETIMEDOUT);
	set_gate(true);
	CHECK_EQ(test_join(caller), 5);
	CHECK_EQ(atomic_load(&begun), 1);
	return 0;
}

/* ---- functions that own their argument ---- */

static int pass_gate_owned(void *arg)
{
	unsigned *value = arg;

	pass_gate(NULL);
	return (int)++*value;
}

static void free_owned(void *arg)
{
	free(arg);
	atomic_fetch_add(&freed, 1);
}

static unsigned *new_owned(void)
{
	return calloc(1, sizeof(unsigned));
}

static int call_owned(void *arg)
{
	(void)arg;
	return lend_blocking_owned(pass_gate_owned, new_owned(), free_owned,
				   LEND_FOREVER, NULL);
}

static int one_that_owns_its_argument_is_left(void *arg)
{
	lend_ref caller;

	(void)arg;
	reset();
	CHECK_EQ(lend_blocking_owned(pass_gate_owned, new_owned(), free_owned,
				     lend_after(20 * LEND_MS), NULL),
		 -ETIMEDOUT);
	caller = test_spawn(call_owned, NULL);
	/* It may be late: then the first one has not begun. */
	while (pool().queued || pool().running + atomic_load(&freed) != 2)
		lend_sleep(lend_after(LEND_MS / 10));
	lend_cancel(caller);
	CHECK_EQ(test_join(caller), -ECANCELED);
	CHECK_EQ(atomic_load(&freed) + pool().running, 2);
	CHECK_IN(pool().running, 1, 2);
	set_gate(true);
	while (atomic_load(&freed) != 2)
		lend_sleep(lend_after(LEND_MS / 10));
	return 0;
}

static int what_comes_back_is_the_callers(void *arg)
{
	lend_ref callers[THREADS];
	unsigned *owned = new_owned();
	int ret = -1;

	(void)arg;
	reset();
	set_gate(true);
	CHECK_EQ(lend_blocking_owned(pass_gate_owned, owned, free_owned,
				     LEND_FOREVER, &ret),
		 0);
	CHECK_EQ(ret, 1);
	CHECK_EQ(*owned, 1);
	free(owned);
	CHECK_EQ(atomic_load(&freed), 0);

	/* What has not begun is freed at once. */
	fill_pool(callers);
	CHECK_EQ(lend_blocking_owned(pass_gate_owned, new_owned(), free_owned,
				     lend_after(LEND_MS), NULL),
		 -ETIMEDOUT);
	CHECK_EQ(atomic_load(&freed), 1);
	CHECK_EQ(lend_blocking_owned(NULL, new_owned(), free_owned,
				     LEND_FOREVER, NULL),
		 -EINVAL);
	CHECK_EQ(atomic_load(&freed), 2);
	empty_pool(callers);
	return 0;
}

/* ---- bounds ---- */

static int too_many_are_refused(void *arg)
{
	lend_ref callers[4];

	(void)arg;
	reset();
	callers[0] = test_spawn(call, (void *)0);
	wait_for_running(1);
	callers[1] = test_spawn(call, (void *)1);
	callers[2] = test_spawn(call, (void *)2);
	wait_for_queued(2);
	CHECK_EQ(lend_blocking(pass_gate, NULL, LEND_FOREVER, NULL), -EAGAIN);
	CHECK_EQ(lend_blocking_owned(pass_gate_owned, new_owned(), free_owned,
				     LEND_FOREVER, NULL),
		 -EAGAIN);
	CHECK_EQ(atomic_load(&freed), 1);
	CHECK_EQ(pool().refused, 2);
	set_gate(true);
	for (unsigned i = 0; i < 3; i++)
		CHECK_EQ(test_join(callers[i]), i);
	CHECK_EQ(atomic_load(&begun), 3);
	return 0;
}

static int idle_threads_end_and_come_again(void *arg)
{
	(void)arg;
	for (int i = 0; i < 3; i++) {
		lend_ref callers[THREADS];

		fill_pool(callers);
		empty_pool(callers);
		while (pool().threads)
			lend_sleep(lend_after(LEND_MS));
	}
	return 0;
}

static int look_at_signals(void *arg)
{
	sigset_t blocked;

	(void)arg;
	pthread_sigmask(SIG_SETMASK, NULL, &blocked);
	return sigismember(&blocked, SIGTERM) &&
	       sigismember(&blocked, SIGUSR1) &&
	       !sigismember(&blocked, SIGSEGV) && !lend_runtime_current();
}

static int its_threads_take_no_signals(void *arg)
{
	int ret = 0;

	(void)arg;
	CHECK_EQ(lend_blocking(look_at_signals, NULL, LEND_FOREVER, &ret), 0);
	CHECK_EQ(ret, 1);
	return 0;
}

/* ---- all at once ---- */

static int spin_a_little(void *arg)
{
	unsigned *value = arg;

	test_spin(*value % 64 * 1000);
	return 0;
}

static int call_at_random(void *arg)
{
	uint64_t random = (uintptr_t)arg;

	for (int i = 0; i < 20 && !lend_is_cancelled(); i++) {
		unsigned *owned = malloc(sizeof(*owned));
		uint64_t wait_ns = test_random(&random) % (LEND_MS / 2);

		*owned = (unsigned)test_random(&random);
		if (!lend_blocking_owned(spin_a_little, owned, free_owned,
					 lend_after(wait_ns), NULL))
			free_owned(owned);
		atomic_fetch_add(&begun, 1);
	}
	return 0;
}

static int none_is_lost_or_freed_twice(void *arg)
{
	lend_ref callers[60];

	(void)arg;
	reset();
	for (uintptr_t i = 0; i < 60; i++)
		callers[i] = test_spawn(call_at_random, (void *)(i + 1));
	for (unsigned i = 0; i < 60; i += 3) {
		lend_yield();
		lend_cancel(callers[i]);
	}
	for (unsigned i = 0; i < 60; i++)
		test_join(callers[i]);
	while (pool().running)
		lend_sleep(lend_after(LEND_MS / 10));
	while (atomic_load(&freed) != atomic_load(&begun))
		lend_sleep(lend_after(LEND_MS / 10));
	CHECK_EQ(pool().queued, 0);
	return 0;
}

/* ---- the end of a runtime ---- */

static char lines[8192];

static void remember(enum lend_log_level level, const char *line, void *arg)
{
	size_t size;

	(void)level;
	(void)arg;
	pthread_mutex_lock(&lock);
	size = strlen(lines);
	snprintf(lines + size, sizeof(lines) - size, "%s\n", line);
	pthread_mutex_unlock(&lock);
}

static bool was_said(const char *text)
{
	bool said;

	pthread_mutex_lock(&lock);
	said = strstr(lines, text) != NULL;
	pthread_mutex_unlock(&lock);
	return said;
}

static int leave_one_behind(void *arg)
{
	(void)arg;
	return lend_blocking_owned(pass_gate_owned, new_owned(), free_owned,
				   lend_after(20 * LEND_MS), NULL);
}

static void *open_later(void *arg)
{
	usleep(20000);
	set_gate(true);
	return arg;
}

static int the_end_waits_and_names_them(void)
{
	static const struct lend_spawn_options waits = { .name = "waits" };
	static const struct lend_spawn_options leaves = { .name = "leaves",
							  .joinable = true };
	struct lend_options options = test_options;
	struct lend_runtime *runtime;
	pthread_t helper;
	lend_ref leaver;
	int value;

	reset();
	lines[0] = '\0';
	options.log = remember;
	if (!CHECK_EQ(lend_runtime_new(&options, &runtime), 0))
		return -1;
	CHECK_EQ(lend_runtime_spawn(runtime, call, NULL, &waits, NULL), 0);
	CHECK_EQ(lend_runtime_spawn(runtime, leave_one_behind, NULL, &leaves,
				    &leaver),
		 0);
	CHECK_EQ(lend_runtime_join(runtime, leaver, &value), 0);
	CHECK_EQ(value, -ETIMEDOUT);
	while (atomic_load(&begun) + atomic_load(&freed) < 2)
		usleep(1000);
	CHECK_EQ(lend_runtime_drain(runtime, lend_after(20 * LEND_MS)),
		 -ETIMEDOUT);
	CHECK(was_said("waits for a blocking function"));
	CHECK(was_said("has run a function for"));
	CHECK(was_said("\"waits\""));
	if (!atomic_load(&freed))
		CHECK(was_said("which does not wait for it"));
	CHECK_EQ(pthread_create(&helper, NULL, open_later, NULL), 0);
	lend_runtime_free(runtime);
	CHECK_EQ(atomic_load(&freed), 1);
	pthread_mutex_lock(&lock);
	CHECK_EQ(inside, 0);
	pthread_mutex_unlock(&lock);
	pthread_join(helper, NULL);
	return 0;
}

/* ---- what is built on it ---- */

static int directories_are_read(void *arg)
{
	char directory[] = "/tmp/lend-test-XXXXXX", path[64];
	struct lend_dir_entry entry;
	struct lend_dir *dir;
	unsigned found = 0;
	int res;

	(void)arg;
	if (!CHECK(mkdtemp(directory)))
		return -1;
	for (int i = 0; i < 40; i++) {
		snprintf(path, sizeof(path), "%s/file-%d", directory, i);
		close(open(path, O_CREAT | O_WRONLY, 0600));
	}
	CHECK_EQ(lend_dir_open(AT_FDCWD, path, LEND_FOREVER, &dir), -ENOTDIR);
	if (!CHECK_EQ(lend_dir_open(AT_FDCWD, directory, LEND_FOREVER, &dir),
		      0))
		return -1;
	while ((res = lend_dir_read(dir, LEND_FOREVER, &entry)) == 1) {
		int i;

		if (sscanf(entry.name, "file-%d", &i) == 1 && i >= 0 && i < 40)
			found++;
		else
			CHECK(!strcmp(entry.name, ".") ||
			      !strcmp(entry.name, ".."));
		CHECK(entry.type == DT_REG || entry.type == DT_DIR ||
		      entry.type == DT_UNKNOWN);
	}
	CHECK_EQ(res, 0);
	CHECK_EQ(found, 40);
	CHECK_EQ(lend_getdents(lend_dir_fd(dir), path, sizeof(path),
			       LEND_FOREVER),
		 0);
	lend_dir_close(dir);
	CHECK_EQ(lend_getdents(-1, path, sizeof(path), LEND_FOREVER), -EBADF);
	for (int i = 0; i < 40; i++) {
		snprintf(path, sizeof(path), "%s/file-%d", directory, i);
		unlink(path);
	}
	rmdir(directory);
	return 0;
}

static int names_are_resolved(void *arg)
{
	struct addrinfo hints = { .ai_family = AF_INET,
				  .ai_socktype = SOCK_STREAM,
				  .ai_flags = AI_NUMERICHOST };
	const struct sockaddr_in *address;
	struct addrinfo *list;
	uint64_t before = pool().run;

	(void)arg;
	if (CHECK_EQ(lend_getaddrinfo("127.0.0.1", "80", &hints, LEND_FOREVER,
				      &list),
		     0)) {
		address = (const struct sockaddr_in *)list->ai_addr;
		CHECK_EQ(ntohs(address->sin_port), 80);
		CHECK_EQ(ntohl(address->sin_addr.s_addr), INADDR_LOOPBACK);
		freeaddrinfo(list);
	}
	CHECK_EQ(lend_getaddrinfo("not.a.number", "80", &hints, LEND_FOREVER,
				  &list),
		 -ENOENT);
	CHECK_EQ(lend_getaddrinfo(NULL, NULL, &hints, LEND_FOREVER, &list),
		 -ENOENT);
	hints.ai_family = 12345;
	CHECK_EQ(lend_getaddrinfo("127.0.0.1", "80", &hints, LEND_FOREVER,
				  &list),
		 -EAFNOSUPPORT);
	CHECK_EQ(pool().run - before, 4);
	return 0;
}

int main(int argc, char **argv)
{
	struct lend_options small, brief;

	test_init(argc, argv, 60);
	test_options.blocking_threads_max = THREADS;
	small = brief = test_options;
	small.blocking_threads_max = 1;
	small.blocking_queue_max = 2;
	brief.blocking_idle_ns = LEND_MS;
	test_actor("actors run while functions block",
		   actors_run_while_functions_block);
	test_actor("who gives up in the queue has not run",
		   who_gives_up_in_the_queue_has_not_run);
	test_actor("one that runs is waited for", one_that_runs_is_waited_for);
	test_actor("one that owns its argument is left",
		   one_that_owns_its_argument_is_left);
	test_actor("what comes back is the caller's",
		   what_comes_back_is_the_callers);
	test_actor_with("too many are refused", too_many_are_refused, &small);
	test_actor_with("idle threads end and come again",
			idle_threads_end_and_come_again, &brief);
	test_actor("its threads take no signals", its_threads_take_no_signals);
	test_actor_with("none is lost or freed twice",
			none_is_lost_or_freed_twice, &brief);
	test_plain("the end waits, and names them",
		   the_end_waits_and_names_them);
	test_actor("directories are read", directories_are_read);
	test_actor("names are resolved", names_are_resolved);
	return test_finish();
}
