#include <string.h>

#include <check.h>

#include "secret-rotate-phase/hosts.h"

Suite *suite_hosts(void);

static const struct {
	const char *a, *b;
	bool same;
} sames[] = {
	{ "a", "a", true },
	{ "a", "A", true },
	{ "a", "b", false },
	{ "a", "ab", false },
	{ "a", "a.example.org", true },
	{ "A.EXAMPLE.org", "a", true },
	{ "a.example.org", "a.Example.Org", true },
	{ "a.example.org", "a.example.net", false },
	{ "ab", "a.example.org", false },
	{ "", "", true },
	{ "", ".x", false },
};

START_TEST(same)
{
	ck_assert_msg(host_same(sames[_i].a, sames[_i].b) == sames[_i].same, "%s %s", sames[_i].a,
	    sames[_i].b);
	ck_assert(host_same(sames[_i].b, sames[_i].a) == sames[_i].same);
}
END_TEST

static const struct {
	const char *text;
	size_t n; /* hosts, or 99: refused */
	const char *shown;
} lists[] = {
	{ "", 0, "" },
	{ " , ,\t", 0, "" },
	{ "a", 1, "a" },
	{ "a,b c,\td\n", 4, "a b c d" },
	{ "a.example.org a.example.net", 2, "a.example.org a.example.net" },
	{ "a A", 99, "same host" },
	{ "a,a.example.org", 99, "same host" },
	{ "a b/c", 99, "b/c" },
	{ "-a", 99, "-a" },
	{ ".", 99, "." },
};

START_TEST(parse)
{
	struct buf out = { 0 };
	struct error e = { 0 };
	struct hosts h;
	int r = hosts_parse(lists[_i].text, &h, &e);

	if (lists[_i].n == 99) {
		ck_assert_int_eq(r, -1);
		ck_assert_int_eq(e.exit, EX_CONFIG);
		ck_assert_ptr_nonnull(strstr(e.text, lists[_i].shown));
		return;
	}
	ck_assert_int_eq(r, 0);
	ck_assert_uint_eq(h.n, lists[_i].n);
	hosts_format(&h, &out);
	ck_assert_str_eq(out.n == 0 ? "" : buf_cstr(&out), lists[_i].shown);
	buf_free(&out);
}
END_TEST

START_TEST(too_many)
{
	struct buf text = { 0 };
	struct error e = { 0 };
	struct hosts h;
	int i;

	for (i = 0; i < HOSTS_MAX; i++)
		buf_printf(&text, "h%d ", i);
	ck_assert_int_eq(hosts_parse(buf_cstr(&text), &h, &e), 0);
	buf_str(&text, "one-more");
	ck_assert_int_eq(hosts_parse(buf_cstr(&text), &h, &e), -1);
	ck_assert_int_eq(e.exit, EX_CONFIG);
	buf_free(&text);
}
END_TEST

START_TEST(find)
{
	struct hosts h;

	ck_assert_int_eq(hosts_parse("a b.example.org c.x c.y", &h, NULL), 0);
	ck_assert_uint_eq(hosts_find(&h, "A"), 0);
	ck_assert_uint_eq(hosts_find(&h, "a.any.where"), 0);
	ck_assert_uint_eq(hosts_find(&h, "b"), 1);
	ck_assert_uint_eq(hosts_find(&h, "b.example.net"), h.n);
	ck_assert_uint_eq(hosts_find(&h, "c.Y"), 3);
	ck_assert_msg(hosts_find(&h, "c") == h.n, "two could be meant");
	hosts_remove(&h, 1);
	ck_assert_uint_eq(h.n, 3);
	ck_assert_uint_eq(hosts_find(&h, "b"), h.n);
	ck_assert_uint_eq(hosts_find(&h, "c.y"), 2);
	hosts_remove(&h, 3);
	ck_assert_uint_eq(h.n, 3);
}
END_TEST

static const struct {
	const char *a, *b;
	bool same;
} digests[] = {
	{ "a b c", "c,b,A", true },
	{ "a b", "a.example.org b.example.org", true },
	{ "a a-b", "a.example.org a-b.example.org", true },
	{ "a b", "a b c", false },
	{ "ab c", "a bc", false },
	{ "a.x a.y", "a.y a.x", true },
	{ "a.x a.y", "a.x a.z", false },
	{ "a.x a.y b", "a.y a.x B", true },
};

START_TEST(digest)
{
	char a[17], b[17];
	struct hosts h;

	ck_assert_int_eq(hosts_parse(digests[_i].a, &h, NULL), 0);
	ck_assert_int_eq(hosts_digest(&h, a), 0);
	ck_assert_int_eq(hosts_parse(digests[_i].b, &h, NULL), 0);
	ck_assert_int_eq(hosts_digest(&h, b), 0);
	ck_assert_uint_eq(strlen(a), 16);
	ck_assert_msg((strcmp(a, b) == 0) == digests[_i].same, "%s | %s", digests[_i].a,
	    digests[_i].b);
}
END_TEST

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

Suite *
suite_hosts(void)
{
	Suite *s = suite_create("hosts");
	TCase *t = tcase_create("hosts");

	tcase_add_loop_test(t, same, 0, COUNT(sames));
	tcase_add_loop_test(t, parse, 0, COUNT(lists));
	tcase_add_test(t, too_many);
	tcase_add_test(t, find);
	tcase_add_loop_test(t, digest, 0, COUNT(digests));
	suite_add_tcase(s, t);
	return s;
}
