/*
 * The processor time another process has used: see process_time.h.
 *
 * schedstat counts nanoseconds, but its number for a thread that is running
 * this moment may be as old as the last timer tick; over a window of a second
 * that is below half a percent, and favours nobody. Where the kernel lacks it,
 * stat counts in steps of 10 ms.
 */
#include "process_time.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int schedstat_time(pid_t pid, struct process_time *ret_time)
{
	char path[300];
	struct process_time sum = { 0 };
	unsigned threads = 0;
	struct dirent *entry;
	DIR *tasks;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	tasks = opendir(path);
	if (tasks == NULL)
		return -ESRCH;
	while ((entry = readdir(tasks)) != NULL) {
		struct process_time one;
		FILE *file;

		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "/proc/%d/task/%s/schedstat",
			 (int)pid, entry->d_name);
		file = fopen(path, "r");
		if (file == NULL)
			continue;
		if (fscanf(file, "%" SCNu64 " %" SCNu64, &one.used_ns,
			   &one.waited_ns) == 2) {
			sum.used_ns += one.used_ns;
			sum.waited_ns += one.waited_ns;
			threads++;
		}
		fclose(file);
	}
	closedir(tasks);
	if (threads == 0 || sum.used_ns == 0)
		return -ENOENT;
	*ret_time = sum;
	return 0;
}

static int stat_time(pid_t pid, struct process_time *ret_time)
{
	char path[64];
	char line[1024];
	uint64_t user;
	uint64_t kernel;
	const char *fields;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	file = fopen(path, "r");
	if (file == NULL)
		return -ESRCH;
	fields = fgets(line, sizeof(line), file);
	fclose(file);
	/* The command's name may hold blanks and parentheses: the last
	 * parenthesis is the end of it, and utime the 12th field after. */
	if (fields != NULL)
		fields = strrchr(line, ')');
	if (fields == NULL ||
	    sscanf(fields,
		   ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %" SCNu64
		   " %" SCNu64,
		   &user, &kernel) != 2)
		return -ESRCH;
	*ret_time = (struct process_time){
		.used_ns = (user + kernel) *
			   (1000000000u / (uint64_t)sysconf(_SC_CLK_TCK)),
	};
	return 0;
}

int process_time(pid_t pid, struct process_time *ret_time)
{
	int res = schedstat_time(pid, ret_time);

	return res == -ENOENT ? stat_time(pid, ret_time) : res;
}
