/*
 * Conditional requests and ranges: see validator.h.
 */
#include "validator.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#define DATE_FORMAT "%a, %d %b %Y %H:%M:%S GMT"

void validator_make(const struct stat *stat, struct validator *ret_validator)
{
	struct validator *validator = ret_validator;
	time_t now = time(NULL);
	struct tm tm;

	snprintf(validator->etag, sizeof(validator->etag),
		 "\"%" PRIx64 "-%" PRIx64 "\"",
		 (uint64_t)stat->st_mtim.tv_sec * 1000000000u +
			 (uint64_t)stat->st_mtim.tv_nsec,
		 (uint64_t)stat->st_size);
	/* RFC 9110, 8.8.2.1: never later than the Date of the response. */
	validator->modified_at = stat->st_mtim.tv_sec < now ?
					 stat->st_mtim.tv_sec :
					 now;
	validator->modified[0] = '\0';
	if (gmtime_r(&validator->modified_at, &tm))
		strftime(validator->modified, sizeof(validator->modified),
			 DATE_FORMAT, &tm);
}

static bool date_read(struct lend_http_text value, time_t *ret_time)
{
	static const char *const formats[] = {
		DATE_FORMAT, "%A, %d-%b-%y %H:%M:%S GMT", /* RFC 850 */
		"%a %b %d %H:%M:%S %Y",			  /* asctime() */
	};
	char text[64];

	if (!value.data || value.size >= sizeof(text))
		return false;
	memcpy(text, value.data, value.size);
	text[value.size] = '\0';
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		struct tm tm = { 0 };
		const char *end = strptime(text, formats[i], &tm);

		if (end && !*end) {
			*ret_time = timegm(&tm);
			return true;
		}
	}
	return false;
}

/* Is our tag in a list such as: "a", W/"b", "c"? Weak tags count, as If-None-
 * Match compares weakly. A tag may contain commas, so it is not split there. */
static bool etag_is_listed(const char *etag, struct lend_http_text list)
{
	size_t size = strlen(etag);
	const char *at = list.data, *end = at + list.size;

	if (list.size == 1 && *at == '*')
		return true;
	while (at < end) {
		const char *close;

		if (*at != '"') {
			at++;
			continue;
		}
		close = memchr(at + 1, '"', (size_t)(end - at) - 1);
		if (!close)
			return false;
		if ((size_t)(close + 1 - at) == size &&
		    memcmp(at, etag, size) == 0)
			return true;
		at = close + 1;
	}
	return false;
}

bool validator_is_not_modified(const struct validator *validator,
			       const struct lend_http_request *request)
{
	struct lend_http_text none_match = lend_http_header(request,
							    "If-None-Match");
	time_t since;

	/* It says more than a date, which then does not count. */
	if (none_match.data)
		return etag_is_listed(validator->etag, none_match);
	return date_read(lend_http_header(request, "If-Modified-Since"),
			 &since) &&
	       validator->modified_at <= since;
}

/* If-Range: a part is only of use to a client that has the rest of the same
 * version. A date has to be the very same, and is trusted only to the second,
 * so what was changed within the last one does not count. */
static bool range_is_wanted(const struct validator *validator,
			    const struct lend_http_request *request)
{
	struct lend_http_text value = lend_http_header(request, "If-Range");
	time_t date;

	if (!value.data)
		return true;
	if (value.size && value.data[0] == '"')
		return value.size == strlen(validator->etag) &&
		       memcmp(value.data, validator->etag, value.size) == 0;
	return date_read(value, &date) && date == validator->modified_at &&
	       date < time(NULL) - 1;
}

/* Digits at *@at; UINT64_MAX if there are more than fit, which is behind the
 * end of every file. */
static bool digits_read(const char **at, const char *end, uint64_t *ret_value)
{
	const char *start = *at;
	uint64_t value = 0;

	for (; *at < end && **at >= '0' && **at <= '9'; (*at)++) {
		uint64_t digit = (uint64_t)(**at - '0');

		if (value > (UINT64_MAX - digit) / 10)
			value = UINT64_MAX;
		else
			value = value * 10 + digit;
	}
	*ret_value = value;
	return *at > start;
}

enum range_answer range_read(const struct validator *validator,
			     const struct lend_http_request *request,
			     uint64_t size, struct range *ret_range)
{
	struct lend_http_text value = lend_http_header(request, "Range");
	const char *at = value.data, *end = at + value.size;
	uint64_t first = 0, last = UINT64_MAX;
	bool has_first, has_last;

	*ret_range = (struct range){ 0, size };
	if (!at || !size || lend_http_is_head(request) || value.size < 6 ||
	    strncasecmp(at, "bytes=", 6) != 0)
		return RANGE_WHOLE;
	at += 6;
	has_first = digits_read(&at, end, &first);
	if (at == end || *at++ != '-')
		return RANGE_WHOLE;
	has_last = digits_read(&at, end, &last);
	if (at != end || (!has_first && !has_last))
		return RANGE_WHOLE;
	if (has_first && has_last && first > last)
		return RANGE_WHOLE;
	if (!range_is_wanted(validator, request))
		return RANGE_WHOLE;

	if (!has_first) {
		/* -N: the last N bytes. */
		if (!last)
			return RANGE_UNSATISFIABLE;
		first = last < size ? size - last : 0;
		last = size - 1;
	} else if (!has_last || last >= size) {
		last = size - 1;
	}
	if (first >= size)
		return RANGE_UNSATISFIABLE;
	*ret_range = (struct range){ first, last - first + 1 };
	return RANGE_PART;
}
