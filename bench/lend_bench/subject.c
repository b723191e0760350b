/*
 * The process under test: see subject.h. Its main thread waits for bytes from
 * the engine and reads counters when it is told to; all else is done by the
 * runtime's own threads.
 */
#include "lend_bench/subject.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "lend_bench/crew.h"
#include "lend_bench/say.h"
#include "lend_bench/workload.h"

void extras_add(struct extras *extras, const char *name, double value)
{
	struct extra *extra;

	if (extras->count == EXTRAS_MAX)
		return;
	extra = &extras->list[extras->count++];
	snprintf(extra->name, sizeof(extra->name), "%s", name);
	extra->value = value;
}

bool subject_tampers(struct subject *subject, enum tamper tamper)
{
	return subject->config->tamper == tamper &&
	       subject_is_measuring(subject) &&
	       !atomic_exchange_explicit(&subject->tampered, true,
					 memory_order_relaxed);
}

int subject_fail(struct subject *subject, int error, const char *what)
{
	snprintf(subject->shared->failure, sizeof(subject->shared->failure),
		 "%s: %s", what, lend_error_text(error));
	subject->shared->error = error;
	return error;
}

static uint64_t cpu_ns(void)
{
	struct timespec used;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
	return (uint64_t)used.tv_sec * LEND_S + (uint64_t)used.tv_nsec;
}

static void sample_take(struct subject *subject,
			const struct workload *workload, struct sample *sample)
{
	lend_stats_read(subject->runtime, &sample->stats);
	if (subject->crew)
		sample->operations = crew_finished(subject->crew);
	else if (workload->look)
		sample->operations = workload->look(subject);
	sample->cpu_ns = cpu_ns();
	sample->when_ns = lend_now();
}

static int runtime_start(struct subject *subject)
{
	const struct config *config = subject->config;
	const struct lend_options options = {
		.mode = config->mode,
		.workers = config->workers,
		.rings = config->rings,
		.depth = config->depth,
		/* 0, the default, if they are not given. */
		.stall_ns = config->params[PARAM_STALL] * LEND_US,
		.flush_actors = config->params[PARAM_FLUSH_ACTORS],
		.flush_sqes = config->params[PARAM_FLUSH_SQES],
		.sqpoll_idle_ms = config->params[PARAM_SQPOLL],
		.kick_signal = config->params[PARAM_KICK] ? SIGURG : 0,
		.trace_events = config->params[PARAM_TRACE],
		/* Stalls are wanted here, and counted. */
		.log_level = LEND_LOG_ERROR,
	};
	int err = lend_runtime_new(&options, &subject->runtime);

	if (!err)
		return 0;
	subject->shared->error = err;
	lend_explain(err, subject->shared->failure,
		     sizeof(subject->shared->failure));
	return err;
}

static bool answer(int control, char byte)
{
	return write(control, &byte, 1) == 1;
}

/* Obey until the engine says that it is over, or is gone itself. */
static void obey(struct subject *subject, const struct workload *workload,
		 int control)
{
	struct sample *samples = subject->shared->samples;
	char byte;

	while (read(control, &byte, 1) == 1 && byte != SAY_QUIT) {
		if (byte == SAY_OPEN) {
			sample_take(subject, workload, &samples[SAMPLE_OPEN]);
			atomic_store(&subject->measuring, true);
		} else {
			atomic_store(&subject->measuring, false);
			sample_take(subject, workload, &samples[SAMPLE_CLOSE]);
		}
		if (!answer(control, byte))
			return;
	}
}

static void descriptors_raise(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

static struct shared *shared_map(int fd)
{
	void *memory = mmap(NULL, sizeof(struct shared), PROT_READ | PROT_WRITE,
			    MAP_SHARED, fd, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

static int run(struct subject *subject, const struct workload *workload,
	       int control)
{
	int err = runtime_start(subject);

	if (!err)
		err = workload->start(subject);
	if (err) {
		answer(control, SAY_FAILED);
		return BENCH_BROKEN;
	}
	if (!answer(control, SAY_READY))
		return BENCH_BROKEN;
	obey(subject, workload, control);
	while (subject->config->tamper == TAMPER_HANG)
		pause();
	atomic_store(&subject->stopping, true);
	if (workload->stop)
		workload->stop(subject);
	subject->runtime = lend_runtime_free(subject->runtime);
	subject->shared->burned_ns = atomic_load(&subject->burned_ns);
	return answer(control, SAY_QUIT) ? BENCH_DONE : BENCH_BROKEN;
}

int subject_main(int argc, char **argv)
{
	struct subject subject = { 0 };
	const struct workload *workload;
	int control;

	if (argc != 3) {
		bench_say("\"subject\" is for lend-bench itself; use run");
		return BENCH_USAGE;
	}
	/* Whatever becomes of the engine, nothing is left behind. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGPIPE, SIG_IGN);
	descriptors_raise();
	control = atoi(argv[1]);
	subject.shared = shared_map(atoi(argv[2]));
	if (!subject.shared) {
		bench_say("subject: no shared memory: %s", strerror(errno));
		return BENCH_BROKEN;
	}
	subject.config = &subject.shared->config;
	workload = workload_at(subject.config->workload);
	return run(&subject, workload, control);
}
