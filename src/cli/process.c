/*
 * Limits, signals and the runtime of a service: see process.h.
 */
#include "process.h"

#include <errno.h>
#include <lend/runtime.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "recording.h"
#include "say.h"
#include "signals.h"

/* Actors besides those of connections. */
#define ACTORS_EXTRA 1024

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
	int err;

	descriptors_raise();
	err = signals_prepare();
	if (!err)
		return EXIT_DONE;
	say("cannot make an eventfd: %s; raise the limit on open files (ulimit -n)",
	    lend_error_text(err));
	return EXIT_BROKEN;
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
	struct signals signals = { 0 };
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
		err = signals_start(&signals, runtime);
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
	signals_end(&signals);
	lend_runtime_free(runtime);
	return value;
}

int process_signal_await(const struct options *options)
{
	int number = signals_await();

	if (number < 0)
		return number;
	say("SIG%s: finishing what is in flight, %u s at most",
	    number == SIGINT ? "INT" : "TERM", options->drain_timeout_s);
	return 0;
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
