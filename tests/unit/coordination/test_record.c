#include "coordination/record.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <check.h>
#include <jansson.h>

#include "base/bytes.h"
#include "coordination/json_text.h"

Suite *suite_record(void);

/* B() for tables: a compound literal is no constant. */
#define V(literal) { "" literal, sizeof(literal) - 1 }

static const struct {
	struct bytes value;
	const char *why; /* NULL: accepted */
} documents[] = {
	{ V("{}"), NULL },
	{ V(" \t\r\n{ } \n"), NULL },
	{ V("{\"a\":{\"a\":1}}"), NULL },
	{ V("{\"sequence\":12345678901234567890123}"), NULL },
	{ V("{\"sequence\":-9223372036854775809}"), NULL },
	{ V("{\"a\":[1e999,{\"b\":-1E+400}],\"c\":\"1e999\"}"), NULL },
	{ V("{\"e\":\"\\u00e9\\ud83d\\ude00\xc3\xa9\"}"), NULL },
	{ V(""), "is empty" },
	{ V("   "), "is not JSON" },
	{ V("{"), "is not JSON" },
	{ V("{}x"), "is not JSON" },
	{ V("{}\0"), "is not JSON" },
	{ V("{\"a\":01}"), "is not JSON" },
	{ V("{\"a\":+1}"), "is not JSON" },
	{ V("{\"a\":NaN}"), "is not JSON" },
	{ V("{'a':1}"), "is not JSON" },
	{ V("{\"a\":1,}"), "is not JSON" },
	{ V("{\"a\":12345678901234567890123,}"), "is not JSON" },
	{ V("{\"a\":12345678901234567890123"), "is not JSON" },
	{ V("{\"a\":1e999x}"), "is not JSON" },
	{ V("\xef\xbb\xbf{}"), "is not JSON" },
	{ V("[]"), "is not a JSON object" },
	{ V("1"), "is not a JSON object" },
	{ V("\"{}\""), "is not a JSON object" },
	{ V("null"), "is not a JSON object" },
	{ V("12345678901234567890123"), "is not a JSON object" },
	{ V("{\"a\":1,\"a\":2}"), "has a field twice" },
	{ V("{\"a\":1,\"\\u0061\":2}"), "has a field twice" },
	{ V("{\"a\":1e999,\"a\":2}"), "has a field twice" },
	{ V("{\"a\":\"\xff\"}"), "is not UTF-8" },
	{ V("{\"a\":\"\\u0000\"}"), "has a NUL in a string" },
	{ V("{\"\\u0000\":1}"), "has a NUL in a string" },
	{ V("{\"a\":\"\\ud83d\"}"), "is not JSON" },
};

START_TEST(a_document_is_accepted_or_told_why_not)
{
	const char *why = "untouched";
	struct record *r = record_parse(documents[_i].value, &why);

	if (documents[_i].why == NULL) {
		ck_assert_msg(r != NULL, "%s: %s", documents[_i].value.p, why);
	} else {
		ck_assert_msg(r == NULL, "%s", documents[_i].value.p);
		ck_assert_msg(strcmp(why, documents[_i].why) == 0, "%s: %s",
		    documents[_i].value.p, why);
	}
	record_free(r);
}
END_TEST

static void
repeat(struct buf *b, const char *s, size_t n)
{
	while (n-- > 0)
		buf_str(b, s);
}

START_TEST(depth_is_bounded)
{
	struct buf b = { 0 };
	struct record *r;
	const char *why;

	buf_str(&b, "{\"a\":");
	repeat(&b, "[", 2000);
	repeat(&b, "]", 2000);
	buf_str(&b, "}");
	r = record_parse(buf_view(&b), &why);
	ck_assert(r != NULL);
	record_free(r);
	buf_reset(&b);
	buf_str(&b, "{\"a\":");
	repeat(&b, "[", 200000);
	ck_assert(record_parse(buf_view(&b), &why) == NULL);
	ck_assert_str_eq(why, "is nested too deeply");
	buf_free(&b);
}
END_TEST

