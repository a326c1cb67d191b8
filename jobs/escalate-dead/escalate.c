#include "escalate.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "act.h"
#include "belongings.h"
#include "cancel.h"
#include "coordination/hash.h"
#include "explain.h"
#include "fields.h"
#include "findings.h"
#include "list.h"
#include "misnamed.h"
#include "report.h"
#include "staying.h"
#include "strikes.h"
#include "survey.h"
#include "transfer.h"

struct coordinator *
escalate_find(const struct escalate *x, struct bytes id)
{

	return map_find(x->coordinators, id);
}

struct coordinator *
escalate_coordinator(struct escalate *x, struct bytes id)
{
	struct coordinator *c;
	bool added;
	char *copy;

	if ((c = map_put(x->coordinators, id, &added)) == NULL || !added)
		return c;
	if ((copy = malloc(id.n + 1)) == NULL) {
		map_remove(x->coordinators, id);
		return NULL;
	}
	memcpy(copy, id.p, id.n);
	c->id = (struct bytes){ copy, id.n };
	c->job = x;
	/* cppcheck-suppress memleak ; c->id holds it */
	return c;
}

struct coordinator *
escalate_next(const struct escalate *x, size_t *at)
{
	struct bytes id;
	void *value;

	return map_next(x->coordinators, at, &id, &value) ? value : NULL;
}

bool
escalate_selected(const struct escalate *x, const struct coordinator *c)
{

	return x->options->coordinator == NULL ||
	    bytes_equal(c->id, bytes_str(x->options->coordinator));
}

void
escalate_empty(void *coordinator)
{
	struct coordinator *c = coordinator;
	size_t i;

	for (i = 0; i < FIELDS; i++)
		buf_free(&c->fields[i].value);
	for (i = 0; i < c->items_n; i++)
		free((void *)(uintptr_t)c->items[i].key.p);
	free(c->items);
	ledger_free(&c->ledger);
	buf_free(&c->earlier);
	free((void *)(uintptr_t)c->id.p);
}

int
escalate_load(struct escalate *x, struct error *e)
{

	if (roster_load(x->client, &x->roster, e) != 0 ||
	    run_load_holds(x->run, &x->holds, e) != 0)
		return -1;
	return baseline_load(x->client, buf_cstr(&x->baseline_file), &x->baseline,
	    &x->has_baseline, e);
}

int
escalate_open(struct escalate *x, struct run *run, struct error *e)
{

	x->run = run;
	x->client = run_client(run);
	x->options = run_options(run);
	x->settings = run_settings(run);
	x->result = run_result(run);
	x->began = run_now(run);
	if ((x->coordinators = map_new(sizeof(struct coordinator))) == NULL ||
	    run_state_path(run, "baseline", &x->baseline_file) != 0)
		return error_set(e, EX_SOFTWARE, "out of memory");
	return escalate_load(x, e);
}

void
escalate_free(struct escalate *x)
{

	belongings_drop(x);
	free(x->loose);
	free(x->uncertain);
	misnamed_drop(x);
	free(x->misnamed);
	map_free(x->coordinators, escalate_empty);
	holds_free(&x->holds);
	roster_free(&x->roster);
	buf_free(&x->baseline_file);
}

int
escalate_save(struct escalate *x, struct error *e)
{
	struct coordinator *c;
	size_t at = 0;

	if (run_dry(x->run))
		return 0;
	/* Saving drops the forgotten ones from the map: nobody is to look there any more. */
	while ((c = escalate_next(x, &at)) != NULL)
		if (c->entry != NULL && c->entry->removed)
			c->entry = NULL;
	return roster_save(x->client, &x->roster, x->settings->liveness.roster_keep, e);
}

static int64_t
stale_heartbeats(const struct escalate *x)
{
	const struct coordinator *c;
	int64_t n = 0;
	size_t at = 0;

	while ((c = escalate_next(x, &at)) != NULL)
		n += c->judgement.verdict == VERDICT_STALE;
	return n;
}

