#include "base/duration.h"

#include <string.h>

#include <check.h>

#include "support.h"

Suite *suite_duration(void);

#define COUNT(table) ((int)(sizeof(table) / sizeof((table)[0])))
#define BAD INT64_C(-1)

static const struct {
	const char *s;
	int64_t ms;
} durations[] = {
	{ "500ms", 500 },
	{ "90s", 90000 },
	{ "10m", 600000 },
	{ "24h", 86400000 },
	{ "90d", INT64_C(7776000000) },
	{ "1h30m", 5400000 },
	{ "1d2h3m4s5ms", 93784005 },
	{ "1d5ms", 86400005 },
	{ "90", 90000 },
	{ "0", 0 },
	{ "0s", 0 },
	{ "007s", 7000 },
	{ "9223372036854775807ms", INT64_MAX },
	{ "9223372036854775", INT64_C(9223372036854775000) },
	{ "9223372036854775808ms", BAD },
	{ "9223372036854776", BAD },
	{ "9223372036854775s808ms", BAD },
	{ "9223372036854775s807ms", INT64_MAX },
	{ "106751991168d", BAD },
	{ "", BAD },
	{ "s", BAD },
	{ "-1s", BAD },
	{ "+1s", BAD },
	{ "1.5s", BAD },
	{ "1 s", BAD },
	{ " 1s", BAD },
	{ "1s ", BAD },
	{ "1h30", BAD },
	{ "30m1h", BAD },
	{ "1h1h", BAD },
	{ "1ms1s", BAD },
	{ "1w", BAD },
	{ "1S", BAD },
	{ "1M", BAD },
	{ "1sec", BAD },
	{ "1s,", BAD },
	{ "1hs", BAD },
	{ "0x10", BAD },
	{ "1e3", BAD },
	{ "inf", BAD },
};

START_TEST(parse)
{
	int64_t ms = 77;
	bool ok = duration_parse(durations[_i].s, &ms);

	ck_assert_msg(ok == (durations[_i].ms != BAD), "%s", durations[_i].s);
	ck_assert_int_eq(ms, ok ? durations[_i].ms : 77);
}
END_TEST

static const struct {
	int64_t ms;
	const char *exact, *human;
} shown[] = {
	{ 0, "0s", "0s" },
	{ 1, "1ms", "1ms" },
	{ 850, "850ms", "850ms" },
	{ 1000, "1s", "1s" },
	{ 1500, "1500ms", "1s" },
	{ 59999, "59999ms", "59s" },
	{ 60000, "1m", "1m" },
	{ 90000, "90s", "1m30s" },
	{ 192000, "192s", "3m12s" },
	{ 600000, "10m", "10m" },
	{ 3600000, "1h", "1h" },
	{ 5400000, "90m", "1h30m" },
	{ 3601000, "1h1s", "1h" },
	{ 86400000, "24h", "1d" },
	{ 90000000, "25h", "1d1h" },
	{ 172800000, "2d", "2d" },
	{ 187200000, "52h", "2d4h" },
	{ 187259999, "187259999ms", "2d4h" },
	{ INT64_C(7776000000), "90d", "90d" },
	{ -1, "-1ms", "-1ms" },
	{ -90000, "-90s", "-1m30s" },
	{ -86400000, "-24h", "-1d" },
	{ INT64_MAX, "9223372036854775807ms", "106751991167d7h" },
	{ INT64_MIN, "-9223372036854775808ms", "-106751991167d7h" },
};

START_TEST(format)
{
	char out[64];

	duration_format(shown[_i].ms, out, sizeof(out));
	ck_assert_str_eq(out, shown[_i].exact);
	duration_human(shown[_i].ms, out, sizeof(out));
	ck_assert_str_eq(out, shown[_i].human);
}
END_TEST

START_TEST(never_overruns)
{
	char out[8];
	size_t size;

	for (size = 1; size < sizeof(out); size++) {
		memset(out, 0x55, sizeof(out));
		duration_format(INT64_MIN, out, size);
		ck_assert_uint_lt(strlen(out), size);
		ck_assert_int_eq(out[size], 0x55);
		duration_human(INT64_MIN, out, size);
		size_format(INT64_MIN, out, size);
		ck_assert_int_eq(out[size], 0x55);
	}
}
END_TEST