static const struct {
	struct bytes value;
	bool readable;
	int64_t ms;
	bool seconds;
} times[] = {
	{ V("{\"timestamp\":1700000000000}"), true, 1700000000000, false },
	{ V("{\"timestamp\":1700000000}"), true, 1700000000000, true },
	{ V("{\"timestamp\":1.7e12}"), true, 1700000000000, false },
	{ V("{\"timestamp\":1700000000.123}"), true, 1700000000123, true },
	{ V("{\"timestamp\":1700000000000.9}"), true, 1700000000000, false },
	{ V("{\"timestamp\":\"1700000000000\"}"), true, 1700000000000, false },
	{ V("{\"timestamp\":\"1.7e12\"}"), true, 1700000000000, false },
	{ V("{\"timestamp\":\"1700000000\"}"), true, 1700000000000, true },
	{ V("{\"timestamp\":99999999999}"), true, 99999999999000, true },
	{ V("{\"timestamp\":100000000000}"), true, 100000000000, false },
	{ V("{\"timestamp\":999999999999999}"), true, 999999999999999, false },
	{ V("{\"timestamp\":1}"), true, 1000, true },
	{ V("{\"lastHeartbeat\":1700000000000}"), true, 1700000000000, false },
	{ V("{\"ts\":1700000000000}"), true, 1700000000000, false },
	{ V("{\"timestamp\":null,\"ts\":1700000000000}"), true, 1700000000000, false },
	{ V("{\"ts\":3,\"timestamp\":1700000000000}"), true, 1700000000000, false },
	{ V("{\"n\":1e999,\"timestamp\":1700000000000}"), true, 1700000000000, false },
	{ V("{\"time\\u0073tamp\":1700000000000}"), true, 1700000000000, false },
	{ V("{}"), false, 0, false },
	{ V("{\"metadata\":{\"timestamp\":1700000000000}}"), false, 0, false },
	{ V("{\"Timestamp\":1700000000000}"), false, 0, false },
	{ V("{\"timestamp\":0}"), false, 0, false },
	{ V("{\"timestamp\":-1700000000000}"), false, 0, false },
	{ V("{\"timestamp\":1e15}"), false, 0, false },
	{ V("{\"timestamp\":1000000000000000}"), false, 0, false },
	{ V("{\"timestamp\":9223372036854775807}"), false, 0, false },
	{ V("{\"timestamp\":12345678901234567890123}"), false, 0, false },
	{ V("{\"timestamp\":1e999}"), false, 0, false },
	{ V("{\"timestamp\":1e-9}"), false, 0, false },
	{ V("{\"timestamp\":true}"), false, 0, false },
	{ V("{\"timestamp\":[1700000000000]}"), false, 0, false },
	{ V("{\"timestamp\":\"\"}"), false, 0, false },
	{ V("{\"timestamp\":\"soon\"}"), false, 0, false },
	{ V("{\"timestamp\":\"0x18BCFE56800\"}"), false, 0, false },
	{ V("{\"timestamp\":\"inf\"}"), false, 0, false },
	{ V("{\"timestamp\":\"nan\"}"), false, 0, false },
	{ V("{\"timestamp\":\"1e999\"}"), false, 0, false },
	{ V("{\"timestamp\":\" 1700000000000\"}"), false, 0, false },
	{ V("{\"timestamp\":\"1700000000000 \"}"), false, 0, false },
	{ V("{\"timestamp\":\"2023-11-14T22:13:20Z\"}"), false, 0, false },
};

START_TEST(a_time_is_read_as_it_was_meant)
{
	const char *why;
	struct stamp t = { 0 };
	struct record *r = record_parse(times[_i].value, &why);

	ck_assert_msg(r != NULL, "%s: %s", times[_i].value.p, why);
	ck_assert_msg(record_heartbeat_time(r, &t) == times[_i].readable, "%s",
	    times[_i].value.p);
	if (times[_i].readable) {
		ck_assert_msg(t.ms == times[_i].ms, "%s: %lld", times[_i].value.p,
		    (long long)t.ms);
		ck_assert(t.seconds == times[_i].seconds);
	}
	record_free(r);
}
END_TEST

START_TEST(each_kind_of_record_has_its_own_fields)
{
	const char *why;
	struct stamp t;
	struct record *r = record_parse(B("{\"lastHeartbeat\":1700000000002,"
	    "\"lastActivity\":1700000000003,\"ts\":1700000000001}"), &why);

	/* The newest of those that are its own. */
	ck_assert(record_heartbeat_time(r, &t) && t.ms == 1700000000002);
	ck_assert(record_activity_time(r, &t) && t.ms == 1700000000003);
	ck_assert(record_signal_time(r, &t) && t.ms == 1700000000001);
	record_free(r);
	r = record_parse(B("{\"timestamp\":1700000000,\"ts\":1700000000001,"
	    "\"lastHeartbeat\":\"never\"}"), &why);
	ck_assert(record_heartbeat_time(r, &t) && t.ms == 1700000000001 && !t.seconds);
	record_free(r);
}
END_TEST

