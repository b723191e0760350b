/*
 * Memory as the processors of a PC have it, and a place to be preempted at
 * each access that others can notice.
 *
 * The library's copy is compiled with -fsanitize=thread, which announces each
 * access to memory by a call; here those calls are defined, instead of by
 * ThreadSanitizer. So each atomic operation of the library is a point at which
 * another thread may take over, without a word about that in the library.
 *
 * Total store order: an atomic store that is not sequentially consistent goes
 * into the thread's store buffer and becomes visible to others later, in order;
 * the thread itself sees it at once. Locked instructions, fences, locks and
 * calls of the kernel wait until the buffer is empty. It is this that makes a
 * missing fence, or a missing membarrier, visible.
 *
 * Plain accesses are not delayed. In a program without data races nobody else
 * reads them before a later atomic operation of the same thread was seen, and
 * that is in the buffer in its order.
 */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "actor/actor.h"
#include "mem/stack.h"
#include "rt/runtime.h"
#include "rt/worker.h"
#include "sim.h"

/* Not memcpy(), which is wrapped and would come back here. */
static void put(void *address, unsigned size, uint64_t value)
{
	switch (size) {
	case 1:
		*(uint8_t *)address = (uint8_t)value;
		break;
	case 2:
		*(uint16_t *)address = (uint16_t)value;
		break;
	case 4:
		*(uint32_t *)address = (uint32_t)value;
		break;
	default:
		*(uint64_t *)address = value;
		break;
	}
}

static uint64_t get(const void *address, unsigned size)
{
	switch (size) {
	case 1:
		return *(const uint8_t *)address;
	case 2:
		return *(const uint16_t *)address;
	case 4:
		return *(const uint32_t *)address;
	default:
		return *(const uint64_t *)address;
	}
}

static void apply(const struct sim_store *store)
{
	put(store->address, store->size, store->value);
}

static void drain_first(struct sim_thread *thread)
{
	apply(&thread->stores[0]);
	thread->stores_count--;
	for (unsigned i = 0; i < thread->stores_count; i++)
		thread->stores[i] = thread->stores[i + 1];
}

void sim_drain(struct sim_thread *thread)
{
	for (unsigned i = 0; thread && i < thread->stores_count; i++)
		apply(&thread->stores[i]);
	if (thread)
		thread->stores_count = 0;
}

void sim_drain_all(void)
{
	for (unsigned i = 0; i < sim.threads_count; i++)
		sim_drain(sim.threads[i]);
}

/* The buffers empty by themselves, too. */
void sim_drain_some(struct sim_random *random)
{
	for (unsigned i = 0; i < sim.threads_count; i++)
		if (sim.threads[i]->stores_count &&
		    sim_random_below(random, 4) == 0)
			drain_first(sim.threads[i]);
}

/* The latest value that this thread has stored there but others do not see.
 * An access that overlaps a buffered store in another way waits for it. */
static bool forward(const void *address, unsigned size, uint64_t *ret_value)
{
	struct sim_thread *self = sim.current;

	if (!self || !self->stores_count)
		return false;
	for (unsigned i = self->stores_count; i > 0; i--) {
		const struct sim_store *store = &self->stores[i - 1];
		const char *low = store->address;

		if ((const char *)address + size <= low ||
		    low + store->size <= (const char *)address)
			continue;
		if (address == store->address && size == store->size) {
			*ret_value = store->value;
			return true;
		}
		sim_drain(self);
		return false;
	}
	return false;
}

static void before_plain(const void *address, size_t size)
{
	struct sim_thread *self = sim.current;
	const char *low = address;

	for (unsigned i = 0; self && i < self->stores_count; i++) {
		const char *at = self->stores[i].address;

		if (low < at + self->stores[i].size && at < low + size) {
			sim_drain(self);
			return;
		}
	}
}

/* The stack that this thread runs on: its own, or its actor's. A store to it
 * may be to a frame that is gone before the buffer has drained. By the bounds,
 * not by distance: what lies near differs from process to process. */
static bool is_own_stack(const void *address)
{
	const struct lend_worker *worker = sim.current->current;
	struct lend_stack stack;

	if (sim_thread_stack_has(sim.current, address))
		return true;
	if (!worker || !worker->running)
		return false;
	stack = lend__registry_stack(&worker->runtime->registry,
				     worker->running->index);
	return (const char *)address >= stack.low &&
	       (const char *)address < stack.high;
}

