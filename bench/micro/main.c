/*
 * lend-bench-internal: costs that need a look inside the library, or that are
 * compared with what there is without it.
 */
#include "micro.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
	"usage: lend-bench-internal COMMAND [NUMBER]\n"
	"\n"
	"  revoke [ROUNDS]  how long it takes to get at the completions of a\n"
	"                   ring whose borrower computes (500)\n"
	"  claim [ROUNDS]   what a claim and its commit cost on a held loan,\n"
	"                   beside the same with plain liburing (400)\n"
	"  operation [ROUNDS]\n"
	"                   what an operation costs, synchronous, asynchronous\n"
	"                   and direct, beside plain liburing (101)\n"
	"  actors [COUNT]   memory of actors that wait for a message, and how fast\n"
	"                   they come and go (1000000)\n"
	"  reads [COUNT]    the same with a read in flight each, cancelled at once\n"
	"                   (100000)\n"
	"  timers [COUNT]   what timers cost, added, moved, deleted, and going off\n"
	"                   (1000000)\n"
	"  wake [ROUNDS]    what it takes to wake a thread that sleeps in a ring,\n"
	"                   by eventfd, MSG_RING and futex (2000)\n"
	"  wheel [COUNT]    the wheel of timers beside a heap alone (100000)\n";

static bool rounds_read(const char *text, unsigned *ret_rounds)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (text[0] < '0' || text[0] > '9' || *end || value < 1 ||
	    value > 1000000) {
		fprintf(stderr,
			"lend-bench-internal: \"%s\" is not a number from 1 to 1000000\n",
			text);
		return false;
	}
	*ret_rounds = (unsigned)value;
	return true;
}

static unsigned rounds_of(const char *command)
{
	if (strcmp(command, "operation") == 0)
		return 101;
	if (strcmp(command, "revoke") == 0)
		return 500;
	if (strcmp(command, "actors") == 0 || strcmp(command, "timers") == 0)
		return 1000000;
	if (strcmp(command, "wake") == 0)
		return 2000;
	if (strcmp(command, "reads") == 0 || strcmp(command, "wheel") == 0)
		return 100000;
	return 400;
}

int main(int argc, char **argv)
{
	const char *command = argc > 1 ? argv[1] : "";
	unsigned rounds = rounds_of(command);

	if (strcmp(command, "--help") == 0) {
		fputs(help, stdout);
		return 0;
	}
	micro_pin_init();
	if (argc > 3) {
		fprintf(stderr,
			"lend-bench-internal: unexpected argument \"%s\"; leave it out\n",
			argv[3]);
		return 2;
	}
	if (argc == 3 && !rounds_read(argv[2], &rounds))
		return 2;
	if (strcmp(command, "revoke") == 0)
		return micro_revoke(rounds);
	if (strcmp(command, "claim") == 0)
		return micro_claim(rounds);
	if (strcmp(command, "operation") == 0)
		return micro_operation(rounds);
	if (strcmp(command, "actors") == 0 || strcmp(command, "reads") == 0)
		return micro_actors(rounds, command[0] == 'r');
	if (strcmp(command, "timers") == 0)
		return micro_timers(rounds);
	if (strcmp(command, "wake") == 0)
		return micro_wake(rounds);
	if (strcmp(command, "wheel") == 0)
		return micro_wheel(rounds);
	fprintf(stderr,
		"lend-bench-internal: \"%s\" is not a command; see --help\n",
		command);
	return 2;
}
