#include "explain.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "evidence.h"
#include "holdings.h"
#include "outlook.h"
#include "report.h"
#include "staying.h"
#include "survey.h"

/* Keys shown in text: the answer is to fit on a screen. */
#define KEYS_SHOWN 8
#define KEYS_JSON 1000

static void
say(struct escalate *x, const char *label, struct buf *text)
{
	const char *s = buf_cstr(text);

	if (s != NULL && s[0] != '\0')
		result_say(x->result, "%-10s %s", label, s);
	buf_reset(text);
}

static void
say_verdict(struct escalate *x, const struct coordinator *c, struct buf *text)
{

	buf_escaped(text, c->id, 200);
	if (buf_cstr(text) != NULL && (evidence_taken_back(c) || !evidence_judged(c)))
		result_say(x->result, "%s: %s (%s)", buf_cstr(text), course_name(c->course),
		    evidence_row(c));
	else if (buf_cstr(text) != NULL)
		result_say(x->result, "%s: %s (%s: %s)", buf_cstr(text), course_name(c->course),
		    verdict_name(c->judgement.verdict), evidence_row(c));
	buf_reset(text);
	evidence_line(c, text);
	say(x, "Evidence", text);
	evidence_timeline(c, text);
	say(x, "Timeline", text);
	if (c->was.known) {
		buf_printf(text, "%s, begun ", roster_state_name(c->was.state));
		evidence_when(c, c->was.since, text);
		buf_str(text, roster_left(&c->was) ? "; its heartbeat was found gone " : "; looked at ");
		evidence_when(c, c->was.sight, text);
	} else
		buf_str(text, x->roster.existed ? "not known before this look" :
		    "empty: no run has been here before");
	say(x, "Roster", text);
}

static void
say_standing(struct escalate *x, const struct coordinator *c, struct buf *text)
{

	if (c->ledger.stage != LEDGER_NONE) {
		buf_printf(text, "%s%s", ledger_stage_name(c->ledger.stage),
		    c->ledger.new_id.n > 0 ? ", to " : "");
		buf_escaped(text, buf_view(&c->ledger.new_id), 100);
		if (c->ledger.timestamp != INT64_MAX) {
			buf_str(text, ", begun ");
			evidence_when(c, c->ledger.timestamp, text);
		}
		say(x, "Escalation", text);
	}
	if (evidence_hold(c) != 0) {
		buf_str(text, "on hold, ");
		evidence_hold_words(c, text);
		say(x, "Hold", text);
	}
	if (x->paused) {
		outlook_pause(x, text);
		say(x, "Pause", text);
	}
	if (x->braked) {
		buf_printf(text, "on: %" PRId64 " of %" PRId64 " are gone (%s)", x->brake.gone,
		    x->brake.known, brake_cause_name(x->brake.cause));
		say(x, "Brake", text);
	}
}

static void
say_keys(struct escalate *x, const struct holdings *h, struct buf *text)
{
	size_t i, shown = h->n < KEYS_SHOWN ? h->n : KEYS_SHOWN;

	for (i = 0; i < FAMILY_COUNT; i++)
		if (h->certain[i] > 0)
			buf_printf(text, "%s%zu %s", text->n > 0 ? ", " : "", h->certain[i],
			    family_name((enum family)i));
	if (h->uncertain > 0)
		buf_printf(text, "%s%zu that may be its own", text->n > 0 ? ", " : "", h->uncertain);
	if (h->n == 0)
		buf_str(text, "none");
	say(x, "Keys", text);
	for (i = 0; i < shown; i++) {
		buf_escaped(text, h->list[i].key, 120);
		if (!h->list[i].certain)
			buf_str(text, " (?)");
		say(x, "", text);
	}
	if (h->n > shown) {
		buf_printf(text, "and %zu more (--format json has them)", h->n - shown);
		say(x, "", text);
	}
}

/* Set ${key}, or ${key}_b64, of ${o} to bytes. */
static void
set_bytes(json_t *o, const char *key, struct bytes s)
{
	const char *field;
	json_t *value = result_json_key(s, &field);
	char name[32];

	snprintf(name, sizeof(name), "%s%s", key, field[3] == '\0' ? "" : "_b64");
	(void)json_object_set_new(o, name, value);
}

static void
set_text(json_t *o, const char *key, struct buf *text)
{

	if (buf_cstr(text) != NULL)
		set_bytes(o, key, buf_view(text));
	buf_reset(text);
}

