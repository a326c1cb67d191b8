#include "clock-audit/fleet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <check.h>

Suite *suite_fleet(void);

/* B() for tables: a compound literal is no constant. */
#define V(literal) { "" literal, sizeof(literal) - 1 }

#define NOW INT64_C(1700000000000)

static const struct {
	struct bytes value;
	bool good;
	int64_t offset, error, at;
	const char *reference;
} values[] = {
	{ V("400 100 1700000000000 0123abcd"), true, 400, 100, NOW, "0123abcd" },
	{ V("-20000000 0 1700000000000 f"), true, -20000000, 0, NOW, "f" },
	{ V("0 0 0"), true, 0, 0, 0, "" },
	{ V("0 0 0 "), true, 0, 0, 0, "" },
	{ V("31622400000000 31622400000000 1"), true, 31622400000000, 31622400000000, 1, "" },
	{ V("-31622400000001 1 1"), false, 0, 0, 0, "" },
	{ V("1 31622400000001 1"), false, 0, 0, 0, "" },
	{ V("1 1 100000000000000001"), false, 0, 0, 0, "" },
	{ V(""), false, 0, 0, 0, "" },
	{ V("400"), false, 0, 0, 0, "" },
	{ V("400 100"), false, 0, 0, 0, "" },
	{ V("400 -100 1700000000000"), false, 0, 0, 0, "" },
	{ V("400 100 -1"), false, 0, 0, 0, "" },
	{ V("+400 100 1"), false, 0, 0, 0, "" },
	{ V("- 100 1"), false, 0, 0, 0, "" },
	{ V("0.4 0.1 1"), false, 0, 0, 0, "" },
	{ V("400  100 1"), false, 0, 0, 0, "" },
	{ V(" 400 100 1"), false, 0, 0, 0, "" },
	{ V("400 100 1 0123abcde"), false, 0, 0, 0, "" },
	{ V("400 100 1 run"), false, 0, 0, 0, "" },
	{ V("400 100 1 0123abcd x"), false, 0, 0, 0, "" },
	{ V("400 100 1 0123abcd 1"), false, 0, 0, 0, "" },
	{ V("400 100 1 0123abcd 1 -2"), false, 0, 0, 0, "" },
	{ V("400 100 1 0123abcd 1 2 3"), false, 0, 0, 0, "" },
	{ V("400 100 1 0123abcd 0 7"), true, 400, 100, 1, "0123abcd" },
	{ V("400 100 1\n"), false, 0, 0, 0, "" },
	{ V("400 100 1\0"), false, 0, 0, 0, "" },
	{ V("100000000000000001 1 1"), false, 0, 0, 0, "" },
	{ V("9223372036854775808 1 1"), false, 0, 0, 0, "" },
	{ V("99999999999999999999999 1 1"), false, 0, 0, 0, "" },
	{ V("{\"offset\":1}"), false, 0, 0, 0, "" },
	{ V("\xff\xfe 1 1"), false, 0, 0, 0, "" },
};

START_TEST(a_report_is_read_or_refused)
{
	struct fleet_report r = { .host = B("h") };
	bool good = fleet_parse(values[_i].value, &r);

	ck_assert_msg(good == values[_i].good, "%s", values[_i].value.p);
	ck_assert(bytes_equal(r.host, B("h")));
	if (!good)
		return;
	ck_assert_int_eq(r.offset, values[_i].offset);
	ck_assert_int_eq(r.error, values[_i].error);
	ck_assert_int_eq(r.at, values[_i].at);
	ck_assert_str_eq(r.reference, values[_i].reference);
}
END_TEST

START_TEST(a_report_is_written_and_read_back)
{
	struct fleet_report r = { .offset = -123, .error = 45, .at = NOW, .reference = "0a1b2c3d" };
	struct fleet_report back = { .host = B("h") };
	struct buf b = { 0 };

	if (_i == 1)
		r.reference[0] = '\0';
	fleet_format(&r, &b);
	ck_assert(fleet_parse(buf_view(&b), &back));
	ck_assert_int_eq(back.offset, -123);
	ck_assert_int_eq(back.error, 45);
	ck_assert_int_eq(back.at, NOW);
	ck_assert_str_eq(back.reference, r.reference);
	buf_free(&b);
}
END_TEST

