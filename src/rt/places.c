/*
 * Places: see places.h. A hash table under one lock: this is for debugging.
 */
#include "rt/places.h"

#include <dlfcn.h>
#include <execinfo.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "actor/actor.h"
#include "base/check.h"
#include "base/symbol.h"
#include "rt/current.h"
#include "rt/runtime.h"
#include "rt/worker.h"
#include "uring/opcode.h"

#define BUCKETS	   1024
#define FRAMES_MAX 16
/* Of the program's own frames so many are printed. */
#define FRAMES_TOLD 3
#define TEXT_MAX    400

struct place {
	struct place *next;
	const struct lend_runtime *runtime;
	uintptr_t key;
	enum lend_place_kind kind;
	uint32_t index; /* of the actor */
	uint32_t generation;
	char name[LEND_ACTOR_NAME_MAX + 1];
	/* Of a descriptor: which file that was. Numbers are used again, and
	 * not every close is the library's. */
	dev_t device;
	ino_t inode;
	int frames_count;
	void *frames[FRAMES_MAX];
};

_Atomic unsigned lend__places_runtimes;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct place *buckets[BUCKETS]; /* [lock] */

static struct place **bucket_of(enum lend_place_kind kind, uintptr_t key)
{
	uint64_t hash = ((uint64_t)key + kind) * UINT64_C(0x9e3779b97f4a7c15);

	return &buckets[hash >> 54];
}

_Static_assert(BUCKETS == 1 << (64 - 54), "what is left of a hash");

/* Take it out of the table. */
static struct place *take_locked(enum lend_place_kind kind, uintptr_t key)
{
	for (struct place **at = bucket_of(kind, key); *at; at = &(*at)->next) {
		struct place *place = *at;

		if (place->kind != kind || place->key != key)
			continue;
		*at = place->next;
		return place;
	}
	return NULL;
}

static struct place *take(enum lend_place_kind kind, uintptr_t key)
{
	struct place *place;

	pthread_mutex_lock(&lock);
	place = take_locked(kind, key);
	pthread_mutex_unlock(&lock);
	return place;
}

/* ---- keeping ---- */

void lend__places_begin(void)
{
	void *frame;

	/* The first walk loads a library, for which an actor's stack may be
	 * too small. */
	(void)backtrace(&frame, 1);
	atomic_fetch_add_explicit(&lend__places_runtimes, 1,
				  memory_order_relaxed);
}

static const struct lend_runtime *runtime_of_caller(void)
{
	struct lend_worker *worker = lend__current_worker();

	return worker && worker->running &&
			       worker->runtime->options.report_leaks ?
		       worker->runtime :
		       NULL;
}

static bool identify(int fd, dev_t *ret_device, ino_t *ret_inode)
{
	struct stat stat;

	if (fstat(fd, &stat))
		return false;
	*ret_device = stat.st_dev;
	*ret_inode = stat.st_ino;
	return true;
}

void lend__place_note(enum lend_place_kind kind, uintptr_t key)
{
	const struct lend_runtime *runtime = runtime_of_caller();
	const struct lend_actor *self = lend__current_actor();
	struct place *place, **bucket;

	if (!runtime)
		return;
	place = calloc(1, sizeof(*place));
	if (!place)
		return;
	place->runtime = runtime;
	place->kind = kind;
	place->key = key;
	place->index = self->index;
	place->generation = self->generation;
	memcpy(place->name, self->name, sizeof(place->name));
	if (kind == LEND_PLACE_DESCRIPTOR)
		identify((int)key, &place->device, &place->inode);
	place->frames_count = backtrace(place->frames, FRAMES_MAX);
	pthread_mutex_lock(&lock);
	free(take_locked(kind, key));
	bucket = bucket_of(kind, key);
	place->next = *bucket;
	*bucket = place;
	pthread_mutex_unlock(&lock);
}

void lend__place_forget(enum lend_place_kind kind, uintptr_t key)
{
	free(take(kind, key));
}

/* ---- telling ---- */

/* A frame of the library's, which is a module of its own or a part of the
 * program. */
static bool is_own(const void *frame, const char *text)
{
	Dl_info own, info;

	if (!strncmp(text, "lend_", 5))
		return true;
	return dladdr((void *)(uintptr_t)lend__place_note, &own) &&
	       own.dli_fname && strstr(own.dli_fname, "liblend.") &&
	       dladdr(frame, &info) && info.dli_fbase == own.dli_fbase;
}

/* One back: into the call, not to where it returns to. */
static bool print_frame(const struct place *place, int i, char *symbol,
			size_t size)
{
	const char *frame = (const char *)place->frames[i] - 1;

	lend__symbol_print(frame, symbol, size);
	return is_own(frame, symbol);
}

