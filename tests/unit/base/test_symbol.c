/*
 * Goal:   addresses are named as a programmer would: static functions too, and
 *         what is no code is not taken for any.
 */
#include "base/symbol.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static volatile int calls;

__attribute__((noinline)) static void static_function(void)
{
	calls++;
}

static const char *name_of(const void *address)
{
	static char text[256];

	lend__symbol_print(address, text, sizeof(text));
	return text;
}

Test(symbol, a_static_function_has_its_name_and_place)
{
	const char *address = (const char *)(uintptr_t)static_function;

	cr_expect(strstr(name_of(address), "static_function+0x0 ("), "%s",
		  name_of(address));
	cr_expect(strstr(name_of(address + 1), "static_function+0x1 ("), "%s",
		  name_of(address + 1));
}

Test(symbol, a_function_of_a_shared_library_has_its_name_and_module)
{
	const char *text = name_of((const void *)(uintptr_t)getpagesize);

	cr_expect(strstr(text, "getpagesize"), "%s", text);
	cr_expect(strstr(text, "libc.so"), "%s", text);
}

Test(symbol, what_is_no_code_is_a_number)
{
	char here = 0;

	cr_expect(strncmp(name_of(&here), "0x", 2) == 0, "%s", name_of(&here));
	cr_expect(lend__symbol_is_code((const void *)(uintptr_t)getpagesize));
	cr_expect(
		lend__symbol_is_code((const void *)(uintptr_t)static_function));
	cr_expect_not(lend__symbol_is_code(&here));
	cr_expect_not(lend__symbol_is_code((const void *)&calls));
	cr_expect_not(lend__symbol_is_code(NULL));
}

Test(symbol, a_short_buffer_is_filled_and_terminated)
{
	char text[8] = "xxxxxxx";

	lend__symbol_print((const void *)(uintptr_t)static_function, text,
			   sizeof(text));
	cr_expect_str_eq(text, "static_");
}