START_TEST(fields_are_read_exactly)
{
	const char *why;
	struct bytes s;
	int64_t v;
	struct record *r = record_parse(B("{\"t\":\"a\\n\\u00e9\",\"i\":9223372036854775807,"
	    "\"d\":\"9007199254740993\",\"n\":-5,\"f\":5.0,\"o\":\"9223372036854775808\","
	    "\"m\":\"-5\",\"h\":9223372036854775808,\"x\":{\"t\":1}}"), &why);

	ck_assert(record_text(r, "t", &s) && bytes_equal(s, B("a\n\xc3\xa9")));
	ck_assert(!record_text(r, "i", &s) && !record_text(r, "none", &s));
	ck_assert(!record_text(r, "x", &s));
	ck_assert(record_integer(r, "i", &v) && v == INT64_MAX);
	ck_assert(record_integer(r, "d", &v) && v == 9007199254740993);
	ck_assert(record_integer(r, "n", &v) && v == -5);
	ck_assert(!record_integer(r, "f", &v) && !record_integer(r, "o", &v));
	ck_assert(!record_integer(r, "m", &v) && !record_integer(r, "h", &v));
	ck_assert(!record_integer(r, "t", &v) && !record_integer(r, "none", &v));
	record_free(r);
	record_free(NULL);
}
END_TEST

static const struct {
	struct bytes value;
	const char *field;
	struct bytes raw; /* NULL: not there */
} raws[] = {
	{ V("{\"timestamp\":1.7e12}"), "timestamp", V("1.7e12") },
	{ V("{\"timestamp\" : 1700000000000 }"), "timestamp", V("1700000000000") },
	{ V("{\"n\":12345678901234567890123}"), "n", V("12345678901234567890123") },
	{ V("{\"n\":-0}"), "n", V("-0") },
	{ V("{\"s\":\"a\\\"b}\"}"), "s", V("\"a\\\"b}\"") },
	{ V("{\"o\":{\"o\":[1,\"]\"]} ,\"p\":1}"), "o", V("{\"o\":[1,\"]\"]}") },
	{ V("{\"a\":[],\"b\":{},\"c\":true}"), "b", V("{}") },
	{ V("{\"a\":[],\"b\":{},\"c\":true}"), "c", V("true") },
	{ V("{\"assigned\\u0054o\":1}"), "assignedTo", V("1") },
	{ V("{\"\":1}"), "", V("1") },
	{ V("{\"m\":{\"a\":1}}"), "a", { NULL, 0 } },
	{ V("{\"x\":\"a\",\"y\":\"\\\"a\\\":1\"}"), "a", { NULL, 0 } },
	{ V("{}"), "a", { NULL, 0 } },
	/* Not accepted documents: no view beyond the text, no answer that is made up of two. */
	{ V("{\"a\":1,\"a\":2}"), "a", { NULL, 0 } },
	{ V("{\"a\":"), "a", { NULL, 0 } },
	{ V("{\"a\":\"x"), "a", { NULL, 0 } },
	{ V("{\"a\":\"x\\"), "a", { NULL, 0 } },
	{ V("{\"a\":[1"), "a", { NULL, 0 } },
	{ V("{\"a\""), "a", { NULL, 0 } },
	{ V("{\"a"), "a", { NULL, 0 } },
	{ V("{a:1}"), "a", { NULL, 0 } },
	{ V("[\"a\",1]"), "a", { NULL, 0 } },
	{ V(""), "a", { NULL, 0 } },
};

START_TEST(a_field_is_given_as_it_stands)
{
	struct bytes raw = { NULL, 0 };
	bool found = record_raw(raws[_i].value, raws[_i].field, &raw);

	ck_assert_msg(found == (raws[_i].raw.p != NULL), "%s", raws[_i].value.p);
	if (found)
		ck_assert_msg(bytes_equal(raw, raws[_i].raw), "%s: %.*s", raws[_i].value.p,
		    (int)raw.n, raw.p);
}
END_TEST

static const struct record_field moved[] = {
	{ "transferredFrom", "\"a\"" },
	{ "assignedTo", "\"b\"" },
};

