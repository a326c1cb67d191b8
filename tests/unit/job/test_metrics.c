#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <check.h>

#include "job/metrics.h"
#include "job/metrics_file.h"
#include "fixture.h"

Suite *suite_metrics(void);

static struct buf old, new;

static void
teardown(void)
{
	buf_free(&old);
	buf_free(&new);
	fixture_teardown();
}

/* A run with exit code ${code} over the file that the last one left. */
static void
run(int code, int64_t now_s)
{
	struct metrics_run m = { .job = "test-job", .code = code, .complete = code < 3,
		.now_ms = now_s * 1000, .duration_ms = 1500 };
	bool corrupt;

	buf_reset(&old);
	buf_bytes(&old, buf_view(&new));
	buf_reset(&new);
	ck_assert_int_eq(metrics_merge(buf_view(&old), &m, r, &new, &corrupt), 0);
	ck_assert(!corrupt);
	ck_assert_ptr_nonnull(buf_cstr(&new));
	result_free(r);
	r = result_new();
	ck_assert_ptr_nonnull(r);
}

static void
holds(const char *line)
{
	char full[200];

	snprintf(full, sizeof(full), "\n%s\n", line);
	ck_assert_msg(strstr(new.p, full) != NULL, "no line \"%s\" in\n%s", line, new.p);
}

static void
holds_not(const char *text)
{
	ck_assert_msg(strstr(new.p, text) == NULL, "\"%s\" in\n%s", text, new.p);
}

START_TEST(test_first_run)
{
	result_count(r, "keys-scanned", 42);
	result_gauge(r, "level", "The level.", 0.5);
	run(0, 1000);
	holds("# HELP coordkeep_level The level.");
	holds("# TYPE coordkeep_level gauge");
	holds("# TYPE coordkeep_runs_total counter");
	holds("coordkeep_runs_total{job=\"test-job\",result=\"ok\"} 1");
	holds("coordkeep_last_run_timestamp_seconds{job=\"test-job\"} 1000");
	holds("coordkeep_last_success_timestamp_seconds{job=\"test-job\"} 1000");
	holds("coordkeep_last_complete_pass_timestamp_seconds{job=\"test-job\"} 1000");
	holds("coordkeep_run_duration_seconds{job=\"test-job\"} 1.5");
	holds("coordkeep_exit_code{job=\"test-job\"} 0");
	holds("coordkeep_keys_scanned{job=\"test-job\"} 42");
	holds("coordkeep_level{job=\"test-job\"} 0.5");
}
END_TEST

START_TEST(test_carried_on)
{
	result_counter(r, "things_total", "Things.", 2);
	result_gauge_labelled(r, "skew", "Skew.", "id", B("a"), 1);
	result_gauge_labelled(r, "skew", "Skew.", "id", B("b"), 2);
	result_count(r, "keys-scanned", 9);
	run(0, 1000);
	result_counter(r, "things_total", "Things.", 3);
	result_gauge_labelled(r, "skew", "Skew.", "id", B("b"), 5);
	run(1, 2000);
	holds("coordkeep_runs_total{job=\"test-job\",result=\"ok\"} 1");
	holds("coordkeep_runs_total{job=\"test-job\",result=\"warning\"} 1");
	holds("coordkeep_things_total{job=\"test-job\"} 5");
	holds("coordkeep_skew{job=\"test-job\",id=\"b\"} 5");
	holds_not("id=\"a\""); /* a coordinator that is no more is no more */
	/* A run that does not get so far takes nothing away. */
	run(69, 3000);
	holds("coordkeep_runs_total{job=\"test-job\",result=\"unavailable\"} 1");
	holds("coordkeep_things_total{job=\"test-job\"} 5");
	holds("coordkeep_skew{job=\"test-job\",id=\"b\"} 5");
	holds("coordkeep_exit_code{job=\"test-job\"} 69");
	holds("coordkeep_last_run_timestamp_seconds{job=\"test-job\"} 3000");
	holds("coordkeep_last_success_timestamp_seconds{job=\"test-job\"} 2000");
	holds("coordkeep_last_complete_pass_timestamp_seconds{job=\"test-job\"} 2000");
	holds("coordkeep_keys_scanned{job=\"test-job\"} 0");
	/* One that does says what is, and counters go on. */
	run(2, 4000);
	holds("coordkeep_things_total{job=\"test-job\"} 5");
	holds_not("coordkeep_skew");
	holds("coordkeep_last_success_timestamp_seconds{job=\"test-job\"} 2000");
	holds("coordkeep_last_complete_pass_timestamp_seconds{job=\"test-job\"} 4000");
}
END_TEST

START_TEST(test_never_succeeded)
{
	run(77, 1000);
	holds("coordkeep_last_success_timestamp_seconds{job=\"test-job\"} 0");
	holds("coordkeep_runs_total{job=\"test-job\",result=\"permission\"} 1");
}
END_TEST

