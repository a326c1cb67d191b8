#include "job/run_data.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/config.h"
#include "job/url.h"

#define DEFAULT_CONFIG "/etc/coordkeep/coordkeep.ini"
#define DEFAULT_RUNTIME 60000 /* ms */

static const char introduction[] =
    "# coordkeep.ini - the options of reap-stale, escalate-dead, ttl-fixer,\n"
    "# secret-rotate-phase and clock-audit. See coordkeep.ini(5).\n"
    "#\n"
    "# The jobs read /etc/coordkeep/coordkeep.ini, or the file that -c or\n"
    "# COORDKEEP_CONFIG names. An option that is not given has its default, and\n"
    "# everything below is the default: delete what you do not change. JOB\n"
    "# --check-config says what is wrong with a file, by line and key.\n"
    "#\n"
    "# Durations: 500ms 90s 10m 24h 90d 1h30m, or bare seconds. Sizes: 4096 64KB\n"
    "# 1MB 2GB. Yes or no: yes no true false on off 1 0. A comment has a line of\n"
    "# its own that begins with # or ;.\n"
    "#\n"
    "# REDIS_URL, REDIS_HOST, REDIS_PORT, REDIS_PASSWORD and REDIS_DB in the\n"
    "# environment override [redis]; --set SECTION.KEY=VALUE on the command line\n"
    "# overrides both. Secrets belong into files (password_file, or redis-password\n"
    "# in $CREDENTIALS_DIRECTORY) that others cannot read.\n"
    "\n";

static bool
has_password(const char *url)
{
	struct redis_target t;
	bool has;

	if (redis_url_parse(url, &t, NULL))
		return false;
	has = t.password[0] != '\0';
	redis_target_free(&t);
	return has;
}

/* A URL in the file that carries a password makes the file a secret. */
static int
check_file_mode(const struct run *r, struct error *e)
{
	struct stat st;

	if (!has_password(r->settings.redis.url) || stat(r->config_path, &st) == -1 ||
	    (st.st_mode & 07) == 0)
		return 0;
	return error_set(e, EX_CONFIG, "%s: [redis] url holds a password and others can read the "
	    "file: chmod o= %s", r->config_path, r->config_path);
}

/* What a person says for one run stands over the environment. */
static void
override_environment(const char *assignment)
{
	static const struct {
		const char *option, *variables[4];
	} over[] = {
		{ "redis.url=", { "REDIS_URL", "REDIS_HOST", "REDIS_PORT", NULL } },
		{ "redis.password_file=", { "REDIS_PASSWORD", NULL } },
		{ "redis.db=", { "REDIS_DB", NULL } },
	};
	size_t i, j;

	for (i = 0; i < sizeof(over) / sizeof(over[0]); i++)
		if (strncmp(assignment, over[i].option, strlen(over[i].option)) == 0)
			for (j = 0; over[i].variables[j] != NULL; j++)
				(void)unsetenv(over[i].variables[j]);
}

static int
apply_set(struct run *r, const char *assignment, struct error *e)
{

	if (config_set(settings_table, &r->settings, assignment, e))
		return -1;
	if (strncmp(assignment, "redis.url=", 10) == 0 && has_password(r->settings.redis.url))
		return error_set(e, EX_USAGE, "--set redis.url: a password on the command line can be "
		    "seen by everybody on this host; use [redis] password_file or REDIS_PASSWORD");
	override_environment(assignment);
	return 0;
}

/* --wait and --max-runtime: the options of the config under another name. */
static int
apply_short(struct run *r, const char *name, const char *option, const char *value,
    struct error *e)
{
	struct buf b = { 0 };
	struct error why = { 0 };
	int rc = 0;

	if (value == NULL)
		return 0;
	buf_printf(&b, "%s=%s", option, value);
	if (buf_cstr(&b) == NULL)
		rc = error_set(e, EX_SOFTWARE, "out of memory");
	else if (config_set(settings_table, &r->settings, b.p, &why))
		rc = error_set(e, EX_USAGE, "--%s: %s", name, why.text);
	buf_free(&b);
	return rc;
}

