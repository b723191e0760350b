/*
 * Locks, condition variables and what is done once, linked in the place of the
 * C library's with the linker's --wrap.
 */
#include <errno.h>
#include <pthread.h>
#include <time.h>

#include "kernel.h"

/* ---- locks: the first word is the owner, or 0 ---- */

static uint32_t *word_of(void *object)
{
	return object;
}

static uint32_t self_word(void)
{
	return sim.current ? (uint32_t)sim.current->index + 1 : UINT32_MAX;
}

bool sim_mutex_is_mine(const void *mutex)
{
	return *(const uint32_t *)mutex == self_word();
}

bool sim_mutex_is_free(const void *mutex)
{
	return *(const uint32_t *)mutex == 0;
}

static bool is_free(void *mutex)
{
	return *word_of(mutex) == 0;
}

__typeof__(pthread_mutex_init) __wrap_pthread_mutex_init;
int __wrap_pthread_mutex_init(pthread_mutex_t *mutex,
			      const pthread_mutexattr_t *attributes)
{
	(void)attributes;
	*word_of(mutex) = 0;
	return 0;
}

__typeof__(pthread_mutex_destroy) __wrap_pthread_mutex_destroy;
int __wrap_pthread_mutex_destroy(pthread_mutex_t *mutex)
{
	if (*word_of(mutex))
		sim_fail("locks are free at the end", "one is held");
	return 0;
}

__typeof__(pthread_mutex_lock) __wrap_pthread_mutex_lock;
int __wrap_pthread_mutex_lock(pthread_mutex_t *mutex)
{
	sim_point();
	sim_drain(sim.current);
	if (*word_of(mutex) == self_word())
		sim_fail("no lock is taken twice", "by one thread");
	while (*word_of(mutex))
		sim_block(is_free, mutex, SIM_NEVER);
	*word_of(mutex) = self_word();
	return 0;
}

__typeof__(pthread_mutex_trylock) __wrap_pthread_mutex_trylock;
int __wrap_pthread_mutex_trylock(pthread_mutex_t *mutex)
{
	sim_point();
	sim_drain(sim.current);
	if (*word_of(mutex))
		return EBUSY;
	*word_of(mutex) = self_word();
	return 0;
}

__typeof__(pthread_mutex_unlock) __wrap_pthread_mutex_unlock;
int __wrap_pthread_mutex_unlock(pthread_mutex_t *mutex)
{
	sim_drain(sim.current);
	if (*word_of(mutex) != self_word())
		sim_fail("a lock is released by its holder", "it is not");
	*word_of(mutex) = 0;
	sim_point();
	return 0;
}

/* ---- condition variables: the first word counts signals ---- */

__typeof__(pthread_cond_init) __wrap_pthread_cond_init;
int __wrap_pthread_cond_init(pthread_cond_t *condition,
			     const pthread_condattr_t *attributes)
{
	(void)attributes;
	*word_of(condition) = 0;
	return 0;
}

__typeof__(pthread_cond_destroy) __wrap_pthread_cond_destroy;
int __wrap_pthread_cond_destroy(pthread_cond_t *condition)
{
	(void)condition;
	return 0;
}

struct signalled {
	uint32_t *word;
	uint32_t before;
};

static bool is_signalled(void *arg)
{
	struct signalled *signalled = arg;

	return *signalled->word != signalled->before;
}

static int cond_wait(pthread_cond_t *condition, pthread_mutex_t *mutex,
		     uint64_t wake_ns)
{
	struct signalled signalled = { word_of(condition),
				       *word_of(condition) };
	bool came;

	sim_drain(sim.current);
	*word_of(mutex) = 0;
	came = sim_block(is_signalled, &signalled, wake_ns);
	__wrap_pthread_mutex_lock(mutex);
	return came ? 0 : ETIMEDOUT;
}

__typeof__(pthread_cond_wait) __wrap_pthread_cond_wait;
int __wrap_pthread_cond_wait(pthread_cond_t *condition, pthread_mutex_t *mutex)
{
	return cond_wait(condition, mutex, SIM_NEVER);
}

__typeof__(pthread_cond_timedwait) __wrap_pthread_cond_timedwait;
int __wrap_pthread_cond_timedwait(pthread_cond_t *condition,
				  pthread_mutex_t *mutex,
				  const struct timespec *time)
{
	uint64_t seconds = (uint64_t)time->tv_sec;

	/* Whichever clock was meant. */
	if (seconds >= SIM_EPOCH_S)
		seconds -= SIM_EPOCH_S;
	return cond_wait(condition, mutex,
			 seconds * LEND_S + (uint64_t)time->tv_nsec);
}

__typeof__(pthread_cond_broadcast) __wrap_pthread_cond_broadcast;
int __wrap_pthread_cond_broadcast(pthread_cond_t *condition)
{
	sim_drain(sim.current);
	++*word_of(condition);
	return 0;
}

__typeof__(pthread_cond_signal) __wrap_pthread_cond_signal;
int __wrap_pthread_cond_signal(pthread_cond_t *condition)
{
	return __wrap_pthread_cond_broadcast(condition);
}

/* ---- once: 0, 1 while it runs, 2 ---- */

static bool is_done(void *once)
{
	return *word_of(once) == 2;
}

__typeof__(pthread_once) __wrap_pthread_once;
int __wrap_pthread_once(pthread_once_t *once, void (*fn)(void))
{
	sim_point();
	sim_drain(sim.current);
	if (*word_of(once) == 0) {
		*word_of(once) = 1;
		fn();
		sim_drain(sim.current);
		*word_of(once) = 2;
	}
	while (!is_done(once))
		sim_block(is_done, once, SIM_NEVER);
	return 0;
}
