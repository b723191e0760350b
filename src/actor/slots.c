/*
 * Free slots: see slots.h. Called by the registry; what a slot is made of is
 * not known here.
 */
#include "actor/slots.h"

#include <errno.h>
#include <sched.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <lend/clock.h>

#include "base/check.h"
#include "mem/pages.h"

/* Slots without pages that a magazine gets at once: an actor on one of them
 * pays for faults anyway. */
#define COLD_BATCH 8

#define MAGAZINE_MAX (2 * LEND_SLOTS_BATCH)

/* Of the machine's memory, free slots may hold so much: one part in ... */
#define MEMORY_SHARE 32

static size_t links_size(unsigned count)
{
	return lend_align_up(count * sizeof(_Atomic uint32_t), LEND_PAGE_SIZE);
}

static unsigned warm_max(size_t slot_size)
{
	long pages = sysconf(_SC_PHYS_PAGES);
	uint64_t most = pages > 0 ? (uint64_t)pages * LEND_PAGE_SIZE /
					    MEMORY_SHARE / slot_size :
				    0;

	if (most < LEND_SLOTS_WARM_MIN)
		return LEND_SLOTS_WARM_MIN;
	return most > INT32_MAX ? INT32_MAX : (unsigned)most;
}

int lend__slots_init(struct lend_slots *slots, unsigned count,
		     unsigned magazines, size_t slot_size)
{
	void *links, *memory;
	int err;

	memset(slots, 0, sizeof(*slots));
	err = lend__pages_reserve(links_size(count), &links);
	if (err)
		return err;
	if (posix_memalign(&memory, LEND_CACHE_LINE,
			   magazines * sizeof(*slots->magazines))) {
		lend__pages_unreserve(links, links_size(count));
		return -ENOMEM;
	}
	slots->next = links;
	slots->magazines = memory;
	slots->count = count;
	slots->magazines_count = magazines;
	slots->warm_max = warm_max(slot_size);
	memset(memory, 0, magazines * sizeof(*slots->magazines));
	for (unsigned i = 0; i < magazines; i++)
		slots->magazines[i].look_ns = UINT64_MAX;
	pthread_mutex_init(&slots->lock, NULL);
	return 0;
}

void lend__slots_fini(struct lend_slots *slots)
{
	if (!slots->next)
		return;
	pthread_mutex_destroy(&slots->lock);
	free(slots->magazines);
	lend__pages_unreserve(slots->next, links_size(slots->count));
	slots->next = NULL;
}

/* ---- lists ---- */

/* Relaxed: a list passes from hand to hand by its head. An owner that is about
 * to fail to pop may read a link that is another's by now. */
static uint32_t next_of(const struct lend_slots *slots, uint32_t index)
{
	return atomic_load_explicit(&slots->next[index], memory_order_relaxed);
}

static void set_next(struct lend_slots *slots, uint32_t index, uint32_t next)
{
	atomic_store_explicit(&slots->next[index], next, memory_order_relaxed);
}

static void push_locked(struct lend_slots *slots, uint32_t *list,
			uint32_t index)
{
	set_next(slots, index, *list);
	*list = index + 1;
	if (list == &slots->warm)
		slots->warm_count++;
}

static uint32_t pop_locked(struct lend_slots *slots, uint32_t *list)
{
	uint32_t index = *list - 1;

	*list = next_of(slots, index);
	if (list == &slots->warm)
		slots->warm_count--;
	return index;
}

/* ---- how many are kept warm ---- */

static void roll_locked(struct lend_slots *slots, uint64_t now_ns)
{
	uint64_t age_ns;

	/* The caller may have read the clock before somebody else began the
	 * window. */
	if (now_ns < slots->window_ns + LEND_SLOTS_WINDOW_NS)
		return;
	age_ns = now_ns - slots->window_ns;
	/* Nothing has moved in a window that nobody has begun. */
	slots->peak_before = age_ns < 2 * LEND_SLOTS_WINDOW_NS ? slots->peak :
								 slots->out;
	slots->peak = slots->out;
	slots->window_ns = now_ns;
}

static void note_out_locked(struct lend_slots *slots, unsigned more)
{
	slots->out += more;
	roll_locked(slots, lend_now());
	if (slots->peak < slots->out)
		slots->peak = slots->out;
}

/* In all magazines, as a hint. Acquire [G8], paired with push(): one whose
 * value was in @kept is not there any more. */
static unsigned in_all_magazines(const struct lend_slots *slots)
{
	unsigned count = 0;

	for (unsigned i = 0; i < slots->magazines_count; i++)
		count += (unsigned)(atomic_load_explicit(
					    &slots->magazines[i].free,
					    memory_order_acquire) >>
				    32);
	return count;
}

/* Free ones that may stay as they are: Note [warm]. */
static unsigned warm_wanted_locked(const struct lend_slots *slots)
{
	unsigned peak = slots->peak > slots->peak_before ? slots->peak :
							   slots->peak_before;
	unsigned wanted = peak > slots->out ? peak - slots->out : 0;

	if (wanted < LEND_SLOTS_WARM_MIN)
		wanted = LEND_SLOTS_WARM_MIN;
	return wanted < slots->warm_max ? wanted : slots->warm_max;
}

