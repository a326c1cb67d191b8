#include "base/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "base/bytes.h"
#include "base/command.h"
#include "config_table.h"
#include "support.h"

Suite *suite_config_print(void);

static struct scratch scratch;
static const char *path;

static void
setup(void)
{
	scratch_make(&scratch);
	path = scratch_file(&scratch, "x.ini");
}

static void
teardown(void)
{
	scratch_remove(&scratch);
}

/* Print into the file. */
static void
print(const struct sample *s, bool annotate)
{
	FILE *f = fopen(path, "we");

	ck_assert_ptr_nonnull(f);
	ck_assert_int_eq(config_print(sample_table, s, annotate, f), 0);
	ck_assert_int_eq(fclose(f), 0);
}

static void
ck_same(const struct sample *a, const struct sample *b)
{
	const struct config_pattern *p = a->patterns.first, *q = b->patterns.first;

	ck_assert_str_eq(a->url, b->url);
	ck_assert_str_eq(a->hook, b->hook);
	ck_assert_int_eq(a->cluster, b->cluster);
	ck_assert_int_eq(a->mode, b->mode);
	ck_assert_int_eq(a->count, b->count);
	ck_assert_int_eq(a->any, b->any);
	ck_assert_int_eq(a->timeout, b->timeout);
	ck_assert_int_eq(a->forever, b->forever);
	ck_assert_int_eq(a->limit, b->limit);
	for (; p != NULL && q != NULL; p = p->next, q = q->next) {
		ck_assert_str_eq(p->name, q->name);
		ck_assert_str_eq(p->glob, q->glob);
		ck_assert_int_eq(p->ttl_ms, q->ttl_ms);
	}
	ck_assert_ptr_eq(p, q);
}

START_TEST(plain)
{
	struct sample s = { 0 };
	struct buf b;

	ck_assert_int_eq(config_defaults(sample_table, &s, NULL), 0);
	ck_assert_int_eq(config_set(sample_table, &s, "ttl.pattern.a=x* 1h", NULL), 0);
	ck_assert_int_eq(config_set(sample_table, &s, "ttl.pattern.b=;y* 25h", NULL), 0);
	ck_assert_int_eq(config_set(sample_table, &s, "job.hook=;true", NULL), 0);
	print(&s, false);
	b = get_file(path);
	ck_assert_str_eq(buf_cstr(&b),
	    "[redis]\n"
	    "url = redis://127.0.0.1:6379/0\n"
	    "# password = (not set)\n"
	    "cluster = no\n"
	    "\n"
	    "[scan]\n"
	    "mode = gentle\n"
	    "count = 100\n"
	    "any = -5\n"
	    "\n"
	    "[job]\n"
	    "timeout = 90s\n"
	    "forever = 0s\n"
	    "limit = 1MB\n"
	    "hook =;true\n"
	    "\n"
	    "[ttl]\n"
	    "pattern.a = x* 1h\n"
	    "pattern.b =;y* 25h\n");
	buf_free(&b);
	config_free(sample_table, &s);
}
END_TEST

START_TEST(annotated)
{
	struct sample s = { 0 }, back = { 0 };
	struct error e = { 0 };
	struct buf b;
	size_t at, end;

	ck_assert_int_eq(config_defaults(sample_table, &s, NULL), 0);
	ck_assert_int_eq(config_defaults(sample_table, &back, NULL), 0);
	print(&s, true);
	b = get_file(path);
	ck_assert_ptr_nonnull(strstr(buf_cstr(&b),
	    "[scan]\n\n# How fast.\n# One of gentle, fast; default gentle\nmode = gentle\n\n"
	    "# Keys a page.\n# A whole number from 1 to 1000; default 100\ncount = 100\n"));
	ck_assert_ptr_nonnull(strstr(buf_cstr(&b),
	    "# A text, never printed; default empty\n# password = (not set)\n"));
	ck_assert_ptr_nonnull(strstr(buf_cstr(&b), "# pattern.<name> = GLOB DURATION\n"));
	for (at = 0; at < b.n; at = end + 1) {
		end = bytes_find(buf_view(&b), '\n', at);
		ck_assert_uint_le(end - at, 79);
	}
	buf_free(&b);
	ck_assert_msg(config_load(sample_table, &back, path, true, &e) == 0, "%s", e.text);
	ck_same(&s, &back);
	config_free(sample_table, &s);
	config_free(sample_table, &back);
}
END_TEST

