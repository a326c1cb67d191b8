#include "base/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

static int64_t
read_us(clockid_t id)
{
	struct timespec ts;

	/* Neither clock can fail on a valid timespec. */
	(void)clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

int64_t
clock_mono_ms(void)
{
	return read_us(CLOCK_MONOTONIC) / 1000;
}

int64_t
clock_mono_us(void)
{
	return read_us(CLOCK_MONOTONIC);
}

int64_t
clock_wall_ms(void)
{
	return read_us(CLOCK_REALTIME) / 1000;
}

int64_t
clock_wall_us(void)
{
	return read_us(CLOCK_REALTIME);
}

int64_t
clock_boot_ms(void)
{
	return read_us(CLOCK_BOOTTIME) / 1000;
}

int
clock_sleep_ms(int64_t ms)
{
	struct timespec ts;

	if (ms <= 0)
		return 0;
	ts.tv_sec = (time_t)(ms / 1000);
	ts.tv_nsec = (long)(ms % 1000) * 1000000;
	return nanosleep(&ts, NULL);
}

void
clock_rfc3339(int64_t wall_ms, int millis, char *out, size_t size)
{
	int64_t s = wall_ms / 1000, ms = wall_ms % 1000;
	time_t t;
	struct tm tm;
	size_t n;

	if (ms < 0) {
		ms += 1000;
		s--;
	}
	t = (time_t)s;
	/* RFC 3339 has four digits for the year. */
	if (gmtime_r(&t, &tm) == NULL || tm.tm_year < -1900 || tm.tm_year > 9999 - 1900) {
		(void)snprintf(out, size, "@%" PRId64 "ms", wall_ms);
		return;
	}
	n = (size_t)snprintf(out, size, "%04d-%02d-%02dT%02d:%02d:%02d", tm.tm_year + 1900,
	    tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
	if (n >= size)
		return;
	if (millis)
		(void)snprintf(out + n, size - n, ".%03dZ", (int)ms);
	else
		(void)snprintf(out + n, size - n, "Z");
}