/* Out again, until they are cool. */
static void take_surplus_locked(struct lend_slots *slots,
				struct lend_surplus *surplus)
{
	unsigned wanted = warm_wanted_locked(slots);

	while (slots->warm_count > wanted && surplus->count < LEND_SURPLUS_MAX)
		surplus->slots[surplus->count++] = pop_locked(slots,
							      &slots->warm);
	slots->out += surplus->count;
	slots->cooling += surplus->count;
}

/* ---- magazines: Note [magazine] ---- */

static void empty_locked(struct lend_slots *slots,
			 struct lend_magazine *magazine)
{
	/* Acquire: the links. Sequentially consistent: [G5]. */
	uint64_t all = atomic_exchange_explicit(&magazine->free, 0,
						memory_order_seq_cst);
	uint32_t list = (uint32_t)all;

	slots->out -= (unsigned)(all >> 32);
	while (list) {
		uint32_t next = next_of(slots, list - 1);

		push_locked(slots, &slots->warm, list - 1);
		list = next;
	}
}

static void empty_all_locked(struct lend_slots *slots)
{
	for (unsigned i = 0; i < slots->magazines_count; i++)
		empty_locked(slots, &slots->magazines[i]);
}

/* Put one in. Thread: the owner. */
static unsigned push(struct lend_slots *slots, struct lend_magazine *magazine,
		     uint32_t index)
{
	uint64_t old = atomic_load_explicit(&magazine->free,
					    memory_order_relaxed);

	do {
		set_next(slots, index, (uint32_t)old);
		/* Release: the link. Sequentially consistent: [G5]. */
	} while (!atomic_compare_exchange_weak_explicit(
		&magazine->free, &old, ((old >> 32) + 1) << 32 | (index + 1),
		memory_order_seq_cst, memory_order_relaxed));
	return (unsigned)(old >> 32) + 1;
}

static uint32_t pop(struct lend_slots *slots, struct lend_magazine *magazine)
{
	uint64_t old = atomic_load_explicit(&magazine->free,
					    memory_order_relaxed);
	uint64_t rest;

	do {
		if (!old)
			return LEND_SLOTS_NONE;
		rest = ((old >> 32) - 1) << 32 |
		       next_of(slots, (uint32_t)old - 1);
		/* Relaxed: it reads what its own thread has written, and its
		 * place in the order of this word is all that counts. */
	} while (!atomic_compare_exchange_weak_explicit(
		&magazine->free, &old, rest, memory_order_relaxed,
		memory_order_relaxed));
	return (uint32_t)old - 1;
}

/* ---- taking ---- */

static uint32_t take_one_locked(struct lend_slots *slots)
{
	if (slots->warm)
		return pop_locked(slots, &slots->warm);
	if (slots->cold)
		return pop_locked(slots, &slots->cold);
	if (slots->used_end < slots->count)
		return slots->used_end++;
	return LEND_SLOTS_NONE;
}

static uint32_t take_locked(struct lend_slots *slots,
			    struct lend_magazine *magazine)
{
	unsigned batch = slots->warm ? LEND_SLOTS_BATCH : COLD_BATCH, count;
	uint32_t index = take_one_locked(slots);

	if (index == LEND_SLOTS_NONE) {
		/* What others have is all there is: one, and leave the rest. */
		empty_all_locked(slots);
		batch = 1;
		index = take_one_locked(slots);
	}
	if (index == LEND_SLOTS_NONE)
		return index;
	for (count = 1; magazine && count < batch; count++) {
		uint32_t more;

		/* None without pages along with the last that have some. */
		if (count >= COLD_BATCH && !slots->warm)
			break;
		more = take_one_locked(slots);
		if (more == LEND_SLOTS_NONE)
			break;
		push(slots, magazine, more);
	}
	note_out_locked(slots, count);
	return index;
}

uint32_t lend__slots_take(struct lend_slots *slots,
			  struct lend_magazine *magazine)
{
	uint32_t index = magazine ? pop(slots, magazine) : LEND_SLOTS_NONE;

	if (lend_likely(index != LEND_SLOTS_NONE))
		return index;
	pthread_mutex_lock(&slots->lock);
	while (!atomic_load_explicit(&slots->closed, memory_order_relaxed)) {
		index = take_locked(slots, magazine);
		if (index != LEND_SLOTS_NONE || !slots->cooling)
			break;
		/* Note [cooling]. */
		pthread_mutex_unlock(&slots->lock);
		sched_yield();
		pthread_mutex_lock(&slots->lock);
	}
	pthread_mutex_unlock(&slots->lock);
	return index;
}

/* ---- giving ---- */

/* The older half goes to the shared list. */
static void shed_locked(struct lend_slots *slots,
			struct lend_magazine *magazine)
{
	uint64_t all = atomic_exchange_explicit(&magazine->free, 0,
						memory_order_acquire);
	unsigned count = (unsigned)(all >> 32), kept;
	uint32_t first = (uint32_t)all, last = first, list;

