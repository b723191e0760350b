/*
 * Goal:   an error of the library can be named in a log line, whatever sign it
 *         is given with and also when it has no name.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <lend/base.h>

Test(error, names_follow_errno)
{
	cr_expect_str_eq(lend_error_name(-ETIMEDOUT), "ETIMEDOUT");
	cr_expect_str_eq(lend_error_name(ETIMEDOUT), "ETIMEDOUT");
	cr_expect_str_eq(lend_error_text(-ETIMEDOUT), "Connection timed out");
}

Test(error, success_and_unknown_have_words_too)
{
	cr_expect_str_eq(lend_error_name(0), "success");
	cr_expect_str_eq(lend_error_name(-99999), "unknown error");
	cr_expect_str_eq(lend_error_text(-99999), "Unknown error");
}
