#include "base/config.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <check.h>

#include "base/bytes.h"
#include "config_table.h"
#include "support.h"

Suite *suite_config_load(void);

#define COUNT(table) ((int)(sizeof(table) / sizeof((table)[0])))
#define L(literal) { literal, sizeof(literal) - 1 }

static struct scratch scratch;
static struct sample s;
static struct error e;
static const char *path;

static void
setup(void)
{
	scratch_make(&scratch);
	path = scratch_file(&scratch, "x.ini");
	ck_assert_int_eq(config_defaults(sample_table, &s, &e), 0);
}

static void
teardown(void)
{
	config_free(sample_table, &s);
	scratch_remove(&scratch);
}

static int
load(struct bytes text)
{
	put_file(path, text, 0644);
	return config_load(sample_table, &s, path, true, &e);
}

START_TEST(loads)
{
	static const char text[] =
	    "# a comment\n"
	    "  ; an indented comment\n"
	    "\n"
	    "   \t \n"
	    "[redis]\n"
	    "url = redis://h:1/2 # kept\n"
	    "password=hunter2\n"
	    "cluster = yes ; because\n"
	    "[scan]; behind it\n"
	    "mode=fast\n"
	    "[ttl] ; comment\n"
	    "pattern.one = blocking:one:* 2h\n"
	    "pattern.two = a[bc]?* 90s ; comment\n"
	    "[scan]\n"
	    "count = 7\n"
	    "[job]\n"
	    "hook =\n"
	    "limit = 2MB";

	ck_assert_msg(load(B("")) == 0, "%s", e.text);
	ck_assert_msg(load(bytes_str(text)) == 0, "%s", e.text);
	ck_assert_int_eq(e.exit, 0);
	ck_assert_str_eq(s.url, "redis://h:1/2 # kept");
	ck_assert_str_eq(s.password, "hunter2");
	ck_assert(s.cluster);
	ck_assert_int_eq(s.mode, 1);
	ck_assert_int_eq(s.count, 7);
	ck_assert_str_eq(s.hook, "");
	ck_assert_int_eq(s.limit, 2 << 20);
	ck_assert_int_eq(s.timeout, 90000);
	ck_assert_str_eq(s.patterns.first->name, "one");
	ck_assert_str_eq(s.patterns.first->glob, "blocking:one:*");
	ck_assert_int_eq(s.patterns.first->ttl_ms, 7200000);
	ck_assert_str_eq(s.patterns.first->next->glob, "a[bc]?*");
	ck_assert_ptr_null(s.patterns.first->next->next);
}
END_TEST

static const struct {
	struct bytes text;
	const char *url;
} urls[] = {
	{ L("[redis]\r\nurl = crlf\r\n"), "crlf" },
	{ L("\xef\xbb\xbf[redis]\nurl = bom\n"), "bom" },
	{ L("\xef\xbb\xbf# c\n[redis]\nurl = bom\n"), "bom" },
	{ L("[redis]\nurl=  spaces inside  \t\n"), "spaces inside" },
	{ L("[redis]\nurl = a;b;c\n"), "a;b;c" },
	{ L("[redis]\nurl =;a\n"), ";a" },
	{ L("[redis]\nurl = a=b:c\n"), "a=b:c" },
	{ L("[redis]\nurl: colon\n"), "colon" },
	{ L("[redis]\nurl = [x] y\n"), "[x] y" },
	{ L("[redis]\nurl = \"quoted\"\n"), "\"quoted\"" },
	{ L("[redis]\nurl = caf\xc3\xa9 \xff\n"), "caf\xc3\xa9 \xff" },
	{ L("[redis]\nurl\t=\ttab\n"), "tab" },
	{ L("[redis]\nurl = last"), "last" },
	{ L("[redis]\nurl = last\r"), "last" },
	{ L("[redis]\nurl = #all\n"), "#all" },
};