/* The library's innermost frame. What comes before walks stacks, as a
 * sanitizer's backtrace() does. */
static int first_own(const struct place *place)
{
	char symbol[200];

	for (int i = 0; i < place->frames_count; i++)
		if (print_frame(place, i, symbol, sizeof(symbol)))
			return i;
	return 0;
}

/* The program's own frames, up to the library's that called them. */
static void tell_frames(const struct place *place, char text[TEXT_MAX])
{
	struct lend_text line = { text, TEXT_MAX };
	int told = 0;

	text[0] = '\0';
	for (int i = first_own(place); i < place->frames_count; i++) {
		char symbol[200];

		if (print_frame(place, i, symbol, sizeof(symbol))) {
			if (told)
				break;
			continue;
		}
		if (told++ == FRAMES_TOLD)
			break;
		lend__text_add(&line, "%s%s", told > 1 ? " < " : "", symbol);
	}
}

bool lend__places_wanted(const struct lend_actor *actor)
{
	return lend__places_used() &&
	       actor->worker->runtime->options.report_leaks;
}

void lend__place_report(const struct lend_actor *actor,
			enum lend_place_kind kind, uintptr_t key,
			const char *format, ...)
{
	struct place *place = take(kind, key);
	char title[LEND_ACTOR_TITLE_SIZE], what[160], text[TEXT_MAX] = "";
	va_list args;

	va_start(args, format);
	/* The analyser does not know va_start() in every build.
	 * NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized) */
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	lend__actor_title(actor->name, actor->index, title);
	if (place)
		tell_frames(place, text);
	lend__log(&actor->worker->runtime->log, LEND_LOG_WARNING,
		  "actor %s leaves %s%s%s", title, what,
		  text[0] ? ", begun at " : "", text);
	free(place);
}

/* ---- descriptors that are open ---- */

static bool is_open(const struct place *place)
{
	dev_t device;
	ino_t inode;

	return identify((int)place->key, &device, &inode) &&
	       device == place->device && inode == place->inode;
}

static bool is_of(const struct place *place, const struct lend_runtime *runtime,
		  const struct lend_actor *actor)
{
	return place->kind == LEND_PLACE_DESCRIPTOR &&
	       place->runtime == runtime &&
	       (!actor || (place->index == actor->index &&
			   place->generation == actor->generation));
}

/* A list of copies: the log function is the program's. @actor NULL: all of the
 * runtime's, which are forgotten, as it ends. */
static struct place *list_of(const struct lend_runtime *runtime,
			     const struct lend_actor *actor)
{
	struct place *list = NULL;

	pthread_mutex_lock(&lock);
	for (unsigned i = 0; i < BUCKETS; i++) {
		for (struct place **at = &buckets[i]; *at;) {
			struct place *place = *at, *listed = place;

			if (!is_of(place, runtime, actor)) {
				at = &place->next;
				continue;
			}
			if (actor) {
				at = &place->next;
				listed = malloc(sizeof(*listed));
				if (!listed)
					continue;
				*listed = *place;
			} else {
				*at = place->next;
			}
			listed->next = list;
			list = listed;
		}
	}
	pthread_mutex_unlock(&lock);
	return list;
}

static unsigned report_list(const struct lend_runtime *runtime,
			    struct place *list, enum lend_log_level level)
{
	struct place *next;
	unsigned count = 0;

	for (; list; list = next) {
		char title[LEND_ACTOR_TITLE_SIZE], text[TEXT_MAX];

		next = list->next;
		if (is_open(list)) {
			count++;
			lend__actor_title(list->name, list->index, title);
			tell_frames(list, text);
			lend__log(
				&runtime->log, level,
				"descriptor %d is open: actor %s opened it%s%s",
				(int)list->key, title, text[0] ? " at " : "",
				text);
		}
		free(list);
	}
	return count;
}

void lend__places_report_open(const struct lend_actor *actor)
{
	const struct lend_runtime *runtime = actor->worker->runtime;

	if (runtime->log.level >= LEND_LOG_DEBUG)
		report_list(runtime, list_of(runtime, actor), LEND_LOG_DEBUG);
}

void lend__places_end(struct lend_runtime *runtime)
{
	unsigned count;

	count = report_list(runtime, list_of(runtime, NULL), LEND_LOG_WARNING);
	if (count)
		lend__log(&runtime->log, LEND_LOG_WARNING,
			  "%u descriptors that actors opened are still open",
			  count);
	atomic_fetch_sub_explicit(&lend__places_runtimes, 1,
				  memory_order_relaxed);
}