START_TEST(secrets_are_not_printed)
{
	struct sample s = { 0 };
	struct buf b;

	ck_assert_int_eq(config_defaults(sample_table, &s, NULL), 0);
	put_file(path, B("[redis]\npassword = hunter2\n"), 0600);
	ck_assert_int_eq(config_load(sample_table, &s, path, true, NULL), 0);
	ck_assert_str_eq(s.password, "hunter2");
	print(&s, true);
	b = get_file(path);
	ck_assert_ptr_null(strstr(buf_cstr(&b), "hunter2"));
	ck_assert_ptr_nonnull(strstr(buf_cstr(&b), "\n# password = (set)\n"));
	buf_free(&b);
	config_free(sample_table, &s);
}
END_TEST

/* From the environment can come what no file can say. */
START_TEST(what_no_file_can_say)
{
	struct sample s = { 0 }, back = { 0 };
	struct error e = { 0 };
	struct buf b;

	ck_assert_int_eq(config_defaults(sample_table, &s, NULL), 0);
	ck_assert_int_eq(config_defaults(sample_table, &back, NULL), 0);
	free(s.url);
	s.url = strdup("a\n[scan]\ncount = 5");
	print(&s, false);
	b = get_file(path);
	ck_assert_ptr_nonnull(strstr(buf_cstr(&b),
	    "\n# url = a\\x0a[scan]\\x0acount = 5 (no file can hold this value)\n"));
	buf_free(&b);
	ck_assert_msg(config_load(sample_table, &back, path, true, &e) == 0, "%s", e.text);
	ck_assert_int_eq(back.count, 100);
	config_free(sample_table, &s);
	config_free(sample_table, &back);
}
END_TEST

START_TEST(a_full_disk)
{
	struct sample s = { 0 };
	FILE *f = fopen("/dev/full", "we");

	ck_assert_ptr_nonnull(f);
	ck_assert_int_eq(config_defaults(sample_table, &s, NULL), 0);
	ck_assert_int_eq(config_print(sample_table, &s, true, f), -1);
	ck_assert_int_eq(config_print_mdoc(sample_table, f), -1);
	(void)fclose(f);
	config_free(sample_table, &s);
}
END_TEST

/* Append bytes that a value may have. */
static void
random_text(struct dice *d, struct buf *out, size_t max)
{
	static const char bytes[] =
	    "  \t;;#=:[]\"'\\.,%$&|abcdefghijkWXYZ0129*?\xc3\xa9\xff\n\x7f";
	size_t n = dice_below(d, max);

	while (n-- > 0)
		buf_char(out, bytes[dice_below(d, sizeof(bytes) - 1)]);
}

static void
random_assignment(struct dice *d, struct buf *out)
{
	static const char *const texts[] = { "redis.url", "job.hook" };
	static const char *const numbers[] = { "scan.count", "scan.any" };
	static const char *const times[] = { "job.timeout", "job.forever", "job.limit" };
	static const char *const units[] = { "", "s", "ms", "m", "h", "d", "KB", "MB", "GB" };
	long long n = (long long)(dice_next(d) >> dice_below(d, 64));

	buf_reset(out);
	switch (dice_below(d, 5)) {
	case 0:
		buf_printf(out, "%s=", texts[dice_below(d, 2)]);
		random_text(d, out, 220);
		break;
	case 1:
		buf_printf(out, "%s=%lld", numbers[dice_below(d, 2)], n);
		break;
	case 2:
		buf_printf(out, "%s=%lld%s", times[dice_below(d, 3)], n,
		    units[dice_below(d, 9)]);
		break;
	case 3:
		buf_printf(out, "ttl.pattern.p%d=", (int)dice_below(d, 4));
		random_text(d, out, 20);
		buf_printf(out, " %lld%s", n, units[dice_below(d, 6)]);
		break;
	default:
		buf_str(out, dice_below(d, 2) == 0 ? "redis.cluster=yes" : "scan.mode=fast");
	}
}