static const struct {
	struct bytes value, expected;
} splices[] = {
	{ V("{}"), V("{\"transferredFrom\":\"a\",\"assignedTo\":\"b\"}") },
	{ V(" { } "), V(" {\"transferredFrom\":\"a\",\"assignedTo\":\"b\" } ") },
	{ V("{\"assignedTo\":\"a\"}"), V("{\"assignedTo\":\"b\",\"transferredFrom\":\"a\"}") },
	{ V("{\n  \"assignedTo\" :\t\"a\" ,\n  \"data\": {\"assignedTo\": \"a\"}\n}\n"),
	    V("{\n  \"assignedTo\" :\t\"b\" ,\n  \"data\": {\"assignedTo\": \"a\"},"
	      "\"transferredFrom\":\"a\"\n}\n") },
	{ V("{\"assigned\\u0054o\":null,\"n\":12345678901234567890123}"),
	    V("{\"assigned\\u0054o\":\"b\",\"n\":12345678901234567890123,"
	      "\"transferredFrom\":\"a\"}") },
	{ V("{\"assignedTo\":{\"x\":[1,\"}\"]},\"transferredFrom\":1.50}"),
	    V("{\"assignedTo\":\"b\",\"transferredFrom\":\"a\"}") },
	{ V("{\"s\":\"\\\"assignedTo\\\":\\\"a\\\"}{\"}"),
	    V("{\"s\":\"\\\"assignedTo\\\":\\\"a\\\"}{\",\"transferredFrom\":\"a\","
	      "\"assignedTo\":\"b\"}") },
	{ V("{\"a\":1e999}"), V("{\"a\":1e999,\"transferredFrom\":\"a\",\"assignedTo\":\"b\"}") },
	/* Refused. */
	{ V("{\"assignedTo\":1,\"assignedTo\":2}"), { NULL, 0 } },
	{ V("[1]"), { NULL, 0 } },
	{ V("x"), { NULL, 0 } },
	{ V(""), { NULL, 0 } },
	{ V("{\"a\":1,}"), { NULL, 0 } },
};

START_TEST(fields_are_spliced_in_and_nothing_else_moves)
{
	struct buf out = { 0 };
	bool done;

	buf_str(&out, "before");
	done = record_splice(splices[_i].value, moved, 2, &out);
	ck_assert(done == (splices[_i].expected.p != NULL));
	ck_assert(bytes_starts(buf_view(&out), B("before")));
	ck_assert_msg(bytes_equal(bytes_from(buf_view(&out), 6), splices[_i].expected), "%s",
	    buf_cstr(&out));
	buf_free(&out);
}
END_TEST

static const struct record_field spoilers[][2] = {
	{ { "a", "1" }, { "a", "2" } },
	{ { "a", "1" }, { "b", "" } },
	{ { "a", "1" }, { "b", "1,\"c\":2" } },
	{ { "a", "1" }, { "b", "\"" } },
	{ { "a", "1" }, { "b", "x" } },
	{ { "a", "1" }, { "\xff", "1" } },
};

START_TEST(fields_that_would_spoil_a_record_are_refused)
{
	struct buf out = { 0 };

	ck_assert(!record_splice(B("{\"z\":1}"), spoilers[_i], 2, &out));
	ck_assert_uint_eq(out.n, 0);
	buf_free(&out);
}
END_TEST

START_TEST(a_name_is_escaped_when_it_is_added)
{
	static const struct record_field field = { "a\"\\\n", "1" };
	struct buf out = { 0 };

	ck_assert(record_splice(B("{}"), &field, 1, &out));
	ck_assert_str_eq(buf_cstr(&out), "{\"a\\\"\\\\\\u000a\":1}");
	/* And found again by its decoded name. */
	buf_reset(&out);
	ck_assert(record_splice(B("{\"a\\\"\\u005c\\n\":0}"), &field, 1, &out));
	ck_assert_str_eq(buf_cstr(&out), "{\"a\\\"\\u005c\\n\":1}");
	buf_free(&out);
}
END_TEST

START_TEST(ten_megabytes_are_spliced)
{
	struct buf value = { 0 }, out = { 0 };
	const char *why;
	struct record *r;
	struct bytes s;

	buf_str(&value, "{\"data\":\"");
	repeat(&value, "0123456789{[\\\"", 750000);
	buf_str(&value, "\",\"assignedTo\":\"a\",\"big\":123456789012345678901234567890}");
	ck_assert(value.n > 10 * 1000 * 1000);
	ck_assert(record_splice(buf_view(&value), moved, 2, &out));
	r = record_parse(buf_view(&out), &why);
	ck_assert(r != NULL && record_text(r, "assignedTo", &s) && bytes_equal(s, B("b")));
	record_free(r);
	buf_free(&value);
	buf_free(&out);
}
END_TEST

