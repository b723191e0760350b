/*
 * What a runtime is doing, for people: see include/lend/report.h. Unlike
 * report.c, which says in the log what holds up somebody who wants to end.
 */
#include <lend/report.h>

#include <lend/clock.h>
#include <lend/ring.h>
#include <stdio.h>
#include <string.h>

#include "actor/actor.h"
#include "base/line.h"
#include "base/symbol.h"
#include "mem/stack.h"
#include "rt/circle.h"
#include "rt/runtime.h"
#include "rt/waiting.h"
#include "rt/worker.h"
#include "uring/opcode.h"

/* How long all lines together wait for room. */
#define PATIENCE_NS LEND_S

/* Functions are looked up in files, and most actors have the same few. */
#define NAMES 8

struct names {
	const void *addresses[NAMES];
	char texts[NAMES][160];
	unsigned next;
};

static const char *name_of(struct names *names, const void *address)
{
	unsigned i;

	if (!address)
		return "?";
	for (i = 0; i < NAMES; i++)
		if (names->addresses[i] == address)
			return names->texts[i];
	i = names->next++ % NAMES;
	names->addresses[i] = address;
	lend__symbol_print(address, names->texts[i], sizeof(names->texts[i]));
	return names->texts[i];
}

/* Where it goes. Who writes it has more to do than wait for a reader. */
struct sink {
	int fd; /* -1: it takes no more */
	uint64_t until_ns;
};

/* Cut, if it does not fit; the end of a line always does. */
static void write_line(struct sink *sink, char *line, size_t size)
{
	size_t length = strlen(line);
	uint64_t now_ns = lend_now(), left_ns = 0;

	if (sink->fd < 0)
		return;
	if (length > size - 2)
		length = size - 2;
	line[length] = '\n';
	if (now_ns < sink->until_ns)
		left_ns = sink->until_ns - now_ns;
	if (!lend__line_write(sink->fd, line, length + 1, left_ns))
		sink->fd = -1;
}

static double age_s(uint64_t since_ns, uint64_t now_ns)
{
	return since_ns && now_ns > since_ns ?
		       (double)(now_ns - since_ns) / LEND_S :
		       0;
}

static void write_worker(struct lend_runtime *runtime, unsigned index,
			 struct sink *sink)
{
	const struct lend_worker *worker = &runtime->workers[index];
	uint64_t safe_ns = atomic_load_explicit(&worker->borrower.safe_ns,
						memory_order_relaxed);
	struct lend_waiting actor;
	char line[256];

	if (atomic_load_explicit(&worker->borrower.parked,
				 memory_order_relaxed)) {
		snprintf(line, sizeof(line), "worker %u is parked", index);
	} else {
		bool alive = lend__waiting_running(worker, &actor);

		snprintf(
			line, sizeof(line),
			"worker %u was at a safe point %.3f s ago; it runs, or ran last, actor %s",
			index, age_s(safe_ns, lend_now()),
			alive ? actor.title : "none that is alive");
	}
	write_line(sink, line, sizeof(line));
}

static void write_actor(struct lend_runtime *runtime, uint32_t index,
			struct sink *sink, struct names *names)
{
	struct lend_waiting actor;
	char text[1024];
	struct lend_text line = { text, sizeof(text) };
	char what[160];

	if (!lend__waiting_read(runtime, index, &actor))
		return;
	lend__text_add(&line, "actor %s ", actor.title);
	if (actor.suspended) {
		lend__waiting_describe(runtime, actor.waits_for, what,
				       sizeof(what));
		lend__text_add(&line, "%s, for %.3f s", what,
			       age_s(actor.since_ns, lend_now()));
	} else {
		lend__text_add(&line, "runs, or is about to");
	}
	lend__waiting_add_scope(&line, runtime, &actor);
	lend__text_add(&line, "; %s", name_of(names, actor.fn));
	lend__text_add(&line, ", spawned in %s",
		       name_of(names, actor.spawned_at));
	lend__text_add(&line, "; %zu KiB of %zu KiB of stack touched",
		       lend__stack_resident(&actor.stack) >> 10,
		       (size_t)(actor.stack.high - actor.stack.low) >> 10);
	write_line(sink, text, sizeof(text));
}

/* As many as a deadlock is told of. While others run they come and go, so that
 * it is counted what was found, not what is remembered. */
static void write_circles(struct lend_runtime *runtime, struct sink *sink)
{
	struct lend_circles told = { .count = 0 };
	char line[1024], circle[LEND_CIRCLE_TEXT_MAX];
	struct lend_waiting first;

	for (unsigned i = 0; i < LEND_CIRCLES_MAX && sink->fd >= 0; i++) {
		if (!lend__circle_find(runtime, &told, &first, circle))
			return;
		snprintf(line, sizeof(line), "%s wait for each other: %s",
			 i ? "others" : "they", circle);
		write_line(sink, line, sizeof(line));
		(void)lend__circle_note(runtime, &told, &first);
	}
}

void lend_report(struct lend_runtime *runtime, int fd)
{
	struct names names = { .next = 0 };
	struct sink sink = { .fd = fd, .until_ns = lend_after(PATIENCE_NS) };
	char line[256];
	uint32_t end;

	if (!runtime)
		runtime = lend_runtime_current();
	if (!runtime)
		return;
	end = lend__waiting_end(runtime);
	snprintf(
		line, sizeof(line),
		"lend: %u workers, %u rings, mode %s, up %.3f s, %llu operations in flight",
		lend_runtime_workers(runtime), lend_runtime_rings(runtime),
		lend_ring_mode_name(runtime->options.mode),
		age_s(runtime->started_ns, lend_now()),
		(unsigned long long)lend__pool_in_flight(
			&runtime->arbiter.pool));
	write_line(&sink, line, sizeof(line));
	for (unsigned i = 0; i < lend__runtime_count(runtime); i++)
		write_worker(runtime, i, &sink);
	for (uint32_t i = 0; i < end && sink.fd >= 0; i++)
		write_actor(runtime, i, &sink, &names);
	write_circles(runtime, &sink);
}
