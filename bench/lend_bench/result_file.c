/*
 * From JSON to structs. Called by `report` and `compare`. It believes nothing:
 * what it returns is complete, finite and consistent, so that nobody behind
 * it has to ask again.
 */
#include "lend_bench/result_file.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define SCHEMA	       "lend-bench/1"
#define NAME_MAX_BYTES 200
#define BUCKETS_MAX    100000
#define EXTRAS_MAX     64
#define MEASURE_MIN    1e-12
#define MEASURE_MAX    1e18

const char *const result_loan_names[RESULT_LOANS] = {
	"granted", "recalled", "seized",	 "returned",
	"waits",   "helped",   "revoked_claims",
};

/* Where in the file we are, and the first thing that is wrong. */
struct reading {
	struct arena *arena;
	const char *path;
	char where[64]; /* "runs[3].latency_ns."; "" at the top */
	const char *wrong;
};

/* Note what is wrong with @name, unless something was before. */
__attribute__((format(printf, 3, 4))) static void
complain(struct reading *reading, const char *name, const char *format, ...)
{
	char text[200];
	va_list arguments;
	int where = (int)strlen(reading->where);

	if (reading->wrong)
		return;
	if (name[0] == '\0' && where > 0)
		where--; /* without the dot */
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	reading->wrong = arena_printf(reading->arena, "%s: %.*s%s: %s",
				      reading->path, where, reading->where,
				      name, text);
}

static const char *kind(const json_t *value)
{
	switch (json_typeof(value)) {
	case JSON_OBJECT:
		return "an object";
	case JSON_ARRAY:
		return "an array";
	case JSON_STRING:
		return "a string";
	case JSON_INTEGER:
	case JSON_REAL:
		return "a number";
	case JSON_TRUE:
	case JSON_FALSE:
		return "true or false";
	default:
		return "null";
	}
}

/* The member @name, if it is of @type; @example says what is wanted. */
static json_t *member(struct reading *reading, json_t *object, const char *name,
		      json_type type, const char *example)
{
	json_t *value = json_object_get(object, name);

	if (!value) {
		complain(reading, name, "is missing (%s is wanted)", example);
		return NULL;
	}
	if (json_typeof(value) != type) {
		complain(reading, name, "is %s, not %s", kind(value), example);
		return NULL;
	}
	return value;
}

static const char *copy(struct reading *reading, const char *name,
			const json_t *value)
{
	if (json_string_length(value) > NAME_MAX_BYTES) {
		complain(reading, name, "is longer than %d bytes",
			 NAME_MAX_BYTES);
		return "";
	}
	return arena_printf(reading->arena, "%s", json_string_value(value));
}

static const char *string(struct reading *reading, json_t *object,
			  const char *name)
{
	json_t *value = member(reading, object, name, JSON_STRING, "a string");

	return value ? copy(reading, name, value) : "";
}

/* Every number here is a count or a measure: none is below 0. Within these
 * ends, quotients of them can neither overflow nor become 0. */
static double check_number(struct reading *reading, const char *name,
			   json_t *value)
{
	double number = json_real_value(value);

	if (number < 0 || number > MEASURE_MAX)
		complain(reading, name, "is %g, not a number from 0 to %g",
			 number, MEASURE_MAX);
	else if (number > 0 && number < MEASURE_MIN)
		complain(reading, name, "is %g, above 0 but below %g", number,
			 MEASURE_MIN);
	return number;
}

static double number(struct reading *reading, json_t *object, const char *name)
{
	json_t *value = member(reading, object, name, JSON_REAL, "a number");

	return value ? check_number(reading, name, value) : 0;
}

/* NAN if it is absent or null. */
static double number_if_any(struct reading *reading, json_t *object,
			    const char *name)
{
	json_t *value = json_object_get(object, name);

	if (!value || json_is_null(value))
		return NAN;
	return number(reading, object, name);
}

static unsigned count(struct reading *reading, json_t *object, const char *name)
{
	double value = number(reading, object, name);

	if (value > 1e9 || value != floor(value)) {
		complain(reading, name, "is %g, not a whole number up to 1e9",
			 value);
		return 0;
	}
	return (unsigned)value;
}

/* [[upper_ns, count], ...]; empty ones are not kept. */
static void read_buckets(struct reading *reading, json_t *array,
			 struct result_latency *latency)
{
	size_t size = json_array_size(array);
	double before = -1;
	double total = 0;

