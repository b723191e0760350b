/*
 * The table of descriptors: see descriptors.h.
 */
#include "io/descriptors.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stddef.h>
#include <unistd.h>

#include "actor/actor.h"
#include "base/check.h"
#include "io/owner.h"
#include "io/timeouts.h"

#define CLOSING	    UINT32_C(0x80000000) /* nothing new on it */
#define FINAL	    UINT32_C(0x40000000) /* close(2) is running: wait */
#define EPOCH	    UINT32_C(0x3fc00000) /* closes of this number so far */
#define EPOCH_SHIFT 22
#define EPOCH_ONE   (UINT32_C(1) << EPOCH_SHIFT)
#define IN_FLIGHT   (EPOCH_ONE - 1)

struct entry {
	_Atomic uint32_t state; /* CLOSING | EPOCH | operations in flight */
	_Atomic uint32_t next;	/* descriptor + 1 */
};

/* Addresses only: a page is committed when a descriptor of its first gets
 * used. Not asked for at run time, where it might be refused. */
static struct entry table[LEND_DESCRIPTORS_MAX];

static pthread_mutex_t closers_lock = PTHREAD_MUTEX_INITIALIZER;
static struct lend_list closers = { &closers, &closers }; /* [closers_lock] */

static struct entry *find(int fd)
{
	if (lend_unlikely(fd < 0 || fd >= LEND_DESCRIPTORS_MAX))
		return NULL;
	return &table[fd];
}

/* The state when nobody is in the middle of close(2). Until then the number may
 * be somebody else's new descriptor already, and the state tells of the old. */
static uint32_t load_settled(const struct entry *entry)
{
	uint32_t state;

	/* Relaxed: who got the number from the kernel got it after FINAL was
	 * set, so that or what came later is what there is to see. */
	while ((state = atomic_load_explicit(&entry->state,
					     memory_order_relaxed)) &
	       FINAL)
		sched_yield();
	return state;
}

int lend__descriptor_enter(int fd)
{
	struct entry *entry = find(fd);
	uint32_t before;

	if (!entry)
		return fd < 0 ? -EBADF : 0;
	/* Relaxed: the counter alone matters; what the operation does is
	 * ordered by its submission. */
	before = atomic_fetch_add_explicit(&entry->state, 1,
					   memory_order_relaxed);
	if (lend_likely(!(before & CLOSING)))
		return 0;
	lend__descriptor_leave(fd);
	if (!(before & FINAL))
		return -EBADF;
	/* What it is the kernel can say in a moment. */
	(void)load_settled(entry);
	return lend__descriptor_enter(fd);
}

static uint8_t epoch_of(uint32_t state)
{
	return (uint8_t)((state & EPOCH) >> EPOCH_SHIFT);
}

uint8_t lend__descriptor_epoch(int fd)
{
	struct entry *entry = find(fd);

	/* A series is opened with nothing counted, perhaps on the number of a
	 * descriptor that is still being closed: not the epoch of that. */
	return entry ? epoch_of(load_settled(entry)) : 0;
}

int lend__descriptor_enter_again(int fd, uint8_t epoch)
{
	int err = lend__descriptor_enter(fd);

	if (err)
		return err;
	if (lend__descriptor_epoch(fd) == epoch)
		return 0;
	lend__descriptor_leave(fd);
	return -EBADF;
}

/* Not inlined, so that who leaves has nothing to save on the stack. */
__attribute__((noinline)) static void wake_closer(int fd)
{
	pthread_mutex_lock(&closers_lock);
	lend_list_for_each (link, &closers) {
		struct lend_closer *closer = lend_container_of(
			link, struct lend_closer, link);

		if (closer->fd == fd)
			lend__actor_signal(closer->actor, LEND_SIGNAL_WAKE);
	}
	pthread_mutex_unlock(&closers_lock);
}

void lend__descriptor_tell_closer(int fd, const struct lend_orphan *orphan)
{
	pthread_mutex_lock(&closers_lock);
	lend_list_for_each (link, &closers) {
		struct lend_closer *closer = lend_container_of(
			link, struct lend_closer, link);

		if (closer->fd != fd || closer->has_told)
			continue;
		closer->told = *orphan;
		closer->has_told = true;
		lend__actor_signal(closer->actor, LEND_SIGNAL_WAKE);
	}
	pthread_mutex_unlock(&closers_lock);
}

