#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <check.h>

#include "make.h"

Suite *suite_rotation(void);

static void
round_trip(const struct rotation *r, struct rotation *back)
{
	struct field f[ROTATION_FIELDS];
	size_t i;

	memset(back, 0, sizeof(*back));
	ck_assert_int_eq(rotation_format(r, f), 0);
	for (i = 0; i < ROTATION_FIELDS; i++)
		ck_assert_msg(rotation_enter(back, bytes_str(f[i].name), buf_view(&f[i].value)),
		    "%s", f[i].name);
	rotation_fields_free(f);
}

START_TEST(text_and_back)
{
	static const char *const pairs[] = { "ab", "a-" };
	struct rotation r = make_rotation((enum phase)_i, _i == PHASE_IDLE ? pairs[1] : pairs[0],
	    3), back;

	r.then = PHASE_PROMOTE;
	r.confirm = true;
	r.rotated = NOW - 5;
	r.promoted = _i % 2 == 0 ? NOW - 4 : 4 - NOW;
	strcpy(r.turn, "h1");
	r.turn_since = NOW - 3;
	strcpy(r.by, "0123456789abcdef");
	make_fingerprint('c', r.retired[0]);
	make_fingerprint('d', r.retired[1]);
	r.retired_n = 2;
	round_trip(&r, &back);
	ck_assert_mem_eq(&r, &back, sizeof(r));
	ck_assert(rotation_whole(&back));
}
END_TEST

START_TEST(never_a_rotation)
{
	struct rotation r = { 0 }, back;

	round_trip(&r, &back);
	ck_assert_mem_eq(&r, &back, sizeof(r));
	ck_assert(rotation_whole(&back));
}
END_TEST

static const struct {
	const char *name, *value;
} bad[] = {
	{ "id", "123" }, { "id", "1111111111111111111111111111111X" }, { "epoch", "" },
	{ "epoch", "-1" }, { "epoch", "99999999999999999999" }, { "phase", "" },
	{ "phase", "Idle" }, { "then", "x" }, { "confirm", "yes" }, { "skip_drain", "2" },
	{ "sign", "" }, { "sign", "aaaa" }, { "sign", "AAAAAAAAAAAAAAAA" },
	{ "other", "aaaaaaaaaaaaaaaaa" }, { "since", "1.5" }, { "since", "18446744073709551615" },
	{ "hosts", "a a" }, { "hosts", "a/b" }, { "list", "x" }, { "turn", "a b" },
	{ "retired", "aaaa" }, { "retired", "-" }, { "retired", "  " }, { "by", "a b" },
	{ "by", "0123456789abcdefg" }, { "format", "2" },
};

START_TEST(bad_fields)
{
	struct rotation r = { 0 };

	ck_assert_msg(!rotation_enter(&r, bytes_str(bad[_i].name), bytes_str(bad[_i].value)),
	    "%s = \"%s\"", bad[_i].name, bad[_i].value);
	ck_assert(rotation_enter(&r, B("something-newer"), B("x")));
}
END_TEST

START_TEST(not_whole)
{
	struct rotation r = make_rotation(PHASE_DRAIN, "ab", 2), x;

	ck_assert(rotation_whole(&r));
	x = r;
	x.id[0] = '\0';
	ck_assert(!rotation_whole(&x));
	x = r;
	x.hosts.n = 0;
	ck_assert(!rotation_whole(&x));
	x = r;
	memset(x.other, 0, sizeof(x.other));
	ck_assert(!rotation_whole(&x));
	memcpy(x.other, x.sign, sizeof(x.other));
	ck_assert(!rotation_whole(&x));
	x = r;
	x.phase = PHASE_HOLD;
	ck_assert(!rotation_whole(&x));
	x.then = PHASE_RETIRE;
	ck_assert(rotation_whole(&x));
	x.epoch = 0;
	ck_assert(!rotation_whole(&x));
}
END_TEST

