/*
 * Writing the trace of a service: see recording.h.
 *
 * A thread waits for SIGUSR2, which all others block. It is no actor, as
 * writing to a disk would be a stall of its own; and it works though every
 * worker is stuck, which is when one wants to see a trace.
 */
#include "recording.h"

#include <errno.h>
#include <fcntl.h>
#include <lend/trace.h>
#include <signal.h>
#include <unistd.h>

#include "say.h"

static int file_open(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);

	return fd < 0 ? -errno : fd;
}

int recording_prepare(const char *path)
{
	int fd = file_open(path);
	sigset_t set;

	if (fd < 0) {
		say("--trace: cannot write \"%s\": %s; give another file", path,
		    lend_error_text(fd));
		return EXIT_USAGE;
	}
	close(fd);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	return EXIT_DONE;
}

static void file_write(const struct recording *recording)
{
	int fd = file_open(recording->path);
	int err = fd;

	if (fd >= 0) {
		err = lend_runtime_trace_write(recording->runtime, fd);
		/* Some file systems tell only now that they are full. */
		if (close(fd) && !err)
			err = -errno;
	}
	if (err)
		say("cannot write the trace to \"%s\": %s", recording->path,
		    lend_error_text(err));
	else
		say("the trace is in \"%s\"; `lend trace` shows it",
		    recording->path);
}

static void *recording_run(void *arg)
{
	struct recording *recording = arg;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	for (;;) {
		int number;

		if (sigwait(&set, &number) || atomic_load(&recording->ending))
			return NULL;
		file_write(recording);
	}
}

int recording_start(struct recording *recording, struct lend_runtime *runtime)
{
	sigset_t all, before;
	int err;

	if (!recording->path)
		return 0;
	recording->runtime = runtime;
	/* What ends the program is the first thread's. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	err = -pthread_create(&recording->thread, NULL, recording_run,
			      recording);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (err)
		recording->path = NULL;
	return err;
}

void recording_end(struct recording *recording)
{
	if (!recording->path)
		return;
	atomic_store(&recording->ending, true);
	pthread_kill(recording->thread, SIGUSR2);
	pthread_join(recording->thread, NULL);
	file_write(recording);
}
