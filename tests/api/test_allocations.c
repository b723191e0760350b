/*
 * Goal:   row X4: an operation that suspends its actor has one record, of which
 *         at most 32 bytes are the state, and allocates nothing beside it:
 *         neither by malloc() nor in the actor's I/O heap.
 * Method: the allocator is wrapped by the linker, and counts what workers ask
 *         for during many receives and sends of a pair of actors. Before each
 *         send the one looks at the heap of the other, which is suspended in
 *         its receive: a granule more than when it ran. Last, calls that do
 *         allocate are noticed.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness/harness.h"

#include "actor/actor.h"
#include "arbiter/op.h"
#include "rt/current.h"

#define TIMES 500

static _Atomic unsigned asked; /* by workers */

static void count(void)
{
	if (lend__current_worker())
		atomic_fetch_add(&asked, 1);
}

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_malloc(size_t size)
{
	count();
	return __real_malloc(size);
}

void *__real_calloc(size_t number, size_t size);
void *__wrap_calloc(size_t number, size_t size);
void *__wrap_calloc(size_t number, size_t size)
{
	count();
	return __real_calloc(number, size);
}

void *__real_realloc(void *block, size_t size);
void *__wrap_realloc(void *block, size_t size);
void *__wrap_realloc(void *block, size_t size)
{
	count();
	return __real_realloc(block, size);
}

static int pair[2];

static struct receiver {
	_Atomic(struct lend_actor *) actor;
	_Atomic unsigned round; /* that it is about to receive in */
	_Atomic size_t used;	/* of its heap, while it runs */
} receiver;

static int receive_all(void *arg)
{
	struct lend_actor *self = lend__current_actor();
	char byte;

	(void)arg;
	atomic_store(&receiver.used, lend__heap_used(&self->heap));
	atomic_store(&receiver.actor, self);
	for (unsigned i = 1; i <= TIMES; i++) {
		atomic_store(&receiver.round, i);
		CHECK_EQ(lend_recv(pair[0], &byte, 1, 0, LEND_FOREVER), 1);
		CHECK_EQ(lend__heap_used(&self->heap),
			 atomic_load(&receiver.used));
	}
	return 0;
}

/* Until it is suspended in its @round-th receive. Nobody wakes it meanwhile, so
 * what is its own can be looked at. */
static const struct lend_heap *await_receiver(unsigned round)
{
	struct lend_actor *actor;

	while (atomic_load(&receiver.round) != round)
		CHECK_EQ(lend_yield(), 0);
	actor = atomic_load(&receiver.actor);
	/* Acquire [M3]. */
	while (!lend__mailbox_is_idle_word(atomic_load_explicit(
		&actor->mailbox.head, memory_order_acquire)))
		CHECK_EQ(lend_yield(), 0);
	return &actor->heap;
}

static int operations(void *arg)
{
	struct lend_actor *self = lend__current_actor();
	size_t used = lend__heap_used(&self->heap);
	unsigned before;
	lend_ref other;

	(void)arg;
	CHECK(sizeof(struct lend_op) <= 32);
	if (!CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0))
		return -1;
	other = test_spawn(receive_all, NULL);
	await_receiver(1);
	before = atomic_load(&asked);
	for (unsigned i = 1; i <= TIMES; i++) {
		const struct lend_heap *heap = await_receiver(i);

		CHECK_EQ(lend__heap_used(heap),
			 atomic_load(&receiver.used) + LEND_HEAP_HOME_GRANULE);
		CHECK_EQ(heap->slice_used, 0);
		if (i == TIMES)
			CHECK_EQ(atomic_load(&asked), before);
		CHECK_EQ(lend_send(pair[1], "x", 1, 0, LEND_FOREVER), 1);
		CHECK_EQ(lend__heap_used(&self->heap), used);
	}
	CHECK_EQ(lend_join(other, LEND_FOREVER, NULL), 0);
	CHECK_EQ(lend_close(pair[0]), 0);
	CHECK_EQ(lend_close(pair[1]), 0);
	return 0;
}

static int nothing(void *arg)
{
	(void)arg;
	return 0;
}

/* A test that can not count would pass. */
static int others(void *arg)
{
	unsigned before = atomic_load(&asked);
	char big[8192] = { 0 };

	(void)arg;
	CHECK_EQ(lend_tell(lend_self(), 1, big, sizeof(big)), 0);
	CHECK(atomic_load(&asked) > before);
	before = atomic_load(&asked);
	CHECK_EQ(lend_blocking(nothing, NULL, LEND_FOREVER, NULL), 0);
	CHECK(atomic_load(&asked) > before);
	return 0;
}

int main(int argc, char **argv)
{
	test_init(argc, argv, 60);
	test_actor("an_operation_has_a_record_and_no_more", operations);
	test_actor("what_allocates_is_counted", others);
	return test_finish();
}
