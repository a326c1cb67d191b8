#include "job/run.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "job/guard.h"
#include "job/hooks.h"
#include "job/output.h"
#include "job/result_data.h"
#include "job/run_data.h"

static int
begin(struct run *r, struct error *e)
{
	unsigned char random[8];
	struct buf hex = { 0 };

	r->started_wall = clock_wall_ms();
	r->started_mono = clock_mono_ms();
	if (gethostname(r->host, sizeof(r->host)) == -1)
		r->host[0] = '\0';
	r->host[sizeof(r->host) - 1] = '\0';
	if (getentropy(random, sizeof(random)) != 0)
		return error_set(e, EX_SOFTWARE, "no random bytes can be had from the system");
	buf_hex(&hex, random, sizeof(random));
	if (buf_cstr(&hex) == NULL || hex.n + 1 != sizeof(r->id)) {
		buf_free(&hex);
		return error_set(e, EX_SOFTWARE, "out of memory");
	}
	memcpy(r->id, hex.p, sizeof(r->id));
	buf_free(&hex);
	return 0;
}

/* The job itself, with what it needs around it. */
static int
work(struct run *r, struct error *e)
{

	if (!r->job->no_redis) {
		if (run_connect(r, e) == NULL || run_take_lease(r, e))
			return -1;
	}
	if (run_should_stop(r))
		return 0;
	return r->job->run(r, e);
}

static int
check_config(struct run *r)
{

	result_say(r->result, "%s: no error was found", access(r->config_path, F_OK) == 0 ?
	    r->config_path : "No config file, all options have their defaults");
	result_say(r->result, "Redis is %s", r->target.shown);
	return 0;
}

static int
live(struct run *r, struct error *e)
{
	enum progress_mode mode = r->options.progress;

	r->progress.on = mode == PROGRESS_ALWAYS || (mode == PROGRESS_AUTO &&
	    !r->options.quiet && isatty(STDERR_FILENO));
	r->result->dry = r->options.dry;
	if (run_configure(r, e) || run_open_log(r, e) || run_check(r, e))
		return -1;
	if (!r->options.json && !hooks_wanted(r))
		result_forget_actions(r->result);
	switch (r->options.command) {
	case COMMAND_PAUSE:
		return run_pause(r, e);
	case COMMAND_RESUME:
		return run_resume(r, e);
	case COMMAND_CHECK_CONFIG:
		return check_config(r);
	default:
		return work(r, e);
	}
}

/* Was --format json on a command line that could not be read to its end? */
static bool
wants_json(int argc, char **argv)
{
	int i;

	for (i = 1; i < argc; i++)
		if (strcmp(argv[i], "--format=json") == 0 || (strcmp(argv[i], "--format") == 0 &&
		    i + 1 < argc && strcmp(argv[i + 1], "json") == 0))
			return true;
	return false;
}

/* A mistake in the command is for the person who typed it, not for the log. */
static int
usage_error(struct run *r, const struct error *e)
{
	struct output_run run = {
		.job = r->job->name, .run = r->id, .host = r->host,
		.started_ms = r->started_wall, .code = e->exit, .error = e->text,
	};
	struct buf text = { 0 }, out = { 0 };

	buf_escaped(&text, bytes_str(e->text), 0);
	(void)fprintf(stderr, "%s: %s\n", r->job->name,
	    buf_cstr(&text) == NULL ? "wrong usage" : text.p);
	if (e->exit == EX_USAGE)
		(void)fprintf(stderr, "Try '%s --help'.\n", r->job->name);
	if (r->options.json && output_json(&run, r->result, &out) == 0)
		(void)output_write(stdout, buf_view(&out));
	buf_free(&text);
	buf_free(&out);
	return e->exit;
}

/* Is it a command that needs neither log nor Redis? */
static bool
is_shown(enum command c)
{

	return c == COMMAND_HELP || c == COMMAND_VERSION || c == COMMAND_PRINT_CONFIG ||
	    c == COMMAND_PRINT_ANNOTATED || c == COMMAND_PRINT_MDOC;
}

static int
show(struct run *r, struct error *e)
{
	struct buf out = { 0 };
	int rc = 0;

	if (r->options.command == COMMAND_HELP)
		options_help(r->job, &out);
	else if (r->options.command == COMMAND_VERSION)
		buf_printf(&out, "%s (coordkeep) %s\n", r->job->name, COORDKEEP_VERSION);
	else if (run_configure(r, e) || run_print_config(r, e))
		rc = -1;
	if (rc == 0 && (out.failed || output_write(stdout, buf_view(&out))))
		rc = error_set(e, EX_IOERR, "standard output cannot be written");
	buf_free(&out);
	return rc;
}

static int
run_all(struct run *r, int argc, char **argv)
{
	struct error e = { 0 }, ignored = { 0 };
	bool shown;
	int rc;

	if ((r->result = result_new()) == NULL)
		error_set(&e, EX_SOFTWARE, "out of memory");
	if (r->result == NULL || begin(r, &e)) {
		(void)fprintf(stderr, "%s: %s\n", r->job->name, e.text);
		return e.exit;
	}
	if (options_parse(r->job, argc, argv, &r->options, &e)) {
		r->options.json |= wants_json(argc, argv);
		return usage_error(r, &e);
	}
	shown = is_shown(r->options.command);
	rc = shown ? show(r, &e) : live(r, &e);
	if (rc == 0 && shown)
		return EX_OK;
	if (rc == 0)
		memset(&e, 0, sizeof(e));
	else if (e.exit == 0)
		error_set(&e, EX_SOFTWARE, "the job ended early and did not say why");
	if (e.exit == EX_USAGE && r->client == NULL)
		return usage_error(r, &e);
	(void)run_open_log(r, &ignored);
	return run_finish(r, &e);
}

int
job_main(const struct job *job, int argc, char **argv)
{
	struct run *r;
	int code;

	if ((r = calloc(1, sizeof(*r))) == NULL) {
		(void)fprintf(stderr, "%s: out of memory\n", job->name);
		return EX_SOFTWARE;
	}
	guard_process(r);
	r->job = job;
	r->code = -1;
	code = run_all(r, argc, argv);
	if (r->client != NULL)
		client_close(r->client);
	result_free(r->result);
	config_free(settings_table, &r->settings);
	redis_target_free(&r->target);
	options_free(&r->options);
	free(r);
	return code;
}
