/*
 * Goal:   fibers that go from thread to thread, are resumed by threads and by
 *         each other, end and begin anew on used stacks keep their values; a
 *         sanitizer has nothing to say about it.
 * Method: workers take fibers from a queue under a mutex. A fiber does a few
 *         steps of a pseudo-random computation, deep in a recursion or not, and
 *         then leaves: to its worker, or straight to another fiber. Whoever is
 *         arrived at puts the one that left back into the queue. A fiber's
 *         result must be what the same computation gives uninterrupted.
 *
 * usage: stress_fiber [seed]	(LEND_STRESS_SECONDS: how long; 2)
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "actor/fiber.h"
#include "base/list.h"
#include "mem/stack.h"

#define WORKERS 4
#define TASKS	48
#define SLOT	((size_t)64 * 1024)

struct worker {
	struct lend_fiber fiber;
	pthread_t thread;
	/* [owner: thread] What the fiber that was just left wants of the one
	 * that was arrived at. */
	struct task *left;
	bool left_for_ever;
};

struct task {
	struct lend_list node; /* [lock: queue] */
	struct lend_fiber fiber;
	/* [owner: who runs it] */
	struct worker *worker;
	unsigned slot;
	uint64_t seed;
};

static pthread_mutex_t queue_lock = PTHREAD_MUTEX_INITIALIZER;
static struct lend_list queue; /* [lock: queue] */
static struct lend_stacks stacks;
static struct task tasks[TASKS];
static struct worker workers[WORKERS];
static uint64_t seed_next; /* [lock: queue] */
static atomic_bool stopping;
static atomic_ulong runs, switches, migrations, failures;

