#include <check.h>

#include "job/progress.h"

Suite *suite_progress(void);

static const struct {
	uint64_t keys;
	int64_t total, elapsed;
	const char *text;
} rows[] = {
	{ 0, 0, 0, "0 keys" },
	{ 0, 1000, 500, "0 of 1000 keys" },
	{ 500, 1000, 500, "500 of 1000 keys, 1000 keys/s, 0s left" },
	{ 12000, 50000, 3000, "12000 of 50000 keys, 4000 keys/s, 9s left" },
	{ 100, 1000000, 1000, "100 of 1000000 keys, 100 keys/s, 2h46m left" },
	{ 1200, 1000, 1000, "1200 of 1000 keys, 1200 keys/s" },
	{ 5, 0, 1000, "5 keys, 5 keys/s" },
};

START_TEST(test_text)
{
	struct buf out = { 0 };

	progress_text(&out, rows[_i].keys, rows[_i].total, rows[_i].elapsed);
	ck_assert_str_eq(buf_cstr(&out), rows[_i].text);
	buf_free(&out);
}
END_TEST

Suite *
suite_progress(void)
{
	Suite *s = suite_create("progress");
	TCase *t = tcase_create("progress");

	tcase_add_loop_test(t, test_text, 0, sizeof(rows) / sizeof(rows[0]));
	suite_add_tcase(s, t);
	return s;
}
