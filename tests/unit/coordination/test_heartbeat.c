#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "coordination/heartbeat.h"

Suite *suite_heartbeat(void);

static const struct {
	const char *value;
	int64_t ms; /* 0: unreadable */
	const char *why;
} rows[] = {
	{ "{\"timestamp\":1700000000000}", INT64_C(1700000000000), NULL },
	{ "{\"lastHeartbeat\":1700000000}", INT64_C(1700000000000), NULL },
	{ "{\"ts\":\"1700000000000\",\"x\":{}}", INT64_C(1700000000000), NULL },
	{ "{\"metadata\":{\"timestamp\":1700000000000}}", 0, "has no readable time" },
	{ "{\"timestamp\":null}", 0, "has no readable time" },
	{ "{}", 0, "has no readable time" },
	{ "[1700000000000]", 0, "is not a JSON object" },
	{ "1700000000000", 0, "is not" },
	{ "nonsense", 0, "is not JSON" },
	{ "", 0, "is empty" },
};

START_TEST(table)
{
	struct stamp stamp = { 0 };
	const char *why = NULL;
	enum heartbeat_form form;

	form = heartbeat_read(bytes_str(rows[_i].value), &stamp, &why);
	ck_assert_int_eq(form, rows[_i].ms != 0 ? HEARTBEAT_READABLE : HEARTBEAT_UNREADABLE);
	ck_assert_int_eq(stamp.ms, rows[_i].ms);
	if (rows[_i].why != NULL)
		ck_assert_msg(strncmp(why, rows[_i].why, strlen(rows[_i].why)) == 0, "%s", why);
}
END_TEST

START_TEST(length)
{
	static const char head[] = "{\"timestamp\":1700000000000,\"x\":\"", tail[] = "\"}";
	struct buf value = { 0 };
	struct stamp stamp;
	const char *why;

	buf_str(&value, head);
	while (value.n < HEARTBEAT_LONGEST - strlen(tail))
		buf_char(&value, 'x');
	buf_str(&value, tail);
	ck_assert_uint_eq(value.n, HEARTBEAT_LONGEST);
	ck_assert_int_eq(heartbeat_read(buf_view(&value), &stamp, &why), HEARTBEAT_READABLE);
	buf_char(&value, ' ');
	ck_assert_int_eq(heartbeat_read(buf_view(&value), &stamp, &why), HEARTBEAT_UNREADABLE);
	ck_assert_str_eq(why, "is longer than 64 KB");
	/* As the words that ask for it have it. */
	ck_assert_int_eq(HEARTBEAT_LONGEST, atoi(HEARTBEAT_LAST));
	buf_free(&value);
}
END_TEST

Suite *
suite_heartbeat(void)
{
	Suite *s = suite_create("heartbeat");
	TCase *t = tcase_create("heartbeat");

	tcase_add_loop_test(t, table, 0, (int)(sizeof(rows) / sizeof(rows[0])));
	tcase_add_test(t, length);
	suite_add_tcase(s, t);
	return s;
}
