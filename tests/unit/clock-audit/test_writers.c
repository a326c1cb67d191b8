#include "clock-audit/writers.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <check.h>

Suite *suite_writers(void);

#define NOW INT64_C(1700000000000)
#define SECONDS *INT64_C(1000)
#define MINUTES *INT64_C(60000)
#define NEVER INT64_MIN

static const struct {
	const char *what;
	int64_t age, after; /* ms; after: age of that sight or NEVER */
	bool seconds;
	int64_t low, high, certain;
	const char *text;
} skews[] = {
	{ "right", 0, NEVER, false, 0, INT64_MAX, 0, "not certainly off" },
	{ "right or slow, old", 7 * 86400 SECONDS, NEVER, false, -604800000, INT64_MAX, 0,
	    "not certainly off" },
	{ "five minutes fast", -5 MINUTES, NEVER, false, 300000, INT64_MAX, 300000,
	    "at least 5m ahead" },
	{ "five minutes fast, seen before", -5 MINUTES, 210 SECONDS, false, 300000, 510001,
	    300000, "5m to 8m31s ahead" },
	{ "two minutes slow, seen since", 2 MINUTES, 30 SECONDS, false, -120000, -89999, -89999,
	    "1m29s to 2m behind" },
	{ "both ends are rounded outwards", 120500, 30500, false, -120500, -89999, -89999,
	    "1m29s to 2m1s behind" },
	{ "a long way", 26 * 3600 SECONDS + 1, 3600 SECONDS, false, -93600001, -90000000,
	    -90000000, "1d1h to 1d3h behind" },
	{ "seen in the future", 2 MINUTES, -30 SECONDS, false, -120000, INT64_MAX, 0,
	    "not certainly off" },
	{ "a second is a second wide", 0, 0, true, 0, 1000, 0, "not certainly off" },
};

START_TEST(an_interval_is_what_is_certain)
{
	const struct stamp stamp = { NOW - skews[_i].age, skews[_i].seconds };
	const struct writing w = { .read = NOW,
		.after = skews[_i].after == NEVER ? 0 : NOW - skews[_i].after };
	struct skew s = writer_skew(&stamp, &w);
	struct buf text = { 0 };

	ck_assert_msg(s.low == skews[_i].low && s.high == skews[_i].high, "%s: %lld to %lld",
	    skews[_i].what, (long long)s.low, (long long)s.high);
	ck_assert_int_eq(skew_certain(s), skews[_i].certain);
	skew_describe(s, &text);
	ck_assert_str_eq(buf_cstr(&text), skews[_i].text);
	buf_free(&text);
}
END_TEST

START_TEST(what_the_time_may_be_off_widens_it)
{
	const struct stamp stamp = { NOW, false };
	struct writing w = { .read = NOW, .after = NOW - 40 };

	ck_assert_int_eq(writer_skew(&stamp, &w).low, 0);
	ck_assert_int_eq(writer_skew(&stamp, &w).high, 41);
	w.slack = 25;
	ck_assert_int_eq(writer_skew(&stamp, &w).low, -25);
	ck_assert_int_eq(writer_skew(&stamp, &w).high, 66);
}
END_TEST

/*
 * Writers of every skew and age, whoever set their expiry, read with every delay: the interval
 * holds the truth, and a right clock is never called off.
 */
START_TEST(the_interval_holds_the_truth)
{
	unsigned int seed = (unsigned int)time(NULL);
	size_t round;

	printf("the_interval_holds_the_truth: seed %u\n", seed);
	srandom(seed);
	for (round = 0; round < 50000; round++) {
		int64_t skew = random() % 3 == 0 ? 0 : random() % 8000000 - 4000000;
		int64_t age = random() % (random() % 2 == 0 ? 300000 : 900000000);
		int64_t wait = random() % 3000, off = random() % 50 - 25;
		int64_t answered = NOW + random() % (wait + 1);
		struct stamp stamp = { .ms = answered - age + skew, .seconds = random() % 4 == 0 };
		struct writing w = {
			.read = NOW + wait + off, .slack = 25,
			.after = random() % 2 == 0 ? 0 : answered - age - random() % 60000 + off,
		};
		struct skew s;

		if (stamp.seconds)
			stamp.ms -= stamp.ms % 1000;
		s = writer_skew(&stamp, &w);
		ck_assert_msg(s.low <= skew && skew <= s.high, "%lld not in %lld to %lld",
		    (long long)skew, (long long)s.low, (long long)s.high);
		if (skew == 0)
			ck_assert_int_eq(skew_certain(s), 0);
	}
}
END_TEST

static int64_t
any64(void)
{
	static const int64_t odd[] = { INT64_MIN, INT64_MAX, 0, -1, 1, NOW };

	if (random() % 2 == 0)
		return odd[random() % 6];
	return (int64_t)((uint64_t)random() << 62 ^ (uint64_t)random() << 31 ^ (uint64_t)random());
}

START_TEST(no_stamp_overflows)
{
	unsigned int seed = (unsigned int)time(NULL);
	struct buf text = { 0 };
	size_t round;

	printf("no_stamp_overflows: seed %u\n", seed);
	srandom(seed);
	for (round = 0; round < 20000; round++) {
		struct stamp stamp = { any64(), random() % 2 == 0 };
		struct writing w = { .read = any64(), .after = any64(),
			.slack = random() % 1000 };
		struct skew s = writer_skew(&stamp, &w);

		buf_reset(&text);
		skew_describe(s, &text);
		ck_assert_int_ge(s.high, s.low);
	}
	buf_free(&text);
}
END_TEST

#define COUNT(a) (int)(sizeof(a) / sizeof((a)[0]))

Suite *
suite_writers(void)
{
	Suite *s = suite_create("writers");
	TCase *t = tcase_create("writers");

	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, an_interval_is_what_is_certain, 0, COUNT(skews));
	tcase_add_test(t, what_the_time_may_be_off_widens_it);
	tcase_add_test(t, the_interval_holds_the_truth);
	tcase_add_test(t, no_stamp_overflows);
	suite_add_tcase(s, t);
	return s;
}
