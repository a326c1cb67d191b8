#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "redis/client_private.h"

Suite *suite_server_info(void);

START_TEST(reads_info)
{
	struct server_info s = { 0 };

	ck_assert(server_info_parse(B("# Server\r\nredis_version:7.0.15\r\nrun_id:abc123\r\n"
	    "uptime_in_seconds:42\r\n\r\n# Memory\r\nused_memory:1048576\r\n"
	    "used_memory_human:1.00M\r\nmaxmemory:2097152\r\nmaxmemory_policy:allkeys-lru\r\n"
	    "# Persistence\r\nloading:0\r\n# Stats\r\nevicted_keys:17\r\n"
	    "# Keyspace\r\ndb0:keys=1,expires=0,avg_ttl=0\r\n"), &s));
	ck_assert_int_eq(s.version, 70015);
	ck_assert(!s.valkey);
	ck_assert_str_eq(s.run_id, "abc123");
	ck_assert_int_eq(s.uptime_s, 42);
	ck_assert_int_eq(s.used_memory, 1048576);
	ck_assert_int_eq(s.maxmemory, 2097152);
	ck_assert_str_eq(s.maxmemory_policy, "allkeys-lru");
	ck_assert_int_eq(s.evicted_keys, 17);
	ck_assert(!s.loading);
}
END_TEST

START_TEST(knows_valkey_and_loading)
{
	struct server_info s = { 0 };

	ck_assert(server_info_parse(
	    B("redis_version:7.2.4\r\nserver_name:valkey\r\nvalkey_version:8.0.1\r\nloading:1"), &s));
	ck_assert_int_eq(s.version, 70204);
	ck_assert(s.valkey);
	ck_assert(s.loading);
}
END_TEST

static const struct {
	const char *text;
	int version;
} versions[] = {
	{ "redis_version:6.0.0", 60000 },
	{ "redis_version:6.2.14\n", 60214 },
	{ "redis_version:7.4-rc1\r\n", 70400 },
	{ "redis_version:255.255.255\r\n", 2559999 },
	{ "redis_version:99999999999999999999.1.1\r\n", 99990101 },
	{ "redis_version:\r\n", 0 },
	{ "redis_version:x.y.z\r\n", 0 },
	{ "redis_version", 0 },
	{ "", 0 },
	{ "\r\n:\r\n::\r\n", 0 },
	{ "my_redis_version:7.0.0\r\n", 0 },
};

START_TEST(reads_versions)
{
	struct server_info s = { 0 };

	ck_assert_int_eq(server_info_parse(bytes_str(versions[_i].text), &s),
	    versions[_i].version > 0);
	ck_assert_int_eq(s.version, versions[_i].version);
}
END_TEST

START_TEST(cuts_what_is_too_long)
{
	struct server_info s = { 0 };
	char text[400];

	snprintf(text, sizeof(text),
	    "redis_version:7.0.0\r\nrun_id:%0200d\r\nmaxmemory_policy:%050d\r\n"
	    "used_memory:99999999999999999999999\r\nmaxmemory:18446744073709551615\r\n"
	    "evicted_keys:-1\r\n", 1, 2);
	ck_assert(server_info_parse(bytes_str(text), &s));
	ck_assert_uint_eq(strlen(s.run_id), sizeof(s.run_id) - 1);
	ck_assert_uint_eq(strlen(s.maxmemory_policy), sizeof(s.maxmemory_policy) - 1);
	ck_assert_int_eq(s.used_memory, 0);
	ck_assert_int_eq(s.maxmemory, 0);
	ck_assert_int_eq(s.evicted_keys, 0);
}
END_TEST

Suite *
suite_server_info(void)
{
	Suite *s = suite_create("server_info");
	TCase *t = tcase_create("server_info");

	tcase_set_timeout(t, 120);
	tcase_add_test(t, reads_info);
	tcase_add_test(t, knows_valkey_and_loading);
	tcase_add_loop_test(t, reads_versions, 0, sizeof(versions) / sizeof(versions[0]));
	tcase_add_test(t, cuts_what_is_too_long);
	suite_add_tcase(s, t);
	return s;
}