	if (size > BUCKETS_MAX) {
		complain(reading, "buckets", "more than %d", BUCKETS_MAX);
		return;
	}
	latency->buckets = arena_alloc(reading->arena, size,
				       sizeof(*latency->buckets));
	for (size_t i = 0; i < size; i++) {
		json_t *pair = json_array_get(array, i);
		json_t *upper = json_array_get(pair, 0);
		json_t *inside = json_array_get(pair, 1);
		struct summary_bucket bucket;

		if (json_array_size(pair) != 2 || !json_is_real(upper) ||
		    !json_is_real(inside)) {
			complain(reading, "buckets",
				 "[%zu] is not [upper_ns, count]", i);
			return;
		}
		bucket.upper = check_number(reading, "buckets", upper);
		bucket.count = check_number(reading, "buckets", inside);
		if (bucket.upper <= before)
			complain(reading, "buckets",
				 "[%zu] is not above the one before", i);
		before = bucket.upper;
		total += bucket.count;
		if (bucket.count > 0)
			latency->buckets[latency->bucket_count++] = bucket;
	}
	if (fabs(total - latency->count) > 0.5)
		complain(reading, "buckets",
			 "hold %.0f values, \"count\" is %.0f", total,
			 latency->count);
}

static void read_latency(struct reading *reading, json_t *object,
			 struct result_latency *latency)
{
	json_t *buckets;

	latency->count = number(reading, object, "count");
	latency->min = number(reading, object, "min");
	latency->mean = number(reading, object, "mean");
	latency->max = number(reading, object, "max");
	if (latency->min > latency->max)
		complain(reading, "min", "is above \"max\"");
	buckets = member(reading, object, "buckets", JSON_ARRAY, "an array");
	if (buckets)
		read_buckets(reading, buckets, latency);
}

static void read_extras(struct reading *reading, json_t *object,
			struct result_run *run)
{
	const char *name;
	json_t *value;

	if (json_object_size(object) > EXTRAS_MAX) {
		complain(reading, "", "more than %d of them", EXTRAS_MAX);
		return;
	}
	run->extras = arena_alloc(reading->arena, json_object_size(object),
				  sizeof(*run->extras));
	json_object_foreach(object, name, value)
	{
		struct result_extra *extra = &run->extras[run->extra_count];

		if (json_is_null(value)) /* JSON has no infinity */
			continue;
		if (!json_is_real(value)) {
			complain(reading, name, "is %s, not a number",
				 kind(value));
			return;
		}
		/* These may be below 0: a difference, say. */
		extra->name = arena_printf(reading->arena, "%.*s",
					   NAME_MAX_BYTES, name);
		extra->value = json_real_value(value);
		run->extra_count++;
	}
}

/* The object @name of a run, if there is one; what is wrong in it is said to
 * be there. */
static json_t *enter(struct reading *reading, json_t *object, const char *name)
{
	json_t *inner = json_object_get(object, name);

	if (!inner || json_is_null(inner))
		return NULL;
	if (!json_is_object(inner)) {
		complain(reading, name, "is %s, not an object", kind(inner));
		return NULL;
	}
	strncat(reading->where, name,
		sizeof(reading->where) - strlen(reading->where) - 1);
	strncat(reading->where, ".",
		sizeof(reading->where) - strlen(reading->where) - 1);
	return inner;
}

static void where_run(struct reading *reading, size_t index)
{
	snprintf(reading->where, sizeof(reading->where), "runs[%zu].", index);
}

static void derive(struct result_run *run)
{
	if (isnan(run->ops_per_s) && run->seconds > 0)
		run->ops_per_s = run->operations / run->seconds;
	if (isnan(run->cpu_ns_per_op) && run->operations > 0)
		run->cpu_ns_per_op = run->cpu_seconds * 1e9 / run->operations;
}

static void read_run(struct reading *reading, json_t *object,
		     struct result_run *run)
{
	json_t *inner;
	json_t *verified;

	run->workload = string(reading, object, "workload");
	run->mode = string(reading, object, "mode");
	run->variant = json_object_get(object, "variant") ?
			       string(reading, object, "variant") :
			       "";
	run->workers = count(reading, object, "workers");
	run->rings = count(reading, object, "rings");
	run->depth = count(reading, object, "depth");
	run->repeat = count(reading, object, "repeat");
	run->order = count(reading, object, "order");
	run->seconds = number(reading, object, "seconds");
	run->operations = number(reading, object, "operations");
	run->errors = number(reading, object, "errors");
	run->cpu_seconds = number(reading, object, "cpu_seconds");
	run->ops_per_s = number_if_any(reading, object, "ops_per_s");
	run->cpu_ns_per_op = number_if_any(reading, object, "cpu_ns_per_op");
	run->enters_per_op = number_if_any(reading, object, "enters_per_op");
	derive(run);

	verified = json_object_get(object, "verified");
	if (!json_is_boolean(verified))
		complain(reading, "verified", "is not true or false");
	run->verified = json_is_true(verified);

	if (json_object_get(object, "failure"))
		run->failure = string(reading, object, "failure");

	inner = enter(reading, object, "latency_ns");
	if (inner)
		read_latency(reading, inner, &run->latency);
	where_run(reading, run->index);
	inner = enter(reading, object, "loans");
	run->has_loans = inner != NULL;
	for (size_t i = 0; inner && i < RESULT_LOANS; i++)
		run->loans[i] = number_if_any(reading, inner,
					      result_loan_names[i]);
	where_run(reading, run->index);
	inner = enter(reading, object, "extra");
	if (inner)
		read_extras(reading, inner, run);
}

