#include "base/status.h"

#include <errno.h>
#include <string.h>

#include <check.h>

Suite *suite_status(void);

START_TEST(stores_exit_and_sentence)
{
	struct error e = { 0 };

	ck_assert_int_eq(error_set(&e, EX_CONFIG, "%s:%d: found %s", "a.ini", 3, "x"), -1);
	ck_assert_int_eq(e.exit, 78);
	ck_assert_str_eq(e.text, "a.ini:3: found x");
}
END_TEST

START_TEST(cuts_what_does_not_fit)
{
	struct error e;
	char longer[2 * sizeof(e.text)];

	memset(&e, 0x55, sizeof(e));
	memset(longer, 'x', sizeof(longer));
	longer[sizeof(longer) - 1] = '\0';
	ck_assert_int_eq(error_set(&e, EX_IOERR, "%s", longer), -1);
	ck_assert_uint_eq(strlen(e.text), sizeof(e.text) - 1);
}
END_TEST

START_TEST(takes_no_error)
{
	ck_assert_int_eq(error_set(NULL, EX_IOERR, "nobody listens"), -1);
}
END_TEST

/* A caller puts its own words around what it was told. */
START_TEST(may_wrap_its_own_text)
{
	struct error e = { 0 };

	(void)error_set(&e, EX_IOERR, "disk full");
	(void)error_set(&e, e.exit, "journal: %s", e.text);
	ck_assert_str_eq(e.text, "journal: disk full");
}
END_TEST

START_TEST(keeps_errno)
{
	struct error e = { 0 };

	errno = ENOSPC;
	(void)error_set(&e, EX_IOERR, "%s", strerror(EACCES));
	ck_assert_int_eq(errno, ENOSPC);
}
END_TEST

Suite *
suite_status(void)
{
	Suite *s = suite_create("base/status");
	TCase *t = tcase_create("error_set");

	tcase_add_test(t, stores_exit_and_sentence);
	tcase_add_test(t, cuts_what_does_not_fit);
	tcase_add_test(t, takes_no_error);
	tcase_add_test(t, may_wrap_its_own_text);
	tcase_add_test(t, keeps_errno);
	suite_add_tcase(s, t);
	return s;
}