static const struct {
	int64_t age;
	const char *theirs, *ours;
	enum fleet_use use;
} uses[] = {
	{ 0, "0123abcd", "0123abcd", FLEET_FRESH },
	{ 1800000, "0123abcd", "0123abcd", FLEET_FRESH },
	{ 1800001, "0123abcd", "0123abcd", FLEET_OLD },
	{ -5000, "0123abcd", "0123abcd", FLEET_FRESH },
	{ -5001, "0123abcd", "0123abcd", FLEET_OLD },
	{ -1800000, "0123abcd", "0123abcd", FLEET_OLD },
	{ -1800001, "0123abcd", "0123abcd", FLEET_FUTURE },
	{ 0, "0123abcd", "0123abce", FLEET_ELSEWHERE },
	{ 0, "", "0123abcd", FLEET_FRESH },
	{ 0, "0123abcd", "", FLEET_FRESH },
	{ 1800001, "0123abcd", "0123abce", FLEET_OLD },
};

START_TEST(only_fresh_reports_of_one_server_are_compared)
{
	struct fleet_report r = { .at = NOW - uses[_i].age };

	strcpy(r.reference, uses[_i].theirs);
	ck_assert(fleet_use(&r, uses[_i].ours, NOW, 1800000) == uses[_i].use);
}
END_TEST

static const struct {
	const char *what;
	int64_t since, by_server, by_host, found; /* found: -1 = now */
	const char *reference;
} steps[] = {
	{ "steady", 0, 600000, 600000, 0, "0123abcd" },
	{ "drifting", 0, 600000, 598500, 0, "0123abcd" },
	{ "forward", 0, 1200000, 600000, -1, "0123abcd" },
	{ "back", 0, -1000, 600000, -1, "0123abcd" },
	{ "by little over a second", 0, 11100, 10000, -1, "0123abcd" },
	{ "a step that is known", 5, 600000, 600000, 5, "0123abcd" },
	{ "one from the future", NOW + 1, 600000, 600000, 0, "0123abcd" },
	{ "the host was started anew", 5, 600000, -1, 5, "0123abcd" },
	{ "another server", 5, 9600000, 600000, 0, "fedcba98" },
};

START_TEST(a_step_of_the_servers_clock_is_noticed)
{
	struct fleet_report own = { .at = NOW, .mono = 90000000, .reference = "0123abcd" };
	struct fleet_report before = { .at = NOW - steps[_i].by_server,
		.mono = 90000000 - steps[_i].by_host, .since = steps[_i].since };

	strcpy(before.reference, steps[_i].reference);
	fleet_continue(&own, &before);
	ck_assert_msg(own.since == (steps[_i].found == -1 ? NOW : steps[_i].found), "%s: %lld",
	    steps[_i].what, (long long)own.since);
}
END_TEST

START_TEST(reports_from_before_a_step_do_not_count)
{
	struct fleet_report r[] = { { .at = 10, .offset = 1 }, { .at = 20, .since = 15, .offset = 2 },
		{ .at = 15, .offset = 3 } };
	struct fleet_report own = { .at = 30, .since = 18 };

	ck_assert_uint_eq(fleet_steady(r, 3, NULL), 2);
	ck_assert(r[0].offset == 2 && r[1].offset == 3);
	ck_assert_uint_eq(fleet_steady(r, 2, &own), 1);
	ck_assert_int_eq(r[0].offset, 2);
	ck_assert_uint_eq(fleet_steady(r, 0, &own), 0);
}
END_TEST

START_TEST(one_host_is_no_pair)
{
	struct fleet_report r = { .offset = 5 };

	ck_assert(!fleet_worst(&r, 0).found);
	ck_assert(!fleet_worst(&r, 1).found);
}
END_TEST

START_TEST(each_is_under_the_limit_and_the_pair_is_not)
{
	const struct fleet_report r[] = { { .offset = 4000000, .error = 100 }, { .offset = 0 },
		{ .offset = -4500000, .error = 200 } };
	struct fleet_pair p = fleet_worst(r, 3);

	ck_assert(p.found);
	ck_assert_uint_eq(p.ahead, 0);
	ck_assert_uint_eq(p.behind, 2);
	ck_assert_int_eq(p.difference, 8500000);
	ck_assert_int_eq(p.error, 300);
	ck_assert_int_eq(p.certain, 8499700);
}
END_TEST

