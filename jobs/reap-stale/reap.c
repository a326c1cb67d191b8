#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/duration.h"
#include "delete.h"
#include "reap.h"

bool
reap_is_gentle(const struct reap *r)
{
	return r->settings->scan.mode != SCAN_FAST;
}

bool
reap_is_held(const struct reap *r, struct bytes id)
{
	return !run_forced(r->run) && holds_cover(&r->holds, id, run_now(r->run));
}

struct candidate *
reap_candidate(struct reap *r, struct bytes id, struct error *e)
{
	struct candidate *c;
	bool added;
	char *copy;

	if ((c = map_put(r->candidates, id, &added)) == NULL)
		goto memory;
	if (!added)
		return c;
	if ((copy = malloc(id.n + 1)) == NULL) {
		map_remove(r->candidates, id);
		goto memory;
	}
	memcpy(copy, id.p, id.n);
	c->id = (struct bytes){ copy, id.n };
	return c;
memory:
	error_set(e, EX_SOFTWARE, "out of memory");
	return NULL;
}

void
reap_refused(struct reap *r, struct bytes key, const struct error *e)
{
	result_failed(r->result, "refused", key, "left: %s", e->text);
	if (r->refused.exit == 0)
		r->refused = *e;
}

static void
free_candidate(void *value)
{
	struct candidate *c = value;

	free((void *)(uintptr_t)c->id.p);
}

static void
reap_free(struct reap *r)
{
	deleter_free(r->deleter);
	map_free(r->candidates, free_candidate);
	holds_free(&r->holds);
	roster_free(&r->roster);
	buf_free(&r->baseline_file);
}

static int
reap_open(struct reap *r, struct run *run, struct error *e)
{
	r->run = run;
	r->client = run_client(run);
	r->options = run_options(run);
	r->settings = run_settings(run);
	r->result = run_result(run);
	r->began = run_now(run);
	if ((r->candidates = map_new(sizeof(struct candidate))) == NULL)
		return error_set(e, EX_SOFTWARE, "out of memory");
	if (run_state_path(run, "baseline", &r->baseline_file) != 0)
		return error_set(e, EX_SOFTWARE, "out of memory");
	if ((r->deleter = deleter_new(r, e)) == NULL)
		return -1;
	if (roster_load(r->client, &r->roster, e) != 0 ||
	    run_load_holds(run, &r->holds, e) != 0)
		return -1;
	return baseline_load(r->client, buf_cstr(&r->baseline_file), &r->baseline,
	    &r->has_baseline, e);
}

/* What failed last is not what matters most. */
static void
name_lost(const struct reap *r, int outcome, struct error *e)
{
	const long long n = result_get(r->result, "unknown");
	const struct error last = *e;

	if (n > 0 && outcome != 0)
		error_set(e, last.exit, "the outcome of %lld deletion%s is unknown, the replies were lost; %s",
		    n, n == 1 ? "" : "s", last.text);
}

/* After an early end the counts still say what was done, so this is called on either way out. */
static int
finish(struct reap *r, int outcome, struct error *e)
{
	struct error later = { 0 };

	if (deleter_close(r->deleter, &later) != 0 && outcome == 0) {
		*e = later;
		outcome = -1;
	}
	if (!run_dry(r->run) && !r->options->all && (outcome == 0 || e->exit == EX_TEMPFAIL)) {
		/* Also of a run that was stopped: else one that is too short never gets anywhere. */
		roster_forget_old(&r->roster, run_now(r->run),
		    r->settings->liveness.roster_keep);
		if (roster_save(r->client, &r->roster, r->settings->liveness.roster_keep,
		        &later) != 0 && outcome == 0) {
			*e = later;
			outcome = -1;
		}
	}
	if (outcome == 0 && r->refused.exit != 0) {
		*e = r->refused;
		outcome = -1;
	}
	name_lost(r, outcome, e);
	tell(r, outcome == 0 ? NULL : e->text);
	return outcome;
}

static int
reap_all_stale(struct reap *r, struct error *e)
{
	const struct reap_options *o = r->options;

	if (o->coordinator != NULL) {
		if (survey_one(r, bytes_str(o->coordinator), e) != 0)
			return -1;
	} else if (survey_run(r, e) != 0)
		return -1;
	/* What was seen is kept even if the run dies in the deletions. */
	if (!run_dry(r->run) &&
	    roster_save(r->client, &r->roster, r->settings->liveness.roster_keep, e) != 0)
		return -1;
	if (r->brake)
		return 0;
	return dependents_run(r, e);
}

int
reap_run(struct run *run, struct error *e)
{
	const struct reap_options *o = run_options(run);
	struct reap r = { 0 };
	int outcome;

	if (o->undo != NULL)
		return undo_run(run, o->undo, e);
	if ((outcome = reap_open(&r, run, e)) == 0) {
		outcome = o->all ? reset_run(&r, e) : reap_all_stale(&r, e);
		outcome = finish(&r, outcome, e);
	}
	reap_free(&r);
	return outcome;
}