static const struct {
	const char *s;
	int64_t bytes;
} sizes[] = {
	{ "0", 0 },
	{ "4096", 4096 },
	{ "4096B", 4096 },
	{ "64KB", 65536 },
	{ "64K", 65536 },
	{ "64kb", 65536 },
	{ "1MB", 1048576 },
	{ "2GB", INT64_C(2147483648) },
	{ "3T", INT64_C(3298534883328) },
	{ "9223372036854775807", INT64_MAX },
	{ "9223372036854775808", BAD },
	{ "8388608TB", BAD },
	{ "8388607TB", INT64_C(9223370937343148032) },
	{ "", BAD },
	{ "B", BAD },
	{ "KB", BAD },
	{ "-1", BAD },
	{ "1.5MB", BAD },
	{ "1 MB", BAD },
	{ "1MiB", BAD },
	{ "1BB", BAD },
	{ "1MBB", BAD },
	{ "1PB", BAD },
	{ "1M1K", BAD },
	{ " 1", BAD },
	{ "1 ", BAD },
};

START_TEST(size)
{
	int64_t v = 77;
	bool ok = size_parse(sizes[_i].s, &v);

	ck_assert_msg(ok == (sizes[_i].bytes != BAD), "%s", sizes[_i].s);
	ck_assert_int_eq(v, ok ? sizes[_i].bytes : 77);
}
END_TEST

static const struct {
	int64_t bytes;
	const char *s;
} size_texts[] = {
	{ 0, "0" }, { 1, "1" }, { 1023, "1023" }, { 1024, "1KB" }, { 1536, "1536" },
	{ 1048576, "1MB" }, { 1049600, "1025KB" }, { INT64_C(1) << 30, "1GB" },
	{ INT64_C(1) << 40, "1TB" }, { INT64_C(1) << 50, "1024TB" },
};

START_TEST(size_text)
{
	char out[64];

	size_format(size_texts[_i].bytes, out, sizeof(out));
	ck_assert_str_eq(out, size_texts[_i].s);
}
END_TEST

/* What is written is read back as the same. */
START_TEST(round_trip)
{
	static const int64_t units[] = { 1, 1000, 60000, 3600000, 86400000, 1024, 1048576 };
	struct dice d;
	char out[64];
	int64_t v, back;
	int i;

	dice_seed(&d, "duration_format");
	for (i = 0; i < 100000; i++) {
		v = (int64_t)(dice_next(&d) >> (1 + dice_below(&d, 62)));
		back = units[dice_below(&d, 7)];
		if (v < INT64_MAX / back)
			v *= back;
		duration_format(v, out, sizeof(out));
		ck_assert_msg(duration_parse(out, &back) && back == v, "%s", out);
		size_format(v, out, sizeof(out));
		ck_assert_msg(size_parse(out, &back) && back == v, "%s", out);
	}
}
END_TEST

static const struct {
	int64_t a, b, d;
} pairs[] = {
	{ 0, 0, 0 },
	{ 3, 5, -2 },
	{ -3, -5, 2 },
	{ INT64_MAX, INT64_MAX, 0 },
	{ INT64_MIN, INT64_MIN, 0 },
	{ INT64_MAX, 0, INT64_MAX },
	{ INT64_MIN, 0, INT64_MIN },
	{ INT64_MAX, -1, INT64_MAX },
	{ 0, INT64_MIN, INT64_MAX },
	{ -1, INT64_MIN, INT64_MAX },
	{ INT64_MIN, 1, INT64_MIN },
	{ -2, INT64_MAX, INT64_MIN },
	{ INT64_MAX, INT64_MIN, INT64_MAX },
	{ INT64_MIN, INT64_MAX, INT64_MIN },
};

START_TEST(between)
{
	ck_assert_int_eq(duration_between(pairs[_i].a, pairs[_i].b), pairs[_i].d);
}
END_TEST

Suite *
suite_duration(void)
{
	Suite *s = suite_create("base/duration");
	TCase *t = tcase_create("duration");

	tcase_set_timeout(t, 120);
	tcase_add_loop_test(t, parse, 0, COUNT(durations));
	tcase_add_loop_test(t, format, 0, COUNT(shown));
	tcase_add_test(t, never_overruns);
	tcase_add_loop_test(t, size, 0, COUNT(sizes));
	tcase_add_loop_test(t, size_text, 0, COUNT(size_texts));
	tcase_add_test(t, round_trip);
	tcase_add_loop_test(t, between, 0, COUNT(pairs));
	suite_add_tcase(s, t);
	return s;
}
