/*
 * The command: runs seeds, each in a process of its own, and says which fail.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "sim.h"

/* Real time for one seed; a run takes milliseconds. */
#define SEED_SECONDS 60

static const char help[] =
	"usage: sim [OPTION...]\n"
	"Run the whole library on a simulated kernel, from a seed.\n"
	"\n"
	"  --seed N        one seed\n"
	"  --seeds A..B    these seeds (default 1..100)\n"
	"  --campaign      seeds without end, from a random one on\n"
	"  --time S        stop after S seconds\n"
	"  --crowd         a thousand actors that compete for 64 workers\n"
	"  --twice         run each seed twice and compare\n"
	"  --steps N       scheduling decisions a seed may take\n"
	"  --trace         print what happens (with --seed)\n"
	"  --mutate NAME   make a mistake on purpose, and expect it to be found\n"
	"  --mutations     list these mistakes\n"
	"  --help\n"
	"\n"
	"Exit status: 0 all was well (with --mutate: the mistake was found), 1 a\n"
	"seed failed (with --mutate: none did), 2 wrong usage.\n";

struct arguments {
	uint64_t first, last;
	uint64_t steps;
	unsigned seconds;
	bool tracing, twice, campaign, crowd;
};

static struct sim_report totals;
static const char *program;

void sim_report_update(void);

static _Noreturn void run_child(uint64_t seed, const struct arguments *args)
{
	sim.seed = seed;
	sim.tracing = args->tracing;
	sim_knobs_draw();
	if (args->crowd)
		sim_knobs_crowd();
	if (args->steps)
		sim.steps_max = args->steps;
	alarm(SEED_SECONDS);
	sim_run();
	sim_report_update();
	fflush(stdout);
	_exit(0);
}

static bool run_seed(uint64_t seed, const struct arguments *args)
{
	int status = 0;
	pid_t child;

	memset(sim_report, 0, sizeof(*sim_report));
	fflush(stdout);
	child = fork();
	if (child < 0) {
		perror("sim: fork");
		exit(2);
	}
	if (!child)
		run_child(seed, args);
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return true;
	if (!sim_report->failure[0])
		snprintf(sim_report->failure, sizeof(sim_report->failure),
			 "%s %d",
			 WIFSIGNALED(status) ? "it was ended by signal" :
					       "it exited with",
			 WIFSIGNALED(status) ? WTERMSIG(status) :
					       WEXITSTATUS(status));
	return false;
}

static void add_totals(void)
{
	totals.steps += sim_report->steps;
	totals.points += sim_report->points;
	totals.now_ns += sim_report->now_ns;
	if (totals.wait_max < sim_report->wait_max)
		totals.wait_max = sim_report->wait_max;
	if (totals.crowd_max < sim_report->crowd_max)
		totals.crowd_max = sim_report->crowd_max;
	totals.hash = totals.hash * 31 + sim_report->hash;
	for (unsigned i = 0; i < SIM_COUNTS; i++)
		totals.counts[i] += sim_report->counts[i];
}

static void print_totals(uint64_t seeds, double seconds)
{
	static const char *const names[SIM_COUNTS] = {
		[SIM_COUNT_SQES] = "submissions",
		[SIM_COUNT_CQES] = "completions",
		[SIM_COUNT_OVERFLOWS] = "overflowed",
		[SIM_COUNT_FAULTS] = "faults",
		[SIM_COUNT_SHORTS] = "short transfers",
		[SIM_COUNT_STALLS] = "stalls",
		[SIM_COUNT_SEIZED] = "seizures",
		[SIM_COUNT_BUFFERED] = "buffered stores",
		[SIM_COUNT_WAITS] = "waits for slots",
		[SIM_COUNT_STEALS] = "actors stolen",
	};

	printf("%llu seeds in %.1f s: %llu switches, %llu accesses, %.1f s of virtual time",
	       (unsigned long long)seeds, seconds,
	       (unsigned long long)totals.steps,
	       (unsigned long long)totals.points,
	       (double)totals.now_ns / LEND_S);
	for (unsigned i = 0; i < SIM_COUNTS; i++)
		printf(", %llu %s", (unsigned long long)totals.counts[i],
		       names[i]);
	printf("\na runnable actor waited for %llu turns of others at worst; %llu were runnable at one time\n",
	       (unsigned long long)totals.wait_max,
	       (unsigned long long)totals.crowd_max);
}

