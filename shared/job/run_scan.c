#include "job/run.h"

#include <string.h>

#include "base/clock.h"
#include "job/run_data.h"

#define PASSES 4 /* the first, and three more when the server moved */

/* One run_scan: a pass is made of stretches. A stretch ends where the lease has
 * to be renewed or the pause to be looked at: inside a page's exchange there is no place for that. */
struct pass {
	struct run *r;
	const char *match;
	const struct scan_callbacks *job;
	struct scan_result before; /* what earlier stretches did */
	bool page_stopped;         /* the job's page function asked to stop */
	bool job_stopped;          /* the job's stop function did */
};

static int
on_page(void *ctx, const struct bytes *keys, size_t n)
{
	struct pass *p = ctx;

	if (p->job->page(p->job->ctx, keys, n) == 0)
		return 0;
	p->page_stopped = true;
	return 1;
}

static bool
on_stop(void *ctx)
{
	struct pass *p = ctx;

	if (run_should_stop(p->r))
		return true;
	if (p->job->stop != NULL && p->job->stop(p->job->ctx)) {
		p->job_stopped = true;
		return true;
	}
	return run_lease_is_due(p->r) || run_pause_is_due(p->r);
}

static struct scan_result
sum(const struct pass *p, const struct scan_result *now)
{
	struct scan_result s = *now;

	s.keys += p->before.keys;
	s.pages += p->before.pages;
	return s;
}

static void
on_progress(void *ctx, const struct scan_result *so_far)
{
	struct pass *p = ctx;
	struct scan_result s = sum(p, so_far);
	/* DBSIZE says nothing of how many keys match a pattern. */
	int64_t total = p->match == NULL ? client_server(p->r->client)->dbsize : 0;

	progress_draw(&p->r->progress, s.keys, total, clock_mono_ms());
	if (p->job->progress != NULL)
		p->job->progress(p->job->ctx, &s);
}

/* Stretch after stretch, until the pass is complete or somebody stops it. */
static int
run_pass(struct pass *p, uint64_t from, struct scan_result *result, struct error *e)
{
	const struct settings *s = &p->r->settings;
	struct scan_options o = {
		.mode = (enum scan_mode)s->scan.mode,
		.count = (int)s->scan.count,
		.max_keys_per_second = s->scan.max_keys_per_second,
		.match = p->match,
	};
	struct scan_callbacks callbacks = { on_page, on_stop, on_progress, p };
	struct scan_result part;

	memset(&p->before, 0, sizeof(p->before));
	p->page_stopped = p->job_stopped = false;
	for (;;) {
		memset(&part, 0, sizeof(part));
		if (run_keep_lease(p->r, e) || run_obey_pause(p->r, e) ||
		    scan_run(p->r->client, &o, &callbacks, from, &part, e)) {
			*result = sum(p, &part);
			return -1;
		}
		*result = p->before = sum(p, &part);
		from = part.cursor;
		if (part.complete || p->r->stopped || p->page_stopped || p->job_stopped)
			return 0;
	}
}

int
run_scan(struct run *r, const char *match, const struct scan_callbacks *callbacks,
    void (*again)(void *ctx), uint64_t from, struct scan_result *result, struct error *e)
{
	struct pass p = { .r = r, .match = match, .job = callbacks };
	int rc, passes = 1;

	(void)client_moved(r->client); /* what was before this pass is not of this pass */
	progress_begin(&r->progress, clock_mono_ms());
	memset(result, 0, sizeof(*result));
	while ((rc = run_pass(&p, from, result, e)) != 0 && client_moved(r->client) &&
	    passes++ < PASSES) {
		progress_end(&r->progress);
		log_warn("server-moved", "the server changed during the pass (restart or failover): "
		    "starting again");
		if (again != NULL)
			again(callbacks->ctx);
		memset(e, 0, sizeof(*e));
		if (run_retake_leases(r, e))
			break;
		from = 0; /* a cursor means nothing to another server */
	}
	progress_end(&r->progress);
	result_count(r->result, "keys-scanned", (int64_t)result->keys);
	if (rc != 0 || r->stopped)
		result_incomplete(r->result);
	return rc;
}