static json_t *
evidence_json(const struct coordinator *c, struct buf *text)
{
	const struct field *f = &c->fields[FIELD_HEARTBEAT];
	json_t *o = json_object();

	(void)json_object_set_new(o, "row", json_string(evidence_row(c)));
	(void)json_object_set_new(o, "heartbeat", json_boolean(f->there));
	if (f->there) {
		set_bytes(o, "value", buf_view(&f->value));
		(void)json_object_set_new(o, "pttl", json_integer(f->pttl));
		if (c->form == HEARTBEAT_READABLE)
			(void)json_object_set_new(o, "stamp", json_integer(c->stamp));
		if (c->unreadable != NULL)
			(void)json_object_set_new(o, "unreadable", json_string(c->unreadable));
	}
	if (c->activity_stamp != 0)
		(void)json_object_set_new(o, "activity", json_integer(c->activity_stamp));
	(void)json_object_set_new(o, "first_sight", json_integer(c->entry->first_sight));
	(void)json_object_set_new(o, "last_life", json_integer(c->entry->last_life));
	(void)json_object_set_new(o, "last_seen", json_integer(c->entry->last_seen));
	(void)json_object_set_new(o, "known_before", json_boolean(c->was.known));
	(void)json_object_set_new(o, "skewed", json_boolean(c->judgement.skewed));
	evidence_line(c, text);
	set_text(o, "text", text);
	evidence_timeline(c, text);
	set_text(o, "timeline", text);
	return o;
}

static void
explain_json(struct escalate *x, const struct coordinator *c, const struct holdings *h,
    struct buf *text)
{
	json_t *o = report_json(c), *keys = json_array(), *next = json_object(), *key;
	size_t i;

	for (i = 0; i < h->n && i < KEYS_JSON; i++) {
		key = json_object();
		set_bytes(key, "key", h->list[i].key);
		(void)json_object_set_new(key, "family", json_string(family_name(h->list[i].family)));
		(void)json_object_set_new(key, "certain", json_boolean(h->list[i].certain));
		(void)json_array_append_new(keys, key);
	}
	outlook_escalate(c, text);
	set_text(next, "escalate_dead", text);
	outlook_reap(c, text);
	set_text(next, "reap_stale", text);
	(void)json_object_set_new(o, "hold",
	    json_boolean(holds_cover(&x->holds, c->id, run_now(x->run))));
	if (evidence_hold(c) != 0 && evidence_hold(c) != HOLD_UNREADABLE)
		(void)json_object_set_new(o, "hold_until", json_integer(evidence_hold(c)));
	(void)json_object_set_new(o, "paused", json_boolean(x->paused));
	(void)json_object_set_new(o, "braked", json_boolean(x->braked));
	(void)json_object_set_new(o, "evidence", evidence_json(c, text));
	(void)json_object_set_new(o, "keys", keys);
	(void)json_object_set_new(o, "keys_total", json_integer((json_int_t)h->n));
	(void)json_object_set_new(o, "next", next);
	result_object(x->result, "escalate_dead", o);
}

int
explain_run(struct escalate *x, struct bytes id, struct error *e)
{
	struct holdings holdings;
	struct buf text = { 0 };
	struct coordinator *c;
	int rc;

	x->everyone = true;
	/* Entered first, so that it is looked at whatever the keyspace holds of it. */
	if (escalate_coordinator(x, id) == NULL)
		return error_set(e, EX_SOFTWARE, "out of memory");
	if (outlook_open(x, e) != 0 || survey_run(x, e) != 0 || escalate_brake(x, e) != 0)
		return -1;
	survey_decide(x);
	if (staying_look(x, e) != 0)
		return -1;
	/* The map may have been made anew for another server. */
	if ((c = escalate_coordinator(x, id)) == NULL || c->entry == NULL)
		return error_set(e, EX_TEMPFAIL, "the server changed in mid-pass: ask again");
	if ((rc = holdings_find(c, &holdings, e)) == 0) {
		say_verdict(x, c, &text);
		say_standing(x, c, &text);
		say_keys(x, &holdings, &text);
		outlook_escalate(c, &text);
		say(x, "Next", &text);
		outlook_reap(c, &text);
		buf_str(&text, " (reap-stale)");
		say(x, "", &text);
		explain_json(x, c, &holdings, &text);
	}
	holdings_free(&holdings);
	buf_free(&text);
	return rc;
}
