#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "base/clock.h"
#include "redis/client_private.h"

Suite *suite_connect(void);

static int asked;

static bool
never(void)
{
	return false;
}

static bool
at_third_asking(void)
{
	return ++asked >= 3;
}

static const struct {
	int64_t backoff, most;
	int attempt;
	int64_t low, high;
} waits[] = {
	{ 1000, 8000, 1, 500, 1000 },
	{ 1000, 8000, 2, 1000, 2000 },
	{ 1000, 8000, 4, 4000, 8000 },
	{ 1000, 8000, 5, 4000, 8000 },
	{ 1000, 8000, 1000000000, 4000, 8000 },
	{ 9000, 8000, 1, 4000, 8000 },
	{ INT64_MAX / 2, INT64_MAX / 2, 3, INT64_MAX / 4, INT64_MAX / 2 },
	{ 1, 8000, 1, 1, 1 },
	{ 0, 8000, 3, 0, 0 },
};

START_TEST(backoff_doubles_with_jitter)
{
	struct client c = { .options = { .backoff = waits[_i].backoff,
	    .backoff_max = waits[_i].most } };
	int i;

	for (i = 0; i < 200; i++) {
		int64_t wait = client_backoff(&c, waits[_i].attempt);

		ck_assert_int_ge(wait, waits[_i].low);
		ck_assert_int_le(wait, waits[_i].high);
	}
}
END_TEST

START_TEST(never_sleeps_beyond_the_deadline)
{
	struct client c = { .options = { .cancelled = never } };
	struct error e = { 0 };
	int64_t before = clock_mono_ms();

	c.options.run_deadline = before + 3600000;
	ck_assert_int_eq(client_sleep(&c, 3600001, "refused", &e), -1);
	ck_assert_int_eq(e.exit, EX_TEMPFAIL);
	ck_assert_str_eq(e.text, "the run's time is up: refused");
	ck_assert_int_lt(clock_mono_ms() - before, 60000);
	ck_assert_int_eq(client_sleep(&c, 5, "refused", &e), 0);
	ck_assert_int_eq(client_deadline(&c, 7200000), c.options.run_deadline);
	ck_assert_int_lt(client_deadline(&c, 10), c.options.run_deadline);
	c.options.run_deadline = before - 1;
	ck_assert_int_eq(client_sleep(&c, 0, "refused", &e), -1);
}
END_TEST

START_TEST(a_sleep_can_be_cancelled)
{
	struct client c = { .options = { .cancelled = at_third_asking } };
	struct error e = { 0 };
	int64_t before = clock_mono_ms();

	asked = 0;
	ck_assert_int_eq(client_sleep(&c, 3600000, "refused", &e), -1);
	ck_assert_int_eq(e.exit, EX_TEMPFAIL);
	ck_assert_str_eq(e.text, "asked to end: refused");
	ck_assert_int_lt(clock_mono_ms() - before, 60000);
}
END_TEST

static const struct {
	struct transport_options o;
	const char *name;
} names[] = {
	{ { .unix_path = "/run/redis.sock", .host = "h", .port = 1 }, "/run/redis.sock" },
	{ { .unix_path = "", .host = "redis.example", .port = 6379 }, "redis.example:6379" },
	{ { .unix_path = "", .host = "::1", .port = 6380 }, "[::1]:6380" },
};

START_TEST(names_the_server)
{
	char out[100];

	transport_name(&names[_i].o, out, sizeof(out));
	ck_assert_str_eq(out, names[_i].name);
}
END_TEST

Suite *
suite_connect(void)
{
	Suite *s = suite_create("connect");
	TCase *t = tcase_create("connect");

	tcase_set_timeout(t, 120);
	tcase_add_loop_test(t, backoff_doubles_with_jitter, 0, sizeof(waits) / sizeof(waits[0]));
	tcase_add_test(t, never_sleeps_beyond_the_deadline);
	tcase_add_test(t, a_sleep_can_be_cancelled);
	tcase_add_loop_test(t, names_the_server, 0, sizeof(names) / sizeof(names[0]));
	suite_add_tcase(s, t);
	return s;
}
