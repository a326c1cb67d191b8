#include "base/config.h"

#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "config_table.h"

Suite *suite_config(void);

#define COUNT(table) ((int)(sizeof(table) / sizeof((table)[0])))

START_TEST(defaults)
{
	struct sample s = { 0 };
	struct error e = { 0 };

	ck_assert_msg(config_defaults(sample_table, &s, &e) == 0, "%s", e.text);
	ck_assert_str_eq(s.url, "redis://127.0.0.1:6379/0");
	ck_assert_str_eq(s.password, "");
	ck_assert_str_eq(s.hook, "");
	ck_assert(!s.cluster);
	ck_assert_int_eq(s.mode, 0);
	ck_assert_int_eq(s.count, 100);
	ck_assert_int_eq(s.any, -5);
	ck_assert_int_eq(s.timeout, 90000);
	ck_assert_int_eq(s.forever, 0);
	ck_assert_int_eq(s.limit, 1048576);
	ck_assert_ptr_null(s.patterns.first);
	/* Once more brings back what was changed, and loses no memory. */
	ck_assert_int_eq(config_set(sample_table, &s, "redis.url=other", &e), 0);
	ck_assert_int_eq(config_set(sample_table, &s, "ttl.pattern.a=x* 1h", &e), 0);
	ck_assert_int_eq(config_defaults(sample_table, &s, &e), 0);
	ck_assert_str_eq(s.url, "redis://127.0.0.1:6379/0");
	ck_assert_ptr_null(s.patterns.first);
	config_free(sample_table, &s);
	ck_assert_ptr_null(s.url);
	ck_assert_ptr_null(s.password);
	config_free(sample_table, &s);
}
END_TEST

START_TEST(a_default_that_its_row_refuses)
{
	int64_t v = 0;
	struct error e = { 0 };
	const struct config_option table[] = {
		{ .section = "a", .key = "b", .type = CONFIG_INT, .initial = "5", .min = 6,
		    .max = 7, .help = "" },
		{ .section = NULL },
	};

	ck_assert_int_eq(config_defaults(table, &v, &e), -1);
	ck_assert_int_eq(e.exit, EX_SOFTWARE);
	ck_assert_str_eq(e.text,
	    "[a] b: the default: found \"5\", expected a whole number from 6 to 7");
}
END_TEST

