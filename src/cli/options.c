/*
 * What the command line says: see options.h. It only reads and checks; files
 * and sockets are opened by the services.
 */
#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <lend/net.h>
#include <lend/runtime.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "say.h"
#include "suggest.h"

#define DEPTH_MAX	    32768
#define RINGS_MAX	    256
#define DRAIN_TIMEOUT_S_MAX 86400
#define SQPOLL_IDLE_MS	    "10"
#define TRACE_EVENTS_MAX    1048576
#define TRACE_EVENTS	    65536

enum option_kind {
	FLAG,
	TEXT,
	NUMBER,
	MILLISECONDS,
	LISTEN,
	MODE,
	LEVEL,
	FEATURES
};

/* One option: where its value goes is an offset into struct options. */
struct option_rule {
	const char *name;
	unsigned services;
	enum option_kind kind;
	size_t offset;
	unsigned min;
	unsigned max;
};

#define BOTH	     (SERVICE_SERVE | SERVICE_ECHO)
#define FIELD(field) offsetof(struct options, field)

static const struct option_rule rules[] = {
	{ "listen", BOTH, LISTEN, 0, 0, 0 },
	{ "root", SERVICE_SERVE, TEXT, FIELD(root), 0, 0 },
	{ "allow-links", SERVICE_SERVE, FLAG, FIELD(allow_links), 0, 0 },
	{ "demo", SERVICE_SERVE, FLAG, FIELD(demo), 0, 0 },
	{ "access-log", SERVICE_SERVE, TEXT, FIELD(access_log), 0, 0 },
	{ "admin", BOTH, TEXT, FIELD(admin), 0, 0 },
	{ "mode", BOTH, MODE, 0, 0, 0 },
	{ "workers", BOTH, NUMBER, FIELD(workers), 1, LEND_WORKERS_MAX },
	{ "rings", BOTH, NUMBER, FIELD(rings), 1, RINGS_MAX },
	{ "depth", BOTH, NUMBER, FIELD(depth), 1, DEPTH_MAX },
	{ "sqpoll", BOTH, MILLISECONDS, FIELD(sqpoll_idle_ms), 1,
	  LEND_SQPOLL_IDLE_MS_MAX },
	{ "without", BOTH, FEATURES, 0, 0, 0 },
	{ "flush-actors", BOTH, NUMBER, FIELD(flush_actors), 1, DEPTH_MAX },
	{ "flush-sqes", BOTH, NUMBER, FIELD(flush_sqes), 1, DEPTH_MAX },
	{ "kick-signal", BOTH, FLAG, FIELD(kick), 0, 0 },
	{ "shared-buffers", BOTH, FLAG, FIELD(shared_buffers), 0, 0 },
	{ "trace", BOTH, TEXT, FIELD(trace), 0, 0 },
	{ "trace-events", BOTH, NUMBER, FIELD(trace_events), 1,
	  TRACE_EVENTS_MAX },
	{ "max-connections", BOTH, NUMBER, FIELD(connections_max), 1,
	  CONNECTIONS_MAX },
	{ "drain-timeout", BOTH, NUMBER, FIELD(drain_timeout_s), 0,
	  DRAIN_TIMEOUT_S_MAX },
	{ "log", BOTH, LEVEL, 0, 0, 0 },
	{ "help", BOTH, FLAG, FIELD(help), 0, 0 },
};
#define RULES_COUNT (sizeof(rules) / sizeof(rules[0]))

static const char *service_name(enum service service)
{
	return service == SERVICE_ECHO ? "echo" : "serve";
}

static bool number_read(const struct option_rule *rule, const char *text,
			struct options *options)
{
	unsigned long value;
	char *end;

	/* strtoul() takes a sign and blanks, which no number here has. */
	errno = 0;
	value = strtoul(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || *end || errno ||
	    value < rule->min || value > rule->max) {
		say("--%s: \"%s\" is not a number from %u to %u", rule->name,
		    text, rule->min, rule->max);
		return false;
	}
	*(unsigned *)((char *)options + rule->offset) = (unsigned)value;
	return true;
}

