#include "survey.h"

#include <stdlib.h>
#include <string.h>

#include "base/duration.h"
#include "base/log.h"
#include "belongings.h"
#include "coordination/keys.h"
#include "fields.h"
#include "misnamed.h"

/* Heartbeat, warning, work, activity, escalation and spawn, and little else:
 * idempotency records, which are many and long, stay on the server. */
#define FAMILIES "[bc][lo]o[cr][kd]in[ga]*:[hwaes]*"

static int
drain(struct escalate *x, struct error *e)
{

	if (client_drain(x->client) != 0)
		*e = *client_error(x->client);
	else if (x->failed.exit != 0)
		*e = x->failed;
	else
		return 0;
	return -1;
}

static int
ask(struct coordinator *c, enum field_name f, struct error *e)
{

	if (fields_ask(c, f) != 0)
		return error_set(e, EX_SOFTWARE, "out of memory");
	if (client_pending(c->job->client) >= 400)
		return drain(c->job, e);
	return 0;
}

static int
look(struct coordinator *c, struct error *e)
{

	return ask(c, FIELD_HEARTBEAT, e) != 0 ? -1 : ask(c, FIELD_ACTIVITY, e);
}

/* By --coordinator: its state is to be known whatever it is. */
static bool
named(const struct escalate *x, struct bytes id)
{

	return x->options->coordinator != NULL && bytes_equal(id, bytes_str(x->options->coordinator));
}

/* Whom the roster expects to live or to come: asked for directly, since SCAN
 * alone proves no absence, and before the walk, so that it knows whose work
 * is of no interest. */
static int
look_at_known(struct escalate *x, struct error *e)
{
	const struct roster_entry *entry;
	struct coordinator *c;
	struct bytes id;
	size_t at = 0;
	void *value;

	while (map_next(x->roster.entries, &at, &id, &value)) {
		entry = value;
		if (!x->everyone && !named(x, id) && (entry->state == ROSTER_RETIRED ||
		    entry->state == ROSTER_ESCALATED || entry->state == ROSTER_REAPED))
			continue;
		if ((c = escalate_coordinator(x, id)) == NULL)
			return error_set(e, EX_SOFTWARE, "out of memory");
		if (ask(c, FIELD_HEARTBEAT, e) != 0)
			return -1;
	}
	return drain(x, e);
}

/*
 * The direct look at those that were met by another key, or by none now. The
 * activity of the living was read if the walk met it; for the others it can
 * decide, and its absence has to be certain.
 */
static int
look_at_rest(struct escalate *x, struct error *e)
{
	struct coordinator *c;
	size_t at = 0;

	while ((c = escalate_next(x, &at)) != NULL)
		if (ask(c, FIELD_HEARTBEAT, e) != 0 ||
		    (!(c->judged && c->entry->life_now) && ask(c, FIELD_ACTIVITY, e) != 0) ||
		    (c->judged && c->entry->state == ROSTER_AWAITED && ask(c, FIELD_SPAWN, e) != 0))
			return -1;
	return drain(x, e);
}

static int
judge_all(struct escalate *x, struct error *e)
{
	struct coordinator *c;
	size_t at = 0;

	while ((c = escalate_next(x, &at)) != NULL) {
		/* Again where its activity has come since. */
		if (!c->fields[FIELD_HEARTBEAT].asked ||
		    (c->judged && c->judged_activity == c->fields[FIELD_ACTIVITY].asked))
			continue;
		if (fields_judge(c) != 0)
			return error_set(e, EX_SOFTWARE, "out of memory");
	}
	return 0;
}