static uint64_t next_random(uint64_t *state)
{
	/* splitmix64 */
	uint64_t z = *state += 0x9e3779b97f4a7c15;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

static struct task *queue_pop(void)
{
	struct lend_list *node;

	pthread_mutex_lock(&queue_lock);
	node = lend_list_pop_front(&queue);
	pthread_mutex_unlock(&queue_lock);
	return node ? lend_container_of(node, struct task, node) : NULL;
}

static void queue_push(struct task *task)
{
	pthread_mutex_lock(&queue_lock);
	lend_list_push_back(&queue, &task->node);
	pthread_mutex_unlock(&queue_lock);
}

static void task_entry(void *arg);

static void task_begin(struct task *task)
{
	pthread_mutex_lock(&queue_lock);
	task->seed = next_random(&seed_next);
	pthread_mutex_unlock(&queue_lock);
	lend__fiber_init(&task->fiber, lend__stacks_low(&stacks, task->slot),
			 lend__stacks_high(&stacks, task->slot), task_entry,
			 task);
}

/* Called first thing after each switch, on the stack arrived at. */
static void arrive(struct worker *worker)
{
	struct task *left = worker->left;

	worker->left = NULL;
	if (!left)
		return;
	if (worker->left_for_ever) {
		lend__fiber_fini(&left->fiber);
		if (left->seed % 4 == 0)
			lend__stacks_trim(&stacks, left->slot,
					  lend__stacks_high(&stacks,
							    left->slot));
		task_begin(left);
	}
	queue_push(left);
}

/* Where to go from @self: another task, made ready for this worker, or the
 * worker itself. */
static struct lend_fiber *choose_next(struct task *self, bool for_ever,
				      bool straight)
{
	struct worker *worker = self->worker;
	struct task *next = straight && !atomic_load(&stopping) ? queue_pop() :
								  NULL;

	worker->left = self;
	worker->left_for_ever = for_ever;
	if (!next)
		return &worker->fiber;
	next->worker = worker;
	return &next->fiber;
}

static void leave(struct task *self, bool straight)
{
	struct worker *before = self->worker;

	lend__fiber_switch(&self->fiber, choose_next(self, false, straight));
	arrive(self->worker);
	atomic_fetch_add_explicit(&switches, 1, memory_order_relaxed);
	if (self->worker != before)
		atomic_fetch_add_explicit(&migrations, 1, memory_order_relaxed);
}

/* Without @self: uninterrupted. */
static uint64_t compute(uint64_t state, struct task *self, unsigned depth)
{
	uint64_t frame[16];
	uint64_t sum = 0;
	double real = (double)(state % 1000);

	for (unsigned i = 0; i < 16; i++)
		frame[i] = next_random(&state);
	if (depth)
		sum = compute(state, self, depth - 1);
	for (unsigned i = 0; i < 16; i++) {
		if (self && frame[i] % 4 == 0)
			leave(self, frame[i] & 16);
		real = real / 3 + (double)i;
		sum = sum * 31 + frame[i];
	}
	return sum ^ (uint64_t)(real * 1e6);
}

static void task_entry(void *arg)
{
	struct task *self = arg;
	uint64_t seed = self->seed;
	unsigned depth = seed % 32;
	uint64_t result;

	arrive(self->worker);
	result = compute(seed, self, depth);
	if (result != compute(seed, NULL, depth)) {
		atomic_fetch_add(&failures, 1);
		printf("task %u, seed %llx: wrong result\n", self->slot,
		       (unsigned long long)seed);
	}
	atomic_fetch_add_explicit(&runs, 1, memory_order_relaxed);
	lend__fiber_switch_last(&self->fiber,
				choose_next(self, true, seed & 64));
}

static void *worker_main(void *arg)
{
	struct worker *self = arg;

	lend__fiber_adopt_thread(&self->fiber);
	while (!atomic_load(&stopping)) {
		struct task *task = queue_pop();

		if (!task) {
			nanosleep(&(struct timespec){ .tv_nsec = 10000 }, NULL);
			continue;
		}
		task->worker = self;
		lend__fiber_switch(&self->fiber, &task->fiber);
		arrive(self);
	}
	lend__fiber_release_thread(&self->fiber);
	return NULL;
}

/* Let each task that has begun come to its end, and begin no other. */
static void drain(void)
{
	struct worker last = { 0 };
	struct task *task;

	lend__fiber_adopt_thread(&last.fiber);
	while ((task = queue_pop())) {
		task->worker = &last;
		lend__fiber_switch(&last.fiber, &task->fiber);
		last.left = NULL;
		if (last.left_for_ever)
			lend__fiber_fini(&task->fiber);
		else
			queue_push(task);
	}
	lend__fiber_release_thread(&last.fiber);
}

static int start(void)
{
	if (lend__stacks_init(&stacks, TASKS, SLOT))
		return -1;
	lend_list_init(&queue);
	for (unsigned i = 0; i < TASKS; i++) {
		if (lend__stacks_prepare(&stacks, i))
			return -1;
		tasks[i].slot = i;
		task_begin(&tasks[i]);
		queue_push(&tasks[i]);
	}
	for (unsigned i = 0; i < WORKERS; i++)
		if (pthread_create(&workers[i].thread, NULL, worker_main,
				   &workers[i]))
			return -1;
	return 0;
}

int main(int argc, char **argv)
{
	const char *seconds = getenv("LEND_STRESS_SECONDS");
	uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 0) :
				   (uint64_t)time(NULL);

	printf("seed %llu\n", (unsigned long long)seed);
	fflush(stdout);
	seed_next = seed;
	if (start()) {
		printf("can not start\n");
		return EXIT_FAILURE;
	}
	nanosleep(&(struct timespec){ .tv_sec = seconds ? atol(seconds) : 2 },
		  NULL);
	atomic_store(&stopping, true);
	for (unsigned i = 0; i < WORKERS; i++)
		pthread_join(workers[i].thread, NULL);
	drain();
	lend__stacks_fini(&stacks);
	printf("%lu runs, %lu switches, %lu migrations, %lu failures\n", runs,
	       switches, migrations, failures);
	return failures || !migrations ? EXIT_FAILURE : EXIT_SUCCESS;
}