START_TEST(loads_url)
{
	ck_assert_msg(load(urls[_i].text) == 0, "%s", e.text);
	ck_assert_str_eq(s.url, urls[_i].url);
}
END_TEST

#define TEN "0123456789"
#define HUNDRED TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN

/* The sentence without the file's name in front. */
static const struct {
	struct bytes text;
	const char *refusal;
} refusals[] = {
	/* Unknown, with the nearest known name. */
	{ L("[redsi]\n"), ":1: [redsi]: found an unknown section, expected one that is known: "
	    "did you mean [redis]?" },
	{ L("[Redis]\n"), ":1: [Redis]: found an unknown section, expected one that is known: "
	    "did you mean [redis]?" },
	{ L("\n[]\n"), ":2: []: found an unknown section, expected " },
	{ L("[ redis ]\n"), "did you mean [redis]?" },
	{ L("[nothing like it]\n"), "expected one of redis, scan, job, ttl" },
	{ L("[redis]\nulr = x\n"), ":2: [redis] ulr: found an unknown key, expected one of this "
	    "section: did you mean url?" },
	{ L("[redis]\nfoobarbaz = x\n"), "expected one of url, password, cluster" },
	{ L("[redis]\nmode = fast\n"), "(it belongs to [scan])" },
	{ L("[redis]\n = x\n"), ":2: [redis]: found an indented line" },
	{ L("[redis]\n= x\n"), ":2: [redis]: found an unknown key, expected one of " },
	{ L("[" HUNDRED HUNDRED HUNDRED "]\n"),
	    "found a line of 302 characters, expected at most" },
	/* inih would cut this one at 49 characters. */
	{ L("[redis" TEN TEN TEN TEN TEN "]\n"), "found an unknown section" },
	{ L("[redis]\n" HUNDRED " = x\n"), "found an unknown key" },
	/* Twice. */
	{ L("[scan]\ncount = 1\nmode = fast\ncount = 2\n"), ":4: [scan] count: found it a second "
	    "time, expected it once (it stands in line 2)" },
	{ L("[scan]\ncount = 1\n[redis]\n[scan]\ncount = 1\n"), ":5: [scan] count: found it a "
	    "second time, expected it once (it stands in line 2)" },
	{ L("[ttl]\npattern.a = x* 1h\npattern.a = y* 1h\n"), ":3: [ttl] pattern.a: found it a "
	    "second time" },
	/* Values that their rows do not take. */
	{ L("[scan]\ncount = 0\n"), ":2: [scan] count: found \"0\", expected a whole number from "
	    "1 to 1000" },
	{ L("[scan]\ncount = 10 keys\n"), "found \"10 keys\", expected a whole number" },
	{ L("[scan]\ncount = 10 # keys\n"), "found \"10 # keys\", expected a whole number" },
	{ L("[scan]\ncount =\n"), "found nothing, expected a whole number" },
	{ L("[scan]\ncount = ; none\n"), "found nothing, expected a whole number" },
	{ L("[scan]\nmode = quick\n"), "found \"quick\", expected one of gentle, fast" },
	{ L("[job]\ntimeout = 90 s\n"), "[job] timeout: found \"90 s\", expected a duration from "
	    "1s to 24h" },
	{ L("[job]\nlimit = 1.5MB\n"), "expected a size from 0 to 1TB" },
	{ L("[ttl]\npattern.a = x* 1h 30m\n"), ":2: [ttl] pattern.a: found \"x* 1h 30m\", "
	    "expected a glob" },
	{ L("[ttl]\npattern.a:b = x* 1h\n"), "[ttl] pattern.a: found \"b = x* 1h\"" },
	{ L("[ttl]\npattern = x* 1h\n"), "did you mean pattern.<name>?" },
	/* A secret is not shown even where it is refused. */
	{ L("[redis]\npassword = hunter2" HUNDRED HUNDRED "\n"), ":2: [redis] password: found a "
	    "line of " },
	/* Lines that are none. */
	{ L("count = 1\n"), ":1: count: found an option before any section, expected [section]" },
	{ L("[redis]\nurl\n"), ":2: [redis] url: found no \"=\" behind it, expected [section], key = value "
	    "or a comment" },
	{ L("[redis]\njust words ; and = more\n"), "found no \"=\"" },
	{ L("[redis]\nurl ; = x\n"), "found no \"=\"" },
	{ L("[redis\nurl = x\n"), ":1: [redis: found a section without \"]\"" },
	{ L("[redis] url = x\n"), ":1: [redis]: found text behind \"]\"" },
	{ L("[redis] password = hunter2\n"), ":1: [redis]: found text behind \"]\"" },
	{ L("[redis password = hunter2\n"), ":1: [redis: found a section without" },
	{ L("[redis]\npassword hunter2\n"), ":2: [redis] password: found no \"=\"" },
	{ L("[redis]\npassword hunter2 ; =\n"), ":2: [redis] password: found no \"=\"" },
	{ L("[redis]\npassword hunter2 = x\n"), ":2: [redis] password: found no \"=\" behind it" },
	{ L("[redis]\npassword hunter2==\n"), ":2: [redis] password: found no \"=\"" },
	{ L("[redis]\n password hunter2\n"), ":2: [redis] password: found an indented" },
	{ L("[redis]\npassword hunter2 \x01\n"), ":2: [redis] password: found the control" },
	{ L("[redis] # comment\n"), "found text behind \"]\"" },
	{ L("[redis]]\n"), "found text behind \"]\"" },
	{ L("[red ;is]\n"), "found \" ;\" in a section's name" },
	/* inih would join these to the line before. */
	{ L("[redis]\nurl = a\n  b\n"), ":3: [redis] b: found an indented line" },
	{ L("[redis]\nurl = a\n\tpassword = b\n"), ":3: [redis] password: found an indented "
	    "line, expected no blank before it" },
	{ L("  [redis]\n"), ":1: [redis]: found an indented line" },
	/* inih would cut this value. */
	{ L("[job]\nhook = stop it ; start it\n"), ":2: [job] hook: found \" ;\", which would cut "
	    "the value" },
	{ L("[job]\nhook = ; none\n"), ":2: [job] hook: found \" ;\"" },
	{ L("[job]\nhook = a\t;b\n"), ":2: [job] hook: found \" ;\"" },
	/* inih would take the rest of this line for a line of its own. */
	{ L("[redis]\nurl = " HUNDRED HUNDRED "\n"), ":2: [redis] url: found a line of 206 "
	    "characters, expected at most 197" },
	/* Not text. */
	{ L("[redis]\nurl = a\0b\n"), ":2: found a NUL byte, expected a text file" },
	{ L("\0"), ":1: found a NUL byte" },
	{ L("# a\n\n# b\0"), ":3: found a NUL byte" },
	{ L("[redis]\nurl = \033[31m\n"), ":2: [redis] url: found the control character \\x1b" },
	{ L("[redis]\rurl = x\r"), "found the control character \\x0d" },
	{ L("[redis]\nurl = a\x7f\n"), "\\x7f" },
	{ L("\f[redis]\n"), ":1: \\x0c[redis]: found the control character \\x0c" },
	{ L("\xff\xfe[\xff\n"), ":1: \\xff\\xfe[\\xff: found no \"=\"" },
};

