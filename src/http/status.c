/*
 * Reason phrases. For people who read a trace: no client may depend on them
 * (RFC 9112, 4), so an unknown code is not an error.
 */
#include "http/status.h"

#include <stddef.h>

/* One row of a hundred would be mostly holes; by class there are few. */
static const char *const reasons[6][32] = {
	[1] =
		{
			[0] = "Continue",
			[1] = "Switching Protocols",
		},
	[2] =
		{
			[0] = "OK",
			[1] = "Created",
			[2] = "Accepted",
			[3] = "Non-Authoritative Information",
			[4] = "No Content",
			[5] = "Reset Content",
			[6] = "Partial Content",
		},
	[3] =
		{
			[0] = "Multiple Choices",
			[1] = "Moved Permanently",
			[2] = "Found",
			[3] = "See Other",
			[4] = "Not Modified",
			[7] = "Temporary Redirect",
			[8] = "Permanent Redirect",
		},
	[4] =
		{
			[0] = "Bad Request",
			[1] = "Unauthorized",
			[2] = "Payment Required",
			[3] = "Forbidden",
			[4] = "Not Found",
			[5] = "Method Not Allowed",
			[6] = "Not Acceptable",
			[7] = "Proxy Authentication Required",
			[8] = "Request Timeout",
			[9] = "Conflict",
			[10] = "Gone",
			[11] = "Length Required",
			[12] = "Precondition Failed",
			[13] = "Content Too Large",
			[14] = "URI Too Long",
			[15] = "Unsupported Media Type",
			[16] = "Range Not Satisfiable",
			[17] = "Expectation Failed",
			[21] = "Misdirected Request",
			[22] = "Unprocessable Content",
			[26] = "Upgrade Required",
			[28] = "Precondition Required",
			[29] = "Too Many Requests",
			[31] = "Request Header Fields Too Large",
		},
	[5] =
		{
			[0] = "Internal Server Error",
			[1] = "Not Implemented",
			[2] = "Bad Gateway",
			[3] = "Service Unavailable",
			[4] = "Gateway Timeout",
			[5] = "HTTP Version Not Supported",
		},
};

const char *lend__http_reason(unsigned status)
{
	const char *reason = NULL;

	if (status < 600 && status % 100 < 32)
		reason = reasons[status / 100][status % 100];
	return reason ? reason : "";
}
