/*
 * The built-in site: index.html, which embed.py makes an array of, with the
 * words in {{braces}} replaced. It needs nothing from elsewhere and polls
 * /stats of the same server.
 */
#include "site.h"

#include <lend/base.h>
#include <stdio.h>
#include <string.h>

/* Generated. */
extern const char site_page[];
extern const size_t site_page_size;

static void word_add(struct text *text, const char *word, size_t size,
		     const struct options *options)
{
	const struct {
		const char *word;
		unsigned number;
		const char *string;
	} words[] = {
		{ "version", 0, lend_version() },
		{ "mode", 0, lend_ring_mode_name(options->mode) },
		{ "workers", options->workers, NULL },
		{ "rings", options->rings, NULL },
		{ "depth", options->depth, NULL },
		{ "demo", 0, options->demo ? "with-demo" : "without-demo" },
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strlen(words[i].word) != size ||
		    memcmp(words[i].word, word, size) != 0)
			continue;
		if (words[i].string)
			text_print(text, "%s", words[i].string);
		else
			text_print(text, "%u", words[i].number);
		return;
	}
	text->failed = true;
}

bool site_make(struct site *site, const struct options *options)
{
	const char *at = site_page, *end = site_page + site_page_size;

	*site = (struct site){ 0 };
	while (at < end) {
		size_t left = (size_t)(end - at);
		const char *open = memmem(at, left, "{{", 2);
		const char *close;

		if (!open) {
			text_add(&site->page, at, left);
			break;
		}
		text_add(&site->page, at, (size_t)(open - at));
		close = memmem(open, (size_t)(end - open), "}}", 2);
		if (!close)
			return false;
		word_add(&site->page, open + 2, (size_t)(close - open) - 2,
			 options);
		at = close + 2;
	}
	return !site->page.failed;
}

void site_free(struct site *site)
{
	text_free(&site->page);
}

void site_handle(struct lend_http_request *request,
		 struct lend_http_response *response, void *arg)
{
	const struct site *site = arg;
	struct lend_http_text path = lend_http_path(request);

	/* The route is for everything below "/", too. */
	if (path.size != 1 &&
	    (path.size != 11 || memcmp(path.data, "/index.html", 11) != 0)) {
		lend_http_reply(response, 404, "text/plain; charset=utf-8",
				"404 Not Found\n", 14);
		return;
	}
	/* What it says is about this run of the server. */
	lend_http_add_header(response, "Cache-Control", "no-cache");
	lend_http_reply(response, 200, "text/html; charset=utf-8",
			site->page.data, site->page.size);
}