START_TEST(refuses)
{
	char expected[600];

	ck_assert_int_eq(load(refusals[_i].text), -1);
	ck_assert_int_eq(e.exit, EX_CONFIG);
	ck_assert_msg(strstr(e.text, refusals[_i].refusal) != NULL, "%s\nhas no\n%s", e.text,
	    refusals[_i].refusal);
	(void)snprintf(expected, sizeof(expected), "%s:", path);
	ck_assert_ptr_eq(strstr(e.text, expected), e.text);
	ck_assert_ptr_null(strstr(e.text, "hunter2"));
	ck_assert(bytes_is_utf8(bytes_str(e.text)));
}
END_TEST

/* The longest line that is taken is taken whole, one more is refused. */
START_TEST(the_longest_line)
{
	struct buf text = { 0 };
	size_t n;

	for (n = 180; n < 210; n++) {
		buf_reset(&text);
		buf_str(&text, "[redis]\nurl = ");
		while (text.n < 8 + n)
			buf_char(&text, 'x');
		buf_str(&text, "\r\npassword = behind\n");
		if (load(buf_view(&text)) == 0) {
			ck_assert_uint_le(n, 197);
			ck_assert_uint_eq(strlen(s.url), n - 6);
			ck_assert_str_eq(s.password, "behind");
		} else {
			ck_assert_uint_gt(n, 197);
		}
	}
	buf_free(&text);
}
END_TEST

