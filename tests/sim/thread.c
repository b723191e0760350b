/*
 * Threads as coroutines, the scheduler and the virtual clock.
 *
 * A thread runs until it blocks, or until it comes to a point at which it is
 * preempted: an atomic operation of the library, a lock, a call of libc or of
 * the kernel. Whoever runs next is drawn from those that can. The clock goes
 * on by a few nanoseconds when somebody reads it, and by a leap when nobody
 * can run: to the first event, and a little further, so that what comes at
 * nearly the same time comes in any order.
 */
#include <stdlib.h>
#include <sys/mman.h>

#include "kernel.h"
#include "sim.h"

#define STACK_SIZE (256 << 10)

/* Virtual time that no scenario needs: whoever waits longer waits for ever. */
#define TIME_MAX_NS (300 * LEND_S)

struct sim sim;

/* ---- events ---- */

struct event {
	uint64_t time_ns;
	uint64_t order;
	void (*fn)(void *arg);
	void *arg;
};

static struct event *events;
static unsigned events_count, events_room;
static uint64_t events_order;

void sim_at(uint64_t time_ns, void (*fn)(void *arg), void *arg)
{
	if (events_count == events_room) {
		events_room = events_room ? events_room * 2 : 64;
		events = realloc(events, events_room * sizeof(*events));
		if (!events)
			abort();
	}
	events[events_count++] = (struct event){
		.time_ns = time_ns,
		.order = events_order++,
		.fn = fn,
		.arg = arg,
	};
}

static unsigned first_event(void)
{
	unsigned first = 0;

	for (unsigned i = 1; i < events_count; i++)
		if (events[i].time_ns < events[first].time_ns ||
		    (events[i].time_ns == events[first].time_ns &&
		     events[i].order < events[first].order))
			first = i;
	return first;
}

bool sim_has_events(void)
{
	return events_count != 0;
}

static void fire_events(void)
{
	while (events_count) {
		unsigned i = first_event();
		struct event event = events[i];

		if (event.time_ns > sim.now_ns)
			return;
		events[i] = events[--events_count];
		event.fn(event.arg);
	}
}

/* ---- threads ---- */

static void thread_main(void *arg)
{
	struct sim_thread *thread = arg;

	thread->result = thread->start(thread->arg);
	sim_drain(thread);
	sim_kernel_thread_exit(thread);
	thread->state = SIM_ENDED;
	lend__fiber_switch_last(&thread->fiber, &sim.scheduler);
}

struct sim_thread *sim_thread_start(const char *name, void *(*start)(void *arg),
				    void *arg)
{
	struct sim_thread *thread = calloc(1, sizeof(*thread));

	if (!thread || sim.threads_count == SIM_THREADS_MAX)
		abort();
	thread->index = (int)sim.threads_count;
	thread->name = name;
	thread->start = start;
	thread->arg = arg;
	thread->stack = mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1,
			     0);
	if (thread->stack == MAP_FAILED)
		abort();
	lend__fiber_init(&thread->fiber, thread->stack,
			 (char *)thread->stack + STACK_SIZE, thread_main,
			 thread);
	sim.threads[sim.threads_count++] = thread;
	return thread;
}

void (*sim_signal_handler)(int number);

void sim_signal(struct sim_thread *thread, int number)
{
	sim_trace("signal", (uint64_t)thread->index, 0, 0);
	if (thread->state != SIM_ENDED)
		thread->signal_sent = number;
}

static void handle_signal(struct sim_thread *self)
{
	int number = self->signal_sent;
	uint64_t stalled_ns = self->stalled_ns;
	enum sim_thread_state state = self->state;

	if (!number || self->handling)
		return;
	self->signal_sent = 0;
	self->handling = true;
	self->stalled_ns = 0;
	self->state = SIM_RUNNABLE;
	if (sim_signal_handler)
		sim_signal_handler(number);
	self->state = state;
	self->stalled_ns = stalled_ns;
	self->handling = false;
}

bool sim_thread_stack_has(const struct sim_thread *thread, const void *address)
{
	const char *low = thread->stack, *at = address;

	return at >= low && at < low + STACK_SIZE;
}

static void leave(struct sim_thread *self)
{
	do {
		lend__fiber_switch(&self->fiber, &sim.scheduler);
		handle_signal(self);
	} while (self->stalled_ns > sim.now_ns);
}

void sim_yield(void)
{
	if (sim.current)
		leave(sim.current);
}

static unsigned draw_distance(void)
{
	/* Uniform around the mean: sometimes twice in a row. */
	return sim_random_from(&sim.schedule, 1,
			       2 * sim.knobs.preempt_mean - 1);
}

void sim_point(void)
{
	if (!sim.current)
		return;
	sim.points++;
	if (--sim.until_preempt)
		return;
	sim.until_preempt = draw_distance();
	leave(sim.current);
}

bool sim_block(bool (*ready)(void *arg), void *arg, uint64_t wake_ns)
{
	struct sim_thread *self = sim.current;

	sim_drain(self);
	self->state = SIM_BLOCKED;
	self->ready = ready;
	self->ready_arg = arg;
	self->wake_ns = wake_ns;
	leave(self);
	self->state = SIM_RUNNABLE;
	return ready(arg);
}

/* ---- the scheduler ---- */

