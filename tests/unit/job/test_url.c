#include <string.h>

#include <check.h>

#include "job/settings.h"

Suite *suite_url(void);

static const struct {
	const char *url;
	const char *unix_path, *host, *username, *password;
	int port, db;
	bool tls;
	const char *shown;
} good[] = {
	{ "redis://h", "", "h", "", "", 6379, 0, false, "redis://h:6379/0" },
	{ "redis://h/", "", "h", "", "", 6379, 0, false, "redis://h:6379/0" },
	{ "redis://127.0.0.1:6380/3", "", "127.0.0.1", "", "", 6380, 3, false,
	  "redis://127.0.0.1:6380/3" },
	{ "rediss://h.example:1/15", "", "h.example", "", "", 1, 15, true,
	  "rediss://h.example:1/15" },
	{ "REDIS://h", "", "h", "", "", 6379, 0, false, "redis://h:6379/0" },
	{ "redis://:secret@h", "", "h", "", "secret", 6379, 0, false, "redis://h:6379/0" },
	{ "redis://user:secret@h:7/1", "", "h", "user", "secret", 7, 1, false, "redis://h:7/1" },
	{ "redis://user@h", "", "h", "user", "", 6379, 0, false, "redis://h:6379/0" },
	{ "redis://u:p@ss:w@h", "", "h", "u", "p@ss:w", 6379, 0, false, "redis://h:6379/0" },
	{ "redis://a%3Ab:c%2Fd%40e%25@h", "", "h", "a:b", "c/d@e%", 6379, 0, false,
	  "redis://h:6379/0" },
	{ "redis://:%41%c3%a9@h", "", "h", "", "A\xc3\xa9", 6379, 0, false, "redis://h:6379/0" },
	{ "redis://[::1]:6380/2", "", "::1", "", "", 6380, 2, false, "redis://[::1]:6380/2" },
	{ "rediss://u:p@[fe80::1%25eth0]", "", "fe80::1%eth0", "u", "p", 6379, 0, true,
	  "rediss://[fe80::1%eth0]:6379/0" },
	{ "redis://h?db=4", "", "h", "", "", 6379, 4, false, "redis://h:6379/4" },
	{ "redis://h:65535/0", "", "h", "", "", 65535, 0, false, "redis://h:65535/0" },
	{ "unix:///run/redis.sock", "/run/redis.sock", "", "", "", 6379, 0, false,
	  "unix:///run/redis.sock?db=0" },
	{ "unix:///run/redis.sock?db=5", "/run/redis.sock", "", "", "", 6379, 5, false,
	  "unix:///run/redis.sock?db=5" },
	{ "unix://u:p%2Fq@/run/r.sock", "/run/r.sock", "", "u", "p/q", 6379, 0, false,
	  "unix:///run/r.sock?db=0" },
	{ "unix://:secret@/run/a%20b", "/run/a b", "", "", "secret", 6379, 0, false,
	  "unix:///run/a b?db=0" },
	{ "unix:///a@b:c/d", "/a@b:c/d", "", "", "", 6379, 0, false, "unix:///a@b:c/d?db=0" },
};

START_TEST(test_good)
{
	struct redis_target t;
	struct error e = { 0 };

	ck_assert_msg(redis_url_parse(good[_i].url, &t, &e) == 0, "%s: %s", good[_i].url, e.text);
	ck_assert_str_eq(t.unix_path, good[_i].unix_path);
	ck_assert_str_eq(t.host, good[_i].host);
	ck_assert_str_eq(t.username, good[_i].username);
	ck_assert_str_eq(t.password, good[_i].password);
	ck_assert_int_eq(t.port, good[_i].port);
	ck_assert_int_eq(t.db, good[_i].db);
	ck_assert_int_eq(t.tls, good[_i].tls);
	ck_assert_str_eq(t.shown, good[_i].shown);
	redis_target_free(&t);
}
END_TEST

static const struct {
	const char *url, *says;
} bad[] = {
	{ "", "does not begin with" },
	{ "localhost:6379", "does not begin with" },
	{ "redis:/h", "does not begin with" },
	{ "http://h", "scheme" },
	{ "redi://h", "scheme" },
	{ "redis://", "no host" },
	{ "redis://:6379", "no host" },
	{ "redis:///0", "no host" },
	{ "redis://h:0", "port" },
	{ "redis://h:65536", "port" },
	{ "redis://h:", "port" },
	{ "redis://h:6379x", "port" },
	{ "redis://h:+1", "port" },
	{ "redis://:hun/ter2@h", "no host" },
	{ "redis://u:hun/ter2@h", "port" },
	{ "redis://h/x", "db" },
	{ "redis://h/-1", "db" },
	{ "redis://h/0/", "db" },
	{ "redis://h/99999999999999999999", "db" },
	{ "redis://h?db=", "db" },
	{ "redis://h?timeout=3", "not supported" },
	{ "rediss://h?ssl_cert_reqs=none", "not supported" },
	{ "redis://[::1", "no end" },
	{ "redis://[::1]x", "port" },
	{ "redis://:hunter2%@h", "%" },
	{ "redis://:hunter2%4@h", "%" },
	{ "redis://:hunter2%zz@h", "%" },
	{ "redis://:hunter2%00@h", "%" },
	{ "redis://:hunter2%0a@h", "%" },
	{ "redis://redis-1:6379,redis-2:6379,redis-3:6379", "list of servers" },
	{ "unix://", "no socket" },
	{ "unix://host", "no socket" },
	{ "unix://host/path", "absolute" },
	{ "unix://:hunter2@host/path", "absolute" },
	{ "unix:///p?x=1", "not supported" },
};

START_TEST(test_bad)
{
	struct redis_target t;
	struct error e = { 0 };

	ck_assert_msg(redis_url_parse(bad[_i].url, &t, &e) == -1, "%s", bad[_i].url);
	ck_assert_int_eq(e.exit, EX_CONFIG);
	ck_assert_msg(strstr(e.text, bad[_i].says) != NULL, "%s: %s", bad[_i].url, e.text);
	/* No piece of a password in a message, wherever it was taken for something else. */
	ck_assert_msg(strstr(e.text, "hunter2") == NULL && strstr(e.text, "hun/") == NULL &&
	    strstr(e.text, "ter2") == NULL, "%s", e.text);
	ck_assert_ptr_null(t.host);
	redis_target_free(&t);
}
END_TEST

Suite *
suite_url(void)
{
	Suite *s = suite_create("url");
	TCase *t = tcase_create("parse");

	tcase_add_loop_test(t, test_good, 0, sizeof(good) / sizeof(good[0]));
	tcase_add_loop_test(t, test_bad, 0, sizeof(bad) / sizeof(bad[0]));
	suite_add_tcase(s, t);
	return s;
}