static const struct {
	struct bytes text;
	const char *quoted;
} quotes[] = {
	{ V(""), "\"\"" },
	{ V("coord-1"), "\"coord-1\"" },
	{ V("a\"b\\c/"), "\"a\\\"b\\\\c/\"" },
	{ V("\t\n\x1f\x7f"), "\"\\u0009\\u000a\\u001f\x7f\"" },
	{ V("\xc3\xa9\xf0\x9f\x98\x80"), "\"\xc3\xa9\xf0\x9f\x98\x80\"" },
	{ V("a\xff\xc3"), "\"a\xef\xbf\xbd\xef\xbf\xbd\"" },
	{ V("\xed\xa0\x80"), "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" },
	{ V("a\0b"), "\"a\xef\xbf\xbd" "b\"" },
};

START_TEST(bytes_are_quoted_as_json)
{
	struct buf out = { 0 };
	json_t *j;

	record_quote(&out, quotes[_i].text);
	ck_assert_str_eq(buf_cstr(&out), quotes[_i].quoted);
	j = json_loads(buf_cstr(&out), JSON_DECODE_ANY, NULL);
	ck_assert(j != NULL);
	json_decref(j);
	buf_free(&out);
}
END_TEST

/*
 * Random documents: after a splice the object is the old one with those fields
 * set, and the text without the spliced parts is the old text.
 */
static size_t
below(size_t n)
{
	return (size_t)random() % n;
}

static void
random_space(struct buf *b)
{
	while (below(4) == 0)
		buf_char(b, " \t\n\r"[below(4)]);
}

static void
random_string(struct buf *b, size_t salt)
{
	static const char *const parts[] = { "a", "{", "}", "[", "]", ",", ":", "\\\"", "\\\\",
		"\\u0041", "\\n", "assignedTo", "\xc3\xa9", "\\ud83d\\ude00" };
	size_t n = below(5);

	buf_char(b, '"');
	while (n-- > 0)
		buf_str(b, parts[below(sizeof(parts) / sizeof(parts[0]))]);
	if (salt > 0)
		buf_printf(b, "%zu", salt);
	buf_char(b, '"');
}

static void
random_value(struct buf *b, int depth)
{
	static const char *const simple[] = { "0", "-1.5e3", "true", "false", "null",
		"1700000000000", "9223372036854775807", "1E2" };
	size_t n, i;
	bool object;

	if (depth == 0 || below(3) > 0) {
		if (below(2) == 0)
			random_string(b, 0);
		else
			buf_str(b, simple[below(sizeof(simple) / sizeof(simple[0]))]);
		return;
	}
	object = below(2) == 0;
	n = below(4);
	buf_char(b, object ? '{' : '[');
	random_space(b);
	for (i = 0; i < n; i++) {
		if (i > 0)
			buf_char(b, ',');
		random_space(b);
		if (object) {
			random_string(b, i + 1);
			random_space(b);
			buf_char(b, ':');
			random_space(b);
		}
		random_value(b, depth - 1);
		random_space(b);
	}
	buf_char(b, object ? '}' : ']');
}

/* A document that may hold the fields, each in one of several spellings. */
static void
random_document(struct buf *b)
{
	static const char *const spellings[2][3] = {
		{ "\"assignedTo\"", "\"assigned\\u0054o\"", "\"\\u0061ssignedTo\"" },
		{ "\"status\"", "\"st\\u0061tus\"", "\"statu\\u0073\"" },
	};
	size_t place[2] = { below(6), below(6) }, n = below(5), i, k;
	bool first = true;

	random_space(b);
	buf_char(b, '{');
	random_space(b);
	for (i = 0; i < n + 2; i++) {
		const char *name = NULL;

		for (k = 0; k < 2; k++)
			if (place[k] == i && (k == 0 || place[0] != i))
				name = spellings[k][below(3)];
		if (!first)
			buf_char(b, ',');
		first = false;
		random_space(b);
		if (name != NULL)
			buf_str(b, name);
		else
			random_string(b, i + 1);
		random_space(b);
		buf_char(b, ':');
		random_space(b);
		random_value(b, 3);
		random_space(b);
	}
	buf_char(b, '}');
	random_space(b);
}

