/*
 * Goal:   whichever allocation, system call or operation fails, nothing leaks,
 *         hangs or dies, and what is reported is that fault or follows from it;
 *         what only means "try again" is not seen at all. Rows K2, K15, H9.
 * Method: run each scenario without a fault, which counts the places; then with
 *         the first of them failing, the second, and so on until one run meets
 *         no fault, with each error that the place may have. After each run
 *         descriptors, threads and the library's own memory are as before.
 *
 *	fault [MODE:WORKERS:RINGS:DEPTH:SQPOLL] [--list] [--scenario NAME]
 *	      [--kind alloc|kernel|operation] [--from N] [--to M] [--stride N]
 *	      [--turns N] [--burst N] [--verbose]
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fault/inject.h"
#include "fault/scenario.h"
#include "harness/harness.h"

/* A run takes milliseconds; what hangs hangs for ever. */
#define RUN_S 20

static const char *const kind_names[INJECT_KINDS] = { "none", "alloc", "kernel",
						      "operation" };

static struct {
	bool list, verbose;
	const char *scenario;
	enum inject_kind kind;
	unsigned from, to, stride, turns, burst;
} wanted = { .from = 1, .to = 100000, .stride = 1, .turns = 1, .burst = 1 };

static const struct scenario *running;
static struct inject_plan plan;
static unsigned checks_failed, runs, faults;

/* ---- what must be as before ---- */

struct state {
	unsigned fds, threads;
	long blocks, mappings;
};

