#include <stdio.h>
#include <string.h>

#include <check.h>

#include "job/output.h"
#include "fixture.h"

Suite *suite_output(void);

static const struct output_run about = {
	.job = "test-job", .run = "0123456789abcdef", .host = "host\xff",
	.started_ms = 1767323045678, .duration_ms = 12, .code = 2, .complete = true, .error = "",
};

START_TEST(test_empty)
{
	struct buf out = { 0 };

	ck_assert_int_eq(output_json(&about, r, &out), 0);
	ck_assert_str_eq(buf_cstr(&out),
	    "{\"schema\":1,\"job\":\"test-job\",\"version\":\"" COORDKEEP_VERSION
	    "\",\"run\":\"0123456789abcdef\",\"host\":\"host\\\\xff\","
	    "\"started\":\"2026-01-02T03:04:05.678Z\",\"duration_ms\":12,\"dry_run\":false,"
	    "\"complete\":true,\"exit\":2,\"counts\":{},\"findings\":[],\"findings_total\":0,"
	    "\"actions\":[],\"actions_total\":0}\n");
	buf_free(&out);
}
END_TEST

START_TEST(test_full)
{
	struct output_run run = about;
	struct buf out = { 0 };
	json_t *o, *f;

	run.error = "it \"failed\" \x01 \xfe";
	result_count(r, "keys-scanned", INT64_MAX);
	result_finding(r, "stale", SEVERITY_WARNING, B("c\xc3\xa9"), "is %s", "stale");
	result_finding(r, "bad", SEVERITY_CRITICAL, B("\xff\0"), "bad \xff");
	result_finding(r, "none", SEVERITY_WARNING, B(""), "about nothing");
	result_action(r, "unlink", B("k"), "deleted");
	result_object(r, "test_job", json_pack("{s:i}", "n", 1));
	ck_assert_int_eq(output_json(&run, r, &out), 0);
	o = json_loadb(out.p, out.n, JSON_REJECT_DUPLICATES, NULL);
	ck_assert_ptr_nonnull(o);
	ck_assert_str_eq(json_string_value(json_object_get(o, "error")),
	    "it \"failed\" \\x01 \\xfe");
	ck_assert_int_eq(json_integer_value(json_object_get(json_object_get(o, "counts"),
	    "keys-scanned")), INT64_MAX);
	f = json_array_get(json_object_get(o, "findings"), 0);
	ck_assert_str_eq(json_string_value(json_object_get(f, "key")), "c\xc3\xa9");
	ck_assert_str_eq(json_string_value(json_object_get(f, "text")), "is stale");
	ck_assert_str_eq(json_string_value(json_object_get(f, "severity")), "warning");
	f = json_array_get(json_object_get(o, "findings"), 1);
	ck_assert_ptr_null(json_object_get(f, "key"));
	ck_assert_str_eq(json_string_value(json_object_get(f, "key_b64")), "/wA=");
	ck_assert_str_eq(json_string_value(json_object_get(f, "text")), "bad \\xff");
	f = json_array_get(json_object_get(o, "findings"), 2);
	ck_assert_uint_eq(json_object_size(f), 3);
	f = json_array_get(json_object_get(o, "actions"), 0);
	ck_assert_str_eq(json_string_value(json_object_get(f, "action")), "unlink");
	ck_assert_ptr_null(json_object_get(f, "severity"));
	ck_assert_ptr_nonnull(json_object_get(o, "test_job"));
	json_decref(o);
	buf_free(&out);
}
END_TEST

START_TEST(test_text)
{
	struct output_run run = about;
	struct buf out = { 0 };

	result_say(r, "Found %d", 3);
	result_say(r, "%s", "Done \\x0a \n\x1b[31m \xff \xc3\xa9 \\");
	output_text(&run, r, &out);
	ck_assert_str_eq(buf_cstr(&out),
	    "Found 3\nDone \\x0a \\x0a\\x1b[31m \\xff \xc3\xa9 \\\n");
	buf_reset(&out);
	result_finding(r, "a", SEVERITY_WARNING, B("k"), "a");
	run.dry = true;
	output_text(&run, r, &out);
	ck_assert_ptr_nonnull(buf_cstr(&out));
	ck_assert_str_eq(strstr(out.p, "\xc3\xa9 \\\n") + 5,
	    "1 finding, 0 critical: see the log\nDry run: nothing was changed\n");
	buf_free(&out);
}
END_TEST

START_TEST(test_write)
{
	FILE *full = fopen("/dev/full", "w"), *null = fopen("/dev/null", "w");

	ck_assert(full != NULL && null != NULL);
	ck_assert_int_eq(output_write(null, B("text")), 0);
	ck_assert_int_eq(output_write(null, B("")), 0);
	ck_assert_int_eq(output_write(full, B("text")), -1);
	(void)fclose(full);
	(void)fclose(null);
}
END_TEST

Suite *
suite_output(void)
{
	Suite *s = suite_create("output");
	TCase *t = tcase_create("output");

	tcase_add_checked_fixture(t, fixture_setup, fixture_teardown);
	tcase_add_test(t, test_empty);
	tcase_add_test(t, test_full);
	tcase_add_test(t, test_text);
	tcase_add_test(t, test_write);
	suite_add_tcase(s, t);
	return s;
}
