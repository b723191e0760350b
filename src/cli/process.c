/*
 * Limits, signals and the runtime of a service: see process.h.
 *
 * Signals are taken by the first thread, which has nothing else to do: all
 * others block them. Its handler passes the first one on to an actor through
 * an eventfd and obeys a second one by itself, so that this works even if
 * every worker is stuck in a handler that does not return.
 */
#include "process.h"

#include <errno.h>
#include <lend/io.h>
#include <lend/runtime.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include "recording.h"
#include "reporter.h"
#include "say.h"

/* Actors besides those of connections. */
#define ACTORS_EXTRA 1024

/* Takes the number of the first signal to the actor that waits for it. */
static int signal_event = -1;

/* Async-signal-safe calls only. */
static void signal_handle(int number)
{
	static const char line[] = "lend: second signal: ended at once\n";
	/* The first thread's alone. */
	static volatile sig_atomic_t is_second;
	const uint64_t count = (uint64_t)number;
	int saved = errno;

	if (is_second) {
		if (write(STDERR_FILENO, line, sizeof(line) - 1) < 0) {
			/* Nowhere to say it. */
		}
		_exit(128 + number);
	}
	is_second = 1;
	if (write(signal_event, &count, sizeof(count)) < 0) {
		/* An eventfd that was never written to has room. */
	}
	errno = saved;
}

static int signals_catch(void)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN };
	struct sigaction handle = {
		.sa_handler = signal_handle,
		.sa_flags = SA_RESTART,
	};
	sigset_t set;

	/* Blocking: a read of it then waits in the ring. */
	signal_event = eventfd(0, EFD_CLOEXEC);
	if (signal_event < 0) {
		say("cannot make an eventfd: %s; raise the limit on open files (ulimit -n)",
		    strerror(errno));
		return EXIT_BROKEN;
	}
	sigemptyset(&handle.sa_mask);
	sigaddset(&handle.sa_mask, SIGINT);
	sigaddset(&handle.sa_mask, SIGTERM);
	sigaction(SIGPIPE, &ignore, NULL);
	sigaction(SIGINT, &handle, NULL);
	sigaction(SIGTERM, &handle, NULL);
	/* Whoever started us may have blocked them. */
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	return EXIT_DONE;
}

/* The soft limit is low for the sake of programs that use select(). */
static void descriptors_raise(void)
{
	struct rlimit limit;
	rlim_t before;

	if (getrlimit(RLIMIT_NOFILE, &limit) ||
	    limit.rlim_cur == limit.rlim_max)
		return;
	before = limit.rlim_cur;
	limit.rlim_cur = limit.rlim_max;
	if (!setrlimit(RLIMIT_NOFILE, &limit))
		say_at(LEND_LOG_INFO,
		       "limit of open files raised from %llu to %llu",
		       (unsigned long long)before,
		       (unsigned long long)limit.rlim_max);
}

int process_prepare(void)
{
	descriptors_raise();
	return signals_catch();
}

int process_run(const struct options *options, lend_actor_fn main_fn, void *arg)
{
	const struct lend_spawn_options joinable = {
		.name = "main",
		.joinable = true,
	};
	struct lend_options runtime_options = {
		.mode = options->mode,
		.workers = options->workers,
		.rings = options->rings,
		.depth = options->depth,
		.flush_actors = options->flush_actors,
		.flush_sqes = options->flush_sqes,
		.kick_signal = options->kick ? SIGURG : 0,
		.actors_max = options->connections_max + ACTORS_EXTRA,
		.log_level = options->log_level,
		.without = options->without,
		.sqpoll_idle_ms = options->sqpoll_idle_ms,
		.trace_events = options->trace_events,
		.shared_buffers = options->shared_buffers,
	};
	struct recording recording = { .path = options->trace };
	struct reporter reporter = { 0 };
	struct lend_runtime *runtime;
	int value = EXIT_BROKEN, err;
	char text[512];
	lend_ref main_ref;

	if (options->trace && recording_prepare(options->trace))
		return EXIT_USAGE;
	err = lend_runtime_new(&runtime_options, &runtime);
	if (err == -EAGAIN) {
		say("cannot start %u threads: %s; give fewer --workers, or raise the limit (ulimit -u)",
		    options->workers, lend_error_text(err));
		return EXIT_BROKEN;
	}
	if (err == -EOPNOTSUPP && options->sqpoll_idle_ms) {
		say("--sqpoll: the kernel, a sandbox or a mask refuses polling threads (IORING_SETUP_SQPOLL); leave --sqpoll out");
		return EXIT_NO_RING;
	}
	if (err == -E2BIG) {
		say("no room for the addresses of %u connections; give fewer --max-connections, or raise the limit (ulimit -v)",
		    options->connections_max);
		return EXIT_BROKEN;
	}
	if (err) {
		lend_explain(err, text, sizeof(text));
		say("%s", text);
		return EXIT_NO_RING;
	}
	err = recording_start(&recording, runtime);
	if (!err)
		err = reporter_start(&reporter, runtime);
	if (!err)
		err = lend_runtime_spawn(runtime, main_fn, arg, &joinable,
					 &main_ref);
	if (!err)
		err = lend_runtime_join(runtime, main_ref, &value);
	if (err)
		say("cannot start: %s", lend_error_text(err));
	/* Stopped first: the last loans end in it. */
	lend_runtime_stop(runtime);
	recording_end(&recording);
	reporter_end(&reporter);
	lend_runtime_free(runtime);
	return value;
}

int process_signal_await(const struct options *options)
{
	uint64_t *number = lend_io_alloc(sizeof(*number));
	ssize_t res;

	if (!number)
		return -ENOMEM;
	res = lend_read(signal_event, number, sizeof(*number), -1,
			LEND_FOREVER);
	if (res == sizeof(*number))
		say("SIG%s: finishing what is in flight, %u s at most",
		    *number == SIGINT ? "INT" : "TERM",
		    options->drain_timeout_s);
	lend_io_free(number);
	return res < 0 ? (int)res : 0;
}

void process_complain_listen(const char *option, const char *address, int err)
{
	const char *remedy = "give another --";

	if (err == -EADDRINUSE)
		remedy = "stop the other program or give another --";
	else if (err == -EACCES && strncmp(address, "unix:", 5) != 0)
		remedy =
			"ports below 1024 need CAP_NET_BIND_SERVICE; or give another --";
	else if (err == -EADDRNOTAVAIL)
		remedy =
			"no interface of this machine has that address; give another --";
	else if (err == -EMFILE || err == -ENFILE)
		remedy =
			"raise the limit on open files (ulimit -n), or give fewer --";
	say("cannot listen on %s: %s; %s%s", address, lend_error_text(err),
	    remedy, option);
}

void process_announce(const struct options *options, const char *addresses)
{
	say("%s; mode %s, %u worker%s, %u ring%s of %u", addresses,
	    lend_ring_mode_name(options->mode), options->workers,
	    options->workers == 1 ? "" : "s", options->rings,
	    options->rings == 1 ? "" : "s", options->depth);
}
