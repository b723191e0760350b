/*
 * Goal:   a path has one form in which it is looked up, and none that leads
 *         out of the root; a query gives its parameters.
 */
#include "http/uri.h"
#include "http/words.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static char buffer[256];
static size_t used;

static bool becomes(const char *path, const char *expected)
{
	size_t size = strlen(expected);

	return lend__http_path_normalise(path, strlen(path), buffer,
					 sizeof(buffer), &used) == 0 &&
	       used == size && memcmp(buffer, expected, size) == 0;
}

static int normalise(const char *path)
{
	return lend__http_path_normalise(path, strlen(path), buffer,
					 sizeof(buffer), &used);
}

Test(uri, query_starts_at_the_first_question_mark)
{
	struct lend__http_uri uri;

	lend__http_uri_split("/a?b?c", 6, &uri);
	cr_expect_eq(uri.path_size, 2);
	cr_expect_eq(uri.query_size, 3);
	cr_expect_eq(memcmp(uri.query, "b?c", 3), 0);
	lend__http_uri_split("/a?", 3, &uri);
	cr_expect_not_null(uri.query);
	cr_expect_eq(uri.query_size, 0);
	lend__http_uri_split("/a", 2, &uri);
	cr_expect_null(uri.query);
	cr_expect_eq(uri.path_size, 2);
	lend__http_uri_split("", 0, &uri);
	cr_expect_eq(uri.path_size, 0);
}

Test(uri, paths_have_one_form)
{
	cr_expect(becomes("", "/"));
	cr_expect(becomes("/", "/"));
	cr_expect(becomes("//", "/"));
	cr_expect(becomes("/.", "/"));
	cr_expect(becomes("/./", "/"));
	cr_expect(becomes("/a", "/a"));
	cr_expect(becomes("/a/", "/a/"));
	cr_expect(becomes("//a///b//", "/a/b/"));
	cr_expect(becomes("/a/./b", "/a/b"));
	cr_expect(becomes("/a/b/..", "/a/"));
	cr_expect(becomes("/a/b/../c", "/a/c"));
	cr_expect(becomes("/a/../b/../c", "/c"));
	cr_expect(becomes("/a//../b", "/b"));
	cr_expect(becomes("/a/b/c/../../..", "/"));
	cr_expect(becomes("/...", "/..."));
	cr_expect(becomes("/..a/.b/c..", "/..a/.b/c.."));
	cr_expect(becomes("/..;/a", "/..;/a"));
}

Test(uri, escapes_are_decoded_once)
{
	cr_expect(becomes("/%41%62", "/Ab"));
	cr_expect(becomes("/a%20b%3fc", "/a b?c"));
	cr_expect(becomes("/%2e/a/%2E%2e/b", "/b"));
	cr_expect(becomes("/a/.%2e/b", "/b"));
	cr_expect(becomes("/%252e%252e/a", "/%2e%2e/a"));
	cr_expect(becomes("/%c3%a9", "/\xc3\xa9"));
	cr_expect(becomes("/a+b", "/a+b"));
}

