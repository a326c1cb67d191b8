#include "base/bytes.h"

#include <stdlib.h>
#include <string.h>

#include <check.h>
#include <openssl/evp.h>

#include "support.h"

Suite *suite_buf(void);

#define COUNT(table) ((int)(sizeof(table) / sizeof((table)[0])))
#define L(literal) { literal, sizeof(literal) - 1 }

START_TEST(empty_is_valid)
{
	struct buf b = { 0 };

	ck_assert_str_eq(buf_cstr(&b), "");
	ck_assert_uint_eq(buf_view(&b).n, 0);
	buf_reset(&b);
	buf_add(&b, NULL, 0);
	ck_assert_str_eq(buf_cstr(&b), "");
	buf_free(&b);
	buf_free(&b);
	buf_wipe(&b);
	ck_assert_ptr_null(b.p);
}
END_TEST

START_TEST(appends)
{
	struct buf b = { 0 };

	buf_str(&b, "one");
	buf_char(&b, ' ');
	buf_bytes(&b, B("two\0"));
	buf_printf(&b, "%s-%d", "three", 4);
	buf_hex(&b, "\x00\xff\x1a", 3);
	ck_assert(bytes_equal(buf_view(&b), B("one two\0three-4" "00ff1a")));
	buf_reset(&b);
	ck_assert_str_eq(buf_cstr(&b), "");
	buf_str(&b, "again");
	ck_assert_str_eq(buf_cstr(&b), "again");
	buf_free(&b);
}
END_TEST

/* At every size there is a NUL behind the contents. */
START_TEST(grows)
{
	struct buf b = { 0 };
	char text[64];
	size_t i;

	for (i = 0; i < 5000; i++) {
		buf_char(&b, (char)('a' + i % 26));
		ck_assert_uint_eq(b.n, i + 1);
		ck_assert_int_eq(b.p[b.n], '\0');
	}
	for (i = 0; i < 5000; i++)
		ck_assert_int_eq(b.p[i], (char)('a' + i % 26));
	buf_reset(&b);
	for (i = 0; i < 1000; i++) {
		memset(text, 'x', sizeof(text));
		text[i % 60] = '\0';
		buf_printf(&b, "%s", text);
		ck_assert_int_eq(b.p == NULL ? 0 : b.p[b.n], '\0');
	}
	ck_assert_uint_eq(strlen(buf_cstr(&b)), b.n);
	buf_free(&b);
}
END_TEST

START_TEST(failure_keeps_what_was_there)
{
	struct buf b = { 0 };

	buf_str(&b, "kept");
	buf_add(&b, "", SIZE_MAX - 2);
	ck_assert(b.failed);
	ck_assert_ptr_null(buf_cstr(&b));
	buf_str(&b, "not added");
	buf_printf(&b, "%d", 1);
	buf_base64(&b, B("x"));
	ck_assert(bytes_equal(buf_view(&b), B("kept")));
	buf_reset(&b);
	ck_assert(!b.failed);
	buf_str(&b, "new");
	ck_assert_str_eq(buf_cstr(&b), "new");
	buf_free(&b);
}
END_TEST

static const struct {
	struct bytes s;
	size_t max;
	const char *out;
} escapes[] = {
	{ { NULL, 0 }, 0, "" },
	{ L("plain id"), 0, "plain id" },
	{ L("a\0b"), 0, "a\\x00b" },
	{ L("a\nb\tc\033[31m\x7f"), 0, "a\\x0ab\\x09c\\x1b[31m\\x7f" },
	{ L("back\\slash"), 0, "back\\x5cslash" },
	{ L("caf\xc3\xa9"), 0, "caf\xc3\xa9" },
	{ L("\xff\xfe"), 0, "\\xff\\xfe" },
	{ L("cut\xe2\x82"), 0, "cut\\xe2\\x82" },
	{ L("csi\xc2\x9b" "x\xc2\xa0"), 0, "csi\\xc2\\x9bx\xc2\xa0" },
	{ L("12345"), 5, "12345" },
	{ L("123456"), 5, "12345..." },
	{ L("\n\n\n"), 2, "\\x0a\\x0a..." },
	{ L("\n\n"), 2, "\\x0a\\x0a" },
	{ L("1234\xc3\xa9"), 5, "1234..." },
	{ L("1234\xc3\xa9"), 6, "1234\xc3\xa9" },
	{ L("123\xff" "5"), 4, "123\\xff..." },
	{ L("a"), 1, "a" },
	{ L("ab"), 1, "a..." },
};

START_TEST(escaped)
{
	struct buf b = { 0 };

	buf_str(&b, "<");
	buf_escaped(&b, escapes[_i].s, escapes[_i].max);
	ck_assert_str_eq(buf_cstr(&b) + 1, escapes[_i].out);
	buf_free(&b);
}
END_TEST

/* Whatever goes in, text without control characters comes out, and it can be
 * turned back. */
