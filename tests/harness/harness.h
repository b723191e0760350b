/*
 * What the plain test programs share: checks, a watchdog, and the runtime
 * configuration that the command line names. No Criterion, so that they run
 * under every sanitizer; the public API alone, so that they see what users see.
 *
 *	test_program [MODE[:WORKERS[:RINGS[:DEPTH[:SQPOLL_IDLE_MS]]]] [DISABLE]]
 *
 * MODE is borrowed, private or shared; DISABLE goes to LEND_DISABLE.
 * LEND_TEST_ACTORS_MAX: lend_options.actors_max, for valgrind.
 * LEND_TEST_SHARED_BUFFERS: if set, lend_options.shared_buffers.
 */
#ifndef LEND_TESTS_HARNESS_H
#define LEND_TESTS_HARNESS_H

#include <lend/lend.h>
#include <stdbool.h>
#include <stdint.h>

/* A check that fails is counted and printed, and the test goes on. It is an
 * expression: `if (!CHECK(x)) return -1;` stops where going on makes no sense.
 * Thread: any, actors too. */
#define CHECK(condition) test_check((condition), __FILE__, __LINE__, #condition)
#define CHECK_EQ(got, want)                                                    \
	test_check_eq((long long)(got), (long long)(want), __FILE__, __LINE__, \
		      #got)
/* @got from @low to @high. */
#define CHECK_IN(got, low, high)                                               \
	test_check_in((long long)(got), (long long)(low), (long long)(high),   \
		      __FILE__, __LINE__, #got)

bool test_check(bool ok, const char *file, int line, const char *text);
bool test_check_eq(long long got, long long want, const char *file, int line,
		   const char *text);
bool test_check_in(long long got, long long low, long long high,
		   const char *file, int line, const char *text);

/* Read the configuration, start the watchdog: a test that needs so long on a
 * calm machine does not end; a noisy one is given more. */
void test_init(int argc, char **argv, unsigned watchdog_s);

/* The configuration; a test may change a copy. */
extern struct lend_options test_options;
/* A copy with one worker, and one ring if each worker has its own. */
struct lend_options test_one_worker(void);

/* Start over with the watchdog's time. */
void test_watchdog(unsigned seconds);

/* Run @fn as the first actor of a fresh runtime and count the test as passed
 * if no check failed, it returned 0 and left no descriptor open. */
void test_actor(const char *name, lend_actor_fn fn);
void test_actor_with(const char *name, lend_actor_fn fn,
		     const struct lend_options *options);
/* The same without a runtime around it. */
void test_plain(const char *name, int (*fn)(void));
/* Say that a test does not apply, and why. */
void test_skip(const char *name, const char *reason);

/* Checks that failed since the present test began. */
unsigned test_failures(void);

/* Print the summary. Return: what main() returns. */
int test_finish(void);

/* ---- what tests keep needing ---- */

/* Open descriptors of this process. */
unsigned test_count_fds(void);
/* CPU time of this process. */
uint64_t test_cpu_ns(void);
/* Spawn a joinable actor; the test ends if that fails. */
lend_ref test_spawn(lend_actor_fn fn, void *arg);
lend_ref test_spawn_on(unsigned worker, lend_actor_fn fn, void *arg);
/* The same, and no other worker runs it. */
lend_ref test_spawn_pinned(unsigned worker, lend_actor_fn fn, void *arg);
/* Join; INT32_MIN if the join failed. */
int test_join(lend_ref actor);
/* Receive a message, and free it. Return: its type, or an error. */
int test_receive(uint64_t deadline);
/* A NOP by a claim, awaited. Return: 0, or the error of any step. */
int test_nop(void);
/* A connected pair of stream sockets. */
void test_pair(int fds[2]);
/* A listening TCP socket on the loopback, its port in *@ret_port. */
int test_listen(int backlog, uint16_t *ret_port);
/* A blocking connection to it, from any thread. */
int test_connect(uint16_t port);
/**
 * Run @fn as the first actor of a process of its own, with the options of the
 * test, and read what that says on its standard error.
 *
 * @words  a string, cut at @room
 *
 * Return: how it ended, for WIFSIGNALED() and its like
 */
int test_in_child(lend_actor_fn fn, char *words, size_t room);
/* Has it said @what? If not, what it said is printed. */
bool test_says(const char *words, const char *what);
/* Use up the stack of the actor that calls it, or is it. */
int test_overflow_stack(void *arg);
/* An actor's connection to @address. */
int test_connect_to(const struct lend_address *address);
/* Keep the CPU busy. */
void test_spin(uint64_t span_ns);
#if defined(__SANITIZE_THREAD__)
#define TEST_UNDER_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define TEST_UNDER_TSAN 1
#endif
#endif
#ifndef TEST_UNDER_TSAN
#define TEST_UNDER_TSAN 0
#endif

/* Is the program built with a sanitizer? Times are not checked then. */
bool test_is_slow(void);
/* Next number of a xorshift generator. */
uint64_t test_random(uint64_t *state);
/* argv, LEND_TEST_SEED or the clock; printed. */
uint64_t test_seed(int argc, char **argv, int index);

#endif