static uint64_t load(const void *address, unsigned size)
{
	struct sim_thread *self = sim.current;
	uint64_t value = 0;

	sim_point();
	if (!forward(address, size, &value))
		value = get(address, size);
	if (self && self->stores_count && --self->drain_in == 0) {
		self->drain_in = 1;
		drain_first(self);
	}
	sim_check_load(address, &value);
	return value;
}

static void store(void *address, unsigned size, uint64_t value, int order)
{
	struct sim_thread *self;

	sim_point();
	self = sim.current;
	sim_check_store(address, value);
	if (sim_mutation == SIM_MUTATE_NO_FENCE)
		order = memory_order_release;
	if (!self || !sim.knobs.store_buffers ||
	    order == memory_order_seq_cst || is_own_stack(address)) {
		sim_drain(self);
		put(address, size, value);
		return;
	}
	if (self->stores_count == SIM_STORES_MAX)
		drain_first(self);
	if (!self->stores_count)
		self->drain_in = sim_random_from(&sim.schedule, 1, 40);
	self->stores[self->stores_count++] = (struct sim_store){
		.address = address,
		.size = size,
		.value = value,
	};
	sim_count(SIM_COUNT_BUFFERED);
}

/* Before a locked instruction, which is done directly: nobody comes between. */
static void locked(void)
{
	sim_point();
	sim_drain(sim.current);
}

/* ---- what the compiler calls ---- */

typedef uint8_t a8;
typedef uint16_t a16;
typedef uint32_t a32;
typedef uint64_t a64;

#define ATOMIC_OP(type, name, operation)                                       \
	type __tsan_atomic##name(volatile type *a, type v, int order);         \
	type __tsan_atomic##name(volatile type *a, type v, int order)          \
	{                                                                      \
		(void)order;                                                   \
		locked();                                                      \
		return operation(a, v, __ATOMIC_SEQ_CST);                      \
	}

#define ATOMIC_CAS(type, bits, strength)                                       \
	int __tsan_atomic##bits##_compare_exchange_##strength(                 \
		volatile type *a, type *expected, type v, int order,           \
		int fail_order);                                               \
	int __tsan_atomic##bits##_compare_exchange_##strength(                 \
		volatile type *a, type *expected, type v, int order,           \
		int fail_order)                                                \
	{                                                                      \
		(void)order;                                                   \
		(void)fail_order;                                              \
		locked();                                                      \
		return __atomic_compare_exchange_n(a, expected, v, 0,          \
						   __ATOMIC_SEQ_CST,           \
						   __ATOMIC_SEQ_CST);          \
	}