static bool listen_add(const char *text, struct options *options)
{
	if (options->listen_count == LISTEN_MAX) {
		say("--listen: \"%s\" is one address too many; at most %d are possible",
		    text, LISTEN_MAX);
		return false;
	}
	options->listen[options->listen_count++] = text;
	return true;
}

static bool mode_read(const char *text, struct options *options)
{
	if (!lend_ring_mode_parse(text, &options->mode))
		return true;
	say("--mode: \"%s\" is not a mode; use borrowed, private or shared",
	    text);
	return false;
}

static bool level_read(const char *text, struct options *options)
{
	static const char *const names[] = {
		[LEND_LOG_ERROR] = "error",
		[LEND_LOG_WARNING] = "warning",
		[LEND_LOG_INFO] = "info",
		[LEND_LOG_DEBUG] = "debug",
	};

	for (int i = LEND_LOG_ERROR; i <= LEND_LOG_DEBUG; i++) {
		if (strcmp(text, names[i]) == 0) {
			options->log_level = (enum lend_log_level)i;
			return true;
		}
	}
	say("--log: \"%s\" is not a level; use error, warning, info or debug",
	    text);
	return false;
}

/* Can be given several times: the sets add up. */
static bool features_read(const char *origin, const char *list, unsigned *set)
{
	char known[LEND_FEATURES_TEXT_MAX];
	char name[64];
	unsigned more;

	while (*list) {
		size_t size = strcspn(list, ",");

		snprintf(name, sizeof(name), "%.*s", (int)size, list);
		if (lend_features_parse(name, &more)) {
			lend_features_format(LEND_FEATURES_ALL, known,
					     sizeof(known));
			say("%s: \"%s\" is not a feature; use some of %s",
			    origin, name, known);
			return false;
		}
		*set |= more;
		list += size + (list[size] == ',');
	}
	return true;
}

static bool rule_apply(const struct option_rule *rule, const char *text,
		       struct options *options)
{
	if (!(rule->services & options->service)) {
		say("--%s is an option of `lend serve`, not of `lend %s`; leave it out",
		    rule->name, service_name(options->service));
		return false;
	}
	switch (rule->kind) {
	case FLAG:
		*(bool *)((char *)options + rule->offset) = true;
		return true;
	case TEXT:
		*(const char **)((char *)options + rule->offset) = text;
		return true;
	case MILLISECONDS:
		/* The one whose value can be left out. */
		return number_read(rule, text ? text : SQPOLL_IDLE_MS, options);
	case NUMBER:
		return number_read(rule, text, options);
	case LISTEN:
		return listen_add(text, options);
	case MODE:
		return mode_read(text, options);
	case LEVEL:
		return level_read(text, options);
	case FEATURES:
		return features_read("--without", text, &options->without);
	}
	return false;
}

/* getopt_long() refused @argument; @found is the rule's number from 1 if there
 * is one. */
static void complain(const char *argument, int found, bool no_value,
		     enum service service)
{
	const struct option_rule *rule = NULL;
	const char *command = service_name(service);
	char name[32] = "";

	/* Of a letter we do not know it is the letter. */
	if (found > 0 && found <= (int)RULES_COUNT)
		rule = &rules[found - 1];
	if (rule && no_value) {
		say("--%s needs a value; see `lend help %s`", rule->name,
		    command);
		return;
	}
	if (rule) {
		say("%s: --%s takes no value; leave it out", argument,
		    rule->name);
		return;
	}
	if (strncmp(argument, "--", 2) == 0) {
		size_t size = strcspn(argument + 2, "=");

		if (size < sizeof(name))
			memcpy(name, argument + 2, size);
	}
	for (size_t i = 0; name[0] && i < RULES_COUNT; i++) {
		if (rules[i].services & service &&
		    word_is_near(name, rules[i].name)) {
			say("unknown option \"%s\"; did you mean --%s?",
			    argument, rules[i].name);
			return;
		}
	}
	say("unknown option \"%s\"; `lend help %s` lists the known ones",
	    argument, command);
}

static unsigned cpu_count(void)
{
	cpu_set_t set;
	int count = 1;

	if (!sched_getaffinity(0, sizeof(set), &set))
		count = CPU_COUNT(&set);
	return count > LEND_WORKERS_MAX ? LEND_WORKERS_MAX : (unsigned)count;
}

