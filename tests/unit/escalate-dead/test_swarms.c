#include "escalate-dead/swarms.h"

#include <check.h>

Suite *suite_swarms(void);

static char default_swarm[] = "default";

static const struct {
	const char *work;     /* a letter an item: its swarm */
	size_t max;
	const char *expected; /* a letter each; "D" the default */
} rows[] = {
	{ "", 16, "D" },
	{ "a", 16, "a" },
	{ "ba", 16, "ab" },
	{ "abb", 16, "ba" },
	{ "cabcb", 16, "bac" },
	{ "cbacbacba", 16, "abc" },
	{ "aabbccc", 2, "ab" },
};

START_TEST(test_rows)
{
	struct settings settings = { 0 };
	struct escalate x = { .settings = &settings };
	struct item items[16];
	struct coordinator c = { .job = &x, .items = items };
	struct bytes out[16];
	const char *work = rows[_i].work, *expected = rows[_i].expected;
	size_t n, i;

	settings.escalate_dead.default_swarm = default_swarm;
	for (; work[c.items_n] != '\0'; c.items_n++)
		items[c.items_n] = (struct item){ .swarm = { work + c.items_n, 1 } };
	n = swarms_of(&c, out, rows[_i].max);
	for (i = 0; i < n; i++) {
		ck_assert(expected[i] != '\0');
		if (expected[i] == 'D')
			ck_assert(bytes_equal(out[i], B("default")));
		else
			ck_assert(bytes_equal(out[i], (struct bytes){ expected + i, 1 }));
	}
	ck_assert(expected[n] == '\0');
}
END_TEST

Suite *
suite_swarms(void)
{
	Suite *s = suite_create("swarms");
	TCase *t = tcase_create("swarms");

	tcase_add_loop_test(t, test_rows, 0, (int)(sizeof(rows) / sizeof(rows[0])));
	suite_add_tcase(s, t);
	return s;
}
