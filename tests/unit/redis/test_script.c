#include <stdlib.h>

#include <check.h>

#include "redis/script.h"

Suite *suite_script(void);

static const struct {
	const char *body, *sha1;
} scripts[] = {
	{ "", "da39a3ee5e6b4b0d3255bfef95601890afd80709" },
	{ "abc", "a9993e364706816aba3e25717850c26c9cd0d89d" },
	{ "return 1", "e0e1f9fabfc9d4800c877a703b823ac0578ff8db" },
};

START_TEST(names_a_script_as_redis_does)
{
	struct script s;

	script_init(&s, "name", scripts[_i].body);
	ck_assert_str_eq(s.sha1, scripts[_i].sha1);
	ck_assert_str_eq(s.name, "name");
	ck_assert_ptr_eq(s.body, scripts[_i].body);
}
END_TEST

Suite *
suite_script(void)
{
	Suite *s = suite_create("script");
	TCase *t = tcase_create("script");

	tcase_set_timeout(t, 120);
	tcase_add_loop_test(t, names_a_script_as_redis_does, 0,
	    sizeof(scripts) / sizeof(scripts[0]));
	suite_add_tcase(s, t);
	return s;
}
