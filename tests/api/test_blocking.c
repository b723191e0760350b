/*
 * Goal:   P8, first half, and B13: functions that block run on a bounded pool
 *         of threads, and suspend only their actor; too many are refused, none
 *         is lost. Directories and names are read by it.
 * Method: functions that wait for a gate, which the test opens when it has seen
 *         what it wants; the pool's numbers are read, not guessed.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "api/gate.h"

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

/* What that means the C library decides; its results have the flags in them. */
static int no_hints_are_no_zeroed_ones(void *arg)
{
	struct addrinfo *list, *same;

	(void)arg;
	if (!CHECK_EQ(getaddrinfo("127.0.0.1", "80", NULL, &same), 0))
		return -1;
	if (CHECK_EQ(lend_getaddrinfo("127.0.0.1", "80", NULL, LEND_FOREVER,
				      &list),
		     0)) {
		CHECK_EQ(list->ai_flags, same->ai_flags);
		freeaddrinfo(list);
	}
	freeaddrinfo(same);
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
	test_actor_with("too many are refused", too_many_are_refused, &small);
	test_actor_with("idle threads end and come again",
			idle_threads_end_and_come_again, &brief);
	test_actor("its threads take no signals", its_threads_take_no_signals);
	test_actor_with("none is lost or freed twice",
			none_is_lost_or_freed_twice, &brief);
	test_actor("directories are read", directories_are_read);
	test_actor("names are resolved", names_are_resolved);
	test_actor("no hints are no zeroed ones", no_hints_are_no_zeroed_ones);
	return test_finish();
}
