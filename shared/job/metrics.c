#include "job/metrics.h"

#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "job/ending.h"
#include "job/metrics_file.h"
#include "job/result_data.h"

#define FILE_MAX (16u << 20)
#define LOCK_WAIT 2000 /* ms */

/* A merge on its way. */
struct merge {
	const struct metrics_run *run;
	struct metrics old, new;
	struct buf job; /* job="<name>", the label of every sample */
};

/* Set a sample with the job's label and one more (NULL = none). */
static void
set(struct merge *m, const char *name, const char *help, bool counter, const char *label,
    struct bytes label_value, double value)
{
	struct buf full = { 0 }, text = { 0 }, labels = { 0 };

	buf_printf(&full, "coordkeep_%s", name);
	metrics_quote(&text, bytes_str(help), false);
	buf_bytes(&labels, buf_view(&m->job));
	if (label != NULL) {
		buf_printf(&labels, ",%s=\"", label);
		metrics_quote(&labels, label_value, true);
		buf_char(&labels, '"');
	}
	metrics_set(&m->new, metrics_family(&m->new, buf_view(&full), buf_view(&text), counter),
	    buf_view(&labels), value);
	m->new.no_memory |= full.failed || text.failed || labels.failed;
	buf_free(&full);
	buf_free(&text);
	buf_free(&labels);
}

static void
set_plain(struct merge *m, const char *name, const char *help, double value)
{

	set(m, name, help, false, NULL, B(""), value);
}

/* The old value of a sample that has the job's label alone, or ${missing}. */
static double
old_value(const struct merge *m, const char *name, double missing)
{
	struct buf full = { 0 };
	const struct family_lines *f;
	const struct sample *s = NULL;

	buf_printf(&full, "coordkeep_%s", name);
	if ((f = metrics_find(&m->old, buf_view(&full))) != NULL)
		s = metrics_sample(f, buf_view(&m->job));
	buf_free(&full);
	return s == NULL ? missing : s->value;
}

static void
set_common(struct merge *m, const struct result *result)
{
	const struct metrics_run *run = m->run;
	double now = (double)run->now_ms / 1000;
	bool done = run->code <= EX_CRITICAL;
	bool success = run->code <= EX_FINDINGS;

	set(m, "runs_total", "Runs of the job by how they ended.", true, "result",
	    bytes_str(ending_name(run->code)), 1);
	set_plain(m, "last_run_timestamp_seconds", "When the last run ended.", now);
	set_plain(m, "last_success_timestamp_seconds",
	    "When a run last ended with exit code 0 or 1; 0 = never.",
	    success ? now : old_value(m, "last_success_timestamp_seconds", 0));
	set_plain(m, "last_complete_pass_timestamp_seconds",
	    "When a run last reached the end of its pass; 0 = never.",
	    done && run->complete ? now :
	    old_value(m, "last_complete_pass_timestamp_seconds", 0));
	set_plain(m, "run_duration_seconds", "How long the last run took.",
	    (double)run->duration_ms / 1000);
	set_plain(m, "exit_code", "Exit code of the last run.", run->code);
	set_plain(m, "keys_scanned", "Keys that the last run which got so far has scanned.",
	    done ? (double)result_get(result, "keys-scanned") : old_value(m, "keys_scanned", 0));
	set_plain(m, "findings", "Findings of the last run which got so far.",
	    done ? (double)result_findings(result) : old_value(m, "findings", 0));
}

static void
set_own(struct merge *m, const struct result *result)
{
	const struct metric *own;
	size_t i;

	for (i = 0; i < result->metrics_n; i++) {
		own = &result->metrics[i];
		set(m, own->name, own->help, own->counter, own->label,
		    buf_view(&own->label_value), own->value);
	}
}

/* What the file held before: counters go on, gauges of a failed run stay. */
static void
carry(struct merge *m)
{
	bool keep = m->run->code > EX_CRITICAL;
	const struct family_lines *f;
	struct family_lines *to;
	struct sample *s;
	struct bytes labels;
	size_t i, j;

	for (i = 0; i < m->old.n; i++) {
		f = &m->old.families[i];
		to = metrics_find(&m->new, buf_view(&f->name));
		if (to != NULL && to->counter != f->counter)
			continue; /* it meant something else in an earlier version */
		for (j = 0; j < f->n; j++) {
			labels = buf_view(&f->samples[j].labels);
			s = to == NULL ? NULL : metrics_sample(to, labels);
			if (s != NULL && f->counter)
				s->value += f->samples[j].value;
			else if (s == NULL && (f->counter || keep)) {
				to = metrics_family(&m->new, buf_view(&f->name),
				    buf_view(&f->help), f->counter);
				metrics_set(&m->new, to, labels, f->samples[j].value);
			}
		}
	}
}

int
metrics_merge(struct bytes old, const struct metrics_run *run, const struct result *result,
    struct buf *out, bool *corrupt)
{
	struct merge m = { .run = run };
	int rc;

	*corrupt = !metrics_parse(old, &m.old);
	buf_printf(&m.job, "job=\"%s\"", run->job);
	set_common(&m, result);
	set_own(&m, result);
	carry(&m);
	metrics_format(&m.new, out);
	rc = m.job.failed || m.new.no_memory || out->failed ? -1 : 0;
	buf_free(&m.job);
	metrics_free(&m.old);
	metrics_free(&m.new);
	return rc;
}

/* Two runs that end at once must not both read before either has written. The
 * directory is what is locked: the file is replaced. Without the lock the write goes on. */
static int
lock(const char *dir)
{
	int64_t until = clock_mono_ms() + LOCK_WAIT;
	int fd;

	if ((fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) == -1)
		return -1;
	while (flock(fd, LOCK_EX | LOCK_NB) == -1 && clock_mono_ms() < until)
		(void)clock_sleep_ms(10);
	return fd;
}

static int
update(const char *path, const struct metrics_run *run, const struct result *result,
    struct error *e)
{
	struct buf old = { 0 }, new = { 0 };
	struct error missing = { 0 };
	bool corrupt;
	int rc = -1;

	if (file_read(path, FILE_MAX, &old, &missing) && missing.exit != EX_NOINPUT)
		log_warn("metrics-unreadable", "%s: begun anew", missing.text);
	if (metrics_merge(buf_view(&old), run, result, &new, &corrupt))
		error_set(e, EX_SOFTWARE, "out of memory");
	else {
		if (corrupt)
			log_warn("metrics-corrupt", "%s is not a file of this job's metrics: its "
			    "counters begin anew", path);
		rc = file_replace(path, 0644, buf_view(&new), e);
	}
	buf_free(&old);
	buf_free(&new);
	return rc;
}

void
metrics_write(const char *dir, const struct metrics_run *run, const struct result *result)
{
	struct buf path = { 0 };
	struct error e = { 0 };
	size_t i, from;
	int fd;

	buf_printf(&path, "%s/coordkeep_", dir);
	from = path.n;
	buf_printf(&path, "%s.prom", run->job);
	if (buf_cstr(&path) == NULL) {
		log_error("metrics-unwritten", "out of memory");
		return;
	}
	for (i = from; i < path.n; i++)
		if (path.p[i] == '-')
			path.p[i] = '_';
	fd = lock(dir);
	if (update(path.p, run, result, &e))
		log_warn("metrics-unwritten", "%s", e.text);
	if (fd != -1)
		(void)close(fd);
	buf_free(&path);
}
