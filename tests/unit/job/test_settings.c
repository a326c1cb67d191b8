#include <stdio.h>
#include <string.h>

#include <check.h>

#include "base/log.h"
#include "job/settings.h"

Suite *suite_settings(void);

static struct settings s;

static void
setup(void)
{
	struct error e = { 0 };

	memset(&s, 0, sizeof(s));
	ck_assert_msg(config_defaults(settings_table, &s, &e) == 0, "%s", e.text);
}

static void
teardown(void)
{
	config_free(settings_table, &s);
}

static void
set(const char *assignment)
{
	struct error e = { 0 };

	ck_assert_msg(config_set(settings_table, &s, assignment, &e) == 0, "%s", e.text);
}

START_TEST(test_defaults)
{
	struct error e = { 0 };

	ck_assert_str_eq(s.redis.url, "redis://127.0.0.1:6379/0");
	ck_assert_int_eq(s.redis.db, -1);
	ck_assert_int_eq(s.redis.connect_timeout, 2000);
	ck_assert_int_eq(s.redis.timeout, 5000);
	ck_assert_int_eq(s.redis.retries, 4);
	ck_assert_int_eq(s.redis.backoff, 1000);
	ck_assert_int_eq(s.redis.backoff_max, 8000);
	ck_assert_int_eq(s.scan.mode, 0);
	ck_assert_int_eq(s.scan.count, 0);
	ck_assert_int_eq(s.job.max_runtime, 0);
	ck_assert_int_eq(s.job.lease_ttl, 60000);
	ck_assert_int_eq(s.job.wait, 0);
	ck_assert_int_eq(s.liveness.heartbeat_ttl_max, 300000);
	ck_assert_int_eq(s.liveness.skew_tolerance, 5000);
	ck_assert_int_eq(s.liveness.confirm, 12000);
	ck_assert_int_eq(s.liveness.roster_keep, INT64_C(7) * 86400000);
	ck_assert_int_eq(s.liveness.restart_grace, 600000);
	ck_assert_int_eq(s.liveness.mass_loss, 30);
	ck_assert_str_eq(s.secrets.env_file, "/etc/coordinator/env");
	ck_assert_int_eq(s.log.format, LOG_FORMAT_AUTO);
	ck_assert_int_eq(s.log.level, LOG_LEVEL_INFO);
	ck_assert_int_eq(s.log.repeat_limit, 100);
	ck_assert_str_eq(s.metrics.textfile_dir, "");
	ck_assert_int_eq(s.hooks.timeout, 10000);
	ck_assert_int_eq(s.hooks.renotify, 4 * 3600000);
	ck_assert_int_eq(s.reap_stale.stale_after, 600000);
	ck_assert_int_eq(s.reap_stale.orphans, ORPHANS_REPORT);
	ck_assert_int_eq(s.reap_stale.undo_max_bytes, INT64_C(1) << 30);
	ck_assert_int_eq(s.reap_stale.undo_value_max, 1 << 20);
	ck_assert_int_eq(s.escalate_dead.dead_after, 120000);
	ck_assert_int_eq(s.escalate_dead.max_warnings, 3);
	ck_assert_int_eq(s.escalate_dead.escalate_idle, true);
	ck_assert_int_eq(s.ttl.heartbeat, 90000);
	ck_assert_int_eq(s.ttl.other, 86400000);
	ck_assert_ptr_null(s.ttl.patterns.first);
	ck_assert_int_eq(s.rotate.source, SOURCE_DERIVE);
	ck_assert_int_eq(s.rotate.drain, INT64_C(25) * 3600000);
	ck_assert_int_eq(s.rotate.automatic, false);
	ck_assert_int_eq(s.clock_audit.samples, 8);
	ck_assert_int_eq(s.clock_audit.warn, 5000);
	ck_assert_int_eq(settings_check(&s, &e), 0);
}
END_TEST

/* What every row needs to be shown to people, and that no two rows are one. */
START_TEST(test_table)
{
	const struct config_option *o, *other;
	size_t n;

	for (o = settings_table; o->section != NULL; o++) {
		ck_assert_ptr_nonnull(o->help);
		n = strlen(o->help);
		ck_assert_msg(n > 20 && o->help[n - 1] == '.', "[%s] %s: %s", o->section, o->key,
		    o->help);
		ck_assert_msg(o->type == CONFIG_PATTERN || o->initial != NULL, "[%s] %s",
		    o->section, o->key);
		ck_assert_msg(o->type != CONFIG_ENUM || o->choices != NULL, "[%s] %s", o->section,
		    o->key);
		for (other = settings_table; other != o; other++) {
			ck_assert_msg(strcmp(o->section, other->section) != 0 ||
			    strcmp(o->key, other->key) != 0, "[%s] %s", o->section, o->key);
			ck_assert_msg(o->offset != other->offset, "[%s] %s", o->section, o->key);
		}
	}
}
END_TEST

