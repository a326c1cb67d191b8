#include <string.h>

#include <check.h>

#include "base/status.h"
#include "job/ending.h"

Suite *suite_ending(void);

static const struct {
	struct ending e;
	int code;
} rows[] = {
	{ { .early = 0 }, 0 },
	{ { .findings = 3 }, 1 },
	{ { .findings = 3, .critical = 1 }, 2 },
	{ { .failed = 1 }, 2 },
	{ { .failed = 1, .findings = 2 }, 2 },
	{ { .stopped = true }, 75 },
	{ { .stopped = true, .findings = 1 }, 75 },
	{ { .stopped = true, .findings = 1, .critical = 1 }, 2 },
	{ { .stopped = true, .failed = 1 }, 2 },
	{ { .unwritten = true }, 74 },
	{ { .unwritten = true, .findings = 1 }, 74 },
	{ { .unwritten = true, .stopped = true }, 74 },
	{ { .unwritten = true, .critical = 1, .findings = 1 }, 2 },
	{ { .unwritten = true, .failed = 1 }, 2 },
	{ { .early = EX_TEMPFAIL }, 75 },
	{ { .early = EX_TEMPFAIL, .findings = 1 }, 75 },
	{ { .early = EX_TEMPFAIL, .failed = 1 }, 2 },
	{ { .early = EX_TEMPFAIL, .unwritten = true }, 74 },
	{ { .early = EX_FINDINGS }, 1 },
	{ { .early = EX_FINDINGS, .stopped = true }, 75 },
	{ { .early = EX_CRITICAL }, 2 },
	{ { .early = EX_CRITICAL, .unwritten = true }, 2 },
	{ { .early = EX_UNAVAILABLE }, 69 },
	{ { .early = EX_UNAVAILABLE, .failed = 4, .critical = 1, .findings = 9 }, 69 },
	{ { .early = EX_UNAVAILABLE, .unwritten = true, .stopped = true }, 69 },
	{ { .early = EX_NOPERM, .findings = 1 }, 77 },
	{ { .early = EX_CONFIG }, 78 },
	{ { .early = EX_CANTCREAT }, 73 },
	{ { .early = EX_IOERR, .failed = 1 }, 74 },
	{ { .early = EX_PROTOCOL }, 76 },
	{ { .early = EX_SOFTWARE }, 70 },
	{ { .early = EX_USAGE }, 64 },
};

START_TEST(test_code)
{
	ck_assert_int_eq(ending_code(&rows[_i].e), rows[_i].code);
}
END_TEST

/* More that goes wrong never makes the code 0, nor a failure look like a finding. */
START_TEST(test_never_better)
{
	struct ending e;
	int bits, code;

	for (bits = 0; bits < 32; bits++) {
		e = (struct ending){ .early = bits & 1 ? EX_TEMPFAIL : 0, .failed = bits >> 1 & 1,
			.findings = bits >> 2 & 1, .stopped = bits >> 3 & 1,
			.unwritten = bits >> 4 & 1 };
		code = ending_code(&e);
		ck_assert_int_eq(code == 0, bits == 0);
		ck_assert(code != 1 || bits == 4);
	}
}
END_TEST

START_TEST(test_names)
{
	static const struct {
		int code;
		const char *name;
	} names[] = { { 0, "ok" }, { 1, "warning" }, { 2, "critical" }, { 64, "usage" },
		{ 69, "unavailable" }, { 75, "try-again" }, { 77, "permission" },
		{ 78, "config" }, { 99, "other" } };
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		ck_assert_str_eq(ending_name(names[i].code), names[i].name);
}
END_TEST

Suite *
suite_ending(void)
{
	Suite *s = suite_create("ending");
	TCase *t = tcase_create("ending");

	tcase_add_loop_test(t, test_code, 0, sizeof(rows) / sizeof(rows[0]));
	tcase_add_test(t, test_never_better);
	tcase_add_test(t, test_names);
	suite_add_tcase(s, t);
	return s;
}
