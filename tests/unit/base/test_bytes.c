#include "base/bytes.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "support.h"

Suite *suite_bytes(void);

#define COUNT(table) ((int)(sizeof(table) / sizeof((table)[0])))
#define EMPTY { NULL, 0 }
#define L(literal) { literal, sizeof(literal) - 1 }

START_TEST(string_views)
{
	ck_assert(bytes_equal(bytes_str("abc"), B("abc")));
	ck_assert_uint_eq(bytes_str(NULL).n, 0);
	ck_assert_uint_eq(B("a\0b").n, 3);
	ck_assert_uint_eq(B("").n, 0);
}
END_TEST

static const struct {
	struct bytes a, b;
	int order;
	bool starts; /* a starts with b */
} pairs[] = {
	{ EMPTY, EMPTY, 0, true },
	{ EMPTY, L(""), 0, true },
	{ L("a"), EMPTY, 1, true },
	{ L("a"), L("a"), 0, true },
	{ L("ab"), L("a"), 1, true },
	{ L("a"), L("ab"), -1, false },
	{ L("a"), L("b"), -1, false },
	{ L("b"), L("ab"), 1, false },
	{ L("a\0b"), L("a\0c"), -1, false },
	{ L("a\0"), L("a"), 1, true },
	{ L("\xff"), L("a"), 1, false },
	{ L("coord-10"), L("coord-1"), 1, true },
};

START_TEST(comparisons)
{
	struct bytes a = pairs[_i].a, b = pairs[_i].b;
	int ab = bytes_compare(a, b), ba = bytes_compare(b, a);

	ck_assert_int_eq((ab > 0) - (ab < 0), pairs[_i].order);
	ck_assert_int_eq((ba > 0) - (ba < 0), -pairs[_i].order);
	ck_assert_int_eq(bytes_equal(a, b), pairs[_i].order == 0);
	ck_assert_int_eq(bytes_starts(a, b), pairs[_i].starts);
}
END_TEST

START_TEST(parts)
{
	struct bytes s = B("a:b:\0c");

	ck_assert(bytes_equal(bytes_from(s, 0), s));
	ck_assert(bytes_equal(bytes_from(s, 2), B("b:\0c")));
	ck_assert_uint_eq(bytes_from(s, 6).n, 0);
	ck_assert_uint_eq(bytes_from(s, 600).n, 0);
	ck_assert_uint_eq(bytes_from((struct bytes)EMPTY, 3).n, 0);
	ck_assert_uint_eq(bytes_find(s, ':', 0), 1);
	ck_assert_uint_eq(bytes_find(s, ':', 2), 3);
	ck_assert_uint_eq(bytes_find(s, '\0', 0), 4);
	ck_assert_uint_eq(bytes_find(s, 'x', 0), 6);
	ck_assert_uint_eq(bytes_find(s, 'a', 1), 6);
	ck_assert_uint_eq(bytes_find(s, ':', 99), 6);
	ck_assert_uint_eq(bytes_find((struct bytes)EMPTY, ':', 0), 0);
}
END_TEST

static const struct {
	struct bytes s;
	bool valid;
} texts[] = {
	{ EMPTY, true },
	{ L("plain"), true },
	{ L("tab\tnewline\n"), true },
	{ L("a\0b"), false },
	{ L("\x7f"), true },
	{ L("\x80"), false },
	{ L("\xc2\x80"), true },        /* U+0080 */
	{ L("\xc1\xbf"), false },       /* overlong */
	{ L("\xc0\x80"), false },       /* overlong NUL */
	{ L("\xdf\xbf"), true },        /* U+07FF */
	{ L("\xdf"), false },           /* cut */
	{ L("\xe0\x9f\xbf"), false },   /* overlong */
	{ L("\xe0\xa0\x80"), true },    /* U+0800 */
	{ L("\xed\x9f\xbf"), true },    /* U+D7FF */
	{ L("\xed\xa0\x80"), false },   /* U+D800, a surrogate */
	{ L("\xed\xbf\xbf"), false },   /* U+DFFF */
	{ L("\xee\x80\x80"), true },    /* U+E000 */
	{ L("\xef\xbf\xbf"), true },    /* U+FFFF */
	{ L("\xe2\x82"), false },       /* cut */
	{ L("\xe2\x28\xa1"), false },
	{ L("\xe2\x82\x28"), false },
	{ L("\xf0\x8f\xbf\xbf"), false }, /* overlong */
	{ L("\xf0\x90\x80\x80"), true },  /* U+10000 */
	{ L("\xf4\x8f\xbf\xbf"), true },  /* U+10FFFF */
	{ L("\xf4\x90\x80\x80"), false }, /* U+110000 */
	{ L("\xf5\x80\x80\x80"), false },
	{ L("\xf0\x9f\x98"), false },     /* cut */
	{ L("\xff"), false },
	{ L("fine\xc3\xa9" "fine"), true },
	{ L("fine\xc3"), false },
};

