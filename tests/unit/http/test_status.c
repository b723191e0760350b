/*
 * Goal:   every code the server answers with has its phrase, and any other
 *         code has an empty one.
 */
#include "http/status.h"

#include <criterion/criterion.h>
#include <string.h>

Test(status, codes_have_their_reason)
{
	cr_expect_str_eq(lend__http_reason(LEND__HTTP_CONTINUE), "Continue");
	cr_expect_str_eq(lend__http_reason(LEND__HTTP_OK), "OK");
	cr_expect_str_eq(lend__http_reason(LEND__HTTP_CONTENT_TOO_LARGE),
			 "Content Too Large");
	cr_expect_str_eq(lend__http_reason(LEND__HTTP_FIELDS_TOO_LARGE),
			 "Request Header Fields Too Large");
	cr_expect_str_eq(lend__http_reason(LEND__HTTP_VERSION_UNSUPPORTED),
			 "HTTP Version Not Supported");
}

Test(status, unknown_codes_have_none)
{
	const unsigned codes[] = { 0, 99, 199, 299, 418, 432, 599, 600, 99999 };

	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		cr_expect_str_eq(lend__http_reason(codes[i]), "");
}

Test(status, none_is_too_long)
{
	for (unsigned status = 0; status < 600; status++)
		cr_expect_leq(strlen(lend__http_reason(status)),
			      LEND__HTTP_REASON_MAX);
}