START_TEST(what_is_certain_goes_before_what_is_large)
{
	/* The largest offset is a guess. */
	const struct fleet_report r[] = { { .offset = 9000000, .error = 9000000 },
		{ .offset = 6000000, .error = 10 }, { .offset = 0, .error = 10 } };
	struct fleet_pair p = fleet_worst(r, 3);

	ck_assert_uint_eq(p.ahead, 1);
	ck_assert_uint_eq(p.behind, 2);
	ck_assert_int_eq(p.certain, 5999980);
}
END_TEST

START_TEST(hosts_that_agree_are_a_pair_all_the_same)
{
	const struct fleet_report same[] = { { .offset = 7, .error = 1 }, { .offset = 7, .error = 1 } };
	struct fleet_pair p = fleet_worst(same, 2);

	ck_assert(p.found && p.ahead != p.behind);
	ck_assert_int_eq(p.difference, 0);
	ck_assert_int_eq(p.certain, 0);
}
END_TEST

/* Against all pairs. */
START_TEST(the_worst_pair_is_the_worst_of_all)
{
	unsigned int seed = (unsigned int)time(NULL);
	struct fleet_report r[12];
	size_t round, n, i, k;

	printf("the_worst_pair_is_the_worst_of_all: seed %u\n", seed);
	srandom(seed);
	for (round = 0; round < 20000; round++) {
		int64_t certain = 0, nominal = 0, d;
		struct fleet_pair p;

		n = 2 + (size_t)random() % 11;
		memset(r, 0, sizeof(r));
		for (i = 0; i < n; i++) {
			r[i].offset = random() % 2000 - 1000;
			r[i].error = random() % 800;
		}
		for (i = 0; i < n; i++) {
			for (k = 0; k < n; k++) {
				d = r[i].offset - r[k].offset;
				if (d > nominal)
					nominal = d;
				if (i != k && d - r[i].error - r[k].error > certain)
					certain = d - r[i].error - r[k].error;
			}
		}
		p = fleet_worst(r, n);
		ck_assert(p.found && p.ahead != p.behind && p.ahead < n && p.behind < n);
		ck_assert_int_eq(p.certain, certain);
		ck_assert_int_ge(p.difference, 0);
		if (certain == 0)
			ck_assert_int_eq(p.difference, nominal);
	}
}
END_TEST

START_TEST(hosts_that_all_disagree_with_the_server_blame_it)
{
	struct fleet_report r[] = { { .offset = 90000000 }, { .offset = 90400000 },
		{ .offset = 89700000 } };

	ck_assert(fleet_agrees(r, 3, 1, 5000000));
	ck_assert(!fleet_agrees(r, 2, 1, 5000000));
	r[2].offset = 0;
	ck_assert(!fleet_agrees(r, 3, 1, 5000000));
}
END_TEST

#define COUNT(a) (int)(sizeof(a) / sizeof((a)[0]))

Suite *
suite_fleet(void)
{
	Suite *s = suite_create("fleet");
	TCase *t = tcase_create("fleet");

	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, a_report_is_read_or_refused, 0, COUNT(values));
	tcase_add_loop_test(t, a_report_is_written_and_read_back, 0, 2);
	tcase_add_loop_test(t, only_fresh_reports_of_one_server_are_compared, 0, COUNT(uses));
	tcase_add_loop_test(t, a_step_of_the_servers_clock_is_noticed, 0, COUNT(steps));
	tcase_add_test(t, reports_from_before_a_step_do_not_count);
	tcase_add_test(t, one_host_is_no_pair);
	tcase_add_test(t, each_is_under_the_limit_and_the_pair_is_not);
	tcase_add_test(t, what_is_certain_goes_before_what_is_large);
	tcase_add_test(t, hosts_that_agree_are_a_pair_all_the_same);
	tcase_add_test(t, the_worst_pair_is_the_worst_of_all);
	tcase_add_test(t, hosts_that_all_disagree_with_the_server_blame_it);
	suite_add_tcase(s, t);
	return s;
}
