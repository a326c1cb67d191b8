#include <string.h>

#include <check.h>

#include "ttl-fixer/policy.h"

Suite *suite_policy(void);

#define S INT64_C(1000)
#define H (3600 * S)

static struct settings settings;
static struct policy policy;

static char name_one[] = "one", glob_one[] = "session:*";
static char name_two[] = "two", glob_two[] = "blocking:state:big-*";
static char name_all[] = "all", glob_all[] = "*:shared";
static struct config_pattern all = { name_all, glob_all, 5 * H, NULL };
static struct config_pattern two = { name_two, glob_two, 40 * H, &all };
static struct config_pattern one = { name_one, glob_one, 1500, &two };

static void
setup(void)
{

	ck_assert_int_eq(config_defaults(settings_table, &settings, NULL), 0);
}

static void
teardown(void)
{

	settings.ttl.patterns.first = NULL;
	config_free(settings_table, &settings);
}

/* The table of the guide, and what lies just outside it. 0: not touched. */
static const struct {
	const char *key;
	int64_t ttl;
} rows[] = {
	{ "blocking:heartbeat:a", 90 * S },
	{ "blocking:signal:a", 24 * H },
	{ "blocking:ack:a:s:1", H },
	{ "blocking:ack:a", H },
	{ "blocking:warning:a", 300 * S },
	{ "blocking:idempotency:a:b:wake:1:1700000000000", 24 * H },
	{ "blocking:state:a", H },
	{ "blocking:retry:s:1", 600 * S },
	{ "blocking:retry:failed:s", H },
	{ "coordinator:activity:a", 600 * S },
	{ "coordinator:work:s:a:w", H },
	{ "coordinator:escalation:a", H },
	{ "coordinator:spawn:a", H },
	{ "circuit:breaker:status", 300 * S },
	{ "coordinator:circuit:a", 300 * S },
	{ "blocking:something:else", 24 * H },
	{ "blocking:", 24 * H },
	{ "blocking", 0 },
	{ "blockingx:heartbeat:a", 0 },
	{ "sblocking:heartbeat:a", 0 },
	{ "Blocking:heartbeat:a", 0 },
	{ " blocking:heartbeat:a", 0 },
	{ "coordinator:something:a", 0 },
	{ "coordinator:work:s", 0 },
	{ "circuit:breaker:other", 0 },
	{ "circuit:breaker:status:x", 0 },
	{ "coordkeep:roster", 0 },
	{ "coordkeep:blocking:heartbeat:a", 0 },
	{ "session:a", 0 },
	{ "", 0 },
};

START_TEST(families)
{
	struct kind k;

	policy_make(&policy, &settings, false);
	k = policy_kind(&policy, bytes_str(rows[_i].key));
	ck_assert_msg(policy_concerns(k) == (rows[_i].ttl != 0), "%s", rows[_i].key);
	ck_assert_msg(policy_ttl(&policy, k) == rows[_i].ttl, "%s", rows[_i].key);
	ck_assert_uint_eq(policy.rows, FAMILY_COUNT);
	ck_assert_uint_eq(k.row, k.family);
}
END_TEST

START_TEST(patterns)
{
	static const struct {
		const char *key, *name;
		int64_t ttl;
	} t[] = {
		{ "session:a", "pattern.one", 1500 },
		{ "session:shared", "pattern.one", 1500 },
		{ "blocking:state:big-a", "pattern.two", 40 * H },
		{ "blocking:state:small", "state", H },
		{ "blocking:heartbeat:shared", "pattern.all", 5 * H },
		{ "coordinator:nothing:shared", "pattern.all", 5 * H },
		{ "coordkeep:shared", "ours", 0 },
		{ "other", "none", 0 },
	};
	struct kind k, back;
	char name[64];
	size_t i;

	settings.ttl.patterns.first = &one;
	policy_make(&policy, &settings, false);
	ck_assert_uint_eq(policy.rows, FAMILY_COUNT + 3);
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		k = policy_kind(&policy, bytes_str(t[i].key));
		policy_name(k, name, sizeof(name));
		ck_assert_str_eq(name, t[i].name);
		ck_assert_int_eq(policy_ttl(&policy, k), t[i].ttl);
		ck_assert_int_eq(policy_concerns(k), t[i].ttl != 0);
		back = policy_row(&policy, k.row);
		policy_name(back, name, sizeof(name));
		ck_assert_str_eq(name, t[i].name);
	}
	/* A heartbeat stays one, whatever names it: its evidence is still evidence. */
	ck_assert_int_eq(policy_kind(&policy, B("blocking:heartbeat:shared")).family,
	    FAMILY_HEARTBEAT);
}
END_TEST