int
run_configure(struct run *r, struct error *e)
{
	const char *env = getenv("COORDKEEP_CONFIG");
	bool must_exist = true;
	size_t i;

	r->config_path = r->options.config;
	if (r->config_path == NULL && env != NULL && env[0] != '\0')
		r->config_path = env;
	if (r->config_path == NULL) {
		r->config_path = DEFAULT_CONFIG;
		must_exist = false;
	}
	if (config_defaults(settings_table, &r->settings, e) ||
	    config_load(settings_table, &r->settings, r->config_path, must_exist, e) ||
	    check_file_mode(r, e))
		return -1;
	for (i = 0; i < r->options.set_n; i++)
		if (apply_set(r, r->options.set[i], e))
			return -1;
	if (apply_short(r, "wait", "job.wait", r->options.wait, e) ||
	    apply_short(r, "max-runtime", "job.max_runtime", r->options.max_runtime, e))
		return -1;
	r->configured = true;
	return 0;
}

int
run_open_log(struct run *r, struct error *e)
{
	struct log_options o = {
		.job = r->job->name, .run = r->id, .file = "", .level = LOG_LEVEL_INFO,
		.format = LOG_FORMAT_AUTO, .repeat_limit = 100,
	};

	if (r->logging)
		return 0;
	if (r->configured) {
		o.file = r->settings.log.file;
		o.level = (enum log_level)r->settings.log.level;
		o.format = (enum log_format)r->settings.log.format;
		o.repeat_limit = (int)r->settings.log.repeat_limit;
	}
	if (r->options.quiet && o.level > LOG_LEVEL_WARN)
		o.level = LOG_LEVEL_WARN;
	if (r->options.verbose)
		o.level = LOG_LEVEL_DEBUG;
	if (log_open(&o, e))
		return -1;
	r->logging = true;
	return 0;
}

static bool
was_set(const struct run *r, const char *option)
{
	size_t i;

	for (i = 0; i < r->options.set_n; i++)
		if (strncmp(r->options.set[i], option, strlen(option)) == 0)
			return true;
	return false;
}

/* REDIS_URL can name a db: what --set says stands over that, too. */
static int
override_target(struct run *r, struct error *e)
{

	if (!was_set(r, "redis.db=") || r->settings.redis.db < 0)
		return 0;
	r->target.db = (int)r->settings.redis.db;
	return url_show(&r->target, e);
}

int
run_check(struct run *r, struct error *e)
{
	int rc;

	r->max_runtime = r->settings.job.max_runtime;
	if (r->max_runtime == 0)
		r->max_runtime = r->options.own_runtime;
	if (r->max_runtime == 0)
		r->max_runtime = r->job->max_runtime;
	if (r->max_runtime == 0)
		r->max_runtime = DEFAULT_RUNTIME;
	r->deadline = r->started_mono + r->max_runtime;

	if (settings_check(&r->settings, e))
		return -1;
	rc = redis_target_resolve(&r->settings, &r->target, e);
	redis_environment_wipe();
	if (rc != 0 || override_target(r, e))
		return -1;
	if (r->job->check != NULL && (r->options.command == COMMAND_RUN ||
	    r->options.command == COMMAND_CHECK_CONFIG))
		return r->job->check(r->options.job, &r->settings, e);
	return 0;
}

/* Without the password that the URL may carry. */
static int
hide_password(struct run *r, struct error *e)
{
	struct redis_target t;

	if (!has_password(r->settings.redis.url))
		return 0;
	if (redis_url_parse(r->settings.redis.url, &t, e))
		return -1;
	free(r->settings.redis.url);
	r->settings.redis.url = t.shown;
	t.shown = NULL;
	redis_target_free(&t);
	return 0;
}

int
run_print_config(struct run *r, struct error *e)
{
	bool annotated = r->options.command == COMMAND_PRINT_ANNOTATED;
	int bad = 0;

	if (hide_password(r, e))
		return -1;
	if (r->options.command == COMMAND_PRINT_MDOC)
		bad = config_print_mdoc(settings_table, stdout);
	else {
		if (annotated)
			bad = fputs(introduction, stdout) == EOF;
		bad |= config_print(settings_table, &r->settings, annotated, stdout);
	}
	if (bad || fflush(stdout) != 0)
		return error_set(e, EX_IOERR, "the config could not be written to standard output");
	return 0;
}
