#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <check.h>

#include "ttl-fixer/histogram.h"

Suite *suite_histogram(void);

START_TEST(nothing)
{
	struct histogram *h = histogram_new();

	ck_assert_int_eq(histogram_count(h), 0);
	ck_assert_int_eq(histogram_min(h), 0);
	ck_assert_int_eq(histogram_median(h), 0);
	ck_assert_int_eq(histogram_max(h), 0);
	histogram_free(h);
	histogram_free(NULL);
}
END_TEST

/* One value alone is exact at any size: it lies between least and most. */
START_TEST(one_value)
{
	static const int64_t values[] = { 0, 1, 63, 64, 65, 127, 128, 90000, 86400000,
		INT64_C(31536000000), INT64_MAX };
	struct histogram *h;
	size_t i;

	for (i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		h = histogram_new();
		histogram_add(h, values[i]);
		ck_assert_int_eq(histogram_min(h), values[i]);
		ck_assert_int_eq(histogram_median(h), values[i]);
		ck_assert_int_eq(histogram_max(h), values[i]);
		histogram_free(h);
	}
}
END_TEST

static int
ascending(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

START_TEST(random_values)
{
	unsigned int seed = (unsigned int)time(NULL);
	static int64_t v[2000];
	struct histogram *h;
	int64_t exact, got;
	size_t n, i;
	int round;

	printf("histogram: seed %u\n", seed);
	srandom(seed);
	for (round = 0; round < 300; round++) {
		h = histogram_new();
		n = 1 + (size_t)random() % 2000;
		for (i = 0; i < n; i++) {
			v[i] = (((int64_t)random() << 31) ^ random()) >> (random() % 62);
			histogram_add(h, v[i]);
		}
		qsort(v, n, sizeof(v[0]), ascending);
		exact = v[(n + 1) / 2 - 1];
		got = histogram_median(h);
		ck_assert_int_eq(histogram_count(h), (int64_t)n);
		ck_assert_int_eq(histogram_min(h), v[0]);
		ck_assert_int_eq(histogram_max(h), v[n - 1]);
		ck_assert_msg(llabs(got - exact) <= exact / 100, "%lld for %lld", (long long)got,
		    (long long)exact);
		histogram_free(h);
	}
}
END_TEST

Suite *
suite_histogram(void)
{
	Suite *s = suite_create("histogram");
	TCase *t = tcase_create("histogram");

	tcase_set_timeout(t, 120);
	tcase_add_test(t, nothing);
	tcase_add_test(t, one_value);
	tcase_add_test(t, random_values);
	suite_add_tcase(s, t);
	return s;
}
