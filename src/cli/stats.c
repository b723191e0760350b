/*
 * Counters as JSON: see stats.h. doc/cli.md says what each field means.
 */
#include "stats.h"

#include <inttypes.h>
#include <lend/actor.h>
#include <lend/runtime.h>
#include <lend/stats.h>
#include <string.h>

#include "text.h"

#define TEXT_PLAIN "text/plain; charset=utf-8"

/* Counts by reason: those that are not 0. */
static void why_print(struct text *text, const char *name,
		      const uint64_t counts[LEND_WHYS])
{
	const char *separator = "";

	text_print(text, "\"%s\": {", name);
	for (unsigned i = 0; i < LEND_WHYS; i++) {
		if (!counts[i])
			continue;
		text_print(text, "%s\"%s\": %" PRIu64, separator,
			   lend_trace_why_name(i), counts[i]);
		separator = ", ";
	}
	text_print(text, "}");
}

static void ring_print(struct text *text, const struct lend_ring_stats *ring)
{
	text_print(text,
		   "\"submissions\": %" PRIu64 ", \"enters\": %" PRIu64
		   ", \"completions\": %" PRIu64 ", \"in_flight\": %" PRIu64
		   ", ",
		   ring->submissions, ring->enters, ring->completions,
		   ring->in_flight);
	text_print(text,
		   "\"loans\": {\"granted\": %" PRIu64
		   ", \"recalled\": %" PRIu64 ", \"seized\": %" PRIu64
		   ", \"returned\": %" PRIu64 ", \"why\": {",
		   ring->granted, ring->recalled, ring->seized, ring->returned);
	why_print(text, "granted", ring->granted_why);
	text_print(text, ", ");
	why_print(text, "recalled", ring->recalled_why);
	text_print(text, ", ");
	why_print(text, "returned", ring->returned_why);
	text_print(text, "}}");
}

static void rings_print(struct text *text, unsigned count)
{
	struct lend_ring_stats ring;

	text_print(text, "  \"per_ring\": [\n");
	for (unsigned i = 0; i < count; i++) {
		/* A few microseconds each, of which there may be many. */
		lend_yield_if_needed();
		if (lend_stats_read_ring(lend_runtime_current(), i, &ring))
			continue;
		text_print(text, "%s    {\"ring\": %u, ", i ? ",\n" : "", i);
		if (ring.holder < 0)
			text_print(text, "\"holder\": null, ");
		else
			text_print(text, "\"holder\": %d, ", ring.holder);
		ring_print(text, &ring);
		text_print(text, "}");
	}
	text_print(text, "\n  ],\n");
}

/* Those in use, as an array of names. */
static void features_print(struct text *text)
{
	unsigned set = lend_runtime_features(lend_runtime_current());
	const char *separator = "";

	text_print(text, "  \"features\": [");
	for (unsigned bit = 1; bit & LEND_FEATURES_ALL; bit <<= 1) {
		if (!(set & bit))
			continue;
		text_print(text, "%s\"%s\"", separator,
			   lend_feature_name((enum lend_feature)bit));
		separator = ", ";
	}
	text_print(text, "],\n");
}

