#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <check.h>

#include "secret-rotate-phase/envtext.h"

Suite *suite_envtext(void);

static struct setting
setting(const char *name, const char *value)
{
	struct setting s = { .name = bytes_str(name) };

	buf_str(&s.value, value);
	return s;
}

/* What systemd 252's own parser makes of it (load_env_file, the last of a name),
 * and, where it differs, what that of 254 does. */
static const struct {
	const char *text;
	enum envtext_result result;
	const char *sign, *other; /* of S and O */
} reads[] = {
	{ "S=abc\n", ENVTEXT_OK, "abc", "" },
	{ "S=abc", ENVTEXT_OK, "abc", "" },
	{ "S=abc\nO=def\n", ENVTEXT_OK, "abc", "def" },
	{ "", ENVTEXT_MISSING, "", "" },
	{ "O=def\n", ENVTEXT_MISSING, "", "def" },
	{ "# S=no\n;S=no\nS=yes\n", ENVTEXT_OK, "yes", "" },
	{ "  # S=no\n  S = yes  \n", ENVTEXT_OK, "yes", "" },
	{ "S=yes # no comment\n", ENVTEXT_OK, "yes # no comment", "" },
	{ "S=first\nS=second\n", ENVTEXT_OK, "second", "" },
	{ "S=first\nS=\n", ENVTEXT_OK, "", "" },
	{ "S='a b'\nO=\"c d\"\n", ENVTEXT_OK, "a b", "c d" },
	{ "S=\"a\"'b'c\n", ENVTEXT_OK, "abc", "" },
	{ "S=\"a\" 'b'  c\n", ENVTEXT_OK, "abc", "" },
	{ "S=a\"b\"\n", ENVTEXT_OK, "a\"b\"", "" },
	{ "S=a\\b\\\"\n", ENVTEXT_OK, "ab\"", "" },
	{ "S='a\\b'\n", ENVTEXT_OK, "a\\b", "" },
	{ "S=\"\\a\\\\\\\"\\`\\$\"\n", ENVTEXT_OK, "\\a\\\"`$", "" },
	{ "S=a\\\nb\nO=c\n", ENVTEXT_OK, "ab", "c" },
	{ "S=\"a\\\nb\"\nO=c\n", ENVTEXT_OK, "ab", "c" },
	{ "S='a\nO=b'\n", ENVTEXT_OK, "a\nO=b", "" },
	{ "S=abc\\", ENVTEXT_OK, "abc", "" },
	{ "S=\"abc", ENVTEXT_OK, "abc", "" },
	{ "S=abc\r\nO=def\r\n", ENVTEXT_OK, "abc", "def" },
	{ "export S=abc\nS=def\n", ENVTEXT_OK, "def", "" },
	{ "export S=abc\n", ENVTEXT_MISSING, "", "" },
	{ "SS=a\nS2=b\nS=c\n", ENVTEXT_OK, "c", "" },
	{ "S=abc \\\n\n", ENVTEXT_OK, "abc ", "" },
	{ "S=abc\\ \n", ENVTEXT_OK, "abc ", "" },
	{ "junk\nS=abc\njunk", ENVTEXT_OK, "abc", "" },
	{ "# comment \\\nS=abc\n", ENVTEXT_AMBIGUOUS, "abc", "" },
	{ "# comment \\\nX=1\nS=abc\n", ENVTEXT_OK, "abc", "" },
	{ "S=abc\n# O=x \\\nO=def\n", ENVTEXT_AMBIGUOUS, "abc", "def" },
};

START_TEST(read_them)
{
	struct setting sign = setting("S", "left"), other = setting("O", "left");
	enum envtext_result r = envtext_get(bytes_str(reads[_i].text), &sign, &other);

	ck_assert_msg(r == reads[_i].result, "%s: result %d", reads[_i].text, (int)r);
	ck_assert_msg(bytes_equal(buf_view(&sign.value), bytes_str(reads[_i].sign)), "%s: %.*s",
	    reads[_i].text, (int)sign.value.n, sign.value.p);
	ck_assert_msg(bytes_equal(buf_view(&other.value), bytes_str(reads[_i].other)),
	    "%s: %.*s", reads[_i].text, (int)other.value.n, other.value.p);
	setting_wipe(&sign);
	setting_wipe(&other);
}
END_TEST

START_TEST(nul)
{
	struct setting sign = setting("S", "x"), other = setting("O", "y");
	struct buf out = { 0 };

	ck_assert_int_eq(envtext_get(B("S=a\0b\n"), &sign, &other), ENVTEXT_NUL);
	ck_assert_int_eq(envtext_edit(B("S=a\0b\n"), &sign, &other, &out), ENVTEXT_NUL);
	ck_assert_uint_eq(out.n, 0);
	setting_wipe(&sign);
	setting_wipe(&other);
}
END_TEST

