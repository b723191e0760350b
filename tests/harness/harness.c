/*
 * The harness of the plain test programs: see harness.h.
 */
#include "harness/harness.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <liburing.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define IS_SLOW true
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
#define IS_SLOW true
#endif
#endif
#ifndef IS_SLOW
#define IS_SLOW false
#endif

#define WATCHDOG_MIN_S 120

struct lend_options test_options;

static _Atomic unsigned failures; /* checks, of the test that runs */
static unsigned passed, failed;
static char current[96] = "(start)"; /* the watchdog names it */

/* ---- checks ---- */

bool test_check(bool ok, const char *file, int line, const char *text)
{
	if (ok)
		return true;
	atomic_fetch_add(&failures, 1);
	fprintf(stderr, "%s:%d: %s: %s\n", file, line, current, text);
	return false;
}

bool test_check_eq(long long got, long long want, const char *file, int line,
		   const char *text)
{
	if (got == want)
		return true;
	atomic_fetch_add(&failures, 1);
	fprintf(stderr, "%s:%d: %s: %s is %lld, not %lld\n", file, line,
		current, text, got, want);
	return false;
}

bool test_check_in(long long got, long long low, long long high,
		   const char *file, int line, const char *text)
{
	if (got >= low && got <= high)
		return true;
	atomic_fetch_add(&failures, 1);
	fprintf(stderr, "%s:%d: %s: %s is %lld, not in %lld to %lld\n", file,
		line, current, text, got, low, high);
	return false;
}

unsigned test_failures(void)
{
	return atomic_load(&failures);
}

/* ---- set-up ---- */

static void bark(int signal_number)
{
	static const char text[] = "watchdog: no progress in time in test ";

	(void)signal_number;
	if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0 ||
	    write(STDERR_FILENO, current, strlen(current)) < 0 ||
	    write(STDERR_FILENO, "\n", 1) < 0)
		_exit(3);
	abort();
}

void test_watchdog(unsigned seconds)
{
	/* Two slow processors with much else to do are no hang. */
	if (seconds < WATCHDOG_MIN_S)
		seconds = WATCHDOG_MIN_S;
	alarm(test_is_slow() ? 3 * seconds : seconds);
}

static void read_options(const char *text)
{
	char mode[16] = "";

	if (sscanf(text, "%15[a-z]:%u:%u:%u:%u", mode, &test_options.workers,
		   &test_options.rings, &test_options.depth,
		   &test_options.sqpoll_idle_ms) < 1 ||
	    lend_ring_mode_parse(mode, &test_options.mode)) {
		fprintf(stderr, "no configuration: %s\n", text);
		exit(2);
	}
}

void test_init(int argc, char **argv, unsigned watchdog_s)
{
	const char *actors_max = getenv("LEND_TEST_ACTORS_MAX");

	signal(SIGALRM, bark);
	signal(SIGPIPE, SIG_IGN);
	test_options.workers = 2;
	/* Under valgrind the reservations have to be smaller. */
	test_options.actors_max = actors_max ? (unsigned)strtoul(actors_max,
								 NULL, 0) :
					       16384;
	test_options.shared_buffers = getenv("LEND_TEST_SHARED_BUFFERS");
	if (argc > 1)
		read_options(argv[1]);
	if (argc > 2)
		setenv("LEND_DISABLE", argv[2], 1);
	test_watchdog(watchdog_s);
}

struct lend_options test_one_worker(void)
{
	struct lend_options one = test_options;

	one.workers = one.workers_max = 1;
	if (one.mode == LEND_RING_PRIVATE)
		one.rings = one.rings_max = 0;
	return one;
}

/* ---- running ---- */

static void begin(const char *name)
{
	snprintf(current, sizeof(current), "%s", name);
	atomic_store(&failures, 0);
}

static void end(const char *name, int value, unsigned fds_before)
{
	CHECK_EQ(value, 0);
	CHECK_EQ(test_count_fds(), fds_before);
	if (atomic_load(&failures)) {
		failed++;
		printf("FAIL %s\n", name);
	} else {
		passed++;
		printf("ok   %s\n", name);
	}
	fflush(stdout);
}

void test_actor_with(const char *name, lend_actor_fn fn,
		     const struct lend_options *options)
{
	unsigned fds = test_count_fds();

	begin(name);
	end(name, lend_run(options, fn, NULL), fds);
}

void test_actor(const char *name, lend_actor_fn fn)
{
	test_actor_with(name, fn, &test_options);
}

void test_plain(const char *name, int (*fn)(void))
{
	unsigned fds = test_count_fds();

	begin(name);
	end(name, fn(), fds);
}

void test_skip(const char *name, const char *reason)
{
	printf("skip %s: %s\n", name, reason);
}

int test_finish(void)
{
	printf("%u passed, %u failed\n", passed, failed);
	return failed ? 1 : 0;
}

/* ---- helpers ---- */

unsigned test_count_fds(void)
{
	DIR *directory = opendir("/proc/self/fd");
	unsigned count = 0;

	if (!directory)
		return 0;
	while (readdir(directory))
		count++;
	closedir(directory);
	return count;
}

uint64_t test_cpu_ns(void)
{
	struct timespec time;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
	return (uint64_t)time.tv_sec * LEND_S + (uint64_t)time.tv_nsec;
}

