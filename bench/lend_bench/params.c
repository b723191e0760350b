/*
 * The parameters of workloads: see params.h.
 */
#include "lend_bench/params.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

const struct param_rule params[PARAM_COUNT] = {
	[PARAM_CONNECTIONS] = { "connections", "connections under load", 1,
				16384 },
	[PARAM_PIPELINE] = { "pipeline",
			     "requests outstanding on each connection", 1, 64 },
	[PARAM_SIZE] = { "size", "bytes in one message", 32, 4096 },
	[PARAM_RATE] = { "rate",
			 "requests/s whatever the answers do; 0: as many as "
			 "are answered",
			 0, 1000000 },
	[PARAM_ACTORS] = { "actors", "actors at work at the same time", 1,
			   4096 },
	[PARAM_BATCH] = { "batch", "SQEs in one claim", 1, 1024 },
	[PARAM_LENGTH] = { "length", "links of one chain, an even number", 2,
			   256 },
	[PARAM_BURN] = { "burn",
			 "ms of CPU that a burning request takes; 0: none does",
			 0, 1000 },
	[PARAM_EVERY] = { "every", "ms from one burning request to the next", 1,
			  60000 },
	[PARAM_LOAD] = { "load",
			 "percent of one CPU that other programs use meanwhile",
			 0, 6400 },
	[PARAM_WORK] = { "work", "us of CPU that each request takes", 0,
			 100000 },
	[PARAM_IDLE] = { "idle", "connections that do nothing", 1, 16384 },
	[PARAM_STALL] = { "stall",
			  "us without a safe point that count as a "
			  "stall; the runtime's own without",
			  100, 10000000, true },
	[PARAM_FLUSH_ACTORS] = { "flush-actors",
				 "actors that run before a worker submits; the "
				 "runtime's own without",
				 1, 32768, true },
	[PARAM_FLUSH_SQES] = { "flush-sqes",
			       "SQEs that wait before a worker submits; the "
			       "runtime's own without",
			       1, 32768, true },
	[PARAM_SQPOLL] = { "sqpoll",
			   "ms without work after which the kernel's "
			   "polling threads sleep; 0: there are none",
			   0, 60000, true },
	[PARAM_KICK] = { "kick", "1: stuck workers are sent SIGURG; 0: not", 0,
			 1, true },
	[PARAM_TRACE] = { "trace",
			  "records that the flight recorder keeps for "
			  "each worker; 0: it is off",
			  0, 1048576, true },
};

static bool number_read(const char *text, size_t size, unsigned min,
			unsigned max, unsigned *ret_value)
{
	char digits[16];
	unsigned long value;
	char *end;

	if (size == 0 || size >= sizeof(digits))
		return false;
	memcpy(digits, text, size);
	digits[size] = '\0';
	/* strtoul() takes a sign and blanks, which no number here has. */
	errno = 0;
	value = strtoul(digits, &end, 10);
	if (digits[0] < '0' || digits[0] > '9' || *end || errno ||
	    value < min || value > max)
		return false;
	*ret_value = (unsigned)value;
	return true;
}

bool list_read(const char *text, unsigned min, unsigned max,
	       struct list *ret_list, const char **ret_bad, int *ret_bad_size)
{
	struct list list = { .count = 0 };

	for (;;) {
		size_t size = strcspn(text, ",");

		*ret_bad = text;
		*ret_bad_size = -1;
		if (list.count == LIST_MAX)
			return false;
		*ret_bad_size = (int)size;
		if (!number_read(text, size, min, max,
				 &list.values[list.count++]))
			return false;
		if (!text[size])
			break;
		text += size + 1;
	}
	*ret_list = list;
	return true;
}