/* What is left, the two limits (0 = off), and what it is cut to (0 = stays). */
static const struct {
	const char *key;
	int64_t left, max_ttl;
	bool pressure;
	int64_t to;
} cuts[] = {
	{ "blocking:signal:a", 1000 * H, 0, false, 0 },
	{ "blocking:signal:a", 48 * H, 48 * H, false, 0 },
	{ "blocking:signal:a", 48 * H + 1, 48 * H, false, 48 * H },
	{ "blocking:signal:a", 24 * H, 0, true, 0 },
	{ "blocking:signal:a", 24 * H + 1, 0, true, H },
	{ "blocking:signal:a", 100 * H, 48 * H, true, H },
	{ "blocking:signal:a", 23 * H, 10 * H, true, 10 * H },
	{ "blocking:signal:a", 100 * H, S, true, S },
	{ "blocking:heartbeat:a", 100 * H, S, true, 0 },
	{ "blocking:warning:a", 100 * H, S, true, 0 },
	{ "blocking:other", 100 * H, 0, true, H },
	{ "coordinator:activity:a", 100 * H, 0, true, H },
	{ "coordinator:work:s:a:w", 100 * H, S, true, 0 },
	{ "coordinator:escalation:a", 100 * H, S, true, 0 },
	{ "coordinator:spawn:a", 100 * H, S, true, 0 },
	{ "coordkeep:roster", 100 * H, S, true, 0 },
	{ "coordinator:foo", 100 * H, S, true, 0 },
	{ "session:a", 100 * H, S, true, 0 },
	{ "blocking:state:big-a", 100 * H, 48 * H, false, 48 * H },
	{ "coordinator:work:s:a:shared", 100 * H, 48 * H, true, 0 },
};

START_TEST(cut)
{

	settings.ttl.patterns.first = &one;
	settings.ttl_fixer.max_ttl = cuts[_i].max_ttl;
	policy_make(&policy, &settings, cuts[_i].pressure);
	ck_assert_msg(policy_cut(&policy, policy_kind(&policy, bytes_str(cuts[_i].key)),
	    cuts[_i].left) == cuts[_i].to, "row %d", _i);
}
END_TEST

/* What one run gives, the next must not take away. */
START_TEST(given_is_never_cut)
{
	static const int64_t limits[] = { 0, S, 300 * S, H, 24 * H, 1000 * H };
	struct kind k;
	size_t i, row;

	settings.ttl.patterns.first = &one;
	for (i = 0; i < 2 * sizeof(limits) / sizeof(limits[0]); i++) {
		settings.ttl_fixer.max_ttl = limits[i / 2];
		policy_make(&policy, &settings, i % 2);
		for (row = 0; row < policy.rows; row++) {
			k = policy_row(&policy, row);
			if (policy_concerns(k)) {
				ck_assert_int_gt(policy_ttl(&policy, k), 0);
				if (k.family != FAMILY_NONE)
					ck_assert_int_eq(policy_cut(&policy, k, policy_ttl(&policy, k)),
					    0);
			}
		}
	}
}
END_TEST

/* Work is left without a TTL where a TTL is what it would be evicted for. */
START_TEST(kept_bare)
{
	static const struct {
		bool pressure;
		int64_t maxmemory;
		const char *eviction;
		bool kept;
	} t[] = {
		{ false, 100, "volatile-ttl", true }, { false, 100, "volatile-lru", true },
		{ false, 0, "volatile-ttl", false }, { false, 100, "noeviction", false },
		{ false, 100, "allkeys-lru", false }, { false, 100, "", false },
		{ true, 100, "noeviction", true }, { true, 0, "noeviction", true },
		{ true, 100, "volatile-ttl", true },
	};
	struct kind k;
	size_t i, row;
	bool work;

	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		policy_make(&policy, &settings, t[i].pressure);
		policy_server(&policy, t[i].maxmemory, t[i].eviction);
		for (row = 0; row < policy.rows; row++) {
			k = policy_row(&policy, row);
			work = k.family == FAMILY_WORK || k.family == FAMILY_ESCALATION ||
			    k.family == FAMILY_SPAWN;
			ck_assert_int_eq(policy_keeps_bare(&policy, k), work && t[i].kept);
		}
	}
}
END_TEST

START_TEST(heartbeats)
{
	int64_t now = INT64_C(1700000000000), dead;

	policy_make(&policy, &settings, false);
	dead = settings.escalate_dead.dead_after;
	ck_assert_int_eq(policy_heartbeat(&policy, HEARTBEAT_READABLE, now, now), HEARTBEAT_FIX);
	ck_assert_int_eq(policy_heartbeat(&policy, HEARTBEAT_READABLE, now - dead, now),
	    HEARTBEAT_FIX);
	ck_assert_int_eq(policy_heartbeat(&policy, HEARTBEAT_READABLE, now - dead - 1, now),
	    HEARTBEAT_DEAD);
	ck_assert_int_eq(policy_heartbeat(&policy, HEARTBEAT_READABLE, now + H, now),
	    HEARTBEAT_FIX);
	ck_assert_int_eq(policy_heartbeat(&policy, HEARTBEAT_UNREADABLE, now, now),
	    HEARTBEAT_OPAQUE);
}
END_TEST

Suite *
suite_policy(void)
{
	Suite *s = suite_create("policy");
	TCase *t = tcase_create("policy");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, families, 0, (int)(sizeof(rows) / sizeof(rows[0])));
	tcase_add_test(t, patterns);
	tcase_add_loop_test(t, cut, 0, (int)(sizeof(cuts) / sizeof(cuts[0])));
	tcase_add_test(t, given_is_never_cut);
	tcase_add_test(t, kept_bare);
	tcase_add_test(t, heartbeats);
	suite_add_tcase(s, t);
	return s;
}
