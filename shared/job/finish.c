#include "job/run_data.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "job/ending.h"
#include "job/hooks.h"
#include "job/metrics.h"
#include "job/output.h"
#include "job/result_data.h"

/* How the run ended, as it is known so far. */
struct finish {
	struct run *r;
	struct error *e;
	struct ending ending;
	bool complete;
};

static void
decide(struct finish *f)
{

	f->r->code = ending_code(&f->ending);
}

/* A run that ended early says so once. */
static void
tell(const struct finish *f)
{
	const struct run *r = f->r;

	if (f->e->exit == 0 || (f->e->exit == EX_TEMPFAIL && r->stopped))
		return;
	if (f->e->exit == EX_TEMPFAIL)
		log_event(r->calm || signals_came() ? LOG_LEVEL_INFO : LOG_LEVEL_WARN,
		    "run-stopped", NULL, "%s", f->e->text);
	else
		log_error("run-failed", "%s", f->e->text);
}

static struct output_run
about(const struct finish *f)
{
	const struct run *r = f->r;

	return (struct output_run){
		.job = r->job->name, .run = r->id, .host = r->host,
		.started_ms = r->started_wall,
		.duration_ms = clock_mono_ms() - r->started_mono,
		.dry = r->options.dry, .complete = f->complete, .code = r->code,
		.error = f->e->exit != 0 ? f->e->text : r->why,
	};
}

/* The result on stdout. With -q nothing when all is well; and text not at all, since findings and
 * errors stand in the log already. */
static int
print(const struct finish *f)
{
	const struct run *r = f->r;
	struct output_run run = about(f);
	struct buf out = { 0 };
	int rc = 0;

	if (r->options.json && (!r->options.quiet || r->code != 0))
		rc = output_json(&run, r->result, &out);
	else if (!r->options.json && !r->options.quiet)
		output_text(&run, r->result, &out);
	if (rc != 0 || out.failed || (out.n > 0 && output_write(stdout, buf_view(&out))))
		rc = -1;
	buf_free(&out);
	return rc;
}

/* A mode that looks and changes nothing, and a mistake in the command or the
 * config, leave no trace in the metrics. */
static bool
is_counted(const struct run *r)
{

	return r->configured && r->options.command == COMMAND_RUN && !r->options.dry &&
	    !r->options.read_only && r->code != EX_USAGE;
}

static void
report(const struct finish *f)
{
	struct run *r = f->r;
	struct output_run run = about(f);
	struct metrics_run m = {
		.job = run.job, .code = run.code, .complete = run.complete,
		.now_ms = clock_wall_ms(), .duration_ms = run.duration_ms,
	};
	struct buf document = { 0 };

	if (!is_counted(r))
		return;
	if (r->settings.metrics.textfile_dir[0] != '\0' && r->code != EX_CONFIG)
		metrics_write(r->settings.metrics.textfile_dir, &m, r->result);
	if (!hooks_wanted(r))
		return;
	if (output_json(&run, r->result, &document))
		log_error("hook-failed", "out of memory");
	else
		hooks_finish(r, r->code, f->e->exit != 0, f->complete, buf_view(&document));
	buf_free(&document);
}

int
run_finish(struct run *r, struct error *e)
{
	struct finish f = { .r = r, .e = e };
	const struct result *res = r->result;

	if (res->no_memory && e->exit == 0)
		error_set(e, EX_SOFTWARE, "out of memory: the result is not complete");
	f.complete = e->exit == 0 && !r->stopped && !res->incomplete;
	f.ending = (struct ending){
		.early = e->exit, .failed = res->failed + res->unknown, .critical = res->critical,
		.findings = res->findings.total, .stopped = r->stopped,
	};
	progress_end(&r->progress);
	tell(&f);
	/* Asked here, so that the result tells the exit code that will be. */
	f.ending.unwritten = log_failed();
	decide(&f);
	if (print(&f)) {
		f.ending.unwritten = true;
		decide(&f);
		log_error("result-unwritten",
		    "the result could not be written to standard output");
	}
	report(&f);
	if (r->client != NULL) {
		run_release_leases(r);
		client_close(r->client);
		r->client = NULL;
	}
	if (r->logging && log_close()) {
		f.ending.unwritten = true;
		decide(&f);
	}
	return r->code;
}