static bool can_run(struct sim_thread *thread)
{
	if (thread->stalled_ns > sim.now_ns)
		return thread->spinning && thread->signal_sent &&
		       !thread->handling;
	if (thread->state == SIM_RUNNABLE)
		return true;
	return thread->state == SIM_BLOCKED &&
	       (thread->signal_sent || thread->ready(thread->ready_arg) ||
		thread->wake_ns <= sim.now_ns);
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t next_time(void)
{
	uint64_t next = SIM_NEVER;

	if (events_count)
		next = events[first_event()].time_ns;
	for (unsigned i = 0; i < sim.threads_count; i++) {
		struct sim_thread *thread = sim.threads[i];

		if (thread->state == SIM_ENDED)
			continue;
		if (thread->stalled_ns > sim.now_ns)
			next = earlier(next, thread->stalled_ns);
		else if (thread->state == SIM_BLOCKED)
			next = earlier(next, thread->wake_ns);
	}
	return next;
}

/* Nobody can run: the clock leaps. */
static void advance(void)
{
	static const unsigned slack_ns[] = { 0, 0, 1000, 50000 };
	uint64_t next = next_time();

	sim_check_idle();
	if (next == SIM_NEVER)
		sim_fail("no wake is lost",
			 "every thread waits, and nothing will ever happen");
	next += slack_ns[sim_random_below(&sim.schedule, 4)];
	if (next > sim.now_ns)
		sim.now_ns = next;
	if (sim.now_ns > TIME_MAX_NS)
		sim_fail("everything ends",
			 "%llu s of virtual time have passed",
			 (unsigned long long)(sim.now_ns / LEND_S));
	sim_drain_all();
}

static bool all_ended(void)
{
	for (unsigned i = 0; i < sim.threads_count; i++)
		if (sim.threads[i]->state != SIM_ENDED)
			return false;
	return true;
}

static struct sim_thread *choose(void)
{
	struct sim_thread *candidates[SIM_THREADS_MAX];
	unsigned count = 0;

	for (unsigned i = 0; i < sim.threads_count; i++)
		if (can_run(sim.threads[i]))
			candidates[count++] = sim.threads[i];
	if (!count)
		return NULL;
	return candidates[sim_random_below(&sim.schedule, count)];
}

bool sim_idle(bool (*ready)(void *arg), void *arg, uint64_t wake_ns)
{
	struct sim_thread *self = sim.current;
	bool came;

	self->idle_ns = sim.now_ns;
	came = sim_block(ready, arg, wake_ns);
	self->idle_ns = 0;
	return came;
}

/* When a stall of about @span_ns ends: often at the moment at which somebody
 * else wakes up, so that the two meet. */
static uint64_t stall_end(uint64_t span_ns)
{
	uint64_t end = sim.now_ns + span_ns;
	unsigned start = sim_random_below(&sim.schedule, sim.threads_count);

	if (sim_random_below(&sim.schedule, 2))
		return end;
	for (unsigned i = 0; i < sim.threads_count; i++) {
		const struct sim_thread *other =
			sim.threads[(start + i) % sim.threads_count];

		if (other->state == SIM_BLOCKED &&
		    other->wake_ns > sim.now_ns &&
		    other->wake_ns < sim.now_ns + 2 * span_ns)
			return other->wake_ns;
	}
	return end;
}

static void stall(struct sim_thread *thread, uint64_t span_ns, bool spinning)
{
	thread->stalled_ns = stall_end(span_ns);
	thread->spinning = spinning;
	sim_trace("stall", (uint64_t)thread->index,
		  thread->stalled_ns - sim.now_ns, spinning);
	sim_count(SIM_COUNT_STALLS);
}

void sim_burn(uint64_t span_ns)
{
	sim_check_burn();
	stall(sim.current, span_ns, true);
	sim.current->burning = true;
	sim_yield();
	sim.current->burning = false;
}

/* Off the processor, or in a long computation, at any moment. */
static void perhaps_stall(struct sim_thread *thread)
{
	uint64_t stall_ns = sim.knobs.options.stall_ns;
	uint64_t span_ns;

	if (thread->state != SIM_RUNNABLE ||
	    !sim_random_chance(&sim.schedule, sim.knobs.stall_chance))
		return;
	span_ns = stall_ns / 4 * sim_random_from(&sim.schedule, 1, 20);
	stall(thread, span_ns, sim_random_below(&sim.schedule, 2));
}

static void run_thread(struct sim_thread *thread)
{
	sim.current = thread;
	sim_kernel_return_to_user(thread);
	lend__fiber_switch(&sim.scheduler, &thread->fiber);
	sim.current = NULL;
	perhaps_stall(thread);
	if (sim.knobs.store_buffers)
		sim_drain_some(&sim.schedule);
}

void sim_schedule(void)
{
	lend__fiber_adopt_thread(&sim.scheduler);
	sim.until_preempt = draw_distance();
	while (!all_ended()) {
		struct sim_thread *thread;

		fire_events();
		sim_check_step();
		thread = choose();
		if (!thread) {
			advance();
			continue;
		}
		if (++sim.steps > sim.steps_max)
			sim_fail("everything ends", "%llu steps have been made",
				 (unsigned long long)sim.steps_max);
		run_thread(thread);
	}
}