int
escalate_brake(struct escalate *x, struct error *e)
{
	const struct baseline *before = x->has_baseline ? &x->baseline : NULL;
	const struct settings *s = x->settings;

	if (census_take(x->client, &x->roster, before, &x->census, e) != 0)
		return -1;
	x->census.silent = stale_heartbeats(x);
	x->brake = census_judge(&x->census, x->client, before, run_now(x->run),
	    s->liveness.restart_grace, (int)s->liveness.mass_loss, s->liveness.roster_keep);
	x->braked = x->brake.cause != BRAKE_OFF && !x->options->override_brake;
	return 0;
}

/* For the next run. While the brake is on the old baseline stands: it knows who is missed. */
static int
keep_baseline(struct escalate *x, struct error *e)
{

	if (x->braked || run_dry(x->run) || x->options->coordinator != NULL)
		return 0;
	return census_keep(&x->census, x->client, buf_cstr(&x->baseline_file), x->began,
	    run_now(x->run), x->settings->liveness.roster_keep, e);
}

/* Whatever is on record of the rest, this run is about one. */
static void
leave_others(struct escalate *x)
{
	struct roster_entry *entry;
	struct bytes id;
	size_t at = 0;
	void *value;

	if (x->options->coordinator == NULL)
		return;
	while (map_next(x->roster.entries, &at, &id, &value)) {
		entry = value;
		if (!bytes_equal(id, bytes_str(x->options->coordinator)))
			entry->changed = entry->removed = false;
	}
}

/* How far apart the runs are. That this is not known is no reason not to go on. */
static int
learn_rhythm(struct escalate *x, struct error *e)
{
	const struct settings *s = x->settings;
	struct error odd = { 0 };
	int rc;

	rc = strikes_rhythm(x->client, run_now(x->run), s->escalate_dead.warning_ttl,
	    s->liveness.roster_keep, s->liveness.roster_keep,
	    !run_dry(x->run) && x->options->coordinator == NULL, &x->warning_ttl, e);
	if (rc != 1)
		return rc;
	(void)hash_wrong_type(x->client, B(STRIKES_KEY), "hash", &odd);
	result_finding(x->result, "rhythm-unreadable", SEVERITY_WARNING, B(STRIKES_KEY),
	    "%s; until then a warning lives for warning_ttl only, however far apart the runs are",
	    odd.text);
	return 0;
}

static int
run_rounds(struct escalate *x, struct error *e)
{
	bool suspects;

	if (learn_rhythm(x, e) != 0 || survey_run(x, e) != 0 || escalate_brake(x, e) != 0)
		return -1;
	survey_decide(x);
	findings_brake(x);
	if (staying_look(x, e) != 0 || act_permit(x, e) != 0 || act_settle(x, &suspects, e) != 0)
		return -1;
	leave_others(x);
	roster_forget_old(&x->roster, run_now(x->run), x->settings->liveness.roster_keep);
	/* The baseline after what it lets go of: of a run that is cut off the next misses the same. */
	if (escalate_save(x, e) != 0 || keep_baseline(x, e) != 0 || transfer_keep(x, e) != 0)
		return -1;
	if (act_warn(x, e) != 0 || act_hand_on(x, e) != 0)
		return -1;
	if (!suspects && !run_dry(x->run) && x->options->coordinator == NULL &&
	    !result_has_finding(x->result, "rhythm-unreadable"))
		return strikes_rest(x->client, e);
	return 0;
}

int
escalate_run(struct run *run, struct error *e)
{
	const struct escalate_options *o = run_options(run);
	struct escalate x = { 0 };
	int rc;

	if ((rc = escalate_open(&x, run, e)) == 0) {
		if (o->list)
			rc = list_run(&x, e);
		else if (o->explain != NULL)
			rc = explain_run(&x, bytes_str(o->explain), e);
		else if (o->cancel != NULL)
			rc = cancel_run(&x, bytes_str(o->cancel), e);
		else {
			rc = run_rounds(&x, e);
			report_run(&x, rc == 0 ? NULL : e);
		}
	}
	escalate_free(&x);
	return rc;
}
