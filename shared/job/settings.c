#include "job/settings.h"

#include <stddef.h>

#include "base/log.h"
#include "redis/scan.h"

#define SECOND INT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)
#define MB (INT64_C(1) << 20)
#define TB (INT64_C(1) << 40)

#define AT(field) offsetof(struct settings, field)
#define TEXT(sec, name, field, init, says)                                              \
	{ .section = (sec), .key = (name), .type = CONFIG_STRING, .offset = AT(field),  \
	  .initial = (init), .help = (says) }
#define YESNO(sec, name, field, init, says)                                             \
	{ .section = (sec), .key = (name), .type = CONFIG_BOOL, .offset = AT(field),    \
	  .initial = (init), .help = (says) }
#define RANGE(kind, sec, name, field, init, lo, hi, says)                               \
	{ .section = (sec), .key = (name), .type = (kind), .offset = AT(field),         \
	  .initial = (init), .min = (lo), .max = (hi), .help = (says) }
#define NUMBER(...) RANGE(CONFIG_INT, __VA_ARGS__)
#define SPAN(...) RANGE(CONFIG_DURATION, __VA_ARGS__)
#define SIZE(...) RANGE(CONFIG_SIZE, __VA_ARGS__)
#define CHOICE(sec, name, field, init, names, says)                                     \
	{ .section = (sec), .key = (name), .type = CONFIG_ENUM, .offset = AT(field),    \
	  .initial = (init), .choices = (names), .help = (says) }

static const char *const scan_modes[] = {
	[SCAN_GENTLE] = "gentle", [SCAN_FAST] = "fast", NULL
};
static const char *const log_formats[] = {
	[LOG_FORMAT_AUTO] = "auto", [LOG_FORMAT_HUMAN] = "human",
	[LOG_FORMAT_LOGFMT] = "logfmt", [LOG_FORMAT_JSON] = "json", NULL
};
static const char *const log_levels[] = {
	[LOG_LEVEL_ERROR] = "error", [LOG_LEVEL_WARN] = "warn",
	[LOG_LEVEL_INFO] = "info", [LOG_LEVEL_DEBUG] = "debug", NULL
};
static const char *const orphan_modes[] = {
	[ORPHANS_REPORT] = "report", [ORPHANS_REAP] = "reap", [ORPHANS_OFF] = "off", NULL
};
static const char *const secret_sources[] = {
	[SOURCE_DERIVE] = "derive", [SOURCE_FILE] = "file", [SOURCE_COMMAND] = "command", NULL
};

static int
check_url(const char *value, struct error *why)
{
	struct redis_target t = { 0 };

	if (redis_url_parse(value, &t, why) != 0)
		return -1;
	redis_target_free(&t);
	return 0;
}

