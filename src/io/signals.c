/*
 * Unix signals as messages: see include/lend/signal.h.
 *
 * One actor of the runtime, the hub, waits on a signalfd(2) and tells everybody
 * who has subscribed. It is spawned with the first subscription and ends with
 * the last; its descriptor's set of signals is always the union of theirs. One
 * that ends reads no signal any more, as its successor may be there already.
 */
#include <lend/signal.h>

#include <errno.h>
#include <lend/actor.h>
#include <lend/clock.h>
#include <lend/io.h>
#include <lend/mailbox.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "actor/actor.h"
#include "base/check.h"
#include "rt/current.h"
#include "rt/misuse.h"
#include "rt/runtime.h"
#include "rt/worker.h"

/* Until it is waited for again, when that was refused. */
#define AGAIN_NS (10 * LEND_MS)

struct subscriber {
	struct subscriber *next; /* [lock] */
	lend_ref actor;
	uint32_t type;
	sigset_t set;
};

struct lend_signals {
	struct lend_runtime *runtime; /* [const] */
	int fd;			      /* [const] */
	/* [lock] */
	lend_ref hub;
	struct subscriber *subscribers;
	bool over; /* no more of the runtime's */
};

/* Of all hubs and of each runtime's pointer to its own. What is done with it in
 * hand waits for nothing and calls nothing of the program's. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* ---- the hub ---- */

static void set_mask_locked(struct lend_signals *signals)
{
	sigset_t all;

	sigemptyset(&all);
	for (const struct subscriber *subscriber = signals->subscribers;
	     subscriber; subscriber = subscriber->next)
		sigorset(&all, &all, &subscriber->set);
	/* It can fail for another descriptor only. */
	if (signalfd(signals->fd, &all, SFD_CLOEXEC | SFD_NONBLOCK) < 0)
		lend_panic("a signalfd is gone: %s", lend_error_name(-errno));
}

/* Take the one at @place, which points to it, out of its list. */
static void forget_locked(struct subscriber **place)
{
	struct subscriber *subscriber = *place;

	*place = subscriber->next;
	free(subscriber);
}

/* How many mailboxes were full. */
static unsigned tell_locked(struct lend_signals *signals,
			    const struct signalfd_siginfo *info)
{
	const struct lend_signal signal = {
		.number = (int)info->ssi_signo,
		.code = info->ssi_code,
		.pid = (pid_t)info->ssi_pid,
		.uid = info->ssi_uid,
		.status = info->ssi_status,
		.value = (int64_t)info->ssi_ptr,
	};
	struct subscriber **place = &signals->subscribers;
	unsigned lost = 0;

	while (*place) {
		const struct subscriber *subscriber = *place;
		int err = 0;

		if (sigismember(&subscriber->set, signal.number))
			err = lend_tell(subscriber->actor, subscriber->type,
					&signal, sizeof(signal));
		if (err == -ESRCH) {
			forget_locked(place);
			continue;
		}
		lost += err != 0;
		place = &(*place)->next;
	}
	return lost;
}

/* One of those that are pending; false: there is none, or it is over. */
static bool pass_on(struct lend_signals *signals)
{
	struct signalfd_siginfo info;
	unsigned lost = 0;
	bool has_read;

	pthread_mutex_lock(&lock);
	has_read = !signals->over &&
		   read(signals->fd, &info, sizeof(info)) == sizeof(info);
	if (has_read)
		lost = tell_locked(signals, &info);
	pthread_mutex_unlock(&lock);
	if (lost)
		lend__log(&signals->runtime->log, LEND_LOG_WARNING,
			  "signal %u was lost for %u actors: their mailboxes "
			  "are full, or memory lacks",
			  info.ssi_signo, lost);
	return has_read;
}

static void signals_free(struct lend_signals *signals)
{
	while (signals->subscribers)
		forget_locked(&signals->subscribers);
	free(signals);
}

static int hub(void *arg)
{
	struct lend_signals *signals = arg;

	for (;;) {
		bool is_ready = lend_poll(signals->fd, POLLIN, LEND_FOREVER) >=
				0;

		if (is_ready)
			while (pass_on(signals))
				;
		else if (lend_is_cancelled())
			break;
		else /* memory lacks, and there are subscribers all the same */
			(void)lend_sleep(lend_after(AGAIN_NS));
	}
	/* Before its descriptor is closed, as whoever finds it changes the set
	 * of that: subscribers may end at the same time, and later. */
	pthread_mutex_lock(&lock);
	if (signals->runtime->signals == signals)
		signals->runtime->signals = NULL;
	pthread_mutex_unlock(&lock);
	lend_close(signals->fd);
	signals_free(signals);
	return 0;
}

