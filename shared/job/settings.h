#ifndef JOB_SETTINGS_H_
#define JOB_SETTINGS_H_

#include <stdbool.h>
#include <stdint.h>

#include "base/config.h"

/* Every option of coordkeep.ini, a struct a section. Durations are ms, sizes
 * bytes. The rows (defaults, ranges, help) are in settings.c: the one place
 * where an option is declared. */
struct settings {
	struct {
		char *url, *username, *password_file;
		int64_t db;          /* -1: as the URL says */
		char *tls_ca_file, *tls_cert_file, *tls_key_file, *tls_server_name;
		int64_t connect_timeout, timeout, retries, backoff, backoff_max;
		char *sentinels, *sentinel_master;
		bool cluster;
	} redis;
	struct {
		int mode;            /* enum scan_mode */
		int64_t count;       /* 0 = auto */
		int64_t max_keys_per_second;
	} scan;
	struct {
		int64_t max_runtime; /* 0 = the job's own (60 s, escalate-dead 45 s) */
		int64_t lease_ttl, wait;
		char *state_dir;     /* local memory of the jobs: the brake's baseline, hook states */
	} job;
	struct {
		int64_t heartbeat_ttl_max, skew_tolerance, confirm, roster_keep, restart_grace;
		int64_t mass_loss;
	} liveness;
	struct {
		char *env_file, *current_var, *other_var;
	} secrets;
	struct {
		int format, level;   /* enum log_format, log_level */
		char *file;
		int64_t repeat_limit;
	} log;
	struct {
		char *textfile_dir;
	} metrics;
	struct {
		char *on_findings, *on_failure, *on_escalation;
		int64_t timeout, renotify;
	} hooks;
	struct {
		int64_t stale_after, orphan_after;
		int orphans;         /* enum: report, reap, off */
		char *undo_dir;
		int64_t undo_keep, undo_max_bytes, undo_value_max;
	} reap_stale;
	struct {
		int64_t dead_after, max_warnings, warning_ttl, warning_interval, escalation_ttl;
		int64_t spawn_timeout, work_keep;
		bool escalate_idle;
		char *default_swarm;
	} escalate_dead;
	struct {
		int64_t heartbeat, signal, ack, warning, idempotency, state, retry, retry_failed;
		int64_t activity, work, escalation, spawn, breaker, other; /* other: key "default" */
		struct config_patterns patterns;
	} ttl;
	struct {
		int64_t max_ttl, pressure_at, pressure_over, pressure_ttl;
	} ttl_fixer;
	struct {
		char *hosts, *host, *environment;
		bool coordinators_accept_other, automatic; /* key "auto" */
		int64_t max_age, soak, drain, host_timeout;
		int source;          /* derive, file, command */
		char *master_key_file, *new_secret_file, *new_secret_command, *state_dir;
		char *check_command, *reload_command, *restart_command;
		int64_t command_timeout;
	} rotate;
	struct {
		int64_t samples, warn, critical, report_ttl;
		char *host;
	} clock_audit;
};

enum { ORPHANS_REPORT, ORPHANS_REAP, ORPHANS_OFF };
enum { SOURCE_DERIVE, SOURCE_FILE, SOURCE_COMMAND };

/* The table for config_load and friends, all sections. */
extern const struct config_option settings_table[];

/* Check the options against one another. -1 with EX_CONFIG naming the options
 * that contradict each other. What is only unwise is logged, at info: cron's -q
 * must not send a mail a minute about it. */
int settings_check(const struct settings *s, struct error *e);
/* -1 with EX_CONFIG if Sentinel or Cluster options are set. */
int settings_check_target(const struct settings *s, struct error *e);

/* What is to be connected to: [redis], overridden by REDIS_URL, REDIS_HOST,
 * REDIS_PORT, REDIS_PASSWORD, REDIS_DB. Strings are owned by it. */
struct redis_target {
	char *unix_path, *host, *username, *password;
	int port, db;
	bool tls;
	char *shown; /* without secrets, for messages: "redis://host:6379/0" */
};
/* -1 with EX_CONFIG (a URL that cannot be read, a password file that others can read, sentinel or
 * cluster options: "not supported yet"). Passwords come from the environment, password_file or
 * $CREDENTIALS_DIRECTORY/redis-password. */
int redis_target_resolve(const struct settings *s, struct redis_target *t, struct error *e);
void redis_target_free(struct redis_target *t); /* wipes the password */
/* Take the passwords out of this process's environment (overwritten, then
 * unset), so that no hook or command of a job inherits them. */
void redis_environment_wipe(void);

/* scheme://[user[:password]@]host[:port][/db], unix://[user:pass@]/path[?db=N] (percent-decoded).
 * The scheme is redis, rediss (TLS) or unix. Parts that it does not name are "", port 6379, db 0.
 * ${t} is overwritten. -1 with EX_CONFIG; the message never holds the password. */
int redis_url_parse(const char *url, struct redis_target *t, struct error *e);

#endif