static const char *const states[] = { "a-", "ab:ab", "--", "ab:ab,ba,a-,b-,c-,d-,e-,f-,cd,dc",
	"?" };

START_TEST(report_text)
{
	struct rotation r = make_rotation(PHASE_DRAIN, "ab", 2);
	struct report a = make_report(&r, 1, states[_i]), b = { 0 };
	struct buf text = { 0 }, cut = { 0 };
	size_t n;

	if (_i > 0) {
		(void)strcpy(a.machine, "host-0.example.org");
		memset(a.boot, 'b', 32);
		a.rival = _i;
	}
	report_format(&a, &text);
	ck_assert(report_parse(buf_view(&text), &b));
	strcpy(b.host, a.host);
	ck_assert_mem_eq(&a, &b, sizeof(a));
	/* No part of it is a report. */
	for (n = 0; n < text.n; n++) {
		buf_reset(&cut);
		buf_add(&cut, text.p, n);
		ck_assert_msg(!report_parse(buf_view(&cut), &b), "%s", buf_cstr(&cut));
	}
	buf_str(&text, " x");
	ck_assert(!report_parse(buf_view(&text), &b));
	buf_free(&text);
	buf_free(&cut);
}
END_TEST

START_TEST(random_reports)
{
	static const char alphabet[] = "2 0-aknown unk9f";
	unsigned seed = (unsigned)time(NULL);
	struct report r;
	char text[80];
	size_t i, n;
	int round;

	srandom(seed);
	for (round = 0; round < 50000; round++) {
		n = (size_t)random() % sizeof(text);
		for (i = 0; i < n; i++)
			text[i] = alphabet[(size_t)random() % (sizeof(alphabet) - 1)];
		if (report_parse((struct bytes){ text, n }, &r))
			ck_assert_msg(r.state.pairs <= r.state.processes, "seed %u", seed);
	}
}
END_TEST

START_TEST(newest_report)
{
	struct rotation r = make_rotation(PHASE_DRAIN, "ab", 2);
	struct reports reports = { .n = 3 };

	reports.report[0] = make_report(&r, 0, "ab");
	reports.report[1] = make_report(&r, 0, "ba");
	strcpy(reports.report[1].host, "H0.example.org");
	reports.report[1].time++;
	reports.report[2] = make_report(&r, 0, "a-");
	ck_assert_ptr_eq(reports_find(&reports, "h0"), &reports.report[1]);
	ck_assert_ptr_null(reports_find(&reports, "h1"));
}
END_TEST

START_TEST(retired_ring)
{
	struct rotation r = { 0 };
	char fp[FINGERPRINT_SIZE];
	int i;

	for (i = 0; i < RETIRED_MAX + 4; i++) {
		snprintf(fp, sizeof(fp), "%016x", (unsigned int)i);
		rotation_retire(&r, fp);
		rotation_retire(&r, fp);
	}
	ck_assert_uint_eq(r.retired_n, RETIRED_MAX);
	ck_assert(rotation_retired(&r, fp));
	ck_assert(rotation_retired(&r, "0000000000000004"));
	ck_assert(!rotation_retired(&r, "0000000000000003"));
	rotation_retire(&r, "");
	ck_assert(!rotation_knows(&r, ""));
}
END_TEST

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

Suite *
suite_rotation(void)
{
	Suite *s = suite_create("rotation");
	TCase *t = tcase_create("rotation");

	tcase_add_loop_test(t, text_and_back, 0, PHASE_COUNT);
	tcase_add_test(t, never_a_rotation);
	tcase_add_loop_test(t, bad_fields, 0, COUNT(bad));
	tcase_add_test(t, not_whole);
	tcase_add_loop_test(t, report_text, 0, COUNT(states));
	tcase_add_test(t, random_reports);
	tcase_add_test(t, newest_report);
	tcase_add_test(t, retired_ring);
	suite_add_tcase(s, t);
	return s;
}