/* ... but a comment may be of any length, and is one to its end. */
START_TEST(a_long_comment)
{
	struct buf text = { 0 };
	int i;

	buf_str(&text, "[redis]\n# ");
	for (i = 0; i < 1000; i++)
		buf_str(&text, "url = x ");
	buf_str(&text, "\nurl = real\n");
	ck_assert_msg(load(buf_view(&text)) == 0, "%s", e.text);
	ck_assert_str_eq(s.url, "real");
	buf_free(&text);
}
END_TEST

START_TEST(a_missing_file)
{
	ck_assert_int_eq(config_load(sample_table, &s, path, false, &e), 0);
	ck_assert_int_eq(e.exit, 0);
	ck_assert_int_eq(config_load(sample_table, &s, path, true, &e), -1);
	ck_assert_int_eq(e.exit, EX_CONFIG);
	ck_assert_ptr_nonnull(strstr(e.text, path));
	ck_assert_ptr_nonnull(strstr(e.text, "no such file"));
}
END_TEST

START_TEST(not_a_file)
{
	const char *fifo = scratch_file(&scratch, "fifo");

	ck_assert_int_eq(config_load(sample_table, &s, scratch.path, false, &e), -1);
	ck_assert_int_eq(e.exit, EX_CONFIG);
	ck_assert_ptr_nonnull(strstr(e.text, "a directory"));
	ck_assert_int_eq(mkfifo(fifo, 0600), 0);
	ck_assert_int_eq(config_load(sample_table, &s, fifo, false, &e), -1);
	ck_assert_int_eq(e.exit, EX_CONFIG);
	ck_assert_int_eq(config_load(sample_table, &s, "/dev/null", false, &e), -1);
	ck_assert_int_eq(e.exit, EX_CONFIG);
}
END_TEST

START_TEST(too_large)
{
	struct buf text = { 0 };

	while (text.n <= 1024 * 1024)
		buf_str(&text, "# a line of a file that is no configuration\n");
	ck_assert_int_eq(load(buf_view(&text)), -1);
	ck_assert_int_eq(e.exit, EX_CONFIG);
	ck_assert_ptr_nonnull(strstr(e.text, "larger"));
	buf_free(&text);
}
END_TEST

START_TEST(many_lines)
{
	struct buf text = { 0 };
	struct config_pattern *p;
	int i;

	buf_str(&text, "[ttl]\n");
	for (i = 0; i < 2000; i++)
		buf_printf(&text, "pattern.p%d = x%d* %ds\n", i, i, i + 1);
	ck_assert_msg(load(buf_view(&text)) == 0, "%s", e.text);
	for (i = 0, p = s.patterns.first; p != NULL; p = p->next)
		ck_assert_int_eq(p->ttl_ms, ++i * 1000);
	ck_assert_int_eq(i, 2000);
	buf_str(&text, "pattern.p7 = x 1s\n");
	ck_assert_int_eq(load(buf_view(&text)), -1);
	ck_assert_ptr_nonnull(strstr(e.text, ":2002: [ttl] pattern.p7: found it a second time"));
	buf_free(&text);
}
END_TEST

