#include "escalate-dead/successor.h"

#include <inttypes.h>
#include <string.h>

#include <check.h>

Suite *suite_successor(void);

/* From: printf 'ID\0INCARNATION' | sha256sum */
static const struct row {
	struct bytes id;
	int64_t incarnation;
	const char *expected;
} rows[] = {
	{ { "coord-1", 7 }, INT64_C(1700000000000), "r-b8b658ab1930d01b2a1b26e9ac65d49b" },
};

START_TEST(test_form)
{
	char a[SUCCESSOR_SIZE], b[SUCCESSOR_SIZE];

	ck_assert_int_eq(successor_id(rows[0].id, rows[0].incarnation, a), 0);
	ck_assert_uint_eq(strlen(a), 34);
	ck_assert(strncmp(a, "r-", 2) == 0);
	ck_assert_uint_eq(strspn(a + 2, "0123456789abcdef"), 32);
	/* The same on every host and at every time. */
	ck_assert_int_eq(successor_id(rows[0].id, rows[0].incarnation, b), 0);
	ck_assert_str_eq(a, b);
	ck_assert_str_eq(a, rows[0].expected);
}
END_TEST

START_TEST(test_different)
{
	static const struct {
		struct bytes id;
		int64_t incarnation;
	} all[] = {
		{ { "a", 1 }, 1 }, { { "a", 1 }, 2 }, { { "b", 1 }, 1 }, { { "a1", 2 }, 23 },
		{ { "a", 1 }, 123 }, { { "", 0 }, 1 }, { { "\0", 1 }, 1 }, { { "a\0", 2 }, 1 },
		{ { "\xff", 1 }, 1 }, { { "a", 1 }, INT64_MAX },
	};
	char ids[sizeof(all) / sizeof(all[0])][SUCCESSOR_SIZE];
	size_t i, j;

	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		ck_assert_int_eq(successor_id(all[i].id, all[i].incarnation, ids[i]), 0);
		for (j = 0; j < i; j++)
			ck_assert_str_ne(ids[i], ids[j]);
	}
}
END_TEST

Suite *
suite_successor(void)
{
	Suite *s = suite_create("successor");
	TCase *t = tcase_create("successor");

	tcase_add_test(t, test_form);
	tcase_add_test(t, test_different);
	suite_add_tcase(s, t);
	return s;
}