static lend_ref spawn(const struct lend_spawn_options *options,
		      lend_actor_fn fn, void *arg)
{
	lend_ref ref = { 0, 0 };
	int err = lend_spawn(fn, arg, options, &ref);

	if (err) {
		fprintf(stderr, "%s: no actor: %s\n", current,
			lend_error_name(err));
		abort();
	}
	return ref;
}

lend_ref test_spawn_on(unsigned worker, lend_actor_fn fn, void *arg)
{
	const struct lend_spawn_options options = {
		.joinable = true,
		.worker = worker,
	};

	return spawn(&options, fn, arg);
}

lend_ref test_spawn_pinned(unsigned worker, lend_actor_fn fn, void *arg)
{
	const struct lend_spawn_options options = {
		.joinable = true,
		.pinned = true,
		.worker = worker,
	};

	return spawn(&options, fn, arg);
}

lend_ref test_spawn(lend_actor_fn fn, void *arg)
{
	return test_spawn_on(0, fn, arg);
}

int test_join(lend_ref actor)
{
	int value, err = lend_join(actor, LEND_FOREVER, &value);

	CHECK_EQ(err, 0);
	return err ? INT32_MIN : value;
}

int test_receive(uint64_t deadline)
{
	struct lend_msg *msg;
	int type, err = lend_receive(deadline, &msg);

	if (err)
		return err;
	type = (int)lend_msg_type(msg);
	lend_msg_free(msg);
	return type;
}

int test_nop(void)
{
	struct lend_claim_handle *claim;
	struct lend_pending *pending;
	int err = lend_claim(1, LEND_FOREVER, &claim);

	if (err)
		return err;
	io_uring_prep_nop(lend_claim_sqe(claim, 0));
	err = lend_claim_commit(claim, &pending);
	if (err)
		return err;
	err = lend_pending_await(pending, LEND_FOREVER);
	lend_pending_free(pending);
	return err;
}

void test_pair(int fds[2])
{
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds)) {
		perror("socketpair");
		abort();
	}
}

int test_listen(int backlog, uint16_t *ret_port)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t size = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) ||
	    listen(fd, backlog) ||
	    getsockname(fd, (struct sockaddr *)&address, &size)) {
		perror("listen");
		abort();
	}
	*ret_port = ntohs(address.sin_port);
	return fd;
}

int test_connect(uint16_t port)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	address.sin_port = htons(port);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0 ||
	    connect(fd, (struct sockaddr *)&address, sizeof(address))) {
		perror("connect");
		abort();
	}
	return fd;
}

int test_in_child(lend_actor_fn fn, char *words, size_t room)
{
	const struct rlimit none = { 0, 0 };
	int fds[2], status = 0;
	size_t used = 0;
	ssize_t n;
	pid_t child;

	words[0] = '\0';
	if (!CHECK_EQ(pipe(fds), 0))
		return 0;
	fflush(stdout);
	child = fork();
	if (child == 0) {
		setrlimit(RLIMIT_CORE, &none);
		signal(SIGALRM, SIG_DFL);
		alarm(60);
		dup2(fds[1], STDERR_FILENO);
		close(fds[0]);
		close(fds[1]);
		_exit(lend_run(&test_options, fn, NULL) & 0x7f);
	}
	close(fds[1]);
	while (used < room - 1 &&
	       (n = read(fds[0], words + used, room - 1 - used)) > 0)
		used += (size_t)n;
	words[used] = '\0';
	close(fds[0]);
	CHECK_EQ(waitpid(child, &status, 0), child);
	return status;
}

bool test_says(const char *words, const char *what)
{
	if (strstr(words, what))
		return true;
	printf("  no \"%s\" in: %s\n", what, words);
	return false;
}

__attribute__((noinline)) static int recurse(volatile int *depth)
{
	volatile char frame[512];

	frame[0] = (char)*depth;
	if (++*depth < 0)
		return 0;
	return recurse(depth) + frame[0];
}

int test_overflow_stack(void *arg)
{
	volatile int depth = 0;

	(void)arg;
	return recurse(&depth);
}

int test_connect_to(const struct lend_address *address)
{
	int fd = lend_socket(address->storage.ss_family,
			     SOCK_STREAM | SOCK_CLOEXEC, 0, LEND_FOREVER);

	CHECK(fd >= 0);
	CHECK_EQ(lend_connect(fd, (const struct sockaddr *)&address->storage,
			      address->size, LEND_FOREVER),
		 0);
	return fd;
}

void test_spin(uint64_t span_ns)
{
	uint64_t end_ns = lend_after(span_ns);

	while (lend_now() < end_ns)
		;
}

bool test_is_slow(void)
{
	return IS_SLOW;
}

uint64_t test_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

uint64_t test_seed(int argc, char **argv, int index)
{
	const char *text = argc > index ? argv[index] :
					  getenv("LEND_TEST_SEED");
	uint64_t seed = text ? strtoull(text, NULL, 0) : lend_now();

	seed |= 1; /* 0 would stay 0 */
	printf("seed %llu (give it back as LEND_TEST_SEED)\n",
	       (unsigned long long)seed);
	fflush(stdout);
	return seed;
}