/* A second file over the first: what it names changes, the rest stays. */
START_TEST(over_what_is_there)
{
	ck_assert_int_eq(load(B("[redis]\nurl = one\n[ttl]\npattern.a = a* 1h\n"
	    "pattern.b = b* 1h\n")), 0);
	ck_assert_msg(load(B("[scan]\ncount = 9\n[ttl]\npattern.a = c* 2h\n")) == 0, "%s",
	    e.text);
	ck_assert_str_eq(s.url, "one");
	ck_assert_int_eq(s.count, 9);
	ck_assert_str_eq(s.patterns.first->glob, "c*");
	ck_assert_str_eq(s.patterns.first->next->glob, "b*");
	ck_assert_ptr_null(s.patterns.first->next->next);
}
END_TEST

/* The sentence fits although the path does not. */
START_TEST(a_long_path)
{
	struct buf deep = { 0 };
	int i;

	buf_str(&deep, scratch.path);
	for (i = 0; i < 10; i++) {
		buf_printf(&deep, "/%s", TEN TEN TEN TEN TEN TEN);
		ck_assert_int_eq(mkdir(buf_cstr(&deep), 0700), 0);
	}
	buf_str(&deep, "/the-end.ini");
	put_file(buf_cstr(&deep), B("[scan]\ncount = x\n"), 0600);
	ck_assert_int_eq(config_load(sample_table, &s, buf_cstr(&deep), true, &e), -1);
	ck_assert_ptr_nonnull(strstr(e.text, "/the-end.ini:2: [scan] count: found \"x\", expected a "
	    "whole number from 1 to 1000"));
	buf_free(&deep);
}
END_TEST

/* Parts of files in any order: loaded or refused with a place, never worse. */
START_TEST(random_files)
{
	static const char *const parts[] = {
		"[redis]", "[scan]", "[", "]", "\n", "\n", "\n", "url", "count", "pattern.a", "=",
		" = ", ":", " ;", ";", "#", " ", "\t", "x* 1h", "7", "\r\n", "\xff", "\x01",
		HUNDRED, "\xef\xbb\xbf",
	};
	struct dice d;
	struct buf text = { 0 };
	size_t i, n;
	int round;

	dice_seed(&d, "config_load");
	for (round = 0; round < 5000; round++) {
		buf_reset(&text);
		n = dice_below(&d, 16);
		for (i = 0; i < n; i++)
			buf_str(&text, parts[dice_below(&d, sizeof(parts) / sizeof(parts[0]))]);
		e = (struct error){ 0 };
		if (load(buf_view(&text)) == -1) {
			ck_assert_int_eq(e.exit, EX_CONFIG);
			ck_assert_ptr_nonnull(strstr(e.text, "found "));
			ck_assert_ptr_nonnull(strstr(e.text, "expected "));
			/* That inih alone stumbles is what the checks are to prevent. */
			ck_assert_msg(strstr(e.text, "cannot be read") == NULL, "%s",
			    buf_cstr(&text));
		}
	}
	buf_free(&text);
}
END_TEST

Suite *
suite_config_load(void)
{
	Suite *suite = suite_create("base/config_load");
	TCase *t = tcase_create("config_load");

	tcase_set_timeout(t, 300);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, loads);
	tcase_add_loop_test(t, loads_url, 0, COUNT(urls));
	tcase_add_loop_test(t, refuses, 0, COUNT(refusals));
	tcase_add_test(t, the_longest_line);
	tcase_add_test(t, a_long_comment);
	tcase_add_test(t, a_missing_file);
	tcase_add_test(t, not_a_file);
	tcase_add_test(t, too_large);
	tcase_add_test(t, many_lines);
	tcase_add_test(t, over_what_is_there);
	tcase_add_test(t, a_long_path);
	tcase_add_test(t, random_files);
	suite_add_tcase(suite, t);
	return suite;
}