/* A value and whether it is taken: the same for --set and for a file. */
static const struct {
	const char *assignment;
	const char *refusal; /* NULL = taken */
} assignments[] = {
	{ "redis.url=unix:///run/redis.sock", NULL },
	{ "redis.url=", NULL },
	{ "redis.url=a = b : c # d", NULL },
	{ "redis.url=a;b", NULL },
	{ "redis.url=;b", NULL },
	{ "redis.url=caf\xc3\xa9", NULL },
	{ "redis.url=a\tb", NULL },
	{ "redis.url=a ;b", "[redis] url: found \"a ;b\", expected a text without control "
	    "characters, blanks at its ends or \" ;\"" },
	{ "redis.url=a\nb", "[redis] url: found \"a\\x0ab\", expected a text without" },
	{ "redis.url= a", "found \" a\", expected" },
	{ "redis.url=a ", "found \"a \", expected" },
	{ "redis.url=\t", "found \"\\x09\", expected" },
	{ "redis.url=a\x7f", "found \"a\\x7f\", expected" },
	{ "redis.cluster=yes", NULL },
	{ "redis.cluster=TRUE", NULL },
	{ "redis.cluster=on", NULL },
	{ "redis.cluster=1", NULL },
	{ "redis.cluster=", "[redis] cluster: found nothing, expected yes or no" },
	{ "redis.cluster=maybe", "[redis] cluster: found \"maybe\", expected yes or no" },
	{ "redis.cluster=yes ", "expected yes or no" },
	{ "scan.mode=fast", NULL },
	{ "scan.mode=Fast", "[scan] mode: found \"Fast\", expected one of gentle, fast" },
	{ "scan.mode=", "[scan] mode: found nothing, expected one of gentle, fast" },
	{ "scan.count=1", NULL },
	{ "scan.count=1000", NULL },
	{ "scan.count=0",
	    "[scan] count: found \"0\", expected a whole number from 1 to 1000" },
	{ "scan.count=1001", "expected a whole number from 1 to 1000" },
	{ "scan.count=", "found nothing, expected a whole number from 1 to 1000" },
	{ "scan.count=10x", "found \"10x\", expected" },
	{ "scan.count=+1", "expected" },
	{ "scan.count= 1", "expected" },
	{ "scan.count=1 2", "expected" },
	{ "scan.count=0x10", "expected" },
	{ "scan.count=1e2", "expected" },
	{ "scan.count=99999999999999999999", "expected" },
	{ "scan.count=-", "expected" },
	{ "scan.any=-9223372036854775808", NULL },
	{ "scan.any=9223372036854775807", NULL },
	{ "scan.any=9223372036854775808", "\"9223372036854775808\", expected a whole number" },
	{ "job.timeout=1s", NULL },
	{ "job.timeout=24h", NULL },
	{ "job.timeout=1h30m", NULL },
	{ "job.timeout=90", NULL },
	{ "job.timeout=999ms",
	    "[job] timeout: found \"999ms\", expected a duration from 1s to 24h" },
	{ "job.timeout=25h", "expected a duration from 1s to 24h" },
	{ "job.timeout=10 m", "expected a duration from 1s to 24h" },
	{ "job.timeout=soon", "expected a duration from 1s to 24h" },
	{ "job.timeout=", "found nothing, expected a duration from 1s to 24h" },
	{ "job.forever=1000d", NULL },
	{ "job.forever=-1s", "expected a duration of at least 0s" },
	{ "job.limit=64KB", NULL },
	{ "job.limit=2TB", "[job] limit: found \"2TB\", expected a size from 0 to 1TB" },
	{ "ttl.pattern.mine=blocking:mine:* 24h", NULL },
	{ "ttl.pattern.mine=blocking:mine:*\t  24h", NULL },
	{ "ttl.pattern.a-b_C9=* 1s", NULL },
	{ "ttl.pattern.mine=blocking:mine:*", "[ttl] pattern.mine: found \"blocking:mine:*\", "
	    "expected a glob without blanks and a duration of at least 1s" },
	{ "ttl.pattern.mine=24h", "expected a glob" },
	{ "ttl.pattern.mine=", "found nothing, expected a glob" },
	{ "ttl.pattern.mine=a b 24h", "expected a glob" },
	{ "ttl.pattern.mine=a* 1h 30m", "expected a glob" },
	{ "ttl.pattern.mine=a* 0s", "a duration of at least 1s" },
	{ "ttl.pattern.mine=a* 999ms", "a duration of at least 1s" },
	{ "ttl.pattern.mine= 24h", "expected a glob" },
	{ "ttl.pattern.=a* 24h", "under a name of letters, digits, - and _ behind \"pattern.\"" },
	{ "ttl.pattern.a.b=a* 24h", "under a name of letters" },
	{ "ttl.pattern.a b=a* 24h", "under a name of letters" },
	{ "ttl.pattern=a* 24h",
	    "[ttl] pattern: found an unknown key, expected one of this section: did you mean "
	    "pattern.<name>?" },
	{ "ttl.patern.x=a* 24h", "[ttl] patern.x: found an unknown key, expected one of" },
	{ "redis.ulr=x",
	    "[redis] ulr: found an unknown key, expected one of this section: did you mean url?" },
	{ "redis.URL=x", "did you mean url?" },
	{ "redis.pasword=x", "did you mean password?" },
	{ "redis.something-else=x",
	    "found an unknown key, expected one of url, password, cluster" },
	{ "redis.count=x", "found an unknown key, expected one of this section (it belongs to "
	    "[scan])" },
	{ "rediss.url=x", "[rediss] url: found an unknown section, expected one that is known: "
	    "did you mean [redis]?" },
	{ "elsewhere.url=x",
	    "found an unknown section, expected one of redis, scan, job, ttl" },
};

START_TEST(set)
{
	struct sample s = { 0 };
	struct error e = { 0 };
	int r;

	ck_assert_int_eq(config_defaults(sample_table, &s, &e), 0);
	r = config_set(sample_table, &s, assignments[_i].assignment, &e);
	if (assignments[_i].refusal == NULL) {
		ck_assert_msg(r == 0, "%s", e.text);
	} else {
		ck_assert_int_eq(r, -1);
		ck_assert_int_eq(e.exit, EX_CONFIG);
		ck_assert_msg(strstr(e.text, assignments[_i].refusal) != NULL, "%s", e.text);
		ck_assert_ptr_eq(strstr(e.text, "--set: ["), e.text);
	}
	config_free(sample_table, &s);
}
END_TEST

static const char *const usages[] = {
	"", "=", ".", ".=", "redis", "redis=", "redis.url", "redis.=x", ".url=x", "redis=a.b",
	"redis.password=hunter2", "password:hunter2",
};