Test(uri, what_leads_out_of_the_root_is_refused)
{
	static const char *const bad[] = {
		"/..",	     "/../",	       "/../etc",   "/%2e%2e/etc",
		"/a/../..",  "/./..",	       "//..",	    "/a/../../b",
		"/.%2e/etc", "/a/%2E%2E/%2e.", "/a//../..",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_expect_eq(normalise(bad[i]), -400, "%s", bad[i]);
}

Test(uri, what_has_no_safe_form_is_refused)
{
	static const char *const bad[] = {
		"a",	"*",	  "/%",	    "/%4",    "/%zz",
		"/%4z", "/%%41",  "/%00",   "/a%00b", "/..%00/a",
		"/%2f", "/a%2Fb", "/..%2f", "/a/%",   "/%u002e",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_expect_eq(normalise(bad[i]), -400, "%s", bad[i]);
	cr_expect_eq(lend__http_path_normalise("/\0", 2, buffer, 8, &used),
		     -400);
}

Test(uri, capacity_is_kept)
{
	cr_expect_eq(lend__http_path_normalise("/ab/c", 5, buffer, 5, &used),
		     0);
	for (size_t i = 0; i < 5; i++)
		cr_expect_eq(lend__http_path_normalise("/ab/c", 5, buffer, i,
						       &used),
			     -414);
	cr_expect_eq(lend__http_path_normalise("/ab/", 4, buffer, 3, &used),
		     -414);
}

static bool finds(const char *query, const char *name, const char *expected)
{
	const char *value;
	size_t size;

	if (!lend__http_query_find(query, strlen(query), name, &value, &size))
		return expected == NULL;
	return expected && size == strlen(expected) &&
	       memcmp(value, expected, size) == 0;
}

Test(uri, first_parameter_of_a_name_is_found)
{
	cr_expect(finds("a=b", "a", "b"));
	cr_expect(finds("a=b&c=d&a=e", "a", "b"));
	cr_expect(finds("a=b&c=d", "c", "d"));
	cr_expect(finds("a=b=c", "a", "b=c"));
	cr_expect(finds("a&b", "b", ""));
	cr_expect(finds("a=&b", "a", ""));
	cr_expect(finds("&&a=b&", "a", "b"));
	cr_expect(finds("%61%2b+=b", "a+ ", "b"));
	cr_expect(finds("aa=b", "a", NULL));
	cr_expect(finds("a=b", "aa", NULL));
	cr_expect(finds("x=a=b", "a", NULL));
	cr_expect(finds("%6=b", "a", NULL));
	cr_expect(finds("%=b", "a", NULL));
	cr_expect(finds("", "a", NULL));
}

Test(uri, values_are_decoded_as_forms_are)
{
	cr_expect_eq(lend__http_query_decode("a+b%2B%00", 9, buffer, 5, &used),
		     0);
	cr_expect_eq(used, 5);
	cr_expect_eq(memcmp(buffer, "a b+\0", 5), 0);
	cr_expect_eq(lend__http_query_decode("a%4", 3, buffer, 8, &used), -400);
	cr_expect_eq(lend__http_query_decode("abc", 3, buffer, 2, &used), -414);
	cr_expect_eq(lend__http_query_decode("", 0, buffer, 0, &used), 0);
}

/* Whether @path is, when it is a target: a version follows. */
static bool is_normal(const char *path, size_t size)
{
	static const char before[] = "GET ";
	static const char behind[] = " HTTP/1.1\r\nHost: a\r\n\r\n";
	bool normal = false;

	/* What follows it may be long enough for the last look at many bytes,
	 * or not; the lines' own memory, so that a sanitizer sees more. */
	for (size_t rest = 11; rest < sizeof(behind); rest++) {
		char *line = malloc(4 + size + rest), *at = line + 4;
		bool now;

		memcpy(line, before, 4);
		memcpy(at, path, size);
		memcpy(at + size, behind, rest);
		now = lend__http_skip_normal(at, at + size + rest) == at + size;
		cr_expect(rest == 11 || now == normal);
		normal = now;
		free(line);
	}
	return normal;
}

/*
 * Goal:   what is called normal needs no decoding, wherever in it the byte is
 *         that would; and what most requests ask for is called so.
 * Method: each troublesome piece at each place of paths of some words.
 */
Test(uri, normal_paths_are_told_from_others)
{
	static const char *const troubles[] = { "%",	"//", "/.",
						"/..",	"?",  "\x7f",
						"\xc3", "#",  "" };
	const char *plain = "/abcdefgh/ijklmnop/q.rs..t-_~/index.html";
	size_t size = strlen(plain);
	char path[64];

	for (size_t end = 1; end <= size; end++)
		cr_expect(is_normal(plain, end), "%zu", end);
	for (size_t i = 0; i < 9; i++) {
		size_t trouble = i == 8 ? 1 : strlen(troubles[i]);

		for (size_t at = 1; at + trouble <= size; at++) {
			memcpy(path, plain, size);
			memcpy(path + at, troubles[i], trouble);
			cr_expect(!is_normal(path, size), "%s at %zu",
				  troubles[i], at);
			cr_expect(!is_normal(path, at + trouble),
				  "%s at the end, %zu", troubles[i], at);
		}
	}
}