static const struct {
	const char *before, *sign, *other;
	enum envtext_result result;
	const char *after;
} edits[] = {
	/* added, changed, exchanged, taken out */
	{ "S=a\n", "a", "n", ENVTEXT_OK, "S=a\nO=n\n" },
	{ "S=a\nO=n\n", "n", "a", ENVTEXT_OK, "S=n\nO=a\n" },
	{ "O=n\nS=a\n", "n", "a", ENVTEXT_OK, "O=a\nS=n\n" },
	{ "S=n\nO=a\n", "n", "", ENVTEXT_OK, "S=n\n" },
	{ "O=a\nS=n", "n", "", ENVTEXT_OK, "S=n" },
	{ "S=n\nO=a", "n", "", ENVTEXT_OK, "S=n\n" },
	/* no final newline, a backslash or an open quote at the end */
	{ "S=a", "a", "n", ENVTEXT_OK, "S=a\nO=n" },
	{ "X=1\nS=a\\", "a", "n", ENVTEXT_OK, "X=1\nS=a\nO=n" },
	{ "X=1\nS=\"a", "a", "n", ENVTEXT_OK, "X=1\nS=a\nO=n" },
	{ "S=a\nX=1\\", "a", "n", ENVTEXT_OK, "S=a\nO=n\nX=1\\" },
	{ "S=a\n# the end \\", "a", "n", ENVTEXT_OK, "S=a\nO=n\n# the end \\" },
	{ "S=a\nO=n\\", "n", "a", ENVTEXT_OK, "S=n\nO=a" },
	{ "S=a\nO='n", "a", "", ENVTEXT_OK, "S=a\n" },
	/* everything else is kept */
	{ "#c\n\n  S = a  \n\tX=\"1 \\\n2\"\n;d\nY=y", "b", "n", ENVTEXT_OK,
	    "#c\n\n  S =b\nO=n\n\tX=\"1 \\\n2\"\n;d\nY=y" },
	{ "S='a'\nX=1\n", "a", "n", ENVTEXT_OK, "S='a'\nO=n\nX=1\n" },
	{ "A=1\r\nS=a\r\nB=2\r\n", "a", "n", ENVTEXT_OK, "A=1\r\nS=a\r\nO=n\r\nB=2\r\n" },
	{ "A=1\r\nS=n\r\nO=a\r\nB=2\r\n", "n", "", ENVTEXT_OK, "A=1\r\nS=n\r\nB=2\r\n" },
	{ "A=1\nS=n\n  O=a\nB=2\n", "n", "", ENVTEXT_OK, "A=1\nS=n\nB=2\n" },
	{ "A=1\nS=n\nO=\"a\nb\"\nB=2\n", "n", "", ENVTEXT_OK, "A=1\nS=n\nB=2\n" },
	/* repeated: all of them */
	{ "S=x\nO=y\nS=a\nO=n\n", "n", "a", ENVTEXT_OK, "S=n\nO=a\nS=n\nO=a\n" },
	{ "S=x\nO=y\nS=n\nO=a\n", "n", "", ENVTEXT_OK, "S=n\nS=n\n" },
	{ "S=x\nA=1\nS=a\nB=2\n", "a", "n", ENVTEXT_OK, "S=a\nA=1\nS=a\nO=n\nB=2\n" },
	/* an old secret that needs quotes */
	{ "S=\"a b\"\n", "n", "a b", ENVTEXT_OK, "S=n\nO=\"a b\"\n" },
	{ "S=n\n", "q\"$`\\x", "#'", ENVTEXT_OK, "S=\"q\\\"\\$\\`\\\\x\"\nO=\"#'\"\n" },
	/* refused */
	{ "X=1\n", "a", "n", ENVTEXT_MISSING, "" },
	{ "# \\\nS=a\n", "a", "n", ENVTEXT_AMBIGUOUS, "" },
	/* a comment that would go on over what is put behind it */
	{ "S=n\n#\\\nO=a\nX=1\n", "n", "", ENVTEXT_AMBIGUOUS, "" },
};

START_TEST(edit_them)
{
	struct setting sign = setting("S", edits[_i].sign), other = setting("O", edits[_i].other);
	struct buf out = { 0 };
	enum envtext_result r;

	buf_str(&out, "-");
	r = envtext_edit(bytes_str(edits[_i].before), &sign, &other, &out);
	ck_assert_msg(r == edits[_i].result, "%s: result %d", edits[_i].before, (int)r);
	ck_assert_str_eq(buf_cstr(&out) + 1, edits[_i].after);
	buf_free(&out);
	setting_wipe(&sign);
	setting_wipe(&other);
}
END_TEST

/* Any text: what an edit makes reads as wanted, and undoing it keeps the rest. */
START_TEST(random_texts)
{
	static const char alphabet[] = "SOX= \t\n\n\n\r\\'\"#;ab$";
	unsigned seed = (unsigned)time(NULL);
	char text[64];
	size_t i, n;
	int round, edited = 0;

	srandom(seed);
	for (round = 0; round < 20000; round++) {
		struct setting sign = setting("S", "secret"), other = setting("O", "second");
		struct setting sign2 = setting("S", ""), other2 = setting("O", "");
		struct buf out = { 0 };

		n = (size_t)random() % sizeof(text);
		for (i = 0; i < n; i++)
			text[i] = alphabet[(size_t)random() % (sizeof(alphabet) - 1)];
		if (envtext_edit((struct bytes){ text, n }, &sign, &other, &out) == ENVTEXT_OK) {
			ck_assert_int_eq(envtext_get(buf_view(&out), &sign2, &other2), ENVTEXT_OK);
			ck_assert_msg(bytes_equal(buf_view(&sign.value), buf_view(&sign2.value)) &&
			    bytes_equal(buf_view(&other.value), buf_view(&other2.value)),
			    "seed %u, round %d: %.*s", seed, round, (int)n, text);
			edited++;
		}
		buf_free(&out);
		setting_wipe(&sign);
		setting_wipe(&other);
		setting_wipe(&sign2);
		setting_wipe(&other2);
	}
	ck_assert_msg(edited > 50, "seed %u: only %d texts could be edited", seed, edited);
}
END_TEST

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

Suite *
suite_envtext(void)
{
	Suite *s = suite_create("envtext");
	TCase *t = tcase_create("envtext");

	tcase_set_timeout(t, 120);
	tcase_add_loop_test(t, read_them, 0, COUNT(reads));
	tcase_add_test(t, nul);
	tcase_add_loop_test(t, edit_them, 0, COUNT(edits));
	tcase_add_test(t, random_texts);
	suite_add_tcase(s, t);
	return s;
}
