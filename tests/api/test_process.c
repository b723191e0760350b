/*
 * Goal:   K11, child processes: they are started with pipes, waited for with a
 *         deadline, and none is left a zombie, whether somebody waits or not.
 * Method: sh(1) and cat(1); at the end waitid(2) must know of no child.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/harness.h"

static int start(const char *script, const struct lend_process_options *options,
		 struct lend_process *process)
{
	char *argv[] = { (char *)"sh", (char *)"-c", (char *)script, NULL };

	return lend_process_spawn("sh", argv, options, LEND_FOREVER, process);
}

/* Nobody is left, not even a zombie: the keepers may need a moment. */
static void check_no_children(void)
{
	siginfo_t info;

	while (!waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT))
		lend_sleep(lend_after(LEND_MS));
	CHECK_EQ(errno, ECHILD);
}

/* All that it says until the end. */
static size_t read_all(int fd, char *text, size_t size)
{
	size_t done = 0;
	ssize_t got;

	while ((got = lend_read(fd, text + done, size - 1 - done, -1,
				LEND_FOREVER)) > 0)
		done += (size_t)got;
	CHECK_EQ(got, 0);
	text[done] = '\0';
	return done;
}

static int its_status_is_told(void *arg)
{
	struct lend_process process;
	int status;

	(void)arg;
	if (!CHECK_EQ(start("exit 7", NULL, &process), 0))
		return -1;
	CHECK(process.pid > 0);
	CHECK_EQ(process.in & process.out & process.err, -1);
	CHECK_EQ(lend_process_wait(&process, LEND_FOREVER, &status), 0);
	CHECK(WIFEXITED(status));
	CHECK_EQ(WEXITSTATUS(status), 7);
	/* Again, and without the status. */
	CHECK_EQ(lend_process_wait(&process, LEND_NOW, NULL), 0);
	CHECK_EQ(lend_process_kill(&process, SIGTERM), -ESRCH);
	lend_process_close(&process);

	CHECK_EQ(start("kill -9 $$", NULL, &process), 0);
	CHECK_EQ(lend_process_wait(&process, LEND_FOREVER, &status), 0);
	CHECK(WIFSIGNALED(status));
	CHECK_EQ(WTERMSIG(status), SIGKILL);
	lend_process_close(&process);
	check_no_children();
	return 0;
}

static int what_can_not_start_is_told(void *arg)
{
	const struct lend_process_options pipes = {
		.in = LEND_STDIO_PIPE,
		.out = LEND_STDIO_PIPE,
		.err = LEND_STDIO_PIPE,
	};
	const struct lend_process_options nowhere = {
		.directory = "/there/is/none",
		.in = LEND_STDIO_PIPE,
	};
	const struct lend_process_options unknown = {
		.in = LEND_STDIO_PIPE,
		.err = (enum lend_stdio)9,
	};
	char *argv[] = { (char *)"x", NULL };
	struct lend_process process;

	(void)arg;
	CHECK_EQ(lend_process_spawn("/there/is/none", argv, &pipes,
				    LEND_FOREVER, &process),
		 -ENOENT);
	CHECK_EQ(lend_process_spawn("/etc", argv, &pipes, LEND_FOREVER,
				    &process),
		 -EACCES);
	CHECK_EQ(start("true", &nowhere, &process), -ENOENT);
	CHECK_EQ(start("true", &unknown, &process), -EINVAL);
	CHECK_EQ(lend_process_spawn(NULL, argv, NULL, LEND_FOREVER, &process),
		 -EINVAL);
	check_no_children();
	return 0;
}

static int pipes_connect_it(void *arg)
{
	const struct lend_process_options options = {
		.in = LEND_STDIO_PIPE,
		.out = LEND_STDIO_PIPE,
		.err = LEND_STDIO_PIPE,
	};
	struct lend_process process;
	char text[256];
	int status;

	(void)arg;
	if (!CHECK_EQ(start("cat; echo bad >&2; exit 3", &options, &process),
		      0))
		return -1;
	CHECK_EQ(lend_write(process.in, "hello", 5, -1, LEND_FOREVER), 5);
	CHECK_EQ(lend_read(process.out, text, 5, -1, LEND_FOREVER), 5);
	CHECK(!memcmp(text, "hello", 5));
	CHECK_EQ(lend_process_wait(&process, lend_after(5 * LEND_MS), &status),
		 -ETIMEDOUT);
	lend_close(process.in);
	process.in = -1;
	CHECK_EQ(read_all(process.out, text, sizeof(text)), 0);
	CHECK_EQ(read_all(process.err, text, sizeof(text)), 4);
	CHECK(!strcmp(text, "bad\n"));
	CHECK_EQ(lend_process_wait(&process, LEND_FOREVER, &status), 0);
	CHECK_EQ(WEXITSTATUS(status), 3);
	lend_process_close(&process);
	lend_process_close(&process);
	check_no_children();
	return 0;
}

/* A pipe has the number of the standard input that the program has not: the
 * child's output must not be put in its place, nor its own input be closed. */