static int
on_page(void *ctx, const struct bytes *keys, size_t n)
{
	struct escalate *x = ctx;
	struct coordinator *c;
	enum field_name field;
	struct bytes id;
	size_t i;

	for (i = 0; i < n && x->failed.exit == 0; i++) {
		switch (family_of(keys[i], &id)) {
		case FAMILY_HEARTBEAT:
			field = FIELD_HEARTBEAT;
			break;
		case FAMILY_ACTIVITY:
			field = FIELD_ACTIVITY;
			break;
		case FAMILY_WARNING:
			field = FIELD_WARNING;
			break;
		case FAMILY_ESCALATION:
			field = FIELD_RECORD;
			break;
		case FAMILY_SPAWN:
			field = FIELD_SPAWN;
			break;
		case FAMILY_WORK:
			if (belongings_note(x, keys[i]) != 0)
				return error_set(&x->failed, EX_SOFTWARE, "out of memory");
			continue;
		case FAMILY_NONE:
			if (misnamed_note(x, keys[i]) != 0)
				return error_set(&x->failed, EX_SOFTWARE, "out of memory");
			continue;
		default:
			continue;
		}
		if ((c = escalate_coordinator(x, id)) == NULL || fields_ask(c, field) != 0)
			return error_set(&x->failed, EX_SOFTWARE, "out of memory");
	}
	return x->failed.exit != 0 ? -1 : 0;
}

/* What the run remembers has to be the new server's, too: begin at the beginning. */
static int
begin(struct escalate *x, struct error *e)
{

	if (look_at_known(x, e) != 0)
		return -1;
	return judge_all(x, e);
}

static void
again(void *ctx)
{
	struct escalate *x = ctx;
	size_t at = 0;
	void *value;

	while (map_next(x->coordinators, &at, NULL, &value)) {
		escalate_empty(value);
		map_remove_at(x->coordinators, at);
	}
	belongings_drop(x);
	misnamed_drop(x);
	roster_free(&x->roster);
	holds_free(&x->holds);
	memset(&x->failed, 0, sizeof(x->failed));
	if (escalate_load(x, &x->failed) == 0)
		(void)begin(x, &x->failed);
}

/* Named as a replacement, by a spawn request or an escalation record, and
 * never seen: it is awaited, whether or not the roster still knows. */
static int
await(struct escalate *x, struct bytes id, int64_t since, bool to_be_asked, struct error *e)
{
	struct roster_entry *entry;
	struct coordinator *c;

	if ((c = escalate_coordinator(x, id)) == NULL)
		return error_set(e, EX_SOFTWARE, "out of memory");
	c->to_be_asked |= to_be_asked;
	if (!c->judged) {
		if (look(c, e) != 0 || drain(x, e) != 0)
			return -1;
		if (fields_judge(c) != 0)
			return error_set(e, EX_SOFTWARE, "out of memory");
	}
	entry = c->entry;
	if (entry->state != ROSTER_KNOWN || entry->last_seen != 0 || entry->last_life != 0 ||
	    c->fields[FIELD_HEARTBEAT].there || c->fields[FIELD_ACTIVITY].there)
		return 0;
	roster_set_state(entry, ROSTER_AWAITED, run_now(x->run));
	if (since > 0 && since < entry->since)
		entry->since = since;
	return ask(c, FIELD_SPAWN, e) != 0 ? -1 : drain(x, e);
}

static int
await_named(struct escalate *x, struct error *e)
{
	struct coordinator **list, *c;
	size_t n = 0, i, at = 0;
	int rc = 0;

	/* Awaiting adds to the map, which is not to be walked meanwhile. */
	if ((list = calloc(map_count(x->coordinators) + 1, sizeof(struct coordinator *))) == NULL)
		return error_set(e, EX_SOFTWARE, "out of memory");
	while ((c = escalate_next(x, &at)) != NULL)
		if (c->fields[FIELD_SPAWN].there || c->ledger.stage != LEDGER_NONE)
			list[n++] = c;
	for (i = 0; i < n && rc == 0; i++) {
		c = list[i];
		/* Something of another type asks for nobody. */
		if (c->fields[FIELD_SPAWN].there && !c->fields[FIELD_SPAWN].odd)
			rc = await(x, c->id, 0, false, e);
		/* Before the spawn request is out, nobody is called yet: but what was
		 * moved there already is not that of somebody dead. */
		if (rc == 0 && c->ledger.new_id.n > 0 && c->ledger.stage != LEDGER_CANCELLING)
			rc = await(x, buf_view(&c->ledger.new_id),
			    c->ledger.ours ? c->ledger.timestamp : 0,
			    c->ledger.stage == LEDGER_FOREIGN || c->ledger.stage == LEDGER_MOVING, e);
	}
	free(list);
	return rc;
}

