/*
 * Names and texts of errors, and the library's version.
 */
#include <lend/base.h>

#include <string.h>

const char *lend_version(void)
{
	return LEND_VERSION;
}

const char *lend_error_name(int error)
{
	const char *name;

	if (error == 0)
		return "success";
	name = strerrorname_np(error < 0 ? -error : error);
	return name ? name : "unknown error";
}

const char *lend_error_text(int error)
{
	const char *text;

	if (error == 0)
		return "Success";
	text = strerrordesc_np(error < 0 ? -error : error);
	return text ? text : "Unknown error";
}
