#include "fields.h"

#include <string.h>

#include "coordination/heartbeat.h"
#include "coordination/keys.h"
#include "coordination/record.h"
#include "strikes.h"

_Static_assert(FIELD_MAX == HEARTBEAT_LONGEST, "a heartbeat is read as far as it can go");

#define DAY_MS INT64_C(86400000)

static const enum family families[FIELDS] = {
	[FIELD_HEARTBEAT] = FAMILY_HEARTBEAT,
	[FIELD_ACTIVITY] = FAMILY_ACTIVITY,
	[FIELD_WARNING] = FAMILY_WARNING,
	[FIELD_RECORD] = FAMILY_ESCALATION,
	[FIELD_SPAWN] = FAMILY_SPAWN,
};

void
fields_key(const struct coordinator *c, enum field_name f, struct buf *out)
{

	key_make(out, families[f], c->id);
}

void
fields_forget(struct coordinator *c, enum field_name f)
{
	struct field *field = &c->fields[f];

	buf_reset(&field->value);
	field->asked = field->there = field->odd = false;
	field->pttl = TTL_NONE;
}

static void
on_value(void *ctx, size_t tag, const struct reply *r)
{
	struct coordinator *c = ctx;
	struct field *f = &c->fields[tag];
	struct bytes value;
	const char *error;

	if (reply_string(r, &value)) {
		buf_reset(&f->value);
		buf_bytes(&f->value, value);
		if (f->value.failed)
			(void)error_set(&c->job->failed, EX_SOFTWARE, "out of memory");
	} else if ((error = reply_error(r)) != NULL && strncmp(error, "WRONGTYPE", 9) == 0)
		f->odd = true;
	else if (c->job->failed.exit == 0)
		(void)reply_fail(r, &c->job->failed, "reading a key of family %s",
		    family_name(families[tag]));
}

/* Comes after the value: what expired in between is not there. */
static void
on_pttl(void *ctx, size_t tag, const struct reply *r)
{
	struct coordinator *c = ctx;
	struct field *f = &c->fields[tag];

	if (!reply_integer(r, &f->pttl)) {
		if (c->job->failed.exit == 0)
			(void)reply_fail(r, &c->job->failed, "reading the TTL of a key of family %s",
			    family_name(families[tag]));
		return;
	}
	f->at = run_now(c->job->run);
	f->there = f->pttl != -2;
	if (!f->there) {
		f->odd = false;
		f->pttl = TTL_NONE;
		buf_reset(&f->value);
	}
}

int
fields_ask(struct coordinator *c, enum field_name f)
{
	struct buf key = { 0 };
	char max[24];
	int rc = -1;

	if (c->fields[f].asked)
		return 0;
	fields_key(c, f, &key);
	if (!key.failed &&
	    CLIENT_ADD(c->job->client, CLIENT_REPEAT, on_value, c, (size_t)f, B("GETRANGE"),
	        buf_view(&key), B("0"), bytes_of_int(FIELD_MAX, max)) == 0 &&
	    CLIENT_ADD(c->job->client, CLIENT_REPEAT, on_pttl, c, (size_t)f, B("PTTL"),
	        buf_view(&key)) == 0)
		rc = 0;
	c->fields[f].asked = rc == 0;
	buf_free(&key);
	return rc;
}

static void
read_heartbeat(struct coordinator *c)
{
	const struct field *f = &c->fields[FIELD_HEARTBEAT];
	struct stamp stamp;

	c->form = HEARTBEAT_ABSENT;
	c->unreadable = NULL;
	if (!f->there)
		return;
	c->form = HEARTBEAT_UNREADABLE;
	if (f->odd)
		c->unreadable = "is not a string";
	else if ((c->form = heartbeat_read(buf_view(&f->value), &stamp, &c->unreadable)) ==
	    HEARTBEAT_READABLE)
		c->stamp = stamp.ms;
}

static void
read_activity(struct coordinator *c)
{
	const struct field *f = &c->fields[FIELD_ACTIVITY];
	struct record *record;
	struct stamp stamp;
	const char *why;

	c->activity_stamp = 0;
	if (!f->there || f->odd)
		return;
	if ((record = record_parse(buf_view(&f->value), &why)) != NULL &&
	    record_activity_time(record, &stamp))
		c->activity_stamp = stamp.ms;
	record_free(record);
}