/* Walk both texts together: where they differ, ${new} has one of the new
 * values and ${old} a value, or ${new} has an added member and ${old} nothing. */
static void
same_but_for_the_fields(struct bytes old, struct bytes new)
{
	struct json_members a, b;
	struct json_member m, n;
	const char *from_a = old.p, *from_b = new.p;
	bool more;

	ck_assert(json_text_members(&a, old) && json_text_members(&b, new));
	while (json_text_next(&a, &m)) {
		ck_assert(json_text_next(&b, &n));
		ck_assert_int_eq(m.value.p - from_a, n.value.p - from_b);
		ck_assert_int_eq(memcmp(from_a, from_b, (size_t)(m.value.p - from_a)), 0);
		if (!json_text_named(&m, B("assignedTo")) && !json_text_named(&m, B("status")))
			ck_assert(bytes_equal(m.value, n.value));
		from_a = m.value.p + m.value.n;
		from_b = n.value.p + n.value.n;
	}
	for (more = json_text_next(&b, &n); more; more = json_text_next(&b, &n)) {
		ck_assert(json_text_named(&n, B("assignedTo")) || json_text_named(&n, B("status")));
		from_b = n.value.p + n.value.n;
	}
	ck_assert(!a.failed && !b.failed);
	if (from_a == old.p) /* no member at all: compare from behind the brace */
		from_a += a.open + 1;
	ck_assert(bytes_equal(bytes_from(old, (size_t)(from_a - old.p)),
	    bytes_from(new, (size_t)(from_b - new.p))));
}

START_TEST(a_splice_changes_those_fields_alone)
{
	static const struct record_field fields[] = { { "assignedTo", "\"r-1\"" },
		{ "status", "{\"status\":[1]}" } };
	unsigned int seed = (unsigned int)time(NULL);
	struct buf value = { 0 }, out = { 0 };
	json_t *before, *after;
	size_t round;

	printf("a_splice_changes_those_fields_alone: seed %u\n", seed);
	srandom(seed);
	for (round = 0; round < 2000; round++) {
		buf_reset(&value);
		buf_reset(&out);
		random_document(&value);
		ck_assert_msg(record_splice(buf_view(&value), fields, 2, &out), "%s",
		    buf_cstr(&value));
		before = json_loadb(value.p, value.n, JSON_REJECT_DUPLICATES, NULL);
		after = json_loadb(out.p, out.n, JSON_REJECT_DUPLICATES, NULL);
		ck_assert_msg(after != NULL, "%s", buf_cstr(&out));
		json_object_set_new(before, "assignedTo", json_string("r-1"));
		json_object_set_new(before, "status", json_pack("{s:[i]}", "status", 1));
		ck_assert_msg(json_equal(before, after), "%s", buf_cstr(&out));
		json_decref(before);
		json_decref(after);
		same_but_for_the_fields(buf_view(&value), buf_view(&out));
		/* Once more changes nothing. */
		buf_reset(&value);
		ck_assert(record_splice(buf_view(&out), fields, 2, &value));
		ck_assert(bytes_equal(buf_view(&value), buf_view(&out)));
	}
	buf_free(&value);
	buf_free(&out);
}
END_TEST

#define COUNT(a) (int)(sizeof(a) / sizeof((a)[0]))

Suite *
suite_record(void)
{
	Suite *s = suite_create("record");
	TCase *t = tcase_create("record");

	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, a_document_is_accepted_or_told_why_not, 0, COUNT(documents));
	tcase_add_test(t, depth_is_bounded);
	tcase_add_loop_test(t, a_time_is_read_as_it_was_meant, 0, COUNT(times));
	tcase_add_test(t, each_kind_of_record_has_its_own_fields);
	tcase_add_test(t, fields_are_read_exactly);
	tcase_add_loop_test(t, a_field_is_given_as_it_stands, 0, COUNT(raws));
	tcase_add_loop_test(t, fields_are_spliced_in_and_nothing_else_moves, 0, COUNT(splices));
	tcase_add_loop_test(t, fields_that_would_spoil_a_record_are_refused, 0, COUNT(spoilers));
	tcase_add_test(t, a_name_is_escaped_when_it_is_added);
	tcase_add_test(t, ten_megabytes_are_spliced);
	tcase_add_loop_test(t, bytes_are_quoted_as_json, 0, COUNT(quotes));
	tcase_add_test(t, a_splice_changes_those_fields_alone);
	suite_add_tcase(s, t);
	return s;
}
