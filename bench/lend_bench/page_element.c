/*
 * Text on the page, and elements with nothing but text in them.
 */
#include "lend_bench/page.h"
#include "lend_bench/svg.h"

void page_text(FILE *out, const char *text)
{
	svg_escape(out, text);
}

void page_element(FILE *out, const char *name, const char *class,
		  const char *text)
{
	fprintf(out, class ? "<%s class=\"%s\">" : "<%s>", name, class);
	svg_escape(out, text);
	fprintf(out, "</%s>", name);
}