bool lend__descriptor_told(struct lend_closer *closer,
			   struct lend_orphan *ret_orphan)
{
	bool told = false;

	if (!closer->listed)
		return false;
	pthread_mutex_lock(&closers_lock);
	if (closer->has_told) {
		*ret_orphan = closer->told;
		told = true;
		closer->has_told = false;
	}
	pthread_mutex_unlock(&closers_lock);
	return told;
}

void lend__descriptor_leave(int fd)
{
	struct entry *entry = find(fd);

	/* Acquire-release [D1]: the closer goes on after each one's end. */
	if (entry &&
	    (atomic_fetch_sub_explicit(&entry->state, 1, memory_order_acq_rel) &
	     ~EPOCH) == (CLOSING | 1))
		wake_closer(fd);
}

void lend__descriptor_fetch(int fd)
{
	__builtin_prefetch(find(fd), 1);
}

bool lend__descriptor_is_closing(int fd)
{
	struct entry *entry = find(fd);

	/* Relaxed: the closer sets it before it cancels anything, and the way
	 * of that cancellation through the kernel to the caller orders it. */
	return entry &&
	       atomic_load_explicit(&entry->state, memory_order_relaxed) &
		       CLOSING;
}

int lend__descriptor_begin_close(struct lend_closer *closer, int fd, int epoch,
				 struct lend_actor *actor)
{
	struct entry *entry = find(fd);
	uint32_t before;

	closer->listed = closer->has_told = false;
	closer->actor = actor;
	closer->fd = fd;
	if (!entry)
		return fd < 0 ? -EBADF : 0;
	before = atomic_load_explicit(&entry->state, memory_order_relaxed);
	do {
		if (before & FINAL)
			before = load_settled(entry);
		if (before & CLOSING ||
		    (epoch != LEND_EPOCH_ANY && epoch_of(before) != epoch))
			return -EBADF;
	} while (!atomic_compare_exchange_weak_explicit(
		&entry->state, &before, before | CLOSING, memory_order_acq_rel,
		memory_order_relaxed));
	if (before & IN_FLIGHT) {
		/* The last one may end before we are in the list: the closer
		 * looks at the count after this, and before it waits. */
		pthread_mutex_lock(&closers_lock);
		lend_list_push_back(&closers, &closer->link);
		closer->listed = true;
		pthread_mutex_unlock(&closers_lock);
	}
	return (int)(before & IN_FLIGHT);
}

unsigned lend__descriptor_in_flight(int fd)
{
	struct entry *entry = find(fd);

	/* Acquire [D1], paired with leave(). */
	return entry ? atomic_load_explicit(&entry->state,
					    memory_order_acquire) &
			       IN_FLIGHT :
		       0;
}

int lend__descriptor_end_close(struct lend_closer *closer)
{
	struct entry *entry = find(closer->fd);
	uint32_t state;
	int err;

	if (closer->listed) {
		pthread_mutex_lock(&closers_lock);
		lend_list_remove(&closer->link);
		pthread_mutex_unlock(&closers_lock);
	}
	if (entry)
		atomic_fetch_or_explicit(&entry->state, FINAL,
					 memory_order_acq_rel);
	lend__timeouts_forget(closer->fd);
	lend__owner_forget(closer->fd);
	/* Interrupted or not, Linux has let go of the number. */
	err = close(closer->fd) && errno != EINTR ? -errno : 0;
	if (!entry)
		return err;
	/* In one step, as others try to enter meanwhile: they look at the
	 * epoch after they have. */
	state = atomic_load_explicit(&entry->state, memory_order_relaxed);
	while (!atomic_compare_exchange_weak_explicit(
		&entry->state, &state,
		(state & IN_FLIGHT) | ((state + EPOCH_ONE) & EPOCH),
		memory_order_acq_rel, memory_order_relaxed))
		;
	return err;
}

/* ---- lists of descriptors ---- */

_Atomic uint32_t *lend__descriptor_link(int fd)
{
	struct entry *entry = find(fd);

	return entry ? &entry->next : NULL;
}
