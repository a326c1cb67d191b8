#include <string.h>

#include <check.h>

#include "job/hooks.h"

Suite *suite_hooks(void);

#define A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define C "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"

static const struct {
	struct told before;
	const char *digest;
	int64_t now, renotify;
	bool due;
} rows[] = {
	{ { "", 0 }, "", 1000, 100, false },   /* never a finding */
	{ { "", 0 }, A, 1000, 100, true },     /* the first */
	{ { A, 1000 }, A, 1050, 100, false },  /* the same, too soon */
	{ { A, 1000 }, A, 1099, 100, false },
	{ { A, 1000 }, A, 1100, 100, true },   /* the same, again */
	{ { A, 1000 }, A, 999999, 0, false },  /* never again */
	{ { A, 1000 }, C, 1001, 100, true },   /* others */
	{ { A, 1000 }, "", 1001, 100, true },  /* all is well again */
	{ { "", 1000 }, "", 9999, 100, false },
	{ { A, 1000 }, A, 500, 100, true },    /* the clock was set back */
};

START_TEST(test_due)
{
	ck_assert_int_eq(hooks_due(&rows[_i].before, rows[_i].digest, rows[_i].now,
	    rows[_i].renotify), rows[_i].due);
}
END_TEST

START_TEST(test_told_there_and_back)
{
	static const struct told told[] = { { "", 0 }, { A, 1767323045678 }, { C, INT64_MAX } };
	struct buf b = { 0 };
	struct told t;
	size_t i;

	for (i = 0; i < sizeof(told) / sizeof(told[0]); i++) {
		buf_reset(&b);
		told_format(&told[i], &b);
		ck_assert(told_parse(buf_view(&b), &t));
		ck_assert_str_eq(t.digest, told[i].digest);
		ck_assert_int_eq(t.at, told[i].at);
	}
	buf_free(&b);
}
END_TEST

static const char *const corrupt[] = { "", "\n", "coordkeep-findings-1 ",
	"coordkeep-findings-1 \n", "coordkeep-findings-1 -\n", "coordkeep-findings-1 - x\n",
	"coordkeep-findings-1 - 5", "coordkeep-findings-1 abc 5\n", "coordkeep-findings-1 - 5 6\n",
	"coordkeep-findings-2 - 5\n", "coordkeep-findings-1 - 99999999999999999999\n",
	"coordkeep-findings-1 " A "a 5\n" };

START_TEST(test_told_corrupt)
{
	struct told t;

	ck_assert(!told_parse(bytes_str(corrupt[_i]), &t));
}
END_TEST

Suite *
suite_hooks(void)
{
	Suite *s = suite_create("hooks");
	TCase *t = tcase_create("hooks");

	tcase_add_loop_test(t, test_due, 0, sizeof(rows) / sizeof(rows[0]));
	tcase_add_test(t, test_told_there_and_back);
	tcase_add_loop_test(t, test_told_corrupt, 0, sizeof(corrupt) / sizeof(corrupt[0]));
	suite_add_tcase(s, t);
	return s;
}