static int a_closed_input_does_no_harm(void *arg)
{
	const struct lend_process_options options = {
		.in = LEND_STDIO_PIPE,
		.out = LEND_STDIO_PIPE,
	};
	int saved = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3), err;
	struct lend_process process;
	char text[16];

	(void)arg;
	close(STDIN_FILENO);
	err = start("cat", &options, &process);
	if (!CHECK_EQ(err, 0))
		return -1;
	CHECK(process.in > STDERR_FILENO && process.out > STDERR_FILENO);
	CHECK_EQ(lend_write(process.in, "hello", 5, -1, LEND_FOREVER), 5);
	lend_close(process.in);
	process.in = -1;
	CHECK_EQ(read_all(process.out, text, sizeof(text)), 5);
	CHECK(!strcmp(text, "hello"));
	CHECK_EQ(lend_process_wait(&process, LEND_FOREVER, NULL), 0);
	lend_process_close(&process);
	/* The library's own for the child may have had the number. */
	CHECK(fcntl(STDIN_FILENO, F_GETFD) < 0);
	CHECK_EQ(dup2(saved, STDIN_FILENO), STDIN_FILENO);
	close(saved);
	check_no_children();
	return 0;
}

static int it_begins_as_was_asked(void *arg)
{
	char *const environment[] = { (char *)"PATH=/usr/bin:/bin",
				      (char *)"WORD=found", NULL };
	const struct lend_process_options options = {
		.environment = environment,
		.directory = "/",
		.in = LEND_STDIO_NULL,
		.out = LEND_STDIO_PIPE,
		.group = true,
	};
	struct lend_process process;
	char text[512], group[64];

	(void)arg;
	if (!CHECK_EQ(start("pwd; echo $WORD; cat; grep SigBlk "
			    "/proc/self/status; ps -o pgid= -p $$ || "
			    "echo none",
			    &options, &process),
		      0))
		return -1;
	read_all(process.out, text, sizeof(text));
	CHECK(!strncmp(text, "/\nfound\nSigBlk:\t0000000000000000\n", 33));
	snprintf(group, sizeof(group), "%d", process.pid);
	CHECK(strstr(text, group) || strstr(text, "none"));
	CHECK_EQ(lend_process_wait(&process, LEND_FOREVER, NULL), 0);
	lend_process_close(&process);
	check_no_children();
	return 0;
}

static int wait_for_it(void *arg)
{
	return lend_process_wait(arg, LEND_FOREVER, NULL);
}

static int waiting_ends_in_time_and_by_cancelling(void *arg)
{
	struct lend_process process;
	lend_ref others[3];
	int status;

	(void)arg;
	if (!CHECK_EQ(start("exec sleep 1000", NULL, &process), 0))
		return -1;
	for (int i = 0; i < 3; i++)
		others[i] = test_spawn(wait_for_it, &process);
	CHECK_EQ(lend_process_wait(&process, lend_after(5 * LEND_MS), &status),
		 -ETIMEDOUT);
	lend_cancel(others[0]);
	CHECK_EQ(test_join(others[0]), -ECANCELED);
	CHECK_EQ(lend_process_kill(&process, 0), 0);
	CHECK_EQ(lend_process_kill(&process, -1), -EINVAL);
	CHECK_EQ(lend_process_kill(&process, SIGTERM), 0);
	CHECK_EQ(lend_process_wait(&process, LEND_FOREVER, &status), 0);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
	CHECK_EQ(test_join(others[1]), 0);
	CHECK_EQ(test_join(others[2]), 0);
	lend_process_close(&process);
	check_no_children();
	return 0;
}

static int leave_one(void *arg)
{
	struct lend_process process;

	if (!CHECK_EQ(start("exit 1", NULL, &process), 0))
		return -1;
	if ((uintptr_t)arg % 2)
		CHECK_IN(lend_process_wait(&process, lend_after(LEND_MS / 2),
					   NULL),
			 -ETIMEDOUT, 0);
	lend_process_close(&process);
	return 0;
}

static int who_is_not_waited_for_is_no_zombie(void *arg)
{
	lend_ref others[20];

	(void)arg;
	for (uintptr_t i = 0; i < 20; i++)
		others[i] = test_spawn(leave_one, (void *)i);
	for (int i = 0; i < 20; i++)
		CHECK_EQ(test_join(others[i]), 0);
	check_no_children();
	return 0;
}

/* The runtime ends with it: it is the program's then. */
static pid_t left;

static int leave_one_running(void *arg)
{
	struct lend_process process;
	int err = start("exec sleep 1000", NULL, &process);

	(void)arg;
	left = process.pid;
	lend_process_close(&process);
	return err;
}

static int one_that_runs_is_left_to_the_program(void)
{
	int status = 0;

	left = 0;
	CHECK_EQ(lend_run(&test_options, leave_one_running, NULL), 0);
	if (!CHECK(left > 0))
		return -1;
	CHECK_EQ(waitpid(left, &status, WNOHANG), 0);
	kill(left, SIGKILL);
	CHECK_EQ(waitpid(left, &status, 0), left);
	return 0;
}

int main(int argc, char **argv)
{
	test_init(argc, argv, 100);
	test_actor("its status is told", its_status_is_told);
	test_actor("what can not start is told", what_can_not_start_is_told);
	test_actor("pipes connect it", pipes_connect_it);
	test_actor("a closed input does no harm", a_closed_input_does_no_harm);
	test_actor("it begins as was asked", it_begins_as_was_asked);
	test_actor("waiting ends in time, and by cancelling",
		   waiting_ends_in_time_and_by_cancelling);
	test_actor("who is not waited for is no zombie",
		   who_is_not_waited_for_is_no_zombie);
	test_plain("one that runs is left to the program",
		   one_that_runs_is_left_to_the_program);
	return test_finish();
}
