#include <stddef.h>
#include <string.h>

#include <check.h>

#include "job/options.h"

Suite *suite_options(void);

struct chosen {
	bool all, list;
	int more;
	const char *id, *undo;
	int64_t pause;
};

static const struct job_option table[] = {
	{ "all", NULL, OPTION_FLAG, offsetof(struct chosen, all), "everything", false, false, 0 },
	{ "list", NULL, OPTION_FLAG, offsetof(struct chosen, list), "only look", true, false, 600000 },
	{ "more", NULL, OPTION_COUNT, offsetof(struct chosen, more), "more of it", false, false, 0 },
	{ "coordinator", "ID", OPTION_STRING, offsetof(struct chosen, id), "only this", false, false, 0 },
	{ "undo", "FILE", OPTION_STRING, offsetof(struct chosen, undo), "take back", false, false, 0 },
	{ "for", "DURATION", OPTION_DURATION, offsetof(struct chosen, pause),
	  "a help that is so long that it does not fit into one line of the screen", false, false, 0 },
	{ NULL, NULL, OPTION_FLAG, 0, NULL, false, false, 0 }
};
static const struct job job = {
	.name = "test-job", .summary = "Test.", .example = "test-job --all",
	.options = table, .options_size = sizeof(struct chosen),
};

#define WORDS 8

static int
parse(const char *const *words, struct options *o, struct error *e)
{
	char *argv[WORDS + 2] = { (char *)(uintptr_t)"test-job" };
	int argc = 1;

	while (argc <= WORDS && words[argc - 1] != NULL) {
		argv[argc] = (char *)(uintptr_t)words[argc - 1];
		argc++;
	}
	memset(e, 0, sizeof(*e));
	return options_parse(&job, argc, argv, o, e);
}

static const struct {
	const char *words[WORDS];
	const char *says; /* NULL: accepted */
} lines[] = {
	{ { NULL }, NULL },
	{ { "-n", "-q" }, NULL },
	{ { "-nv" }, NULL },
	{ { "-vv", "-n", "-n" }, NULL },
	{ { "--dry-run", "-vn" }, NULL },
	{ { "-cfile" }, NULL },
	{ { "-c", "file" }, NULL },
	{ { "--config=file" }, NULL },
	{ { "--set", "a.b=c", "--set", "a.b=d" }, NULL },
	{ { "--format", "json" }, NULL },
	{ { "--progress=always" }, NULL },
	{ { "--wait", "10s", "--max-runtime=2m" }, NULL },
	{ { "--coordinator", "-n" }, NULL },
	{ { "--coordinator=--all" }, NULL },
	{ { "--coordinator", "a b\xff" }, NULL },
	{ { "--pause", "1h", "--reason", "maintenance", "-n" }, NULL },
	{ { "--pause", "1h", "--force" }, NULL },
	{ { "--resume" }, NULL },
	{ { "--print-config" }, NULL },
	{ { "--print-config=annotated" }, NULL },
	{ { "--check-config", "--all" }, NULL },
	{ { "--more", "--more" }, NULL },
	{ { "--for", "1h30m" }, NULL },
	{ { "--" }, NULL },
	{ { "--help", "--nonsense" }, NULL },

	{ { "--nonsense" }, "unknown option --nonsense" },
	{ { "--nonsense=5" }, "unknown option --nonsense" },
	{ { "--dry-run", "-x" }, "unknown option -x" },
	{ { "-nx" }, "unknown option -x" },
	{ { "--al" }, "written in full: --all" },
	{ { "--coord=x" }, "written in full: --coordinator" },
	{ { "--coord", "x" }, "written in full: --coordinator" },
	{ { "--dry" }, "written in full: --dry-run" },
	{ { "--fo" }, "unknown option --fo" },
	{ { "-c" }, "--config needs a value" },
	{ { "--config" }, "--config needs a value" },
	{ { "--coordinator" }, "--coordinator needs a value" },
	{ { "--all=yes" }, "--all takes no value" },
	{ { "--dry-run=no" }, "--dry-run takes no value" },
	{ { "--coordinator=" }, "the ID is empty" },
	{ { "--coordinator", "" }, "the ID is empty" },
	{ { "--config=" }, "is empty" },
	{ { "--coordinator", "a", "--coordinator", "b" }, "more than once" },
	{ { "--coordinator", "a", "--coordinator", "a" }, "more than once" },
	{ { "--undo=a", "--undo=b" }, "more than once" },
	{ { "--for=1s", "--for=1s" }, "more than once" },
	{ { "-c", "a", "-c", "b" }, "more than once" },
	{ { "--format=json", "--format=text" }, "more than once" },
	{ { "--for", "soon" }, "not a duration" },
	{ { "--wait", "-1s" }, "not a duration" },
	{ { "--max-runtime=1.5s" }, "not a duration" },
	{ { "--format", "xml" }, "text, json" },
	{ { "--progress", "no" }, "auto, always, never" },
	{ { "--print-config=short" }, "annotated, mdoc" },
	{ { "-q", "-v" }, "-q and -v" },
	{ { "--quiet", "-n", "--verbose" }, "-q and -v" },
	{ { "all" }, "\"all\" is an argument too many" },
	{ { "-n", "all", "-v" }, "\"all\" is an argument too many" },
	{ { "--", "-n" }, "\"-n\" is an argument too many" },
	{ { "--pause", "1h", "--resume" }, "--pause and --resume" },
	{ { "--check-config", "--print-config" }, "--check-config and --print-config" },
	{ { "--pause", "1h", "--all" }, "--pause and --all" },
	{ { "--resume", "--coordinator=a" }, "--resume and --coordinator" },
	{ { "--pause", "0s" }, "more than 0s" },
	{ { "--pause", "1h", "--pause", "2h" }, "more than once" },
	{ { "--reason", "x" }, "--reason belongs to --pause" },
};