START_TEST(utf8)
{
	/* In a block of its own, so that a sanitizer sees what reads too far. */
	struct bytes s = texts[_i].s;
	char *copy = malloc(s.n + 1);

	ck_assert_ptr_nonnull(copy);
	if (s.n > 0)
		memcpy(copy, s.p, s.n);
	ck_assert_int_eq(bytes_is_utf8((struct bytes){ copy, s.n }), texts[_i].valid);
	free(copy);
}
END_TEST

/* What the decoder takes is exactly what an encoder makes. */
START_TEST(utf8_every_code_point)
{
	unsigned char p[4];
	uint32_t c;
	size_t n;

	for (c = 1; c <= 0x10ffff; c++) {
		if (c < 0x80) {
			n = 1;
			p[0] = (unsigned char)c;
		} else if (c < 0x800) {
			n = 2;
			p[0] = (unsigned char)(0xc0 | c >> 6);
		} else if (c < 0x10000) {
			n = 3;
			p[0] = (unsigned char)(0xe0 | c >> 12);
		} else {
			n = 4;
			p[0] = (unsigned char)(0xf0 | c >> 18);
		}
		if (n > 1)
			p[n - 1] = (unsigned char)(0x80 | (c & 0x3f));
		if (n > 2)
			p[n - 2] = (unsigned char)(0x80 | (c >> 6 & 0x3f));
		if (n > 3)
			p[n - 3] = (unsigned char)(0x80 | (c >> 12 & 0x3f));
		if (bytes_is_utf8((struct bytes){ (char *)p, n }) !=
		    (c < 0xd800 || c > 0xdfff))
			ck_abort_msg("U+%04X", c);
	}
}
END_TEST

static const struct {
	struct bytes s;
	bool ok;
	uint64_t v;
} numbers[] = {
	{ L("0"), true, 0 },
	{ L("00012"), true, 12 },
	{ L("18446744073709551615"), true, UINT64_MAX },
	{ L("18446744073709551616"), false, 0 },
	{ L("99999999999999999999"), false, 0 },
	{ EMPTY, false, 0 },
	{ L("-1"), false, 0 },
	{ L("+1"), false, 0 },
	{ L(" 1"), false, 0 },
	{ L("1 "), false, 0 },
	{ L("1\0"), false, 0 },
	{ L("0x10"), false, 0 },
	{ L("1.0"), false, 0 },
};

START_TEST(to_u64)
{
	uint64_t v = 77;

	ck_assert_int_eq(bytes_to_u64(numbers[_i].s, &v), numbers[_i].ok);
	ck_assert_uint_eq(v, numbers[_i].ok ? numbers[_i].v : 77);
}
END_TEST

START_TEST(hex_digit)
{
	static const char low[] = "0123456789abcdef", high[] = "0123456789ABCDEF";
	int c, v, expected;

	for (c = CHAR_MIN; c <= CHAR_MAX; c++) {
		expected = -1;
		for (v = 0; v < 16; v++)
			if (c == low[v] || c == high[v])
				expected = v;
		ck_assert_int_eq(bytes_hex_digit((char)c), expected);
	}
}
END_TEST

Suite *
suite_bytes(void)
{
	Suite *s = suite_create("base/bytes");
	TCase *t = tcase_create("bytes");

	tcase_set_timeout(t, 120);
	tcase_add_test(t, string_views);
	tcase_add_loop_test(t, comparisons, 0, COUNT(pairs));
	tcase_add_test(t, parts);
	tcase_add_loop_test(t, utf8, 0, COUNT(texts));
	tcase_add_test(t, utf8_every_code_point);
	tcase_add_loop_test(t, to_u64, 0, COUNT(numbers));
	tcase_add_test(t, hex_digit);
	suite_add_tcase(s, t);
	return s;
}