START_TEST(set_usage)
{
	struct sample s = { 0 };
	struct error e = { 0 };

	ck_assert_int_eq(config_defaults(sample_table, &s, &e), 0);
	ck_assert_int_eq(config_set(sample_table, &s, usages[_i], &e), -1);
	ck_assert_msg(e.exit == EX_USAGE, "%s", e.text);
	ck_assert_ptr_null(strstr(e.text, "hunter2"));
	ck_assert_str_eq(s.password, "");
	config_free(sample_table, &s);
}
END_TEST

START_TEST(set_stores)
{
	struct sample s = { 0 };
	struct config_pattern *p;

	ck_assert_int_eq(config_defaults(sample_table, &s, NULL), 0);
	ck_assert_int_eq(config_set(sample_table, &s, "redis.url=a=b.c", NULL), 0);
	ck_assert_str_eq(s.url, "a=b.c");
	ck_assert_int_eq(config_set(sample_table, &s, "redis.cluster=On", NULL), 0);
	ck_assert(s.cluster);
	ck_assert_int_eq(config_set(sample_table, &s, "scan.mode=fast", NULL), 0);
	ck_assert_int_eq(s.mode, 1);
	ck_assert_int_eq(config_set(sample_table, &s, "scan.any=-9223372036854775808", NULL), 0);
	ck_assert(s.any == INT64_MIN);
	ck_assert_int_eq(config_set(sample_table, &s, "job.limit=64K", NULL), 0);
	ck_assert_int_eq(s.limit, 65536);
	ck_assert_int_eq(config_set(sample_table, &s, "ttl.pattern.a=x* 1h", NULL), 0);
	ck_assert_int_eq(config_set(sample_table, &s, "ttl.pattern.b=y* 2h", NULL), 0);
	ck_assert_int_eq(config_set(sample_table, &s, "ttl.pattern.a=z* 3h", NULL), 0);
	p = s.patterns.first;
	ck_assert_str_eq(p->name, "a");
	ck_assert_str_eq(p->glob, "z*");
	ck_assert_int_eq(p->ttl_ms, 3 * 3600000);
	ck_assert_str_eq(p->next->name, "b");
	ck_assert_ptr_null(p->next->next);
	/* A refused value leaves the one before. */
	ck_assert_int_eq(config_set(sample_table, &s, "scan.count=0", NULL), -1);
	ck_assert_int_eq(s.count, 100);
	ck_assert_int_eq(config_set(sample_table, &s, "redis.url=a\n", NULL), -1);
	ck_assert_str_eq(s.url, "a=b.c");
	ck_assert_int_eq(config_set(sample_table, &s, "ttl.pattern.a=nonsense", NULL), -1);
	ck_assert_str_eq(s.patterns.first->glob, "z*");
	config_free(sample_table, &s);
}
END_TEST

/* However long and strange the parts, the sentence is whole and ends. */
START_TEST(set_hostile)
{
	struct sample s = { 0 };
	struct error e = { 0 };
	char long_name[5000];

	ck_assert_int_eq(config_defaults(sample_table, &s, NULL), 0);
	memset(long_name, '\001', sizeof(long_name));
	long_name[sizeof(long_name) - 1] = '\0';
	long_name[2000] = '.';
	long_name[4000] = '=';
	ck_assert_int_eq(config_set(sample_table, &s, long_name, &e), -1);
	ck_assert_int_eq(e.exit, EX_CONFIG);
	memcpy(long_name, "redis.", 6);
	memset(long_name + 6, 'k', 1990);
	long_name[2000] = 'k';
	ck_assert_int_eq(config_set(sample_table, &s, long_name, &e), -1);
	ck_assert_int_eq(e.exit, EX_CONFIG);
	memcpy(long_name, "redis.url=", 10);
	ck_assert_int_eq(config_set(sample_table, &s, long_name, &e), -1);
	ck_assert_ptr_nonnull(strstr(e.text, "...\", expected a line of at most"));
	config_free(sample_table, &s);
}
END_TEST

Suite *
suite_config(void)
{
	Suite *s = suite_create("base/config");
	TCase *t = tcase_create("config");

	tcase_add_test(t, defaults);
	tcase_add_test(t, a_default_that_its_row_refuses);
	tcase_add_loop_test(t, set, 0, COUNT(assignments));
	tcase_add_loop_test(t, set_usage, 0, COUNT(usages));
	tcase_add_test(t, set_stores);
	tcase_add_test(t, set_hostile);
	tcase_set_timeout(t, 120);
	suite_add_tcase(s, t);
	return s;
}