static bool addresses_check(const struct options *options)
{
	struct lend_address address;
	const char *name = "listen";

	for (unsigned i = 0; i <= options->listen_count; i++) {
		const char *text = options->admin;
		int err;

		if (i < options->listen_count)
			text = options->listen[i];
		else
			name = "admin";
		if (!text)
			continue;
		err = lend_address_parse(text, &address);
		if (err == -ENAMETOOLONG) {
			say("--%s: \"%s\" is too long for a socket's path; at most 107 bytes are possible",
			    name, text);
			return false;
		}
		if (err) {
			say("--%s: \"%s\" is not an address; use ADDR:PORT, [ADDR6]:PORT or unix:PATH, with numbers instead of names",
			    name, text);
			return false;
		}
	}
	return true;
}

/* Fill in what was left to us, and see whether it all fits together. */
static bool options_complete(struct options *options)
{
	bool workers_given = options->workers != 0;
	unsigned depth = 1;

	if (!options->workers)
		options->workers = cpu_count();
	if (!options->rings)
		options->rings = options->workers;
	while (depth < options->depth)
		depth *= 2;
	options->depth = depth;
	if (!options->listen_count)
		options->listen[options->listen_count++] =
			options->service == SERVICE_ECHO ? "127.0.0.1:7007" :
							   "127.0.0.1:8080";
	if (options->mode == LEND_RING_PRIVATE &&
	    options->rings != options->workers) {
		say("--mode private has one ring for each worker, but --rings is %u and --workers is %u%s; give the same number, or use --mode borrowed or shared",
		    options->rings, options->workers,
		    workers_given ? "" : " (one for each CPU)");
		return false;
	}
	if (options->trace_events && !options->trace && !options->admin) {
		say("--trace-events says how much to record, but nobody could read it; add --trace FILE or --admin ADDRESS, or leave it out");
		return false;
	}
	if (options->trace && !options->trace_events)
		options->trace_events = TRACE_EVENTS;
	if (options->allow_links && !options->root) {
		say("--allow-links says how to serve files, but there is no --root; add it, or leave --allow-links out");
		return false;
	}
	return addresses_check(options);
}

/* The library looks at it, too, but has no line for the user of a program. */
static bool environment_check(void)
{
	const char *disabled = getenv("LEND_DISABLE");
	unsigned set = 0;

	return !disabled || features_read("LEND_DISABLE", disabled, &set);
}

bool options_read(enum service service, int argc, char **argv,
		  struct options *ret_options)
{
	struct options options = {
		.service = service,
		.mode = LEND_RING_BORROWED,
		.depth = 256,
		.connections_max = 65536,
		.drain_timeout_s = 10,
		.log_level = LEND_LOG_WARNING,
	};
	struct option known[RULES_COUNT + 1] = { 0 };
	int found;

	for (size_t i = 0; i < RULES_COUNT; i++) {
		known[i].name = rules[i].name;
		known[i].has_arg = required_argument;
		if (rules[i].kind == FLAG)
			known[i].has_arg = no_argument;
		else if (rules[i].kind == MILLISECONDS)
			known[i].has_arg = optional_argument;
		known[i].val = (int)i + 1; /* 0 is getopt's "unknown" */
	}
	optind = 1;
	optopt = 0;
	while ((found = getopt_long(argc, argv, "+:h", known, NULL)) != -1) {
		if (found == 'h') {
			options.help = true;
		} else if (found == '?' || found == ':') {
			complain(argv[optind - 1], optopt, found == ':',
				 service);
			return false;
		} else if (!rule_apply(&rules[found - 1], optarg, &options)) {
			return false;
		}
		optopt = 0;
	}
	if (options.help) {
		*ret_options = options;
		return true;
	}
	if (optind < argc) {
		say("unexpected argument \"%s\"; options begin with --%s",
		    argv[optind],
		    service == SERVICE_SERVE ?
			    ", and a folder to serve is given as --root DIR" :
			    "");
		return false;
	}
	if (!environment_check() || !options_complete(&options))
		return false;
	*ret_options = options;
	return true;
}