/* The kernel's own workers end when they like. */
static bool is_thread_of_ours(const char *tid)
{
	char path[64], name[32] = "";
	int fd;

	snprintf(path, sizeof(path), "/proc/self/task/%.20s/comm", tid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	if (read(fd, name, sizeof(name) - 1) < 0)
		name[0] = '\0';
	close(fd);
	return strncmp(name, "iou-", 4) != 0;
}

static unsigned count_threads(void)
{
	DIR *directory = opendir("/proc/self/task");
	const struct dirent *entry;
	unsigned count = 0;

	while (directory && (entry = readdir(directory)))
		count += entry->d_name[0] != '.' &&
			 is_thread_of_ours(entry->d_name);
	if (directory)
		closedir(directory);
	return count;
}

static struct state look(void)
{
	return (struct state){ test_count_fds(), count_threads(),
			       inject_live_blocks(), inject_live_mappings() };
}

/* A thread that was joined may be seen a moment longer, before as well. */
static void compare(const struct state *before)
{
	uint64_t end_ns = lend_after(5 * LEND_S);
	struct state after = look();

	while (after.threads > before->threads && lend_now() < end_ns) {
		usleep(1000);
		after.threads = count_threads();
	}
	CHECK_EQ(after.fds, before->fds);
	CHECK_IN(after.threads, 1, before->threads);
	CHECK_EQ(after.blocks, before->blocks);
	CHECK_EQ(after.mappings, before->mappings);
}

/* ---- one run ---- */

static void say_where(const char *what)
{
	printf("%s: %s, %s %u (turn %u, burst %u): %u faults, last %s of %s\n",
	       what, running->name, kind_names[plan.kind], plan.first,
	       plan.turn, plan.count, inject_fired(),
	       lend_error_name(inject_error()), inject_where());
	fflush(stdout);
}

/* After an abort(), a fault or an alarm: which run it was. */
static void last_words(int signal_number)
{
	signal(signal_number, SIG_DFL);
	say_where(signal_number == SIGALRM ? "HANGS" : "DIES");
	abort();
}

static void say_nothing(enum lend_log_level level, const char *text, void *arg)
{
	(void)level;
	(void)text;
	(void)arg;
}

/* Return: the places there were. */
static unsigned run_once(void)
{
	struct lend_options options = test_options;
	struct state before = look();
	unsigned points, failed = test_failures();
	int res;

	options.log = say_nothing;
	if (running->adjust)
		running->adjust(&options);
	alarm(test_is_slow() ? 6 * RUN_S : RUN_S);
	inject_begin(&plan);
	res = running->is_plain ? running->fn(&options) :
				  lend_run(&options, running->fn, NULL);
	points = inject_end();
	/* It could not start: some errors say more there. */
	if ((res != -E2BIG || !inject_was(-ENOMEM)) &&
	    (res != -EOPNOTSUPP || !inject_was(-EINVAL)))
		(void)FINE(res);
	compare(&before);
	runs++;
	faults += inject_fired() != 0;
	if (test_failures() != failed) {
		checks_failed++;
		say_where("FAIL");
	} else if (wanted.verbose) {
		say_where("ok");
	}
	return points;
}

/* ---- all of them ---- */

static unsigned count_points(enum inject_kind kind)
{
	plan = (struct inject_plan){ .kind = kind };
	return run_once();
}

/* Each place, until a run goes by without a fault: how many there are is not
 * the same each time. */
static void run_kind(enum inject_kind kind)
{
	unsigned points = count_points(kind), before = runs, n;

	for (n = wanted.from; n <= wanted.to; n += wanted.stride) {
		bool met = false;

		for (unsigned turn = 0; turn < wanted.turns; turn++) {
			plan = (struct inject_plan){
				.kind = kind,
				.first = n,
				.count = wanted.burst,
				/* One error each time: all have their turn. */
				.turn = wanted.turns > 1 ? turn :
							   n / wanted.stride,
			};
			run_once();
			met = met || inject_fired();
		}
		if (!met && n > points)
			break;
	}
	printf("%-18s %-10s %5u places, %u runs\n", running->name,
	       kind_names[kind], points, runs - before);
	fflush(stdout);
}

static void run_scenario(const struct scenario *scenario)
{
	if (wanted.scenario && strcmp(wanted.scenario, scenario->name) != 0)
		return;
	running = scenario;
	for (int kind = INJECT_ALLOC; kind < INJECT_KINDS; kind++) {
		if (wanted.kind && (int)wanted.kind != kind)
			continue;
		if (kind == INJECT_OPERATION && !inject_has_operations()) {
			printf("skip %s operation: this kernel's NOP fails "
			       "with no result of one's choice\n",
			       scenario->name);
			continue;
		}
		if (wanted.list)
			printf("%-18s %-10s %5u places\n", scenario->name,
			       kind_names[kind],
			       count_points((enum inject_kind)kind));
		else
			run_kind((enum inject_kind)kind);
	}
}

/* ---- the command line ---- */

static void usage(const char *word)
{
	fprintf(stderr, "fault: %s: see the top of tests/fault/fault.c\n",
		word);
	exit(2);
}

static enum inject_kind kind_named(const char *name)
{
	for (int kind = INJECT_ALLOC; kind < INJECT_KINDS; kind++)
		if (!strcmp(name, kind_names[kind]))
			return (enum inject_kind)kind;
	usage(name);
	return INJECT_NOTHING;
}

static void read_number(const char *word, const char *value)
{
	const struct {
		const char *name;
		unsigned *number;
	} numbers[] = {
		{ "--from", &wanted.from },	{ "--to", &wanted.to },
		{ "--stride", &wanted.stride }, { "--turns", &wanted.turns },
		{ "--burst", &wanted.burst },
	};

	for (unsigned i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (!strcmp(word, numbers[i].name)) {
			*numbers[i].number = (unsigned)strtoul(value, NULL, 0);
			if (!*numbers[i].number)
				usage(word);
			return;
		}
	usage(word);
}

static void read_words(int argc, char **argv)
{
	for (int i = 0; i < argc; i++) {
		const char *word = argv[i];

		if (!strcmp(word, "--list"))
			wanted.list = true;
		else if (!strcmp(word, "--verbose"))
			wanted.verbose = true;
		else if (i + 1 == argc)
			usage(word);
		else if (!strcmp(word, "--scenario"))
			wanted.scenario = argv[++i];
		else if (!strcmp(word, "--kind"))
			wanted.kind = kind_named(argv[++i]);
		else
			read_number(word, argv[++i]);
	}
}

static void *do_nothing(void *arg)
{
	return arg;
}

/* A sanitizer's own thread comes with the first of ours. */
static void have_had_a_thread(void)
{
	pthread_t thread;

	if (!pthread_create(&thread, NULL, do_nothing, NULL))
		pthread_join(thread, NULL);
}

int main(int argc, char **argv)
{
	static const struct scenario *const groups[] = {
		scenarios_of_runtimes, scenarios_of_actors,
		scenarios_of_io,       scenarios_of_transfers,
		scenarios_of_children, scenarios_of_claims,
		scenarios_of_servers,  scenarios_of_scopes,
	};
	int words = argc > 1 && argv[1][0] != '-' ? 2 : 1;

	test_init(words, argv, RUN_S);
	/* Small rings are quickly made, and full. */
	if (!test_options.depth)
		test_options.depth = 8;
	test_options.actors_max = 64;
	read_words(argc - words, argv + words);
	have_had_a_thread();
	signal(SIGALRM, last_words);
	signal(SIGABRT, last_words);
	for (unsigned i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
		for (const struct scenario *scenario = groups[i];
		     scenario->name; scenario++)
			run_scenario(scenario);
	if (!runs)
		usage(wanted.scenario ? wanted.scenario : "nothing to do");
	printf("%u runs, %u with a fault: %u failed\n", runs, faults,
	       checks_failed);
	return checks_failed != 0;
}
