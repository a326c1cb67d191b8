#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <check.h>

#include "fixture.h"

Suite *suite_result(void);

START_TEST(test_counts)
{
	ck_assert_int_eq(result_get(r, "keys"), 0);
	result_count(r, "keys", 3);
	result_count(r, "others", 0);
	result_count(r, "keys", 4);
	ck_assert_int_eq(result_get(r, "keys"), 7);
	ck_assert_int_eq(result_get(r, "others"), 0);
	ck_assert_uint_eq(r->counts.n, 2);
	ck_assert_str_eq(r->counts.list[0].name, "keys");
	ck_assert_str_eq(r->counts.list[1].name, "others");
}
END_TEST

START_TEST(test_actions_that_nobody_reads_are_counted)
{
	ck_assert(result_reads_action(r));
	result_forget_actions(r);
	ck_assert(!result_reads_action(r));
	result_action(r, "unlink", B("k"), "%s", "why");
	ck_assert_uint_eq(r->actions.n, 0);
	ck_assert_int_eq(r->actions.total, 1);
}
END_TEST

START_TEST(test_findings_are_all_counted)
{
	int i;

	for (i = 0; i < RESULT_KEEP + 500; i++)
		result_finding(r, i < RESULT_KEEP ? "early" : "late", SEVERITY_WARNING, B("k"),
		    "finding %d", i);
	result_finding(r, "bad", SEVERITY_CRITICAL, B(""), "is bad");
	ck_assert_int_eq(result_findings(r), RESULT_KEEP + 501);
	ck_assert_uint_eq(r->findings.n, RESULT_KEEP);
	ck_assert_int_eq(r->critical, 1);
	ck_assert(result_has_finding(r, "early") && result_has_finding(r, "late"));
	ck_assert(!result_has_finding(r, "never"));
	ck_assert_str_eq(r->findings.list[7].text, "finding 7");
}
END_TEST

START_TEST(test_actions_and_failures)
{
	int i;

	for (i = 0; i < RESULT_KEEP + 1; i++)
		result_action(r, "unlink", B("k\0\xff"), "key %d", i);
	ck_assert_int_eq(r->actions.total, RESULT_KEEP + 1);
	ck_assert_uint_eq(r->actions.n, RESULT_KEEP);
	ck_assert_uint_eq(r->actions.list[0].key.n, 3);
	result_failed(r, "unlink-failed", B("k"), "refused");
	result_failed(r, "unlink-failed", B("k"), "refused");
	ck_assert_int_eq(result_get(r, "failed"), 2);
	ck_assert_int_eq(r->failed, 2);
	ck_assert(!r->no_memory);
}
END_TEST

START_TEST(test_metrics)
{
	result_gauge(r, "g", "G.", 1);
	result_gauge(r, "g", "G.", 2);
	result_counter(r, "c_total", "C.", 2);
	result_counter(r, "c_total", "C.", 3);
	result_gauge_labelled(r, "l", "L.", "id", B("a"), 1);
	result_gauge_labelled(r, "l", "L.", "id", B("b"), 2);
	ck_assert_uint_eq(r->metrics_n, 4);
	ck_assert_double_eq(r->metrics[0].value, 2);
	ck_assert_double_eq(r->metrics[1].value, 5);
	ck_assert(r->metrics[1].counter && !r->metrics[0].counter);
	ck_assert_double_eq(r->metrics[3].value, 2);
}
END_TEST

START_TEST(test_json_key)
{
	const char *field;
	json_t *v;

	v = result_json_key(B("plain"), &field);
	ck_assert_str_eq(field, "key");
	ck_assert_str_eq(json_string_value(v), "plain");
	json_decref(v);
	v = result_json_key(B("a\xff"), &field);
	ck_assert_str_eq(field, "key_b64");
	ck_assert_str_eq(json_string_value(v), "Yf8=");
	json_decref(v);
	v = result_json_key(B("a\0b"), NULL);
	ck_assert_str_eq(json_string_value(v), "YQBi");
	json_decref(v);
	v = result_json_key((struct bytes){ NULL, 0 }, &field);
	ck_assert_str_eq(json_string_value(v), "");
	json_decref(v);
}
END_TEST