START_TEST(test_lines)
{
	struct options o;
	struct error e;
	int rc = parse(lines[_i].words, &o, &e);

	if (lines[_i].says == NULL) {
		ck_assert_msg(rc == 0, "%s", e.text);
	} else {
		ck_assert_msg(rc == -1, "not refused: %s", lines[_i].words[0]);
		ck_assert_int_eq(e.exit, EX_USAGE);
		ck_assert_msg(strstr(e.text, lines[_i].says) != NULL, "%s", e.text);
	}
	options_free(&o);
}
END_TEST

START_TEST(test_values)
{
	static const char *const words[WORDS] = { "--coordinator", "a\xff:b", "--for=90s", "-nv",
		"--force", "--force", "--set=a.b=c", "--format=json" };
	struct options o;
	struct error e;
	const struct chosen *c;

	ck_assert_msg(parse(words, &o, &e) == 0, "%s", e.text);
	c = o.job;
	ck_assert_str_eq(c->id, "a\xff:b");
	ck_assert_int_eq(c->pause, 90000);
	ck_assert(!c->all && c->undo == NULL);
	ck_assert(o.dry && o.verbose && !o.quiet && o.json && !o.read_only);
	ck_assert_int_eq(o.own_runtime, 0);
	ck_assert_int_eq(o.force, 2);
	ck_assert_uint_eq(o.set_n, 1);
	ck_assert_str_eq(o.set[0], "a.b=c");
	ck_assert_int_eq(o.command, COMMAND_RUN);
	options_free(&o);
}
END_TEST

START_TEST(test_read_only_and_count)
{
	static const char *const words[WORDS] = { "--list", "--more", "--more", "--more" };
	struct options o;
	struct error e;

	ck_assert_int_eq(parse(words, &o, &e), 0);
	ck_assert(o.read_only);
	ck_assert_int_eq(o.own_runtime, 600000);
	ck_assert(((struct chosen *)o.job)->list);
	ck_assert_int_eq(((struct chosen *)o.job)->more, 3);
	options_free(&o);
}
END_TEST

START_TEST(test_pause)
{
	static const char *const words[WORDS] = { "--pause=2h", "--reason=why" };
	struct options o;
	struct error e;

	ck_assert_int_eq(parse(words, &o, &e), 0);
	ck_assert_int_eq(o.command, COMMAND_PAUSE);
	ck_assert_int_eq(o.pause_ms, 7200000);
	ck_assert_str_eq(o.reason, "why");
	options_free(&o);
}
END_TEST

/* What was read before a mistake counts: --format json decides how the mistake is told. */
START_TEST(test_filled_until_error)
{
	static const char *const words[WORDS] = { "--format=json", "--nonsense" };
	struct options o;
	struct error e;

	ck_assert_int_eq(parse(words, &o, &e), -1);
	ck_assert(o.json);
	options_free(&o);
}
END_TEST

/* A job without options of its own. */
START_TEST(test_bare_job)
{
	static const struct job bare = { .name = "bare", .summary = "Bare." };
	char name[] = "bare", dry[] = "-n", *argv[] = { name, dry, NULL };
	struct options o;
	struct error e = { 0 };
	struct buf help = { 0 };

	ck_assert_int_eq(options_parse(&bare, 2, argv, &o, &e), 0);
	ck_assert(o.dry);
	options_free(&o);
	options_help(&bare, &help);
	ck_assert_ptr_nonnull(buf_cstr(&help));
	buf_free(&help);
}
END_TEST

START_TEST(test_help)
{
	struct buf help = { 0 };
	struct bytes text, line;
	size_t end, lines_n = 0;

	options_help(&job, &help);
	ck_assert_ptr_nonnull(buf_cstr(&help));
	ck_assert(strstr(help.p, "--coordinator ID") != NULL);
	ck_assert(strstr(help.p, "Example:\n  test-job --all\n") != NULL);
	ck_assert(strstr(help.p, "78 config\n") != NULL);
	for (text = buf_view(&help); text.n > 0; text = bytes_from(text, end + 1)) {
		end = bytes_find(text, '\n', 0);
		ck_assert(end < text.n);
		line = (struct bytes){ text.p, end };
		ck_assert_msg(line.n <= 80, "%.*s", (int)line.n, line.p);
		ck_assert(line.n == 0 || line.p[line.n - 1] != ' ');
		lines_n++;
	}
	ck_assert_uint_le(lines_n, 24);
	buf_free(&help);
}
END_TEST

Suite *
suite_options(void)
{
	Suite *s = suite_create("options");
	TCase *t = tcase_create("options");

	tcase_add_loop_test(t, test_lines, 0, sizeof(lines) / sizeof(lines[0]));
	tcase_add_test(t, test_values);
	tcase_add_test(t, test_read_only_and_count);
	tcase_add_test(t, test_pause);
	tcase_add_test(t, test_filled_until_error);
	tcase_add_test(t, test_bare_job);
	tcase_add_test(t, test_help);
	suite_add_tcase(s, t);
	return s;
}