int
survey_again(struct escalate *x, struct coordinator **list, size_t n, struct error *e)
{
	size_t i;

	for (i = 0; i < n; i++) {
		fields_forget(list[i], FIELD_HEARTBEAT);
		fields_forget(list[i], FIELD_ACTIVITY);
		if (look(list[i], e) != 0)
			return -1;
	}
	if (drain(x, e) != 0)
		return -1;
	for (i = 0; i < n; i++)
		if (fields_judge(list[i]) != 0)
			return error_set(e, EX_SOFTWARE, "out of memory");
	return 0;
}

/* Is it worth a wait to know more of it? */
static bool
of_interest(const struct coordinator *c)
{
	const struct escalate *x = c->job;

	if (x->options->list || holds_cover(&x->holds, c->id, run_now(x->run)))
		return false;
	if (x->options->explain != NULL)
		return bytes_equal(c->id, bytes_str(x->options->explain));
	return escalate_selected(x, c);
}

/* On first sight a heartbeat that looks dead is looked at again after a while,
 * once for all of them together; only where nothing has changed is it one. */
static int
confirm(struct escalate *x, struct error *e)
{
	struct coordinator **list, *c;
	size_t n = 0, at = 0;
	char wait[32];
	int rc = 0;

	if ((list = calloc(map_count(x->coordinators) + 1, sizeof(struct coordinator *))) == NULL)
		return error_set(e, EX_SOFTWARE, "out of memory");
	while ((c = escalate_next(x, &at)) != NULL)
		if (c->judgement.confirmable && of_interest(c))
			list[n++] = c;
	if (n > 0) {
		duration_human(x->settings->liveness.confirm, wait, sizeof(wait));
		log_info("confirm", "%zu heartbeat%s met for the first time and look%s dead: "
		    "looking again in %s", n, n == 1 ? " is" : "s are", n == 1 ? "s" : "", wait);
		if (!run_sleep(x->run, x->settings->liveness.confirm)) {
			result_incomplete(x->result);
			rc = error_set(e, EX_TEMPFAIL, "stopped while waiting to look again");
		} else
			rc = survey_again(x, list, n, e);
	}
	free(list);
	return rc;
}

int
survey_run(struct escalate *x, struct error *e)
{
	const struct scan_callbacks callbacks = { .page = on_page, .ctx = x };
	struct scan_result scanned;
	struct coordinator *c;
	size_t at = 0;

	if (begin(x, e) != 0)
		return -1;
	if (run_scan(x->run, FAMILIES, &callbacks, again, 0, &scanned, e) != 0) {
		if (x->failed.exit != 0)
			*e = x->failed;
		return -1;
	}
	if (x->failed.exit != 0) {
		*e = x->failed;
		return -1;
	}
	if (!scanned.complete)
		return error_set(e, EX_TEMPFAIL, "stopped in the pass over the keyspace: nothing was "
		    "judged");
	/* Once for those that were met, and once for the owners of work that was not. */
	if (look_at_rest(x, e) != 0 || judge_all(x, e) != 0 || belongings_settle(x, e) != 0 ||
	    misnamed_settle(x, e) != 0 || look_at_rest(x, e) != 0 || judge_all(x, e) != 0)
		return -1;
	while ((c = escalate_next(x, &at)) != NULL)
		fields_parse(c);
	if (await_named(x, e) != 0 || confirm(x, e) != 0)
		return -1;
	belongings_release(x);
	return 0;
}

void
survey_decide(struct escalate *x)
{
	struct coordinator *c;
	struct facts facts;
	size_t at = 0;

	x->heartbeats = 0;
	while ((c = escalate_next(x, &at)) != NULL) {
		x->heartbeats += c->fields[FIELD_HEARTBEAT].there;
		facts = fields_facts(c);
		c->course = course_of(&facts);
	}
}
