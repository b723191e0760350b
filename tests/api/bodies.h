/*
 * Answers whose bodies are a letter, again and again, so that each is told from
 * the others: for tests of how they are sent. For one .c file each.
 */
#ifndef LEND_TESTS_BODIES_H
#define LEND_TESTS_BODIES_H

#include <lend/http.h>
#include <string.h>

#include "harness/harness.h"

#define BODY 100

static inline void answer(struct lend_http_response *response, char letter)
{
	char body[BODY];

	memset(body, letter, sizeof(body));
	CHECK_EQ(lend_http_reply(response, 200, NULL, body, sizeof(body)), 0);
}

/* Answers in @text: their heads have none of the letters in a row. */
static inline unsigned count_bodies(const char *text, char letter)
{
	char body[BODY + 1] = { 0 };
	unsigned count = 0;

	memset(body, letter, BODY);
	for (const char *at = text; (at = strstr(at, body)); at += BODY)
		count++;
	return count;
}

#endif