static void runtime_print(struct text *text, const struct lend_stats *stats)
{
	text_print(text, "  \"total\": {");
	ring_print(text, &stats->total);
	text_print(text, "},\n");
	rings_print(text, stats->rings);
	text_print(text,
		   "  \"waits\": %" PRIu64 ",\n  \"helped\": %" PRIu64 ",\n",
		   stats->waits, stats->helped);
	text_print(text, "  \"waiting\": %" PRIu64 ",\n  \"wait_ms\": %.3f,\n",
		   stats->waiting, (double)stats->wait_ns / LEND_MS);
	text_print(text,
		   "  \"claims\": {\"revoked\": %" PRIu64
		   ", \"bound\": %" PRIu64 ", \"external\": %" PRIu64 "},\n",
		   stats->claims_revoked, stats->claims_bound,
		   stats->commits_external);
	text_print(text,
		   "  \"overflows\": %" PRIu64 ",\n  \"refused\": %" PRIu64
		   ",\n",
		   stats->overflows, stats->refused);
	text_print(text,
		   "  \"actors\": {\"alive\": %" PRIu64
		   ", \"spawned\": %" PRIu64 ", \"switches\": %" PRIu64
		   ", \"steals\": %" PRIu64 ", \"steals_far\": %" PRIu64
		   ", \"next_hits\": %" PRIu64 ", \"queue_overflows\": %" PRIu64
		   ", \"budget_yields\": %" PRIu64 "},\n",
		   stats->actors, stats->spawned, stats->switches,
		   stats->steals, stats->steals_far, stats->next_hits,
		   stats->queue_overflows, stats->budget_yields);
	text_print(text,
		   "  \"heap\": {\"held\": %" PRIu64 ", \"held_peak\": %" PRIu64
		   ", \"slices\": %" PRIu64 ", \"trims\": %" PRIu64
		   ", \"trimmed\": %" PRIu64 ", \"refusals\": %" PRIu64
		   ", \"returns\": %" PRIu64 ", \"zombies\": %" PRIu64 "},\n",
		   stats->heap_held, stats->heap_held_peak, stats->heap_slices,
		   stats->heap_trims, stats->heap_trimmed, stats->heap_refusals,
		   stats->heap_returns, stats->zombies);
	text_print(text,
		   "  \"stacks\": {\"deepest\": %" PRIu64
		   ", \"actor\": \"%s\"},\n",
		   stats->stack_deepest, stats->stack_deepest_name);
	text_print(text,
		   "  \"messages\": %" PRIu64 ",\n  \"resubmitted\": %" PRIu64
		   ",\n",
		   stats->messages, stats->resubmitted);
	text_print(text,
		   "  \"buffers\": {\"count\": %" PRIu64
		   ", \"in_use\": %" PRIu64 ", \"empty\": %" PRIu64
		   ", \"own\": %" PRIu64 ", \"spared\": %" PRIu64
		   ", \"parts\": %" PRIu64 ", \"spent\": %" PRIu64
		   ", \"copied\": %" PRIu64 "},\n",
		   stats->buffers.count, stats->buffers.in_use,
		   stats->buffers.empty, stats->buffers.own,
		   stats->buffers.spared, stats->buffers.parts,
		   stats->buffers.spent, stats->buffers.copied);
	text_print(text,
		   "  \"series\": {\"rearmed\": %" PRIu64
		   ", \"stopped\": %" PRIu64 "},\n",
		   stats->series.rearmed, stats->series.stopped);
	text_print(text,
		   "  \"parks\": %" PRIu64 ",\n  \"wakes\": %" PRIu64 ",\n",
		   stats->parks, stats->wakes);
	text_print(text,
		   "  \"flushes\": {\"empty\": %" PRIu64
		   ", \"rounds\": %" PRIu64 ", \"actors\": %" PRIu64
		   ", \"sqes\": %" PRIu64 "},\n",
		   stats->flushes.empty, stats->flushes.rounds,
		   stats->flushes.actors, stats->flushes.sqes);
	text_print(text,
		   "  \"stalls\": {\"count\": %" PRIu64
		   ", \"total_ms\": %" PRIu64 ", \"longest_ms\": %" PRIu64
		   ", \"computing\": %" PRIu64 ", \"blocked\": %" PRIu64
		   ", \"kicks\": %" PRIu64 "},\n",
		   stats->stalls, stats->stalled_ns / LEND_MS,
		   stats->longest_stall_ns / LEND_MS, stats->watchdog_computing,
		   stats->watchdog_blocked, stats->kicks);
	text_print(text,
		   "  \"blocking\": {\"threads\": %u, \"running\": %u"
		   ", \"queued\": %u, \"run\": %" PRIu64
		   ", \"refused\": %" PRIu64 "},\n",
		   stats->blocking.threads, stats->blocking.running,
		   stats->blocking.queued, stats->blocking.run,
		   stats->blocking.refused);
}

static void traffic_print(struct text *text, const struct lend_http_stats *http)
{
	text_print(text,
		   "  \"connections\": {\"open\": %" PRIu64
		   ", \"accepted\": %" PRIu64 ", \"accept_errors\": %" PRIu64
		   "},\n",
		   http->connections_open, http->connections_accepted,
		   http->accept_errors);
	text_print(text, "  \"requests\": %" PRIu64 ",\n  \"responses\": {",
		   http->requests);
	for (int i = 1; i <= 5; i++)
		text_print(text, "%s\"%dxx\": %" PRIu64, i > 1 ? ", " : "", i,
			   http->responses[i]);
	text_print(text,
		   "},\n  \"bytes\": {\"received\": %" PRIu64
		   ", \"sent\": %" PRIu64 "}\n",
		   http->bytes_received, http->bytes_sent);
}

void stats_handle(struct lend_http_request *request,
		  struct lend_http_response *response, void *arg)
{
	struct stats_source *source = arg;
	const struct options *options = source->options;
	struct lend_http_stats http;
	struct lend_stats stats;
	struct text text = { 0 };

	(void)request;
	memset(&http, 0, sizeof(http));
	source->read(source->arg, &http);
	lend_stats_read(NULL, &stats);
	text_print(&text, "{\n  \"version\": \"%s\",\n  \"service\": \"%s\",\n",
		   lend_version(),
		   options->service == SERVICE_ECHO ? "echo" : "serve");
	text_print(&text, "  \"uptime_s\": %" PRIu64 ".%03u,\n",
		   stats.uptime_ns / LEND_S,
		   (unsigned)(stats.uptime_ns % LEND_S / LEND_MS));
	text_print(&text, "  \"draining\": %s,\n",
		   atomic_load(&source->draining) ? "true" : "false");
	text_print(
		&text,
		"  \"mode\": \"%s\",\n  \"workers\": %u,\n  \"rings\": %u,\n  \"depth\": %u,\n",
		lend_ring_mode_name(options->mode), stats.workers, stats.rings,
		options->depth);
	features_print(&text);
	runtime_print(&text, &stats);
	traffic_print(&text, &http);
	text_print(&text, "}\n");

	lend_http_add_header(response, "Cache-Control", "no-store");
	if (text.failed)
		lend_http_reply(response, 503, TEXT_PLAIN, "no memory\n", 10);
	else
		lend_http_reply(response, 200, "application/json", text.data,
				text.size);
	text_free(&text);
}

void health_handle(struct lend_http_request *request,
		   struct lend_http_response *response, void *arg)
{
	struct stats_source *source = arg;

	(void)request;
	lend_http_add_header(response, "Cache-Control", "no-store");
	/* Whoever balances load should send us nothing new while we drain. */
	if (atomic_load(&source->draining))
		lend_http_reply(response, 503, TEXT_PLAIN, "draining\n", 9);
	else
		lend_http_reply(response, 200, TEXT_PLAIN, "ok\n", 3);
}
