/*
 * Showing the trace of a running service: see trace_route.h.
 *
 * Copying and sorting it may take a tenth of a second, which would be a stall
 * in the very picture that shows stalls. So a thread does it, for one request
 * at a time, and the actor waits for an event descriptor meanwhile.
 */
#include "trace_route.h"

#include <lend/io.h>
#include <lend/runtime.h>
#include <lend/trace.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "trace_print.h"

#define TEXT_PLAIN "text/plain; charset=utf-8"
#define MS_DEFAULT 200
#define MS_MAX	   60000

struct form {
	const char *name;
	const char *type;
	void (*print)(struct text *text, const struct timeline *timeline,
		      const struct trace_window *window);
};

static void print_text(struct text *text, const struct timeline *timeline,
		       const struct trace_window *window)
{
	trace_print_text(text, timeline->trace, window);
}

static const struct form forms[] = {
	{ "chrome", "application/json", trace_print_chrome },
	{ "svg", "image/svg+xml", trace_print_svg },
	{ "text", TEXT_PLAIN, print_text },
};
#define FORMS_COUNT (sizeof(forms) / sizeof(forms[0]))

struct job {
	struct lend_runtime *runtime;
	const struct form *form;
	uint64_t ms;
	int event; /* written to when it is done */
	struct text text;
};

/* ---- the thread ---- */

static void job_print(struct job *job, const struct trace *trace)
{
	struct trace_window window = { trace->from_ns, trace->to_ns };
	struct timeline timeline;

	if (window.to_ns - window.from_ns > job->ms * LEND_MS)
		window.from_ns = window.to_ns - job->ms * LEND_MS;
	if (timeline_make(trace, &timeline))
		job->form->print(&job->text, &timeline, &window);
	else
		job->text.failed = true;
	timeline_free(&timeline);
}

static void *job_run(void *arg)
{
	const uint64_t one = 1;
	char fault[TRACE_FAULT_SIZE];
	struct job *job = arg;
	struct trace trace;
	void *data;
	size_t size;

	job->text.failed = true;
	if (!lend_runtime_trace_read(job->runtime, &data, &size)) {
		if (trace_read(data, size, &trace, fault)) {
			job->text.failed = false;
			job_print(job, &trace);
		}
		trace_free(&trace);
		free(data);
	}
	if (write(job->event, &one, sizeof(one)) < 0) {
		/* A fresh one has room; and who waits has other deadlines. */
	}
	return NULL;
}

/* ---- the actor ---- */

static int job_start(struct job *job, pthread_t *ret_thread)
{
	sigset_t all, before;
	int err;

	job->event = eventfd(0, EFD_CLOEXEC);
	if (job->event < 0)
		return -1;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	err = pthread_create(ret_thread, NULL, job_run, job);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (err)
		close(job->event);
	return err;
}

/* If the actor is cancelled the thread is waited for all the same, by its
 * worker: it has our memory. */
static void job_await(struct job *job, pthread_t thread)
{
	uint64_t *count = lend_io_alloc(sizeof(*count));

	if (count && lend_read(job->event, count, sizeof(*count), -1,
			       LEND_FOREVER) < 0) {
		/* Cancelled. */
	}
	pthread_join(thread, NULL);
	lend_io_free(count);
	lend_close(job->event);
}

static bool parameters_read(struct lend_http_request *request, struct job *job)
{
	struct lend_http_text ms = lend_http_parameter(request, "ms");
	struct lend_http_text name = lend_http_parameter(request, "format");

	job->form = &forms[0];
	job->ms = MS_DEFAULT;
	if (name.data) {
		job->form = NULL;
		for (size_t i = 0; i < FORMS_COUNT; i++)
			if (strlen(forms[i].name) == name.size &&
			    !memcmp(forms[i].name, name.data, name.size))
				job->form = &forms[i];
	}
	if (ms.data) {
		job->ms = 0;
		for (size_t i = 0; i < ms.size && job->ms <= MS_MAX; i++) {
			if (ms.data[i] < '0' || ms.data[i] > '9')
				return false;
			job->ms = job->ms * 10 + (uint64_t)(ms.data[i] - '0');
		}
	}
	return job->form && job->ms >= 1 && job->ms <= MS_MAX;
}

static void answer(struct lend_http_response *response, int status,
		   const char *line)
{
	lend_http_reply(response, status, TEXT_PLAIN, line, strlen(line));
}

void trace_handle(struct lend_http_request *request,
		  struct lend_http_response *response, void *arg)
{
	static _Atomic bool is_busy;
	struct job *job = calloc(1, sizeof(*job));
	pthread_t thread;

	(void)arg;
	lend_http_add_header(response, "Cache-Control", "no-store");
	if (!job) {
		answer(response, 503, "no memory\n");
	} else if (!parameters_read(request, job)) {
		answer(response, 400,
		       "ms is a number from 1 to 60000, format is chrome, svg or text\n");
	} else if (atomic_exchange(&is_busy, true)) {
		answer(response, 503, "busy with another one\n");
	} else {
		job->runtime = lend_runtime_current();
		if (job_start(job, &thread)) {
			job->text.failed = true;
		} else {
			job_await(job, thread);
		}
		atomic_store(&is_busy, false);
		if (job->text.failed)
			answer(response, 503, "no memory\n");
		else
			lend_http_reply(response, 200, job->form->type,
					job->text.data, job->text.size);
		text_free(&job->text);
	}
	free(job);
}