static double now_s(void)
{
	struct timespec now;

	timespec_get(&now, TIME_UTC);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void print_failure(uint64_t seed, bool crowd)
{
	printf("seed %llu failed: %s\n", (unsigned long long)seed,
	       sim_report->failure);
	printf("replay: %s --seed %llu --trace%s%s%s\n", program,
	       (unsigned long long)seed, crowd ? " --crowd" : "",
	       sim_mutation ? " --mutate " : "",
	       sim_mutation ? sim_mutation_name(sim_mutation) : "");
}

static bool same_again(uint64_t seed, const struct arguments *args)
{
	struct sim_report first = *sim_report;

	if (run_seed(seed, args) && first.hash == sim_report->hash &&
	    first.steps == sim_report->steps)
		return true;
	snprintf(sim_report->failure, sizeof(sim_report->failure),
		 "the second run differs: hash %016llx and %016llx",
		 (unsigned long long)first.hash,
		 (unsigned long long)sim_report->hash);
	return false;
}

static int run_seeds(const struct arguments *args)
{
	double start = now_s();
	uint64_t seed = args->first, seeds = 0, failed = 0;

	for (; seed <= args->last; seed++) {
		bool ok;

		if (args->seconds && now_s() - start > args->seconds)
			break;
		ok = run_seed(seed, args);
		seeds++;
		add_totals();
		if (ok && args->twice)
			ok = same_again(seed, args);
		if (ok)
			continue;
		print_failure(seed, args->crowd);
		failed++;
		if (sim_mutation || (failed >= 10 && !args->campaign))
			break;
	}
	print_totals(seeds, now_s() - start);
	printf("hash of all traces: %016llx\n",
	       (unsigned long long)totals.hash);
	if (!sim_mutation)
		return failed ? 1 : 0;
	if (failed)
		printf("%s: found after %llu seeds (%s)\n",
		       sim_mutation_name(sim_mutation),
		       (unsigned long long)seeds,
		       sim_mutation_text(sim_mutation));
	else
		printf("%s: not found\n", sim_mutation_name(sim_mutation));
	return failed ? 0 : 1;
}

static void list_mutations(void)
{
	for (int i = 1; i < SIM_MUTATIONS; i++)
		printf("%-18s %s\n", sim_mutation_name((enum sim_mutation)i),
		       sim_mutation_text((enum sim_mutation)i));
}

static bool choose_mutation(const char *name)
{
	for (int i = 1; i < SIM_MUTATIONS; i++)
		if (strcmp(name, sim_mutation_name((enum sim_mutation)i)) == 0)
			sim_mutation = (enum sim_mutation)i;
	return sim_mutation != SIM_MUTATE_NOTHING;
}

static bool parse_seeds(const char *text, struct arguments *args)
{
	char *end;

	args->first = strtoull(text, &end, 10);
	args->last = args->first;
	if (strncmp(end, "..", 2) == 0)
		args->last = strtoull(end + 2, &end, 10);
	return end != text && *end == '\0' && args->first <= args->last;
}

enum option_code {
	OPTION_SEED = 256,
	OPTION_CAMPAIGN,
	OPTION_TIME,
	OPTION_TWICE,
	OPTION_CROWD,
	OPTION_STEPS,
	OPTION_TRACE,
	OPTION_MUTATE,
	OPTION_MUTATIONS,
	OPTION_HELP,
};

static const struct option options[] = {
	{ "seed", required_argument, NULL, OPTION_SEED },
	{ "seeds", required_argument, NULL, OPTION_SEED },
	{ "campaign", no_argument, NULL, OPTION_CAMPAIGN },
	{ "time", required_argument, NULL, OPTION_TIME },
	{ "twice", no_argument, NULL, OPTION_TWICE },
	{ "crowd", no_argument, NULL, OPTION_CROWD },
	{ "steps", required_argument, NULL, OPTION_STEPS },
	{ "trace", no_argument, NULL, OPTION_TRACE },
	{ "mutate", required_argument, NULL, OPTION_MUTATE },
	{ "mutations", no_argument, NULL, OPTION_MUTATIONS },
	{ "help", no_argument, NULL, OPTION_HELP },
	{ NULL, 0, NULL, 0 },
};

/* False: wrong usage. */
static bool parse_option(int code, struct arguments *args)
{
	switch (code) {
	case OPTION_SEED:
		return parse_seeds(optarg, args);
	case OPTION_CAMPAIGN:
		args->campaign = true;
		args->first = (uint64_t)time(NULL) * 1000003;
		args->last = UINT64_MAX - 1;
		return true;
	case OPTION_TIME:
		args->seconds = (unsigned)strtoul(optarg, NULL, 10);
		return true;
	case OPTION_TWICE:
		args->twice = true;
		return true;
	case OPTION_CROWD:
		args->crowd = true;
		return true;
	case OPTION_STEPS:
		args->steps = strtoull(optarg, NULL, 10);
		return true;
	case OPTION_TRACE:
		args->tracing = true;
		return true;
	case OPTION_MUTATE:
		return choose_mutation(optarg);
	case OPTION_MUTATIONS:
		list_mutations();
		exit(0);
	case OPTION_HELP:
		fputs(help, stdout);
		exit(0);
	default:
		return false;
	}
}

int main(int argc, char **argv)
{
	struct arguments args = { .first = 1, .last = 100 };
	int code;

	program = argv[0];
	while ((code = getopt_long(argc, argv, "", options, NULL)) != -1)
		if (!parse_option(code, &args)) {
			fputs(help, stderr);
			return 2;
		}
	if (optind < argc) {
		fputs(help, stderr);
		return 2;
	}
	/* Shared with the process of each seed. */
	sim_report = mmap(NULL, sizeof(*sim_report), PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (sim_report == MAP_FAILED) {
		perror("sim: mmap");
		return 2;
	}
	return run_seeds(&args);
}
