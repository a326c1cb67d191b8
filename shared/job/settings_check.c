#include "job/settings.h"

#include <string.h>

#include "base/duration.h"
#include "base/log.h"

/* Two options whose values contradict each other. */
static int
contradiction(struct error *e, const char *low, int64_t low_ms, const char *relation,
    const char *high, int64_t high_ms, const char *why)
{
	char a[32], b[32];

	duration_human(low_ms, a, sizeof(a));
	duration_human(high_ms, b, sizeof(b));
	return error_set(e, EX_CONFIG, "%s (%s) has to be %s %s (%s): %s", low, a, relation,
	    high, b, why);
}

static int
check_redis(const struct settings *s, struct error *e)
{

	if (s->redis.backoff > s->redis.backoff_max)
		return contradiction(e, "[redis] backoff", s->redis.backoff, "at most",
		    "[redis] backoff_max", s->redis.backoff_max,
		    "the wait before an attempt only grows");
	if (s->redis.tls_key_file[0] != '\0' && s->redis.tls_cert_file[0] == '\0')
		return error_set(e, EX_CONFIG, "[redis] tls_key_file is set but [redis] "
		    "tls_cert_file is not: a key is of no use without its certificate");
	return settings_check_target(s, e);
}

static int
check_thresholds(const struct settings *s, struct error *e)
{

	if (s->escalate_dead.dead_after >= s->reap_stale.stale_after)
		return contradiction(e, "[escalate-dead] dead_after", s->escalate_dead.dead_after,
		    "less than", "[reap-stale] stale_after", s->reap_stale.stale_after,
		    "a coordinator's work is handed on before what it left is deleted");
	if (s->liveness.roster_keep <= s->reap_stale.stale_after)
		return contradiction(e, "[liveness] roster_keep", s->liveness.roster_keep,
		    "more than", "[reap-stale] stale_after", s->reap_stale.stale_after,
		    "a coordinator that is forgotten is never found stale");
	if (s->escalate_dead.warning_interval >= s->escalate_dead.warning_ttl)
		return contradiction(e, "[escalate-dead] warning_interval",
		    s->escalate_dead.warning_interval, "less than",
		    "[escalate-dead] warning_ttl", s->escalate_dead.warning_ttl,
		    "a count that lapses between two warnings never reaches max_warnings");
	return 0;
}

/* Below these a cut takes keys away from under those who still use them: warning counts, retries
 * and activity records live for 300 to 600 s. */
#define MAX_TTL_LEAST INT64_C(600000)
#define PRESSURE_TTL_LEAST INT64_C(300000)

static int
check_cuts(const struct settings *s, struct error *e)
{
	char a[32];

	if (s->ttl_fixer.max_ttl > 0 && s->ttl_fixer.max_ttl < MAX_TTL_LEAST) {
		duration_human(s->ttl_fixer.max_ttl, a, sizeof(a));
		return error_set(e, EX_CONFIG, "[ttl-fixer] max_ttl (%s) has to be 0s (off) or at least "
		    "10m: a key that is cut shorter can go while it is still used", a);
	}
	if (s->ttl_fixer.pressure_ttl < PRESSURE_TTL_LEAST) {
		duration_human(s->ttl_fixer.pressure_ttl, a, sizeof(a));
		return error_set(e, EX_CONFIG, "[ttl-fixer] pressure_ttl (%s) has to be at least 5m: a "
		    "key that is cut shorter can go while it is still used", a);
	}
	return 0;
}

static int
check_others(const struct settings *s, struct error *e)
{

	if (check_cuts(s, e))
		return -1;
	if (s->ttl_fixer.pressure_ttl >= s->ttl_fixer.pressure_over)
		return contradiction(e, "[ttl-fixer] pressure_ttl", s->ttl_fixer.pressure_ttl,
		    "less than", "[ttl-fixer] pressure_over", s->ttl_fixer.pressure_over,
		    "a TTL that is cut has to become shorter");
	if (s->clock_audit.warn > s->clock_audit.critical)
		return contradiction(e, "[clock-audit] warn", s->clock_audit.warn, "at most",
		    "[clock-audit] critical", s->clock_audit.critical,
		    "what is critical is worth a warning too");
	if (s->reap_stale.undo_value_max > s->reap_stale.undo_max_bytes)
		return error_set(e, EX_CONFIG, "[reap-stale] undo_value_max has to be at most "
		    "[reap-stale] undo_max_bytes: no journal could hold such a value");
	if (strcmp(s->secrets.current_var, s->secrets.other_var) == 0)
		return error_set(e, EX_CONFIG, "[secrets] current_var and [secrets] other_var are "
		    "both \"%s\": two secrets need two variables", s->secrets.current_var);
	return 0;
}

