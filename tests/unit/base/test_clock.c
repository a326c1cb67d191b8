#include "base/clock.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <check.h>

Suite *suite_clock(void);

#define COUNT(table) ((int)(sizeof(table) / sizeof((table)[0])))

START_TEST(clocks_agree)
{
	int64_t a = clock_mono_us(), ms = clock_mono_ms(), b = clock_mono_us();
	int64_t wall = clock_wall_ms(), wall_us = clock_wall_us();

	ck_assert_int_le(a / 1000, ms);
	ck_assert_int_le(ms, b / 1000);
	ck_assert_int_le(wall / 1000 - time(NULL), 1);
	ck_assert_int_le(wall, wall_us / 1000 + 60000);
	ck_assert_int_gt(wall, INT64_C(1700000000000));
}
END_TEST

START_TEST(sleeps)
{
	int64_t start = clock_mono_us();

	ck_assert_int_eq(clock_sleep_ms(20), 0);
	ck_assert_int_ge(clock_mono_us() - start, 20000);
	ck_assert_int_eq(clock_sleep_ms(0), 0);
	ck_assert_int_eq(clock_sleep_ms(-5), 0);
}
END_TEST

static void
on_alarm(int s)
{
	(void)s;
}

START_TEST(a_signal_ends_sleep)
{
	struct sigaction sa = { .sa_handler = on_alarm };
	struct timespec ts = { 0, 50 * 1000000 };
	struct itimerspec in = { .it_value = ts, .it_interval = ts };
	timer_t timer;

	ck_assert_int_eq(sigaction(SIGALRM, &sa, NULL), 0);
	/* It repeats: the first could come before we sleep. */
	ck_assert_int_eq(timer_create(CLOCK_MONOTONIC, NULL, &timer), 0);
	ck_assert_int_eq(timer_settime(timer, 0, &in, NULL), 0);
	ck_assert_int_eq(clock_sleep_ms(600000), -1);
	ck_assert_int_eq(errno, EINTR);
	(void)timer_delete(timer);
}
END_TEST

static const struct {
	int64_t ms;
	const char *seconds, *millis;
} times[] = {
	{ 0, "1970-01-01T00:00:00Z", "1970-01-01T00:00:00.000Z" },
	{ 1767323045678, "2026-01-02T03:04:05Z", "2026-01-02T03:04:05.678Z" },
	{ 951782400000, "2000-02-29T00:00:00Z", "2000-02-29T00:00:00.000Z" },
	{ -1, "1969-12-31T23:59:59Z", "1969-12-31T23:59:59.999Z" },
	{ -1000, "1969-12-31T23:59:59Z", "1969-12-31T23:59:59.000Z" },
	{ 253402300799999, "9999-12-31T23:59:59Z", "9999-12-31T23:59:59.999Z" },
	{ 253402300800000, "@253402300800000ms", "@253402300800000ms" },
	{ -62167219200000, "0000-01-01T00:00:00Z", "0000-01-01T00:00:00.000Z" },
	{ -62167219200001, "@-62167219200001ms", "@-62167219200001ms" },
	{ INT64_MAX, "@9223372036854775807ms", "@9223372036854775807ms" },
	{ INT64_MIN, "@-9223372036854775808ms", "@-9223372036854775808ms" },
};

START_TEST(rfc3339)
{
	char out[32];

	clock_rfc3339(times[_i].ms, 0, out, sizeof(out));
	ck_assert_str_eq(out, times[_i].seconds);
	clock_rfc3339(times[_i].ms, 1, out, sizeof(out));
	ck_assert_str_eq(out, times[_i].millis);
}
END_TEST

Suite *
suite_clock(void)
{
	Suite *s = suite_create("base/clock");
	TCase *t = tcase_create("clock");

	tcase_set_timeout(t, 120);
	tcase_add_test(t, clocks_agree);
	tcase_add_test(t, sleeps);
	tcase_add_test(t, a_signal_ends_sleep);
	tcase_add_loop_test(t, rfc3339, 0, COUNT(times));
	suite_add_tcase(s, t);
	return s;
}