START_TEST(escaped_random)
{
	struct dice d;
	struct buf b = { 0 }, back = { 0 };
	char in[64];
	size_t n, i, round;
	char hex[3] = { 0 };

	dice_seed(&d, "buf_escaped");
	for (round = 0; round < 20000; round++) {
		n = dice_below(&d, sizeof(in));
		dice_fill(&d, in, n);
		buf_reset(&b);
		buf_reset(&back);
		buf_escaped(&b, (struct bytes){ in, n }, 0);
		ck_assert(bytes_is_utf8(buf_view(&b)));
		for (i = 0; i < b.n; i++) {
			if ((unsigned char)b.p[i] < 0x20)
				ck_abort_msg("control character 0x%02x", b.p[i]);
			if (b.p[i] != '\\') {
				buf_char(&back, b.p[i]);
				continue;
			}
			memcpy(hex, b.p + i + 2, 2);
			buf_char(&back, (char)strtoul(hex, NULL, 16));
			i += 3;
		}
		ck_assert(bytes_equal(buf_view(&back), (struct bytes){ in, n }));
		buf_reset(&b);
		buf_escaped(&b, (struct bytes){ in, n }, 10);
		ck_assert(bytes_is_utf8(buf_view(&b)));
		ck_assert_uint_le(b.n, 43);
	}
	buf_free(&b);
	buf_free(&back);
}
END_TEST

static const struct {
	struct bytes plain;
	const char *coded;
} base64s[] = { /* RFC 4648, 10 */
	{ { NULL, 0 }, "" },
	{ L("f"), "Zg==" },
	{ L("fo"), "Zm8=" },
	{ L("foo"), "Zm9v" },
	{ L("foob"), "Zm9vYg==" },
	{ L("fooba"), "Zm9vYmE=" },
	{ L("foobar"), "Zm9vYmFy" },
	{ L("\xff\xef\xfe\0"), "/+/+AA==" },
};

START_TEST(base64)
{
	struct buf b = { 0 };

	buf_base64(&b, base64s[_i].plain);
	ck_assert_str_eq(buf_cstr(&b), base64s[_i].coded);
	buf_reset(&b);
	ck_assert(buf_unbase64(&b, bytes_str(base64s[_i].coded)));
	ck_assert(bytes_equal(buf_view(&b), base64s[_i].plain));
	buf_free(&b);
}
END_TEST

static const struct bytes not_base64[] = {
	L("Z"), L("Zg"), L("Zg="), L("Zm9vY"), L("Zh=="), L("Zm9="), L("===="), L("Z==="),
	L("Zg==Zg=="), L("Zg=v"), L("Zm9v\n"), L("Zm 9v"), L("Zm9v\0\0\0\0"), L("-_-_"),
	L("Zm9vZg=="  "="), L("\xff\xff\xff\xff"), L("=g=="),
};

START_TEST(unbase64_refuses)
{
	struct buf b = { 0 };

	buf_str(&b, "kept");
	ck_assert(!buf_unbase64(&b, not_base64[_i]));
	ck_assert_str_eq(buf_cstr(&b), "kept");
	buf_free(&b);
}
END_TEST

START_TEST(base64_random)
{
	struct dice d;
	struct buf b = { 0 }, back = { 0 };
	char in[100];
	unsigned char theirs[200];
	size_t n, round;

	dice_seed(&d, "buf_base64");
	for (round = 0; round < 5000; round++) {
		n = dice_below(&d, sizeof(in));
		dice_fill(&d, in, n);
		buf_reset(&b);
		buf_reset(&back);
		buf_base64(&b, (struct bytes){ in, n });
		(void)EVP_EncodeBlock(theirs, (unsigned char *)in, (int)n);
		ck_assert_str_eq(buf_cstr(&b), n == 0 ? "" : (char *)theirs);
		ck_assert(buf_unbase64(&back, buf_view(&b)));
		ck_assert(bytes_equal(buf_view(&back), (struct bytes){ in, n }));
		/* A text that is taken is the only one for its bytes. */
		if (n > 0) {
			b.p[dice_below(&d, b.n)] = "AQgw+/=\n"[dice_below(&d, 8)];
			buf_reset(&back);
			if (buf_unbase64(&back, buf_view(&b))) {
				struct buf again = { 0 };

				buf_base64(&again, buf_view(&back));
				ck_assert(bytes_equal(buf_view(&again), buf_view(&b)));
				buf_free(&again);
			}
		}
	}
	buf_free(&b);
	buf_free(&back);
}
END_TEST

Suite *
suite_buf(void)
{
	Suite *s = suite_create("base/buf");
	TCase *t = tcase_create("buf");

	tcase_set_timeout(t, 120);
	tcase_add_test(t, empty_is_valid);
	tcase_add_test(t, appends);
	tcase_add_test(t, grows);
	tcase_add_test(t, failure_keeps_what_was_there);
	tcase_add_loop_test(t, escaped, 0, COUNT(escapes));
	tcase_add_test(t, escaped_random);
	tcase_add_loop_test(t, base64, 0, COUNT(base64s));
	tcase_add_loop_test(t, unbase64_refuses, 0, COUNT(not_base64));
	tcase_add_test(t, base64_random);
	suite_add_tcase(s, t);
	return s;
}