static bool plain_word(const char *word)
{
	return word[0] != '\0' &&
	       strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUV"
			    "WXYZ0123456789-_=.,:/%+@") == strlen(word);
}

/* A word of a command line as a shell takes it. */
static const char *quoted(struct arena *arena, const char *word)
{
	size_t size = 3;
	char *text, *end;

	if (plain_word(word))
		return word;
	for (const char *at = word; *at; at++)
		size += *at == '\'' ? 4 : 1;
	text = end = arena_alloc(arena, size, 1);
	*end++ = '\'';
	for (const char *at = word; *at; at++) {
		if (*at == '\'') {
			memcpy(end, "'\\''", 4);
			end += 4;
		} else {
			*end++ = *at;
		}
	}
	*end = '\'';
	return text;
}

static const char *read_command(struct reading *reading, json_t *top)
{
	json_t *array = member(reading, top, "command", JSON_ARRAY, "an array");
	const char *line = "";

	for (size_t i = 0; i < json_array_size(array); i++) {
		const char *word = json_string_value(json_array_get(array, i));

		if (!word) {
			complain(reading, "command", "[%zu] is not a string",
				 i);
			return "";
		}
		line = arena_printf(reading->arena, "%s%s%s", line,
				    i ? " " : "", quoted(reading->arena, word));
	}
	return line;
}

static void read_host(struct reading *reading, json_t *top,
		      struct result_host *host)
{
	json_t *object = member(reading, top, "host", JSON_OBJECT, "an object");

	if (!object)
		return;
	strcpy(reading->where, "host.");
	host->cpu = string(reading, object, "cpu");
	host->cpus = count(reading, object, "cpus");
	host->kernel = string(reading, object, "kernel");
	host->compiler = string(reading, object, "compiler");
	host->lend = string(reading, object, "lend");
	reading->where[0] = '\0';
}

static void read_top(struct reading *reading, json_t *top, size_t file_number,
		     struct result_file *file)
{
	const char *schema;
	json_t *runs;

	if (!json_is_object(top)) {
		complain(reading, "the top", "is %s, not an object", kind(top));
		return;
	}
	schema = string(reading, top, "schema");
	if (!reading->wrong && strcmp(schema, SCHEMA) != 0)
		complain(reading, "schema", "is \"%.40s\", not \"" SCHEMA "\"",
			 schema);
	file->started = string(reading, top, "started");
	read_host(reading, top, &file->host);
	file->command = read_command(reading, top);
	runs = member(reading, top, "runs", JSON_ARRAY, "an array");
	file->run_count = json_array_size(runs);
	if (runs && file->run_count == 0)
		complain(reading, "runs", "there are none");
	file->runs = arena_alloc(reading->arena, file->run_count,
				 sizeof(*file->runs));
	for (size_t i = 0; i < file->run_count && !reading->wrong; i++) {
		json_t *run = json_array_get(runs, i);

		where_run(reading, i);
		file->runs[i].file = file_number;
		file->runs[i].index = i;
		if (json_is_object(run))
			read_run(reading, run, &file->runs[i]);
		else
			complain(reading, "", "is %s, not an object",
				 kind(run));
	}
}

const char *result_file_read(struct arena *arena, const char *path,
			     size_t file_number, struct result_file *ret_file)
{
	struct reading reading = { .arena = arena, .path = path };
	struct result_file file = { .path = path };
	json_error_t error;
	FILE *stream = fopen(path, "re");
	json_t *top;
	int err;

	if (!stream)
		return arena_printf(arena, "%s: %s", path, strerror(errno));
	errno = 0;
	top = json_loadf(stream,
			 JSON_REJECT_DUPLICATES | JSON_DECODE_INT_AS_REAL,
			 &error);
	err = ferror(stream) ? errno : 0;
	fclose(stream);
	if (!top && err)
		return arena_printf(arena, "%s: %s", path, strerror(err));
	if (!top)
		return arena_printf(arena, "%s:%d:%d: %s", path, error.line,
				    error.column, error.text);
	read_top(&reading, top, file_number, &file);
	json_decref(top);
	if (!reading.wrong)
		*ret_file = file;
	return reading.wrong;
}

bool result_run_good(const struct result_run *run)
{
	return run->verified && !run->failure && run->errors == 0 &&
	       run->operations > 0;
}

const char *result_run_fault(struct arena *arena, const struct result_run *run)
{
	if (run->errors > 0 || run->failure)
		return arena_printf(arena, "%.0f errors, %.0f operations%s%s%s",
				    run->errors, run->operations,
				    run->verified ? "" : ", not verified",
				    run->failure ? ": " : "",
				    run->failure ? run->failure : "");
	if (!run->verified)
		return "the results were not verified";
	if (!(run->operations > 0))
		return "no operation was completed";
	return NULL;
}
