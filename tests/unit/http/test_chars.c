/*
 * Goal:   the table of character classes is what the grammars say.
 * Method: spell each class out from its RFC and compare all 256 bytes.
 */
#include "http/chars.h"

#include <criterion/criterion.h>
#include <string.h>

static bool alphanumeric(int c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
	       (c >= 'A' && c <= 'Z');
}

static bool among(int c, const char *set)
{
	return c && strchr(set, c);
}

Test(chars, table_follows_the_grammars)
{
	for (int c = 0; c < 256; c++) {
		bool visible = c > 0x20 && c < 0x7f;

		cr_expect_eq(lend__http_is((char)c, LEND__HTTP_TOKEN),
			     alphanumeric(c) || among(c, "!#$%&'*+-.^_`|~"),
			     "token %02x", c);
		cr_expect_eq(lend__http_is((char)c, LEND__HTTP_VALUE),
			     visible || c >= 0x80 || c == ' ' || c == '\t',
			     "value %02x", c);
		cr_expect_eq(lend__http_is((char)c, LEND__HTTP_TARGET),
			     visible && c != '#', "target %02x", c);
		cr_expect_eq(lend__http_is((char)c, LEND__HTTP_REG_NAME),
			     alphanumeric(c) || among(c, "-._~!$&'()*+,;="),
			     "reg-name %02x", c);
		cr_expect_eq(lend__http_is((char)c, LEND__HTTP_DIGIT),
			     c >= '0' && c <= '9', "digit %02x", c);
		cr_expect_eq(lend__http_is((char)c, LEND__HTTP_HEX),
			     among(c, "0123456789abcdefABCDEF"), "hex %02x", c);
	}
}

Test(chars, hex_digits_have_their_value)
{
	for (unsigned i = 0; i < 16; i++) {
		cr_expect_eq(lend__http_hex_value("0123456789abcdef"[i]), i);
		cr_expect_eq(lend__http_hex_value("0123456789ABCDEF"[i]), i);
	}
}