static int start_locked(struct lend_runtime *runtime)
{
	static const struct lend_spawn_options options = { .name = "signals" };
	struct lend_signals *signals = calloc(1, sizeof(*signals));
	sigset_t none;
	int err;

	if (!signals)
		return -ENOMEM;
	sigemptyset(&none);
	signals->runtime = runtime;
	signals->fd = signalfd(-1, &none, SFD_CLOEXEC | SFD_NONBLOCK);
	if (signals->fd < 0) {
		err = -errno;
		goto fail_free;
	}
	err = lend_spawn(hub, signals, &options, &signals->hub);
	if (err)
		goto fail_close;
	runtime->signals = signals;
	return 0;

fail_close:
	close(signals->fd);
fail_free:
	free(signals);
	return err;
}

/* ---- the interface ---- */

/* False: one of them can not be had. */
static bool make_set(const struct lend_runtime *runtime, const int *numbers,
		     unsigned count, sigset_t *set)
{
	static const int never[] = { SIGKILL, SIGSTOP, SIGSEGV, SIGBUS,
				     SIGILL,  SIGFPE,  SIGABRT, SIGTRAP };
	int kick = runtime->options.kick_signal;

	sigemptyset(set);
	for (unsigned i = 0; i < count; i++)
		if (sigaddset(set, numbers[i]))
			return false;
	for (unsigned i = 0; i < sizeof(never) / sizeof(never[0]); i++)
		if (sigismember(set, never[i]))
			return false;
	/* sigisemptyset() of some C libraries sees the lower half alone. */
	return count && !(kick && sigismember(set, kick));
}

/* What points to the actor's, or to NULL at the end. */
static struct subscriber **find_locked(struct lend_signals *signals,
				       lend_ref actor)
{
	struct subscriber **place = &signals->subscribers;

	while (*place && !lend__ref_equal((*place)->actor, actor))
		place = &(*place)->next;
	return place;
}

/* @subscriber belongs to the runtime's hub with 0. */
static int add_locked(struct lend_runtime *runtime,
		      struct subscriber *subscriber)
{
	struct subscriber **place;
	int err = runtime->signals ? 0 : start_locked(runtime);

	if (err)
		return err;
	place = find_locked(runtime->signals, subscriber->actor);
	if (*place)
		forget_locked(place);
	subscriber->next = *place;
	*place = subscriber;
	set_mask_locked(runtime->signals);
	return 0;
}

int lend_signals_subscribe(const int *numbers, unsigned count, uint32_t type)
{
	struct lend_actor *self = lend__current_actor();
	struct lend_runtime *runtime;
	struct subscriber *subscriber;
	sigset_t set;
	int err;

	lend_assert_actor(self);
	runtime = self->worker->runtime;
	if (!make_set(runtime, numbers, count, &set))
		return -EINVAL;
	if (lend_is_cancelled())
		return -ECANCELED;
	subscriber = calloc(1, sizeof(*subscriber));
	if (!subscriber)
		return -ENOMEM;
	subscriber->actor = lend__actor_ref(self);
	subscriber->type = type;
	subscriber->set = set;
	pthread_mutex_lock(&lock);
	err = add_locked(runtime, subscriber);
	pthread_mutex_unlock(&lock);
	if (err)
		free(subscriber);
	return err;
}

void lend_signals_unsubscribe(void)
{
	struct lend_actor *self = lend__current_actor();
	struct subscriber **place = NULL;
	struct lend_signals *signals;
	struct lend_runtime *runtime;
	lend_ref ended = { 0, 0 };

	lend_assert_actor(self);
	runtime = self->worker->runtime;
	pthread_mutex_lock(&lock);
	signals = runtime->signals;
	if (signals)
		place = find_locked(signals, lend__actor_ref(self));
	if (place && *place) {
		forget_locked(place);
		set_mask_locked(signals);
		if (!signals->subscribers) {
			signals->over = true;
			ended = signals->hub;
			runtime->signals = NULL;
		}
	}
	pthread_mutex_unlock(&lock);
	if (ended.generation)
		lend_cancel(ended);
}