/* The digest of a set: random findings in two orders, some of them twice. */
START_TEST(test_digest)
{
	static const char *const codes[] = { "one", "two", "three" };
	unsigned seed = (unsigned)time(NULL);
	struct result *other = result_new();
	char a[65], b[65], key[16];
	int order[40], i, j, n;

	ck_assert_ptr_nonnull(other);
	srand(seed);
	ck_assert_int_eq(result_digest(r, a), 0);
	ck_assert_str_eq(a, "");
	for (i = 0; i < 40; i++)
		order[i] = i;
	for (i = 0; i < 40; i++) {
		snprintf(key, sizeof(key), "k%d", i);
		result_finding(r, codes[i % 3], SEVERITY_WARNING, bytes_str(key), "text %d", i);
	}
	for (i = 39; i >= 0; i--) {
		j = rand() % (i + 1);
		n = order[j];
		order[j] = order[i];
		snprintf(key, sizeof(key), "k%d", n);
		for (j = 0; j <= rand() % 2; j++)
			result_finding(other, codes[n % 3], SEVERITY_CRITICAL, bytes_str(key),
			    "other words");
	}
	ck_assert_int_eq(result_digest(r, a), 0);
	ck_assert_int_eq(result_digest(other, b), 0);
	ck_assert_uint_eq(strlen(a), 64);
	ck_assert_msg(strcmp(a, b) == 0, "seed %u", seed);
	result_finding(other, "one", SEVERITY_WARNING, B("k1"), "another code for k1");
	ck_assert_int_eq(result_digest(other, b), 0);
	ck_assert_str_ne(a, b);
	result_free(other);
}
END_TEST

/* "a" about "bc" is not "ab" about "c". */
START_TEST(test_digest_parts)
{
	struct result *other = result_new();
	char a[65], b[65];

	ck_assert_ptr_nonnull(other);
	result_finding(r, "a", SEVERITY_WARNING, B("b 1:c"), "x");
	result_finding(other, "a", SEVERITY_WARNING, B("b"), "x");
	result_finding(other, "c", SEVERITY_WARNING, B(""), "x");
	ck_assert_int_eq(result_digest(r, a), 0);
	ck_assert_int_eq(result_digest(other, b), 0);
	ck_assert_str_ne(a, b);
	result_free(other);
}
END_TEST

/* Beyond what is kept the order of the scan must not change the digest. */
START_TEST(test_digest_of_many)
{
	struct result *other = result_new();
	char a[65], b[65], key[16];
	int i, n = RESULT_KEEP + 10;

	ck_assert_ptr_nonnull(other);
	for (i = 0; i < n; i++) {
		snprintf(key, sizeof(key), "k%d", i);
		result_finding(r, "many", SEVERITY_WARNING, bytes_str(key), "x");
		snprintf(key, sizeof(key), "k%d", n - i);
		result_finding(other, "many", SEVERITY_WARNING, bytes_str(key), "x");
	}
	ck_assert_int_eq(result_digest(r, a), 0);
	ck_assert_int_eq(result_digest(other, b), 0);
	ck_assert_str_eq(a, b);
	result_free(other);
}
END_TEST

Suite *
suite_result(void)
{
	Suite *s = suite_create("result");
	TCase *t = tcase_create("result");

	tcase_add_checked_fixture(t, fixture_setup, fixture_teardown);
	tcase_add_test(t, test_counts);
	tcase_add_test(t, test_actions_that_nobody_reads_are_counted);
	tcase_add_test(t, test_findings_are_all_counted);
	tcase_add_test(t, test_actions_and_failures);
	tcase_add_test(t, test_metrics);
	tcase_add_test(t, test_json_key);
	tcase_add_test(t, test_digest);
	tcase_add_test(t, test_digest_parts);
	tcase_add_test(t, test_digest_of_many);
	suite_add_tcase(s, t);
	return s;
}