	/* Somebody has taken them meanwhile. */
	if (count <= LEND_SLOTS_BATCH)
		kept = count;
	else
		kept = LEND_SLOTS_BATCH;
	if (!kept)
		return;
	for (unsigned i = 1; i < kept; i++)
		last = next_of(slots, last - 1);
	list = next_of(slots, last - 1);
	set_next(slots, last - 1, 0);
	/* Release: the links. Nobody else puts anything in. */
	atomic_store_explicit(&magazine->free, (uint64_t)kept << 32 | first,
			      memory_order_release);
	slots->out -= count - kept;
	while (list) {
		uint32_t next = next_of(slots, list - 1);

		push_locked(slots, &slots->warm, list - 1);
		list = next;
	}
}

/* Look for what is too much when nobody has needed it in two windows. */
static uint64_t look_after(uint64_t now_ns)
{
	return now_ns + 2 * LEND_SLOTS_WINDOW_NS;
}

bool lend__slots_keep(struct lend_slots *slots, struct lend_magazine *magazine,
		      uint32_t index)
{
	/* Relaxed: others only make more room. */
	if (lend_unlikely(atomic_load_explicit(&magazine->free,
					       memory_order_relaxed) >>
			  32 >= MAGAZINE_MAX - 1))
		return false;
	push(slots, magazine, index);
	return true;
}

void lend__slots_give(struct lend_slots *slots, struct lend_magazine *magazine,
		      uint32_t index, struct lend_surplus *ret_surplus)
{
	uint64_t now_ns;

	ret_surplus->count = 0;
	if (lend_likely(magazine &&
			push(slots, magazine, index) < MAGAZINE_MAX))
		return;
	now_ns = lend_now();
	pthread_mutex_lock(&slots->lock);
	roll_locked(slots, now_ns);
	if (magazine) {
		shed_locked(slots, magazine);
		/* What magazines have is counted when it looks. */
		magazine->look_ns = slots->warm_count ? look_after(now_ns) :
							UINT64_MAX;
	} else {
		slots->out--;
		push_locked(slots, &slots->warm, index);
	}
	take_surplus_locked(slots, ret_surplus);
	pthread_mutex_unlock(&slots->lock);
}

void lend__slots_cool(struct lend_slots *slots, const uint32_t *indices,
		      unsigned count)
{
	pthread_mutex_lock(&slots->lock);
	for (unsigned i = 0; i < count; i++)
		push_locked(slots, &slots->cold, indices[i]);
	slots->out -= count;
	slots->cooling -= count;
	pthread_mutex_unlock(&slots->lock);
}

void lend__slots_put_back(struct lend_slots *slots, uint32_t index)
{
	pthread_mutex_lock(&slots->lock);
	push_locked(slots, &slots->cold, index);
	slots->out--;
	pthread_mutex_unlock(&slots->lock);
}

void lend__slots_settle(struct lend_slots *slots,
			struct lend_magazine *magazine, uint64_t now_ns,
			struct lend_surplus *ret_surplus)
{
	ret_surplus->count = 0;
	if (lend_likely(now_ns < magazine->look_ns))
		return;
	pthread_mutex_lock(&slots->lock);
	/* Those of workers that have nothing to do stay in them otherwise. */
	if (slots->warm_count + in_all_magazines(slots) > LEND_SLOTS_WARM_MIN)
		empty_all_locked(slots);
	roll_locked(slots, now_ns);
	take_surplus_locked(slots, ret_surplus);
	/* The rest of them at the next safe point. */
	if (ret_surplus->count < LEND_SURPLUS_MAX)
		magazine->look_ns = slots->warm_count > LEND_SLOTS_WARM_MIN ?
					    look_after(now_ns) :
					    UINT64_MAX;
	pthread_mutex_unlock(&slots->lock);
}

/* ---- the end, and numbers ---- */

void lend__slots_close(struct lend_slots *slots)
{
	pthread_mutex_lock(&slots->lock);
	atomic_store_explicit(&slots->closed, true, memory_order_seq_cst);
	pthread_mutex_unlock(&slots->lock);
}

void lend__slots_return(struct lend_slots *slots,
			struct lend_magazine *magazine)
{
	pthread_mutex_lock(&slots->lock);
	empty_locked(slots, magazine);
	pthread_mutex_unlock(&slots->lock);
}

void lend__slots_return_all(struct lend_slots *slots)
{
	pthread_mutex_lock(&slots->lock);
	empty_all_locked(slots);
	pthread_mutex_unlock(&slots->lock);
}

unsigned lend__slots_alive(struct lend_slots *slots)
{
	unsigned out, free;

	pthread_mutex_lock(&slots->lock);
	out = slots->out;
	free = in_all_magazines(slots);
	free += atomic_load_explicit(&slots->kept, memory_order_seq_cst);
	pthread_mutex_unlock(&slots->lock);
	return out > free ? out - free : 0;
}

unsigned lend__slots_end(struct lend_slots *slots)
{
	unsigned end;

	pthread_mutex_lock(&slots->lock);
	end = slots->used_end;
	pthread_mutex_unlock(&slots->lock);
	return end;
}
