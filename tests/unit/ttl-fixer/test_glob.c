#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <check.h>

#include "ttl-fixer/glob.h"

Suite *suite_glob(void);

static const struct {
	const char *glob, *s;
	bool matches;
} rows[] = {
	{ "", "", true },
	{ "", "a", false },
	{ "*", "", true },
	{ "**", "", true },
	{ "*", "anything", true },
	{ "abc", "abc", true },
	{ "abc", "abcd", false },
	{ "abcd", "abc", false },
	{ "a*", "abc", true },
	{ "*c", "abc", true },
	{ "a*c", "abbbc", true },
	{ "a*c", "abbbd", false },
	{ "a**c", "ac", true },
	{ "*b*", "abc", true },
	{ "*ab*ab", "abxabxab", true },
	{ "a*b*c", "a-b-b-c", true },
	{ "?", "", false },
	{ "?", "a", true },
	{ "a?c", "abc", true },
	{ "a?c", "ac", false },
	{ "h[ae]llo", "hello", true },
	{ "h[ae]llo", "hillo", false },
	{ "h[^e]llo", "hallo", true },
	{ "h[^e]llo", "hello", false },
	{ "[a-c]x", "bx", true },
	{ "[a-c]x", "dx", false },
	{ "[c-a]x", "bx", true },
	{ "[a\\]b]x", "]x", true },
	{ "[\\a-c]x", "-x", true },
	{ "[\\a-c]x", "bx", false },
	{ "[]x", "x", false },
	{ "[]x", "]x", false },
	{ "[^]x", "ax", true },
	{ "[abc", "b", true },
	{ "[abc", "d", false },
	{ "a[", "a", false },
	{ "\\*", "*", true },
	{ "\\*", "a", false },
	{ "a\\", "a\\", true },
	{ "a\\?", "a?", true },
	{ "\\[a", "[a", true },
	{ "session:*:[0-9]?", "session:abc:12", true },
	{ "A", "a", false },
	{ "\xff*", "\xff\xfe", true },
	{ "[\x80-\xff]", "\xa0", true },
};

START_TEST(table)
{

	ck_assert_msg(glob_match(bytes_str(rows[_i].glob), bytes_str(rows[_i].s)) ==
	    rows[_i].matches, "\"%s\" on \"%s\"", rows[_i].glob, rows[_i].s);
}
END_TEST

START_TEST(nul_is_a_byte)
{
	static const char key[] = "a\0b";

	ck_assert(glob_match(B("a?b"), (struct bytes){ key, 3 }));
	ck_assert(glob_match(B("a*"), (struct bytes){ key, 3 }));
	ck_assert(!glob_match(B("a"), (struct bytes){ key, 3 }));
}
END_TEST

/* Redis's stringmatchlen (util.c), told as recursion on strings. */
static bool
reference(const char *p, const char *s)
{
	bool not, found;

	if (*p == '\0')
		return *s == '\0';
	if (*p == '*') {
		while (p[1] == '*')
			p++;
		for (;; s++) {
			if (reference(p + 1, s))
				return true;
			if (*s == '\0')
				return false;
		}
	}
	if (*s == '\0')
		return false;
	if (*p == '?')
		return reference(p + 1, s + 1);
	if (*p == '[') {
		if ((not = *++p == '^'))
			p++;
		for (found = false; *p != ']' && *p != '\0'; p++) {
			if (p[0] == '\\' && p[1] != '\0') {
				p++;
				found |= *p == *s;
			} else if (p[1] == '-' && p[2] != '\0') {
				found |= (p[0] <= *s && *s <= p[2]) || (p[2] <= *s && *s <= p[0]);
				p += 2;
			} else
				found |= *p == *s;
		}
		return found != not && reference(*p == ']' ? p + 1 : p, s + 1);
	}
	if (*p == '\\' && p[1] != '\0')
		p++;
	return *p == *s && reference(p + 1, s + 1);
}

START_TEST(as_redis)
{
	static const char in_globs[] = "aabb*?[]^-\\", in_keys[] = "aabb*[]-^\\";
	unsigned int seed = (unsigned int)time(NULL);
	char glob[12], key[12];
	size_t i, n, m;
	int round;

	printf("glob: seed %u\n", seed);
	srandom(seed);
	for (round = 0; round < 200000; round++) {
		n = (size_t)random() % (sizeof(glob) - 1);
		m = (size_t)random() % (sizeof(key) - 1);
		for (i = 0; i < n; i++)
			glob[i] = in_globs[(size_t)random() % (sizeof(in_globs) - 1)];
		for (i = 0; i < m; i++)
			key[i] = in_keys[(size_t)random() % (sizeof(in_keys) - 1)];
		glob[n] = key[m] = '\0';
		ck_assert_msg(glob_match(bytes_str(glob), bytes_str(key)) == reference(glob, key),
		    "\"%s\" on \"%s\"", glob, key);
	}
}
END_TEST

/* With backtracking at each star this would take longer than anybody waits. */
START_TEST(no_key_can_stall_it)
{
	char key[4096];

	memset(key, 'a', sizeof(key));
	ck_assert(!glob_match(B("*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*ab"),
	    (struct bytes){ key, sizeof(key) }));
}
END_TEST

Suite *
suite_glob(void)
{
	Suite *s = suite_create("glob");
	TCase *t = tcase_create("glob");

	tcase_set_timeout(t, 120);
	tcase_add_loop_test(t, table, 0, (int)(sizeof(rows) / sizeof(rows[0])));
	tcase_add_test(t, nul_is_a_byte);
	tcase_add_test(t, as_redis);
	tcase_add_test(t, no_key_can_stall_it);
	suite_add_tcase(s, t);
	return s;
}