START_TEST(test_labels_are_escaped)
{
	result_gauge_labelled(r, "skew", "A \\ and\na line.", "id", B("q\" b\\ n\n }x \xc3\xa9"), 1);
	result_gauge_labelled(r, "skew", "A \\ and\na line.", "id", B("\xff\0"), 2);
	run(0, 1000);
	holds("# HELP coordkeep_skew A \\\\ and\\na line.");
	holds("coordkeep_skew{job=\"test-job\",id=\"q\\\" b\\\\ n\\n }x \xc3\xa9\"} 1");
	holds("coordkeep_skew{job=\"test-job\",id=\"\\\\xff\\\\x00\"} 2");
	run(69, 2000); /* and is read back */
	holds("coordkeep_skew{job=\"test-job\",id=\"q\\\" b\\\\ n\\n }x \xc3\xa9\"} 1");
	holds("coordkeep_skew{job=\"test-job\",id=\"\\\\xff\\\\x00\"} 2");
}
END_TEST

/* What meant something else in an earlier version is not carried on. */
START_TEST(test_another_type)
{
	result_gauge(r, "n_total", "N.", 5);
	run(0, 1000);
	result_counter(r, "n_total", "N.", 1);
	run(0, 2000);
	holds("coordkeep_n_total{job=\"test-job\"} 1");
}
END_TEST

static const char *const corrupt[] = {
	"x",
	"\n",
	"a{} 1\n",
	"# HELP a A.\n# TYPE a gauge\na{} 1",
	"# HELP a A.\n# TYPE a gauge\nb{} 1\n",
	"# HELP a A.\n# TYPE a histogram\na{} 1\n",
	"# HELP a A.\n# TYPE a gauge\na 1\n",
	"# HELP a A.\n# TYPE a gauge\na{x=\"} 1\n",
	"# HELP a A.\n# TYPE a gauge\na{} one\n",
	"# HELP a A.\n# TYPE a gauge\na{} 1 2\n",
	"# HELP a A.\n# TYPE a gauge\na{} 0x10\n",
	"# HELP a A.\n# TYPE a gauge\na{} \n",
	"# HELP a A.\n# TYPE b gauge\n",
	"# HELP a A.\n# HELP a A.\n",
	"<<<<<<< HEAD\n",
};

START_TEST(test_corrupt)
{
	struct metrics_run m = { .job = "test-job", .code = 0, .now_ms = 1000 };
	bool bad;

	ck_assert_int_eq(metrics_merge(bytes_str(corrupt[_i]), &m, r, &new, &bad), 0);
	ck_assert_msg(bad, "%s", corrupt[_i]);
	ck_assert_ptr_nonnull(buf_cstr(&new));
	holds("coordkeep_runs_total{job=\"test-job\",result=\"ok\"} 1");
}
END_TEST

/* Any value is read back as it was. */
START_TEST(test_values)
{
	static const double special[] = { 0, -0.5, 1e300, 1e-300, 0.1, 1795823774.851, 1.0 / 3,
		9007199254740993.0, INFINITY, -INFINITY };
	unsigned seed = (unsigned)time(NULL);
	struct metrics m = { 0 }, back;
	struct buf text = { 0 }, name = { 0 };
	double v, values[200];
	size_t i;

	srand(seed);
	for (i = 0; i < 200; i++) {
		v = i < 10 ? special[i] : ldexp((double)rand() / 3, rand() % 200 - 100);
		values[i] = v;
		buf_reset(&name);
		buf_printf(&name, "m%zu", i);
		metrics_set(&m, metrics_family(&m, buf_view(&name), B("H."), i % 2), B("a=\"b\""),
		    v);
	}
	metrics_format(&m, &text);
	ck_assert(metrics_parse(buf_view(&text), &back));
	ck_assert_uint_eq(back.n, 200);
	for (i = 0; i < 200; i++) {
		ck_assert_uint_eq(back.families[i].n, 1);
		ck_assert_int_eq(back.families[i].counter, i % 2);
		v = back.families[i].samples[0].value;
		ck_assert_msg(memcmp(&v, &values[i], sizeof(v)) == 0, "seed %u: %.17g", seed, v);
	}
	metrics_free(&m);
	metrics_free(&back);
	buf_free(&text);
	buf_free(&name);
}
END_TEST

Suite *
suite_metrics(void)
{
	Suite *s = suite_create("metrics");
	TCase *t = tcase_create("metrics");

	tcase_add_checked_fixture(t, fixture_setup, teardown);
	tcase_add_test(t, test_first_run);
	tcase_add_test(t, test_carried_on);
	tcase_add_test(t, test_never_succeeded);
	tcase_add_test(t, test_labels_are_escaped);
	tcase_add_test(t, test_another_type);
	tcase_add_loop_test(t, test_corrupt, 0, sizeof(corrupt) / sizeof(corrupt[0]));
	tcase_add_test(t, test_values);
	suite_add_tcase(s, t);
	return s;
}