/* How long one exchange can take when each of its attempts fails at its end. */
static int64_t
longest_exchange(const struct settings *s)
{
	int64_t total, wait;
	int64_t i;

	total = s->redis.timeout;
	wait = s->redis.backoff;
	for (i = 1; i < s->redis.retries; i++) {
		total += wait + s->redis.timeout;
		wait = wait * 2 < s->redis.backoff_max ? wait * 2 : s->redis.backoff_max;
	}
	return total;
}

static void
warn_about_times(const struct settings *s)
{
	char a[32], b[32];

	if (s->ttl.heartbeat >= s->escalate_dead.dead_after) {
		duration_human(s->ttl.heartbeat, a, sizeof(a));
		duration_human(s->escalate_dead.dead_after, b, sizeof(b));
		log_info("config-unwise", "[ttl] heartbeat (%s) is not less than [escalate-dead] "
		    "dead_after (%s): a heartbeat outlives the time after which its writer counts "
		    "as dead", a, b);
	}
	if (s->liveness.confirm >= s->escalate_dead.dead_after) {
		duration_human(s->liveness.confirm, a, sizeof(a));
		duration_human(s->escalate_dead.dead_after, b, sizeof(b));
		log_info("config-unwise", "[liveness] confirm (%s) is not less than [escalate-dead] "
		    "dead_after (%s): a first sight takes longer than a verdict from history", a, b);
	}
	if (s->rotate.drain < s->ttl.signal + s->ttl.retry) {
		duration_human(s->rotate.drain, a, sizeof(a));
		duration_human(s->ttl.signal + s->ttl.retry, b, sizeof(b));
		log_info("config-unwise", "[secret-rotate-phase] drain (%s) is less than [ttl] signal "
		    "and retry together (%s): messages signed with the old secret may still be on "
		    "their way when it ends", a, b);
	}
	if (s->escalate_dead.spawn_timeout >= s->escalate_dead.escalation_ttl) {
		duration_human(s->escalate_dead.spawn_timeout, a, sizeof(a));
		duration_human(s->escalate_dead.escalation_ttl, b, sizeof(b));
		log_info("config-unwise", "[escalate-dead] spawn_timeout (%s) is not less than "
		    "[escalate-dead] escalation_ttl (%s): a spawn request is gone before it is "
		    "found to be late", a, b);
	}
}

/* A relative one would be where the run happens to be started. */
static int
check_directories(const struct settings *s, struct error *e)
{
	if (s->reap_stale.undo_dir[0] != '/')
		return error_set(e, EX_CONFIG, "[reap-stale] undo_dir: found \"%s\", expected an absolute "
		    "path", s->reap_stale.undo_dir);
	if (s->job.state_dir[0] != '\0' && s->job.state_dir[0] != '/')
		return error_set(e, EX_CONFIG, "[job] state_dir: found \"%s\", expected an absolute path, "
		    "or nothing for none", s->job.state_dir);
	if (s->rotate.state_dir[0] != '/')
		return error_set(e, EX_CONFIG, "[secret-rotate-phase] state_dir: found \"%s\", expected an "
		    "absolute path", s->rotate.state_dir);
	return 0;
}

int
settings_check(const struct settings *s, struct error *e)
{
	char a[32], b[32];

	if (check_redis(s, e) || check_directories(s, e) || check_thresholds(s, e) || check_others(s, e))
		return -1;

	warn_about_times(s);
	if (longest_exchange(s) > s->job.lease_ttl / 2) {
		duration_human(longest_exchange(s), a, sizeof(a));
		duration_human(s->job.lease_ttl, b, sizeof(b));
		log_info("config-unwise", "an exchange with all its [redis] retries can take %s, more "
		    "than half of [job] lease_ttl (%s): a run in trouble can lose its lease", a, b);
	}
	if (s->reap_stale.orphans == ORPHANS_REAP &&
	    s->reap_stale.orphan_after < s->reap_stale.stale_after) {
		duration_human(s->reap_stale.orphan_after, a, sizeof(a));
		duration_human(s->reap_stale.stale_after, b, sizeof(b));
		log_info("config-unwise", "[reap-stale] orphan_after (%s) is less than [reap-stale] "
		    "stale_after (%s)", a, b);
	}
	return 0;
}

int
settings_check_target(const struct settings *s, struct error *e)
{

	if (s->redis.sentinels[0] != '\0' || s->redis.sentinel_master[0] != '\0')
		return error_set(e, EX_CONFIG, "[redis] %s: Redis Sentinel is not supported yet; "
		    "name the master in [redis] url",
		    s->redis.sentinels[0] != '\0' ? "sentinels" : "sentinel_master");
	if (s->redis.cluster)
		return error_set(e, EX_CONFIG,
		    "[redis] cluster: Redis Cluster is not supported yet");
	return 0;
}
