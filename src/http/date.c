/*
 * HTTP dates. gmtime() and strptime() would do, but the one takes a lock and
 * both know locales. Called once a second for the Date field, and for each
 * conditional request. The name of the day is checked to be one, not to be the
 * right one.
 */
#include "http/date.h"

#include "http/chars.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

/* The widest range that is formatted: years 0 and 9999. */
#define SECONDS_MIN INT64_C(-62167219200)
#define SECONDS_MAX INT64_C(253402300799)

static const char day_names[7][10] = {
	"Sunday",   "Monday", "Tuesday",  "Wednesday",
	"Thursday", "Friday", "Saturday",
};

static const char month_names[12][4] = {
	"Jan", "Feb", "Mar", "Apr", "May", "Jun",
	"Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
};

struct date {
	int year;
	int month; /* from 0 */
	int day;
	int hour;
	int minute;
	int second;
};

/*
 * Days from 1970-01-01 to a day of the Gregorian calendar. Years are counted
 * from March, so that the leap day is the last of its year, and in eras of 400
 * of them, which all have the same length.
 */
static int64_t days_of(int year, int month, int day)
{
	int64_t era, year_of_era, day_of_year;

	year -= month < 2;
	era = (year >= 0 ? year : year - 399) / 400;
	year_of_era = year - era * 400;
	day_of_year = (153 * ((month + 10) % 12) + 2) / 5 + day - 1;
	return era * 146097 + year_of_era * 365 + year_of_era / 4 -
	       year_of_era / 100 + day_of_year - 719468;
}

/* The inverse of days_of(). */
static void date_of(int64_t days, struct date *ret_date)
{
	int64_t era, day_of_era, year_of_era, day_of_year, month;

	days += 719468;
	era = (days >= 0 ? days : days - 146096) / 146097;
	day_of_era = days - era * 146097;
	year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 -
		       day_of_era / 146096) /
		      365;
	day_of_year = day_of_era -
		      (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	month = (5 * day_of_year + 2) / 153;
	ret_date->day = (int)(day_of_year - (153 * month + 2) / 5 + 1);
	ret_date->month = (int)((month + 2) % 12);
	ret_date->year = (int)(year_of_era + era * 400) + (month >= 10);
}

static void put_digits(char *at, int count, int number)
{
	while (count-- > 0) {
		at[count] = (char)('0' + number % 10);
		number /= 10;
	}
}

void lend__http_date_format(int64_t seconds, char buffer[LEND__HTTP_DATE_SIZE])
{
	struct date date;
	int64_t days;
	int rest, weekday;

	if (seconds < SECONDS_MIN)
		seconds = SECONDS_MIN;
	if (seconds > SECONDS_MAX)
		seconds = SECONDS_MAX;
	days = (seconds >= 0 ? seconds : seconds - 86399) / 86400;
	rest = (int)(seconds - days * 86400);
	/* 1970 began on a Thursday. */
	weekday = (int)(((days + 4) % 7 + 7) % 7);
	date_of(days, &date);

	memcpy(buffer, "Ddd, 00 Mmm 0000 00:00:00 GMT", LEND__HTTP_DATE_SIZE);
	memcpy(buffer, day_names[weekday], 3);
	put_digits(buffer + 5, 2, date.day);
	memcpy(buffer + 8, month_names[date.month], 3);
	put_digits(buffer + 12, 4, date.year);
	put_digits(buffer + 17, 2, rest / 3600);
	put_digits(buffer + 20, 2, rest / 60 % 60);
	put_digits(buffer + 23, 2, rest % 60);
}

/* A number of exactly @count digits, @lead of which may be a space. */
static bool take_digits(const char *at, int count, bool lead, int *ret_number)
{
	int number = 0;

	for (int i = 0; i < count; i++) {
		if (i == 0 && lead && at[0] == ' ')
			continue;
		if (!lend__http_is(at[i], LEND__HTTP_DIGIT))
			return false;
		number = number * 10 + (at[i] - '0');
	}
	*ret_number = number;
	return true;
}

/*
 * Match @text with @pattern: Y year, y its last two digits, D day, d day with
 * a space for a leading zero, N a month's name, h m s, each as often as it has
 * characters; anything else stands for itself.
 */
static bool match(const char *text, const char *pattern, struct date *date)
{
	int count, i;
	bool fits;

	for (; *pattern; pattern += count, text += count) {
		count = 1;
		while (pattern[count] == *pattern && *pattern != ' ')
			count++;
		switch (*pattern) {
		case 'Y':
		case 'y':
			fits = take_digits(text, count, false, &date->year);
			break;
		case 'D':
			fits = take_digits(text, count, false, &date->day);
			break;
		case 'd':
			fits = take_digits(text, count, true, &date->day);
			break;
		case 'h':
			fits = take_digits(text, count, false, &date->hour);
			break;
		case 'm':
			fits = take_digits(text, count, false, &date->minute);
			break;
		case 's':
			fits = take_digits(text, count, false, &date->second);
			break;
		case 'N':
			for (i = 0; i < 12; i++) {
				if (memcmp(text, month_names[i], 3) == 0)
					break;
			}
			date->month = i;
			fits = i < 12;
			break;
		default:
			fits = memcmp(text, pattern, (size_t)count) == 0;
		}
		if (!fits)
			return false;
	}
	return true;
}

static int days_in_month(const struct date *date)
{
	return (int)(days_of(date->year + (date->month == 11),
			     (date->month + 1) % 12, 1) -
		     days_of(date->year, date->month, 1));
}

/* The year ending in @year's two digits that RFC 9110, 5.6.7 means. */
static int full_year(int year, int64_t now)
{
	struct date today;

	date_of((now >= 0 ? now : now - 86399) / 86400, &today);
	year += today.year / 100 * 100;
	if (year > today.year + 50)
		year -= 100;
	else if (year <= today.year - 50)
		year += 100;
	return year;
}

/* Recognise which of the formats @text has by what it starts with. */
static bool read_date(const char *text, size_t size, int64_t now,
		      struct date *ret_date)
{
	size_t day;

	for (int i = 0; i < 7; i++) {
		if (size < 3 || memcmp(text, day_names[i], 3) != 0)
			continue;
		day = strlen(day_names[i]);
		if (size == 29)
			if (match(text + 3, ", DD NNN YYYY hh:mm:ss GMT",
				  ret_date))
				return true;
		if (size == 24)
			return match(text + 3, " NNN dd hh:mm:ss YYYY",
				     ret_date);
		if (size != day + 24 || memcmp(text, day_names[i], day) != 0 ||
		    !match(text + day, ", DD-NNN-yy hh:mm:ss GMT", ret_date))
			return false;
		ret_date->year = full_year(ret_date->year, now);
		return true;
	}
	return false;
}

int lend__http_date_parse(const char *text, size_t size, int64_t now,
			  int64_t *ret_seconds)
{
	struct date date;

	if (!read_date(text, size, now, &date))
		return -EINVAL;
	/* 60 is a leap second. POSIX time has none: it is the next minute's
	 * first. */
	if (date.day < 1 || date.day > days_in_month(&date) || date.hour > 23 ||
	    date.minute > 59 || date.second > 60)
		return -EINVAL;
	*ret_seconds = days_of(date.year, date.month, date.day) * 86400 +
		       date.hour * 3600 + date.minute * 60 + date.second;
	return 0;
}
