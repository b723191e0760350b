/*
 * Scenarios of child processes and of signals.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fault/scenario.h"
#include "harness/harness.h"

/* ---- processes ---- */

/* It says what it is told, until there is no more. */
static void talk_to(struct lend_process *process)
{
	char byte = 0;
	long res = lend_write(process->in, "x", 1, -1, LEND_FOREVER);

	if (FINE(res) && CHECK_EQ(res, 1)) {
		res = lend_read(process->out, &byte, 1, -1, LEND_FOREVER);
		if (FINE(res) && CHECK_EQ(res, 1))
			CHECK_EQ(byte, 'x');
	}
	CLOSE(process->in);
	process->in = -1;
}

static int run_a_child(void *arg)
{
	const struct lend_process_options options = {
		.directory = "/",
		.in = LEND_STDIO_PIPE,
		.out = LEND_STDIO_PIPE,
		.err = LEND_STDIO_NULL,
	};
	char *argv[] = { (char *)"cat", NULL };
	struct lend_process process;
	int err, status;

	(void)arg;
	if (!FINE(lend_process_spawn("cat", argv, &options, LEND_FOREVER,
				     &process)))
		return 0;
	talk_to(&process);
	do
		err = lend_process_wait(&process, LEND_FOREVER, &status);
	while (!FINE(err) && !lend_is_cancelled());
	if (!err)
		CHECK(WIFEXITED(status) && !WEXITSTATUS(status));
	lend_process_close(&process);
	return 0;
}

/* Whatever failed, none runs on or stays a zombie. */
static int processes(void *options)
{
	int err = lend_run(options, run_a_child, NULL);

	CHECK_EQ(waitpid(-1, NULL, WNOHANG), -1);
	CHECK_EQ(errno, ECHILD);
	return err;
}

/* Standard input is closed: what takes its number is moved away, or lacks. */
static int run_one_without_input(void *arg)
{
	int saved = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3), err;

	close(STDIN_FILENO);
	err = run_a_child(arg);
	CHECK(fcntl(STDIN_FILENO, F_GETFD) < 0);
	CHECK_EQ(dup2(saved, STDIN_FILENO), STDIN_FILENO);
	close(saved);
	return err;
}

static int without_input(void *options)
{
	int err = lend_run(options, run_one_without_input, NULL);

	CHECK_EQ(waitpid(-1, NULL, WNOHANG), -1);
	return err;
}

/* ---- signals ---- */

#define SIGNAL SIGRTMIN

static int hear_one(void *arg)
{
	const int number = SIGNAL;
	const union sigval value = { .sival_int = 7 };
	struct lend_msg *msg;
	int err;

	(void)arg;
	if (!FINE(lend_signals_subscribe(&number, 1, 1)))
		return 0;
	/* One for whose message memory lacks is lost. */
	do {
		CHECK_EQ(sigqueue(getpid(), SIGNAL, value), 0);
		err = lend_receive(lend_after(50 * LEND_MS), &msg);
	} while ((err == -ETIMEDOUT || !FINE(err)) && !lend_is_cancelled());
	if (!err) {
		CHECK_EQ(lend_msg_type(msg), 1);
		lend_msg_free(msg);
	}
	lend_signals_unsubscribe();
	return 0;
}

/* It is blocked from before there are threads until it has been heard. */
static int signals_heard(void *options)
{
	const struct timespec at_once = { 0 };
	sigset_t set, before;
	int err;

	sigemptyset(&set);
	sigaddset(&set, SIGNAL);
	pthread_sigmask(SIG_BLOCK, &set, &before);
	err = lend_run(options, hear_one, NULL);
	while (sigtimedwait(&set, NULL, &at_once) == SIGNAL)
		;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return err;
}

const struct scenario scenarios_of_children[] = {
	{ .name = "process", .fn = processes, .is_plain = true },
	{ .name = "process-no-input", .fn = without_input, .is_plain = true },
	{ .name = "signals", .fn = signals_heard, .is_plain = true },
	{ 0 },
};