int
fields_judge(struct coordinator *c)
{
	const struct settings *s = c->job->settings;
	const struct field *heartbeat = &c->fields[FIELD_HEARTBEAT];
	const struct field *activity = &c->fields[FIELD_ACTIVITY];
	const struct sight sight = {
		.now = heartbeat->at,
		.heartbeat = heartbeat->there,
		.heartbeat_bytes = buf_view(&heartbeat->value),
		.heartbeat_pttl = heartbeat->pttl,
		.activity = activity->there,
		.activity_bytes = buf_view(&activity->value),
	};
	const struct liveness_limits limits = {
		.threshold = s->escalate_dead.dead_after,
		.confirm = s->liveness.confirm,
		.heartbeat_ttl_max = s->liveness.heartbeat_ttl_max,
		.skew_tolerance = s->liveness.skew_tolerance,
	};
	const struct roster_entry *before;
	struct evidence evidence;

	if (!c->judged && (before = roster_find(&c->job->roster, c->id)) != NULL)
		c->was = *before;
	read_heartbeat(c);
	read_activity(c);
	if ((c->entry = roster_observe(&c->job->roster, c->id, &sight)) == NULL)
		return -1;
	evidence = roster_evidence(c->entry, &sight, c->form, c->stamp, c->activity_stamp != 0,
	    c->activity_stamp);
	c->judgement = liveness_judge(&evidence, &limits);
	c->judged = true;
	c->judged_activity = activity->asked;
	return 0;
}

void
fields_parse(struct coordinator *c)
{
	const struct field *warning = &c->fields[FIELD_WARNING];
	const struct field *record = &c->fields[FIELD_RECORD];

	c->warnings = 0;
	if (warning->there)
		c->warnings = warning->odd ? -1 : strikes_count(buf_view(&warning->value));
	if (!record->there)
		ledger_free(&c->ledger);
	else if (record->odd || record->value.n > FIELD_MAX)
		ledger_parse(c->id, B(""), &c->ledger);
	else
		ledger_parse(c->id, buf_view(&record->value), &c->ledger);
	/* A finished one of another process stands in the way for good: not from the day after tomorrow. */
	if (c->ledger.stage == LEDGER_COMPLETE && !c->ledger.ours &&
	    c->ledger.timestamp != INT64_MAX && c->ledger.timestamp > run_now(c->job->run) + DAY_MS) {
		c->ledger.stage = LEDGER_UNREADABLE;
		ledger_disown(&c->ledger);
	}
}

/*
 * Did its owner take its heartbeat away? Of many that vanish at once that is not to be believed, nor of
 * those of them that do not come back with the others: while the brake is on the baseline stays older
 * than the look that found them gone. Unless a person says so, or others came in their place.
 */
static bool
left(const struct coordinator *c, bool believed)
{
	const struct escalate *x = c->job;

	return roster_left(c->entry) && c->was.known && (believed || c->was.heartbeat != 0 ||
	    (x->has_baseline && x->baseline.at >= c->entry->sight));
}

bool
fields_outlived(const struct coordinator *c)
{
	const int64_t age = run_now(c->job->run) - c->stamp;

	return c->ledger.stage == LEDGER_COMPLETE && !c->ledger.ours &&
	    c->form == HEARTBEAT_READABLE && !c->judgement.skewed &&
	    age <= c->job->settings->escalate_dead.dead_after &&
	    c->ledger.timestamp != INT64_MAX && c->stamp > c->ledger.timestamp;
}

struct facts
fields_facts(const struct coordinator *c)
{
	const struct escalate *x = c->job;
	const struct roster_entry *entry = c->entry;
	const int64_t now = run_now(x->run);
	struct facts f = {
		.state = entry->state,
		.was_suspect = c->was.known && c->was.state == ROSTER_SUSPECT,
		.verdict = c->judgement.verdict,
		.heartbeat = c->fields[FIELD_HEARTBEAT].there,
		.life_now = entry->life_now,
		.ever_seen = entry->last_seen != 0 || entry->last_life != 0,
		.life_since = entry->last_life > entry->since,
		.left = left(c, x->options->override_brake || x->brake.replaced),
		.work = c->items_n > 0,
		.activity = c->fields[FIELD_ACTIVITY].there,
		.warning = c->fields[FIELD_WARNING].there,
		.warning_odd = c->fields[FIELD_WARNING].odd,
		.warned_out = c->warnings >= x->settings->escalate_dead.max_warnings,
		.stage = c->ledger.stage,
		/* Of the others it is as without --force. */
		.hold = !(x->options->force > 0 && escalate_selected(x, c)) &&
		    holds_cover(&x->holds, c->id, now),
		.brake = x->braked,
		.force = x->options->coordinator != NULL && escalate_selected(x, c) ?
		    x->options->force : 0,
		.overdue = entry->state == ROSTER_AWAITED &&
		    now - entry->since > x->settings->escalate_dead.spawn_timeout,
		.asked_for = c->fields[FIELD_SPAWN].there || c->to_be_asked || c->uncertain > 0,
	};

	/* Another process's clock is not Redis's: what counts is life after the
	 * day on which the record was first seen here. */
	if (c->ledger.ours && entry->state != ROSTER_ESCALATED)
		f.life_since_record = entry->last_life > c->ledger.timestamp;
	else
		f.life_since_record = entry->state == ROSTER_ESCALATED && f.life_since;
	return f;
}

enum course
fields_unbraked(const struct coordinator *c)
{
	struct facts f = fields_facts(c);

	f.brake = false;
	f.left = left(c, true);
	return course_of(&f);
}
