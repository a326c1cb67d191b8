#include "base/duration.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define DAY_MS INT64_C(86400000)

struct unit {
	const char *name;
	int64_t size;
};

static const struct unit times[] = {
	{ "d", DAY_MS }, { "h", 3600000 }, { "m", 60000 }, { "s", 1000 }, { "ms", 1 },
};
#define TIMES (sizeof(times) / sizeof(times[0]))

static const struct unit sizes[] = {
	{ "TB", INT64_C(1) << 40 }, { "GB", INT64_C(1) << 30 }, { "MB", INT64_C(1) << 20 },
	{ "KB", INT64_C(1) << 10 },
};
#define SIZES (sizeof(sizes) / sizeof(sizes[0]))

/* Read the digits at *s, and step over them. */
static bool
read_number(const char **s, int64_t *v)
{
	const char *p = *s;
	int64_t sum = 0;

	if (*p < '0' || *p > '9')
		return false;
	for (; *p >= '0' && *p <= '9'; p++) {
		if (sum > (INT64_MAX - (*p - '0')) / 10)
			return false;
		sum = sum * 10 + (*p - '0');
	}
	*s = p;
	*v = sum;
	return true;
}

/* The unit named by the letters at *s, from ${first} on; step over them. */
static size_t
read_time_unit(const char **s, size_t first)
{
	size_t letters = 0, i;

	while ((*s)[letters] >= 'a' && (*s)[letters] <= 'z')
		letters++;
	for (i = first; i < TIMES; i++) {
		if (strlen(times[i].name) == letters &&
		    memcmp(*s, times[i].name, letters) == 0) {
			*s += letters;
			return i;
		}
	}
	return TIMES;
}

bool
duration_parse(const char *s, int64_t *ms)
{
	int64_t sum = 0, v;
	size_t unit = 0;
	bool first = true;

	do {
		if (!read_number(&s, &v))
			return false;
		if (*s == '\0') {
			if (!first)
				return false; /* "1h30" may mean minutes or seconds */
			if (v > INT64_MAX / 1000)
				return false;
			*ms = v * 1000;
			return true;
		}
		/* Each unit once and the larger before the smaller. */
		unit = read_time_unit(&s, first ? 0 : unit + 1);
		if (unit == TIMES || v > (INT64_MAX - sum) / times[unit].size)
			return false;
		sum += v * times[unit].size;
		first = false;
	} while (*s != '\0');
	*ms = sum;
	return true;
}

/* Append printf-like to ${out}, of which ${at} bytes are used. */
static size_t
append(char *out, size_t size, size_t at, uint64_t v, const char *unit)
{
	int n;

	if (at >= size)
		return at;
	n = snprintf(out + at, size - at, "%" PRIu64 "%s", v, unit);
	return n < 0 ? at : at + (size_t)n;
}

void
duration_format(int64_t ms, char *out, size_t size)
{
	char one[40], many[80];
	const char *sign = ms < 0 ? "-" : "";
	uint64_t v = ms < 0 ? -(uint64_t)ms : (uint64_t)ms, rest = v;
	size_t i, n = 0;

	if (v == 0 || v == (uint64_t)DAY_MS) {
		/* A day is "24h" to everybody who reads it. */
		(void)snprintf(out, size, "%s%s", sign, v == 0 ? "0s" : "24h");
		return;
	}
	for (i = 0; v % (uint64_t)times[i].size != 0; i++)
		;
	(void)append(one, sizeof(one), 0, v / (uint64_t)times[i].size, times[i].name);
	for (i = 0; i < TIMES; i++) {
		if (rest / (uint64_t)times[i].size > 0)
			n = append(many, sizeof(many), n, rest / (uint64_t)times[i].size,
			    times[i].name);
		rest %= (uint64_t)times[i].size;
	}
	(void)snprintf(out, size, "%s%s", sign, strlen(one) <= strlen(many) ? one : many);
}

void
duration_human(int64_t ms, char *out, size_t size)
{
	char text[40];
	uint64_t v = ms < 0 ? -(uint64_t)ms : (uint64_t)ms, unit;
	size_t i = 0, n;

	if (v == 0) {
		(void)snprintf(out, size, "0s");
		return;
	}
	while (i + 1 < TIMES && v < (uint64_t)times[i].size)
		i++;
	unit = (uint64_t)times[i].size;
	n = append(text, sizeof(text), 0, v / unit, times[i].name);
	/* Milliseconds say nothing beside seconds. */
	if (i + 2 < TIMES && v % unit / (uint64_t)times[i + 1].size > 0)
		(void)append(text, sizeof(text), n,
		    v % unit / (uint64_t)times[i + 1].size, times[i + 1].name);
	(void)snprintf(out, size, "%s%s", ms < 0 ? "-" : "", text);
}

bool
size_parse(const char *s, int64_t *bytes)
{
	static const char letters[] = "TGMK";
	int64_t v, unit = 1;
	const char *letter;

	if (!read_number(&s, &v))
		return false;
	letter = *s == '\0' ? NULL : strchr(letters, *s & ~0x20);
	if (letter != NULL && *letter != '\0') {
		unit = sizes[letter - letters].size;
		s++;
	}
	if (*s == 'B' || *s == 'b')
		s++;
	if (*s != '\0' || v > INT64_MAX / unit)
		return false;
	*bytes = v * unit;
	return true;
}

void
size_format(int64_t bytes, char *out, size_t size)
{
	size_t i;

	for (i = 0; bytes != 0 && i < SIZES; i++) {
		if (bytes % sizes[i].size == 0) {
			(void)snprintf(out, size, "%" PRId64 "%s", bytes / sizes[i].size,
			    sizes[i].name);
			return;
		}
	}
	(void)snprintf(out, size, "%" PRId64, bytes);
}

int64_t
duration_between(int64_t a, int64_t b)
{
	int64_t d;

	if (__builtin_sub_overflow(a, b, &d))
		return b < 0 ? INT64_MAX : INT64_MIN;
	return d;
}
