#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <check.h>

#include "ttl-fixer/owners.h"

Suite *suite_owners(void);

/* "a=2 b=1": whoever owns more than none. */
static void
expect(const struct owners *o, const char *what, const char *key)
{
	struct buf said = { 0 };
	struct owner *list;
	size_t n, i;

	list = owners_over(o, 0, &n);
	for (i = 0; i < n; i++) {
		if (i > 0)
			buf_char(&said, ' ');
		buf_bytes(&said, list[i].id);
		buf_printf(&said, "=%lld", (long long)list[i].least);
	}
	ck_assert_msg(strcmp(said.n == 0 ? "" : buf_cstr(&said), what) == 0, "%s: %s", key,
	    said.n == 0 ? "nobody" : buf_cstr(&said));
	buf_free(&said);
	free(list);
}

static const struct {
	const char *key, *owners;
} rows[] = {
	{ "blocking:heartbeat:a", "a=1" },
	{ "blocking:heartbeat:a:b", "a:b=1" },
	{ "blocking:signal:a", "a=1" },
	{ "blocking:ack:a", "a=1" },
	{ "blocking:ack:a:s:1", "a=1" },
	{ "blocking:warning:a", "a=1" },
	{ "blocking:state:a", "a=1" },
	{ "blocking:idempotency:a:b:wake:1:99", "a=1 b=1" },
	{ "blocking:idempotency:a:a:wake:1:99", "a=1" },
	{ "coordinator:activity:a", "a=1" },
	{ "coordinator:work:s:a:w", "a=1" },
	{ "coordinator:work:s:a:w:1:2", "a=1" },
	{ "coordinator:escalation:a", "a=1" },
	{ "coordinator:spawn:a", "a=1" },
	{ "blocking:retry:s:1", "" },
	{ "blocking:other:a", "" },
	{ "circuit:breaker:status", "" },
	{ "coordkeep:roster", "" },
	{ "foreign:a", "" },
};

START_TEST(of_a_key)
{
	struct owners *o = owners_new(16);

	ck_assert_int_eq(owners_count_key(o, bytes_str(rows[_i].key)), 0);
	expect(o, rows[_i].owners, rows[_i].key);
	owners_free(o);
}
END_TEST

START_TEST(order_and_limit)
{
	struct owners *o = owners_new(16);
	struct owner *list;
	size_t n;
	int i;

	for (i = 0; i < 5; i++)
		(void)owners_add(o, B("five"));
	for (i = 0; i < 7; i++)
		(void)owners_add(o, B("seven"));
	(void)owners_add(o, B("one"));
	list = owners_over(o, 4, &n);
	ck_assert_uint_eq(n, 2);
	ck_assert(bytes_equal(list[0].id, B("seven")) && bytes_equal(list[1].id, B("five")));
	free(list);
	ck_assert_ptr_null(owners_over(o, 7, &n));
	ck_assert_uint_eq(n, 0);
	ck_assert_int_eq(owners_error(o), 0);
	owners_free(o);
	owners_free(NULL);
}
END_TEST

/* Against exact counts: never too high, too low by no more than it says, and
 * that by no more than keys / counters. */
START_TEST(bounds)
{
	enum { IDS = 300, MOST = 20 };
	unsigned int seed = (unsigned int)time(NULL);
	int64_t exact[IDS], total;
	struct owners *o;
	struct owner *list;
	char id[16];
	size_t n, i;
	int round, k, found;

	printf("owners: seed %u\n", seed);
	srandom(seed);
	for (round = 0; round < 50; round++) {
		o = owners_new(MOST);
		memset(exact, 0, sizeof(exact));
		for (total = 0; total < 5000; total++) {
			/* Some ids far more often than others. */
			k = (int)(random() % (1 + random() % IDS));
			(void)snprintf(id, sizeof(id), "id-%d", k);
			exact[k]++;
			ck_assert_int_eq(owners_add(o, bytes_str(id)), 0);
		}
		ck_assert_int_le(owners_error(o), total / MOST);
		list = owners_over(o, owners_error(o), &n);
		for (i = 0, found = 0; i < n; i++) {
			(void)snprintf(id, sizeof(id), "%.*s", (int)list[i].id.n, list[i].id.p);
			ck_assert_int_eq(sscanf(id, "id-%d", &k), 1);
			ck_assert_int_le(list[i].least, exact[k]);
			ck_assert_int_ge(list[i].least + owners_error(o), exact[k]);
			found += exact[k] > owners_error(o);
		}
		/* Nobody with more than the error is missed. */
		for (k = 0; k < IDS; k++)
			found -= exact[k] > owners_error(o);
		ck_assert_int_eq(found, 0);
		free(list);
		owners_free(o);
	}
}
END_TEST

/* A key full of colons has a million parses: it is counted once, soon. */
START_TEST(hostile_key)
{
	struct owners *o = owners_new(16);
	struct buf key = { 0 };
	int i;

	buf_str(&key, "coordinator:work:s:a");
	for (i = 0; i < 20000; i++)
		buf_str(&key, ":x");
	for (i = 0; i < 100; i++)
		ck_assert_int_eq(owners_count_key(o, buf_view(&key)), 0);
	expect(o, "a=100", "work");
	buf_free(&key);
	owners_free(o);
}
END_TEST

Suite *
suite_owners(void)
{
	Suite *s = suite_create("owners");
	TCase *t = tcase_create("owners");

	tcase_set_timeout(t, 120);
	tcase_add_loop_test(t, of_a_key, 0, (int)(sizeof(rows) / sizeof(rows[0])));
	tcase_add_test(t, order_and_limit);
	tcase_add_test(t, bounds);
	tcase_add_test(t, hostile_key);
	suite_add_tcase(s, t);
	return s;
}