const struct config_option settings_table[] = {
	{ .section = "redis", .key = "url", .type = CONFIG_STRING, .offset = AT(redis.url),
	  .initial = "redis://127.0.0.1:6379/0", .check = check_url, .help =
	    "The server: redis://[user[:password]@]host[:port][/db], rediss:// for TLS, or "
	    "unix:///path[?db=N]. REDIS_URL, REDIS_HOST and REDIS_PORT in the environment override it." },
	TEXT("redis", "username", redis.username, "",
	    "The ACL user; empty is the server's default user."),
	TEXT("redis", "password_file", redis.password_file, "",
	    "A file with the password, not readable by others. REDIS_PASSWORD overrides it; without "
	    "either, redis-password in $CREDENTIALS_DIRECTORY is used if it is there."),
	NUMBER("redis", "db", redis.db, "-1", -1, 1000000,
	    "The logical database; -1 is the one that the URL names. REDIS_DB overrides it."),
	TEXT("redis", "tls_ca_file", redis.tls_ca_file, "",
	    "The CA certificates that the server's certificate is verified against; empty is the "
	    "system's."),
	TEXT("redis", "tls_cert_file", redis.tls_cert_file, "",
	    "A client certificate (PEM) for servers that ask for one."),
	TEXT("redis", "tls_key_file", redis.tls_key_file, "",
	    "The client certificate's key; empty: it is in tls_cert_file."),
	TEXT("redis", "tls_server_name", redis.tls_server_name, "",
	    "The name that the server's certificate has to carry; empty is the host of the URL."),
	SPAN("redis", "connect_timeout", redis.connect_timeout, "2s", 10, 5 * MINUTE,
	    "How long one attempt to connect may take."),
	SPAN("redis", "timeout", redis.timeout, "5s", 10, 5 * MINUTE,
	    "How long the server may be silent in an exchange before the attempt is given up."),
	NUMBER("redis", "retries", redis.retries, "4", 1, 20,
	    "Attempts for what is temporary: refused, reset, timed out, loading, failing over."),
	SPAN("redis", "backoff", redis.backoff, "1s", 1, MINUTE,
	    "The wait before the second attempt; it doubles with each further one."),
	SPAN("redis", "backoff_max", redis.backoff_max, "8s", 1, 10 * MINUTE,
	    "The longest wait between two attempts."),
	TEXT("redis", "sentinels", redis.sentinels, "",
	    "Reserved for Redis Sentinel, which is not supported yet: has to be empty."),
	TEXT("redis", "sentinel_master", redis.sentinel_master, "",
	    "Reserved for Redis Sentinel, which is not supported yet: has to be empty."),
	YESNO("redis", "cluster", redis.cluster, "no",
	    "Reserved for Redis Cluster, which is not supported yet: has to be no."),

	CHOICE("scan", "mode", scan.mode, "gentle", scan_modes,
	    "gentle keeps one exchange in flight, which other clients hardly feel; fast is for a "
	    "person who waits."),
	NUMBER("scan", "count", scan.count, "0", 0, 1000,
	    "Keys a page; 0 chooses: 100 gentle, 300 fast, more over a slow network."),
	NUMBER("scan", "max_keys_per_second", scan.max_keys_per_second, "0", 0, 100000000,
	    "Scan no faster than this; 0 is no limit."),

	SPAN("job", "max_runtime", job.max_runtime, "0s", 0, DAY,
	    "A run ends itself after this time and the next one goes on; 0s is the job's own: 60s, "
	    "escalate-dead 45s, ttl-fixer --pressure 10m."),
	SPAN("job", "lease_ttl", job.lease_ttl, "60s", SECOND, HOUR,
	    "The TTL of the lease that keeps a second run of the same job out. It is renewed while the "
	    "job runs; a run that was killed blocks the next one for this long at most."),
	SPAN("job", "wait", job.wait, "0s", 0, DAY,
	    "How long to wait for a lease that another run holds before ending with 75."),
	TEXT("job", "state_dir", job.state_dir, "/var/lib/coordkeep/state",
	    "Local memory of the jobs: what the brake knows of the server, and which findings the hooks "
	    "were told of. Empty: none is kept."),

	SPAN("liveness", "heartbeat_ttl_max", liveness.heartbeat_ttl_max, "300s", SECOND, DAY,
	    "The longest TTL that a coordinator gives its heartbeat. A heartbeat that Redis will expire "
	    "within this time is never deleted by a job."),
	SPAN("liveness", "skew_tolerance", liveness.skew_tolerance, "5s", 0, HOUR,
	    "How far a heartbeat's time may be impossible before its writer counts as skewed."),
	SPAN("liveness", "confirm", liveness.confirm, "12s", 0, 10 * MINUTE,
	    "How long a run watches a coordinator that it sees for the first time before it calls it "
	    "dead, and clock-audit one whose heartbeat is old: two beats of the slowest writers."),
	SPAN("liveness", "roster_keep", liveness.roster_keep, "7d", MINUTE, 365 * DAY,
	    "How long the roster remembers a coordinator after its last sight."),
	SPAN("liveness", "restart_grace", liveness.restart_grace, "10m", 0, DAY,
	    "How long after a restart of the server missing heartbeats are blamed on the restart."),
	NUMBER("liveness", "mass_loss", liveness.mass_loss, "30", 1, 100,
	    "The brake: when more than this per cent of the coordinators (and more than 3) vanish at "
	    "once, no job acts on it without --override-brake."),

	TEXT("secrets", "env_file", secrets.env_file, "/etc/coordinator/env",
	    "The environment file of the coordinators on this host, which holds the HMAC secrets."),
	TEXT("secrets", "current_var", secrets.current_var, "BLOCKING_COORDINATION_SECRET",
	    "The variable with the secret that signs."),
	TEXT("secrets", "other_var", secrets.other_var, "BLOCKING_COORDINATION_SECRET_NEW",
	    "The variable with the other secret that is accepted."),

	CHOICE("log", "format", log.format, "auto", log_formats,
	    "auto is human on a terminal, <N>-prefixed in the journal, else logfmt."),
	CHOICE("log", "level", log.level, "info", log_levels,
	    "The least important lines that are written. -q lowers it to warn, -v raises it to debug."),
	TEXT("log", "file", log.file, "",
	    "Append the log to this file too; opened by each run, so logrotate needs no signal."),
	NUMBER("log", "repeat_limit", log.repeat_limit, "100", 0, 1000000,
	    "Lines of one kind in a run before they are only counted; 0 is no limit."),

	TEXT("metrics", "textfile_dir", metrics.textfile_dir, "",
	    "The directory of node_exporter's textfile collector, where the jobs' user may "
	    "write; empty writes no metrics."),

	TEXT("hooks", "on_findings", hooks.on_findings, "",
	    "A command that gets the JSON result on stdin when the set of findings changes (also to "
	    "none), and again every renotify while they last."),
	TEXT("hooks", "on_failure", hooks.on_failure, "",
	    "A command that gets the JSON result on stdin when a run fails (exit code 65 and up, but not "
	    "75)."),
	TEXT("hooks", "on_escalation", hooks.on_escalation, "",
	    "A command that gets the escalation as JSON on stdin when escalate-dead has handed on the "
	    "work of a dead coordinator."),
	SPAN("hooks", "timeout", hooks.timeout, "10s", 100, 10 * MINUTE,
	    "How long one hook may take before it is ended."),
	SPAN("hooks", "renotify", hooks.renotify, "4h", 0, 30 * DAY,
	    "on_findings runs again after this time while the findings last; 0s is never."),

	SPAN("reap-stale", "stale_after", reap_stale.stale_after, "600s", SECOND, 30 * DAY,
	    "A coordinator without a sign of life for this long is stale and may be reaped. Has to be "
	    "more than [escalate-dead] dead_after."),
	CHOICE("reap-stale", "orphans", reap_stale.orphans, "report", orphan_modes,
	    "Keys of ids that have neither a heartbeat nor a roster entry: report them, reap them, or do "
	    "not look."),
	SPAN("reap-stale", "orphan_after", reap_stale.orphan_after, "1h", SECOND, 30 * DAY,
	    "Orphans are reaped only when all that they own is older than this, and two runs this far "
	    "apart saw the same."),
	TEXT("reap-stale", "undo_dir", reap_stale.undo_dir, "/var/lib/coordkeep/undo",
	    "The directory of the undo journals. Nothing is deleted if it cannot be written."),
	SPAN("reap-stale", "undo_keep", reap_stale.undo_keep, "7d", 0, 365 * DAY,
	    "How long undo journals are kept."),
	SIZE("reap-stale", "undo_max_bytes", reap_stale.undo_max_bytes, "1GB", MB, 64 * TB,
	    "All undo journals together; the oldest go first, never the one being written."),
	SIZE("reap-stale", "undo_value_max", reap_stale.undo_value_max, "1MB", 1024, 512 * MB,
	    "Values that take more memory than this are left and named: saving them would stall the "
	    "server."),

	SPAN("escalate-dead", "dead_after", escalate_dead.dead_after, "120s", SECOND, 30 * DAY,
	    "A coordinator without a sign of life for this long is a suspect and gets warnings."),
	NUMBER("escalate-dead", "max_warnings", escalate_dead.max_warnings, "3", 1, 100,
	    "Warnings, one a run, before a suspect's work is handed on."),
	SPAN("escalate-dead", "warning_ttl", escalate_dead.warning_ttl, "300s", SECOND, DAY,
	    "The TTL of a warning count; never less than four times the gap between runs."),
	SPAN("escalate-dead", "warning_interval", escalate_dead.warning_interval, "30s", 0, HOUR,
	    "Two warnings of one suspect are at least this far apart, whoever runs the job."),
	SPAN("escalate-dead", "escalation_ttl", escalate_dead.escalation_ttl, "1h", SECOND, 30 * DAY,
	    "The TTL of escalation records and spawn requests."),
	SPAN("escalate-dead", "spawn_timeout", escalate_dead.spawn_timeout, "10m", SECOND, 30 * DAY,
	    "A replacement that was not seen alive within this time is a finding."),
	SPAN("escalate-dead", "work_keep", escalate_dead.work_keep, "7d", SECOND, 365 * DAY,
	    "For how long at most the work of a suspect, or of a replacement that is awaited, is kept "
	    "from expiring."),
	YESNO("escalate-dead", "escalate_idle", escalate_dead.escalate_idle, "yes",
	    "Escalate a dead coordinator that owned no work, too."),
	TEXT("escalate-dead", "default_swarm", escalate_dead.default_swarm, "default",
	    "The swarm of a dead coordinator whose keys name none."),

	SPAN("ttl", "heartbeat", ttl.heartbeat, "90s", SECOND, 365 * DAY,
	    "TTL for blocking:heartbeat:<id> keys that have none."),
	SPAN("ttl", "signal", ttl.signal, "24h", SECOND, 365 * DAY,
	    "TTL for blocking:signal:<id> keys that have none."),
	SPAN("ttl", "ack", ttl.ack, "1h", SECOND, 365 * DAY,
	    "TTL for blocking:ack:<id>[:<signal>] keys that have none."),
	SPAN("ttl", "warning", ttl.warning, "300s", SECOND, 365 * DAY,
	    "TTL for blocking:warning:<id> keys that have none."),
	SPAN("ttl", "idempotency", ttl.idempotency, "24h", SECOND, 365 * DAY,
	    "TTL for blocking:idempotency:... keys that have none."),
	SPAN("ttl", "state", ttl.state, "1h", SECOND, 365 * DAY,
	    "TTL for blocking:state:<id> keys that have none."),
	SPAN("ttl", "retry", ttl.retry, "600s", SECOND, 365 * DAY,
	    "TTL for blocking:retry:<signal>:<n> keys that have none."),
	SPAN("ttl", "retry_failed", ttl.retry_failed, "1h", SECOND, 365 * DAY,
	    "TTL for blocking:retry:failed:<signal> keys that have none."),
	SPAN("ttl", "activity", ttl.activity, "600s", SECOND, 365 * DAY,
	    "TTL for coordinator:activity:<id> keys that have none."),
	SPAN("ttl", "work", ttl.work, "1h", SECOND, 365 * DAY,
	    "TTL for coordinator:work:... keys that have none."),
	SPAN("ttl", "escalation", ttl.escalation, "1h", SECOND, 365 * DAY,
	    "TTL for coordinator:escalation:<id> keys that have none."),
	SPAN("ttl", "spawn", ttl.spawn, "1h", SECOND, 365 * DAY,
	    "TTL for coordinator:spawn:<id> keys that have none."),
	SPAN("ttl", "breaker", ttl.breaker, "300s", SECOND, 365 * DAY,
	    "TTL for circuit:breaker:status and coordinator:circuit:<id> keys that have none."),
	SPAN("ttl", "default", ttl.other, "24h", SECOND, 365 * DAY,
	    "TTL for all other blocking:* keys that have none."),
	{ .section = "ttl", .key = "pattern", .type = CONFIG_PATTERN, .offset = AT(ttl.patterns),
	  .initial = "", .min = SECOND, .max = 365 * DAY,
	  .help = "pattern.NAME = GLOB DURATION: a TTL for keys of the site that match GLOB and have "
	      "none. May be given any number of times, each with a name of its own; the first that "
	      "matches counts." },

	SPAN("ttl-fixer", "max_ttl", ttl_fixer.max_ttl, "0s", 0, 365 * DAY,
	    "Cut longer TTLs to this, 10m at least; 0s is off."),
	NUMBER("ttl-fixer", "pressure_at", ttl_fixer.pressure_at, "90", 1, 100,
	    "--pressure acts when used memory is at least this per cent of maxmemory."),
	SPAN("ttl-fixer", "pressure_over", ttl_fixer.pressure_over, "24h", SECOND, 365 * DAY,
	    "--pressure cuts keys that have more than this left."),
	SPAN("ttl-fixer", "pressure_ttl", ttl_fixer.pressure_ttl, "1h", SECOND, 365 * DAY,
	    "What --pressure cuts them to, 5m at least."),

	{ .section = "secret-rotate-phase", .key = "hosts", .type = CONFIG_STRING,
	  .offset = AT(rotate.hosts), .initial = "", .list = true,
	  .help = "The names of all coordinator hosts, separated by spaces or commas; the same on every "
	  "host." },
	TEXT("secret-rotate-phase", "host", rotate.host, "",
	    "This host's name in that list; empty is its host name."),
	TEXT("secret-rotate-phase", "environment", rotate.environment, "production",
	    "The environment's name; part of what a derived secret is derived from."),
	YESNO("secret-rotate-phase", "coordinators_accept_other", rotate.coordinators_accept_other,
	    "no",
	    "Say yes once every coordinator accepts signatures under other_var too. --start refuses "
	    "without it."),
	YESNO("secret-rotate-phase", "auto", rotate.automatic, "no",
	    "Start a rotation by itself when the secret is max_age old."),
	SPAN("secret-rotate-phase", "max_age", rotate.max_age, "90d", MINUTE, 3650 * DAY,
	    "The age at which a secret is due for rotation (staging: 30d)."),
	SPAN("secret-rotate-phase", "soak", rotate.soak, "1h", 0, 90 * DAY,
	    "How long all hosts accept the new secret before any signs with it."),
	SPAN("secret-rotate-phase", "drain", rotate.drain, "25h", 0, 90 * DAY,
	    "How long the old secret stays accepted after all sign with the new one: at least the "
	    "signal TTL and the retry TTL together."),
	SPAN("secret-rotate-phase", "host_timeout", rotate.host_timeout, "1h", SECOND, 30 * DAY,
	    "A host that has not reported for this long blocks the rotation and is named."),
	CHOICE("secret-rotate-phase", "source", rotate.source, "derive", secret_sources,
	    "Where the new secret comes from: derived from master_key_file on every host, new_secret_file, "
	    "or new_secret_command."),
	TEXT("secret-rotate-phase", "master_key_file", rotate.master_key_file, "",
	    "The master key that new secrets are derived from; the same file on every host."),
	TEXT("secret-rotate-phase", "new_secret_file", rotate.new_secret_file, "",
	    "The file in which a secret manager leaves the new secret (source = file)."),
	TEXT("secret-rotate-phase", "new_secret_command", rotate.new_secret_command, "",
	    "A command that prints the new secret (source = command). It finds the rotation's id in "
	    "COORDKEEP_ROTATION."),
	TEXT("secret-rotate-phase", "state_dir", rotate.state_dir, "/var/lib/coordkeep/rotation",
	    "This host's copies of the rotation's record; they hold no secret."),
	TEXT("secret-rotate-phase", "check_command", rotate.check_command, "",
	    "A command that prints what the coordinators on this host run, where /proc cannot tell: a "
	    "line a process, the fingerprints of both secrets, - where there is none. Empty looks into "
	    "/proc."),
	TEXT("secret-rotate-phase", "reload_command", rotate.reload_command,
	    "systemctl reload coordinator",
	    "Run after the environment file was changed; empty: restart_command at once."),
	TEXT("secret-rotate-phase", "restart_command", rotate.restart_command,
	    "systemctl restart coordinator",
	    "Run when the reload left a process with another secret than the file's."),
	SPAN("secret-rotate-phase", "command_timeout", rotate.command_timeout, "120s", SECOND, HOUR,
	    "How long each of these commands may take."),

	NUMBER("clock-audit", "samples", clock_audit.samples, "8", 1, 1000,
	    "Exchanges with the server for one measurement; the one with the shortest round trip counts."),
	SPAN("clock-audit", "warn", clock_audit.warn, "5s", 1, DAY,
	    "An offset, or a difference between two hosts, above this is a warning."),
	SPAN("clock-audit", "critical", clock_audit.critical, "60s", 1, 30 * DAY,
	    "Above this it is critical."),
	SPAN("clock-audit", "report_ttl", clock_audit.report_ttl, "30m", SECOND, 30 * DAY,
	    "How long a host's measurement counts in the comparison of the fleet."),
	TEXT("clock-audit", "host", clock_audit.host, "",
	    "This host's name in the report; empty is its host name."),

	{ .section = NULL }
};