/* Whatever --set takes, config_print prints and config_load reads as the same. */
START_TEST(round_trip)
{
	struct dice d;
	struct buf assignment = { 0 };
	struct error e = { 0 };
	int round, i, taken = 0;

	dice_seed(&d, "config_print");
	for (round = 0; round < 1000; round++) {
		struct sample s = { 0 }, back = { 0 };

		ck_assert_int_eq(config_defaults(sample_table, &s, NULL), 0);
		ck_assert_int_eq(config_defaults(sample_table, &back, NULL), 0);
		for (i = 0; i < 12; i++) {
			random_assignment(&d, &assignment);
			taken += config_set(sample_table, &s, buf_cstr(&assignment), &e) == 0;
		}
		print(&s, round % 2 == 0);
		ck_assert_msg(config_load(sample_table, &back, path, true, &e) == 0, "%s", e.text);
		ck_same(&s, &back);
		config_free(sample_table, &s);
		config_free(sample_table, &back);
	}
	ck_assert_int_gt(taken, 1000);
	buf_free(&assignment);
}
END_TEST

START_TEST(mdoc)
{
	struct buf b;
	FILE *f = fopen(path, "we");

	ck_assert_ptr_nonnull(f);
	ck_assert_int_eq(config_print_mdoc(sample_table, f), 0);
	ck_assert_int_eq(fclose(f), 0);
	b = get_file(path);
	ck_assert_ptr_nonnull(strstr(buf_cstr(&b), ".Ss [scan]\\&\n.Bl -tag -width Ds\n"
	    ".It Ic \"mode\"\nHow fast.\nOne of gentle, fast; the default is\n.Ql \"gentle\" .\n"));
	ck_assert_ptr_nonnull(strstr(buf_cstr(&b), "\n\\&.Many nodes?\nThen say \\eyes;"));
	buf_free(&b);
}
END_TEST

/* In a page it is clean, and says what it should. */
START_TEST(mdoc_in_a_page)
{
	static const char head[] =
	    ".Dd January 2, 2026\n.Dt COORDKEEP.INI 5\n.Os\n.Sh NAME\n.Nm coordkeep.ini\n"
	    ".Nd configuration\n.Sh OPTIONS\n";
	struct buf out = { 0 };
	struct command_result r;
	char command[512];
	FILE *f = fopen(path, "we");

	ck_assert_ptr_nonnull(f);
	ck_assert_int_ge(fputs(head, f), 0);
	ck_assert_int_eq(config_print_mdoc(sample_table, f), 0);
	ck_assert_int_eq(fclose(f), 0);
	(void)snprintf(command, sizeof(command), "mandoc -Tlint -Wstyle %s 2>&1", path);
	r = command_run(command, NULL, B(""), &out, 10000, 60000);
	ck_assert_msg(r.end == COMMAND_EXITED && r.status == 0, "%s", buf_cstr(&out));
	buf_reset(&out);
	(void)snprintf(command, sizeof(command), "mandoc -Tascii %s | sed 's/.\\x08//g'", path);
	r = command_run(command, NULL, B(""), &out, 10000, 60000);
	ck_assert_int_eq(r.status, 0);
	ck_assert_ptr_nonnull(strstr(buf_cstr(&out), "pattern.name\n"));
	ck_assert_ptr_nonnull(strstr(buf_cstr(&out), ".Many nodes?"));
	ck_assert_ptr_nonnull(strstr(buf_cstr(&out), "say \\yes; or --cluster"));
	ck_assert_ptr_nonnull(strstr(buf_cstr(&out), "see \"URLs\" for"));
	buf_free(&out);
}
END_TEST

Suite *
suite_config_print(void)
{
	Suite *suite = suite_create("base/config_print");
	TCase *t = tcase_create("config_print");

	tcase_set_timeout(t, 300);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, plain);
	tcase_add_test(t, annotated);
	tcase_add_test(t, secrets_are_not_printed);
	tcase_add_test(t, what_no_file_can_say);
	tcase_add_test(t, a_full_disk);
	tcase_add_test(t, round_trip);
	tcase_add_test(t, mdoc);
	tcase_add_test(t, mdoc_in_a_page);
	suite_add_tcase(suite, t);
	return suite;
}