/* What contradicts itself, and the two names that the message has to hold. */
static const struct {
	const char *set[2], *names[2];
} contradictions[] = {
	{ { "reap-stale.stale_after=120s" }, { "dead_after", "stale_after" } },
	{ { "escalate-dead.dead_after=11m" }, { "dead_after", "stale_after" } },
	{ { "liveness.roster_keep=10m" }, { "roster_keep", "stale_after" } },
	{ { "escalate-dead.warning_interval=300s" }, { "warning_interval", "warning_ttl" } },
	{ { "escalate-dead.warning_ttl=30s" }, { "warning_interval", "warning_ttl" } },
	{ { "ttl-fixer.pressure_ttl=24h" }, { "pressure_ttl", "pressure_over" } },
	{ { "ttl-fixer.pressure_ttl=299s" }, { "pressure_ttl", "at least 5m" } },
	{ { "ttl-fixer.max_ttl=599s" }, { "max_ttl", "at least 10m" } },
	{ { "clock-audit.warn=2m" }, { "[clock-audit] warn", "critical" } },
	{ { "redis.backoff=9s" }, { "backoff", "backoff_max" } },
	{ { "redis.tls_key_file=/k" }, { "tls_key_file", "tls_cert_file" } },
	{ { "reap-stale.undo_max_bytes=1MB", "reap-stale.undo_value_max=2MB" },
	  { "undo_value_max", "undo_max_bytes" } },
	{ { "secrets.other_var=BLOCKING_COORDINATION_SECRET" }, { "current_var", "other_var" } },
	{ { "redis.sentinels=a:1" }, { "sentinels", "not supported yet" } },
	{ { "redis.sentinel_master=m" }, { "sentinel_master", "not supported yet" } },
	{ { "redis.cluster=yes" }, { "cluster", "not supported yet" } },
};

START_TEST(test_contradictions)
{
	struct error e = { 0 };

	set(contradictions[_i].set[0]);
	if (contradictions[_i].set[1] != NULL)
		set(contradictions[_i].set[1]);
	ck_assert_int_eq(settings_check(&s, &e), -1);
	ck_assert_int_eq(e.exit, EX_CONFIG);
	ck_assert_msg(strstr(e.text, contradictions[_i].names[0]) != NULL &&
	    strstr(e.text, contradictions[_i].names[1]) != NULL, "%s", e.text);
}
END_TEST

/* What is only unwise is no error, and said at level info. */
static const char *const unwise[] = { "secret-rotate-phase.drain=23h", "ttl.heartbeat=3m",
	"liveness.confirm=3m", "escalate-dead.spawn_timeout=2h", "job.lease_ttl=10s",
	"redis.timeout=20s" };

START_TEST(test_unwise)
{
	struct error e = { 0 };

	set(unwise[_i]);
	ck_assert_msg(settings_check(&s, &e) == 0, "%s", e.text);
}
END_TEST

/* A second below and above each limit of a range. */
START_TEST(test_ranges)
{
	const struct config_option *o;
	struct error e = { 0 };
	char text[200];

	for (o = settings_table; o->section != NULL; o++) {
		if (o->type != CONFIG_INT)
			continue;
		snprintf(text, sizeof(text), "%s.%s=%lld", o->section, o->key,
		    (long long)o->max + 1);
		ck_assert_msg(config_set(settings_table, &s, text, &e) == -1, "%s", text);
		ck_assert_int_eq(e.exit, EX_CONFIG);
		snprintf(text, sizeof(text), "%s.%s=%lld", o->section, o->key, (long long)o->max);
		ck_assert_msg(config_set(settings_table, &s, text, &e) == 0, "%s", e.text);
		snprintf(text, sizeof(text), "%s.%s=%lld", o->section, o->key,
		    (long long)o->min - 1);
		ck_assert_msg(config_set(settings_table, &s, text, &e) == -1, "%s", text);
	}
}
END_TEST

Suite *
suite_settings(void)
{
	Suite *suite = suite_create("settings");
	TCase *t = tcase_create("settings");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, test_defaults);
	tcase_add_test(t, test_table);
	tcase_add_test(t, test_ranges);
	tcase_add_loop_test(t, test_contradictions, 0,
	    sizeof(contradictions) / sizeof(contradictions[0]));
	tcase_add_loop_test(t, test_unwise, 0, sizeof(unwise) / sizeof(unwise[0]));
	suite_add_tcase(suite, t);
	return suite;
}
