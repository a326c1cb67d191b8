#include <check.h>
#include <string.h>

#include "coordination/payload.h"

Suite *suite_payload(void);

/* The check value that Redis's own crc64.c tests itself with. */
START_TEST(crc64_check_value)
{
	ck_assert_uint_eq(crc64_jones(0, B("123456789")), UINT64_C(0xe9c6d914c4b8d9ca));
	ck_assert_uint_eq(crc64_jones(crc64_jones(0, B("1234")), B("56789")),
	    UINT64_C(0xe9c6d914c4b8d9ca));
	ck_assert_uint_eq(crc64_jones(0, B("")), 0);
}
END_TEST

static const struct {
	size_t n;
	size_t header; /* type and length */
	unsigned char length[5];
} lengths[] = {
	{ 0, 2, { 0 } },
	{ 63, 2, { 63 } },
	{ 64, 3, { 0x40, 64 } },
	{ 16383, 3, { 0x7f, 0xff } },
	{ 16384, 6, { 0x80, 0, 0, 0x40, 0 } },
	{ 65536, 6, { 0x80, 0, 1, 0, 0 } },
};

START_TEST(every_form_of_length)
{
	static char value[65536];
	struct buf out = { 0 };
	const size_t n = lengths[_i].n, header = lengths[_i].header;

	memset(value, 'x', sizeof value);
	ck_assert(payload_of_string((struct bytes){ value, n }, &out));
	ck_assert_uint_eq(out.n, header + n + 10);
	ck_assert_int_eq(out.p[0], 0);
	ck_assert_mem_eq(out.p + 1, lengths[_i].length, header - 1);
	ck_assert_int_eq(out.p[header + n], 9);
	ck_assert_int_eq(out.p[header + n + 1], 0);
	buf_free(&out);
}
END_TEST

Suite *
suite_payload(void)
{
	Suite *s = suite_create("payload");
	TCase *t = tcase_create("payload");

	tcase_add_test(t, crc64_check_value);
	tcase_add_loop_test(t, every_form_of_length, 0, sizeof lengths / sizeof lengths[0]);
	suite_add_tcase(s, t);
	return s;
}