#define ATOMICS(type, bits)                                                    \
	type __tsan_atomic##bits##_load(const volatile type *a, int order);    \
	type __tsan_atomic##bits##_load(const volatile type *a, int order)     \
	{                                                                      \
		(void)order;                                                   \
		return (type)load((const void *)a, sizeof(type));              \
	}                                                                      \
	void __tsan_atomic##bits##_store(volatile type *a, type v, int order); \
	void __tsan_atomic##bits##_store(volatile type *a, type v, int order)  \
	{                                                                      \
		store((void *)(uintptr_t)a, sizeof(type), v, order);           \
	}                                                                      \
	ATOMIC_OP(type, bits##_exchange, __atomic_exchange_n)                  \
	ATOMIC_OP(type, bits##_fetch_add, __atomic_fetch_add)                  \
	ATOMIC_OP(type, bits##_fetch_sub, __atomic_fetch_sub)                  \
	ATOMIC_OP(type, bits##_fetch_and, __atomic_fetch_and)                  \
	ATOMIC_OP(type, bits##_fetch_or, __atomic_fetch_or)                    \
	ATOMIC_OP(type, bits##_fetch_xor, __atomic_fetch_xor)                  \
	ATOMIC_CAS(type, bits, strong)                                         \
	ATOMIC_CAS(type, bits, weak)

ATOMICS(a8, 8)
ATOMICS(a16, 16)
ATOMICS(a32, 32)
ATOMICS(a64, 64)

void __tsan_atomic_thread_fence(int order);
void __tsan_atomic_thread_fence(int order)
{
	sim_point();
	if (order == memory_order_seq_cst &&
	    sim_mutation != SIM_MUTATE_NO_FENCE)
		sim_drain(sim.current);
}

void __tsan_atomic_signal_fence(int order);
void __tsan_atomic_signal_fence(int order)
{
	(void)order;
}

#define PLAIN(name, bytes)                                                     \
	void __tsan_read##name(void *address);                                 \
	void __tsan_read##name(void *address)                                  \
	{                                                                      \
		before_plain(address, bytes);                                  \
	}                                                                      \
	void __tsan_write##name(void *address);                                \
	void __tsan_write##name(void *address)                                 \
	{                                                                      \
		before_plain(address, bytes);                                  \
		sim_check_write(address);                                      \
	}                                                                      \
	void __tsan_unaligned_read##name(void *address);                       \
	void __tsan_unaligned_read##name(void *address)                        \
	{                                                                      \
		before_plain(address, bytes);                                  \
	}                                                                      \
	void __tsan_unaligned_write##name(void *address);                      \
	void __tsan_unaligned_write##name(void *address)                       \
	{                                                                      \
		before_plain(address, bytes);                                  \
		sim_check_write(address);                                      \
	}

PLAIN(1, 1)
PLAIN(2, 2)
PLAIN(4, 4)
PLAIN(8, 8)
PLAIN(16, 16)

void __tsan_read_range(void *address, size_t size);
void __tsan_read_range(void *address, size_t size)
{
	before_plain(address, size);
}

void __tsan_write_range(void *address, size_t size);
void __tsan_write_range(void *address, size_t size)
{
	before_plain(address, size);
	sim_check_write(address);
}

void __tsan_init(void);
void __tsan_init(void)
{
}

void __tsan_func_entry(void *caller);
void __tsan_func_entry(void *caller)
{
	(void)caller;
}

void __tsan_func_exit(void);
void __tsan_func_exit(void)
{
}

/* The queue of Concurrency Kit is assembly: what comes before a push must be
 * visible with it. See base/ck.h. */
void __tsan_release(void *address);
void __tsan_release(void *address)
{
	(void)address;
	sim_point();
	sim_drain(sim.current);
}

void __tsan_acquire(void *address);
void __tsan_acquire(void *address)
{
	(void)address;
	sim_point();
}

void AnnotateIgnoreReadsBegin(const char *file, int line);
void AnnotateIgnoreReadsBegin(const char *file, int line)
{
	(void)file;
	(void)line;
}

void AnnotateIgnoreReadsEnd(const char *file, int line);
void AnnotateIgnoreReadsEnd(const char *file, int line)
{
	(void)file;
	(void)line;
}

void AnnotateIgnoreWritesBegin(const char *file, int line);
void AnnotateIgnoreWritesBegin(const char *file, int line)
{
	(void)file;
	(void)line;
}

void AnnotateIgnoreWritesEnd(const char *file, int line);
void AnnotateIgnoreWritesEnd(const char *file, int line)
{
	(void)file;
	(void)line;
}

/* Calls of the C library are not announced. gcc leaves them to interceptors,
 * clang calls them by another name. */
__typeof__(memcpy) __real_memcpy;
__typeof__(memmove) __real_memmove;
__typeof__(memset) __real_memset;

static void before_copy(void *to, const void *from, size_t size)
{
	before_plain(from, size);
	before_plain(to, size);
	sim_check_write(to);
}

__typeof__(memcpy) __wrap_memcpy;
void *__wrap_memcpy(void *to, const void *from, size_t size)
{
	before_copy(to, from, size);
	return __real_memcpy(to, from, size);
}

__typeof__(memmove) __wrap_memmove;
void *__wrap_memmove(void *to, const void *from, size_t size)
{
	before_copy(to, from, size);
	return __real_memmove(to, from, size);
}

__typeof__(memset) __wrap_memset;
void *__wrap_memset(void *to, int value, size_t size)
{
	before_copy(to, to, size);
	return __real_memset(to, value, size);
}

void *__tsan_memcpy(void *to, const void *from, size_t size);
void *__tsan_memcpy(void *to, const void *from, size_t size)
{
	return __wrap_memcpy(to, from, size);
}

void *__tsan_memmove(void *to, const void *from, size_t size);
void *__tsan_memmove(void *to, const void *from, size_t size)
{
	return __wrap_memmove(to, from, size);
}

void *__tsan_memset(void *to, int value, size_t size);
void *__tsan_memset(void *to, int value, size_t size)
{
	return __wrap_memset(to, value, size);
}

/* What is freed is somebody else's at once. */
__typeof__(free) __real_free;
__typeof__(free) __wrap_free;
void __wrap_free(void *memory)
{
	sim_drain(sim.current);
	__real_free(memory);
}
