#include "report.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "again.h"
#include "base/clock.h"
#include "base/duration.h"
#include "evidence.h"
#include "steps.h"

/* Lines, and entries of each kind in JSON. */
#define LINES_MAX 50
#define JSON_MAX 1000

struct tally {
	int64_t alive, silent, suspects, escalated;
};

static void
count_one(const struct coordinator *c, struct tally *t)
{

	if (c->fields[FIELD_HEARTBEAT].there && c->judgement.verdict == VERDICT_ALIVE)
		t->alive++;
	t->silent += c->course == COURSE_WAIT;
	if (c->escalated_now)
		t->escalated += !steps_idle(c);
	else if (c->course == COURSE_SUSPECT || c->course == COURSE_ESCALATE ||
	    c->course == COURSE_RESUME)
		t->suspects++;
}

static int64_t
count_awaited(const struct escalate *x)
{
	struct bytes id;
	int64_t n = 0;
	size_t at = 0;
	void *value;

	while (map_next(x->roster.entries, &at, &id, &value))
		n += ((const struct roster_entry *)value)->state == ROSTER_AWAITED;
	return n;
}

json_t *
report_json(const struct coordinator *c)
{
	const char *field;
	json_t *id = result_json_key(c->id, &field), *o = json_object();
	int bad;

	if (id == NULL || o == NULL) {
		json_decref(id);
		json_decref(o);
		return NULL;
	}
	bad = json_object_set_new(o, field[3] == '\0' ? "id" : "id_b64", id);
	bad |= json_object_set_new(o, "course", json_string(course_name(c->course)));
	if (evidence_judged(c)) {
		bad |= json_object_set_new(o, "verdict",
		    json_string(verdict_name(c->judgement.verdict)));
		bad |= json_object_set_new(o, "silence_ms", json_integer(c->judgement.silence));
	}
	bad |= json_object_set_new(o, "warnings", json_integer(c->warnings));
	bad |= json_object_set_new(o, "work", json_integer((json_int_t)c->items_n));
	if (c->entry != NULL && c->course != COURSE_FORGET)
		bad |= json_object_set_new(o, "state",
		    json_string(roster_state_name(c->entry->state)));
	if (c->ledger.stage != LEDGER_NONE)
		bad |= json_object_set_new(o, "escalation",
		    json_string(ledger_stage_name(c->ledger.stage)));
	if (c->ledger.new_id.n > 0)
		bad |= json_object_set_new(o, "replacement",
		    result_json_key(buf_view(&c->ledger.new_id), NULL));
	if (c->escalated_now) {
		bad |= json_object_set_new(o, "moved", json_integer(c->moved));
		bad |= json_object_set_new(o, "left", json_integer(c->left));
	}
	if (bad != 0) {
		json_decref(o);
		return NULL;
	}
	return o;
}

static bool
notable(const struct coordinator *c)
{

	return c->escalated_now || (c->course != COURSE_ALIVE && c->course != COURSE_WAIT &&
	    c->course != COURSE_FORGET);
}

static void
report_object(struct escalate *x, const struct tally *t, int64_t awaited)
{
	json_t *o = json_object(), *list = json_array();
	const struct coordinator *c;
	size_t at = 0;

	if (o == NULL || list == NULL) {
		json_decref(o);
		json_decref(list);
		return;
	}
	while ((c = escalate_next(x, &at)) != NULL)
		if (notable(c) && escalate_selected(x, c) && json_array_size(list) < JSON_MAX)
			(void)json_array_append_new(list, report_json(c));
	(void)json_object_set_new(o, "first_run", json_boolean(!x->roster.existed));
	(void)json_object_set_new(o, "brake", json_string(brake_cause_name(x->brake.cause)));
	(void)json_object_set_new(o, "braked", json_boolean(x->braked));
	(void)json_object_set_new(o, "gone", json_integer(x->brake.gone));
	(void)json_object_set_new(o, "known", json_integer(x->brake.known));
	(void)json_object_set_new(o, "alive", json_integer(t->alive));
	(void)json_object_set_new(o, "suspects", json_integer(t->suspects));
	(void)json_object_set_new(o, "escalated", json_integer(t->escalated));
	(void)json_object_set_new(o, "awaited", json_integer(awaited));
	(void)json_object_set_new(o, "coordinators", list);
	result_object(x->result, "escalate_dead", o);
}

static void
report_metrics(struct escalate *x, const struct tally *t, int64_t awaited)
{
	struct result *r = x->result;

	result_gauge(r, "coordinators_alive", "Coordinators with a heartbeat that are alive.",
	    (double)t->alive);
	result_gauge(r, "escalate_dead_suspects", "Coordinators that are being judged dead.",
	    (double)t->suspects);
	result_gauge(r, "escalate_dead_awaited", "Replacements that were asked for and not yet seen.",
	    (double)awaited);
	result_gauge(r, "escalate_dead_braked", "1 while mass loss keeps the job off.", x->braked);
	result_counter(r, "escalate_dead_warnings_total", "Warnings given.",
	    (double)result_get(r, "warnings"));
	result_counter(r, "escalate_dead_escalations_total", "Dead coordinators handed on.",
	    run_dry(x->run) ? 0 : (double)t->escalated);
	result_counter(r, "escalate_dead_work_moved_total", "Work items moved to a replacement.",
	    run_dry(x->run) ? 0 : (double)result_get(r, "work-moved"));
}

/* Did this run take back what had been begun? */
static bool
is_back(const struct coordinator *c)
{

	return c->withdrawn && c->entry->state == ROSTER_KNOWN;
}

/* Was it to be handed on, had it owned anything? */
static bool
is_idle_over(const struct coordinator *c)
{

	return (c->course == COURSE_SUSPECT || c->course == COURSE_ESCALATE) &&
	    c->entry->state == ROSTER_RETIRED;
}

static void
say_one(struct escalate *x, const struct coordinator *c)
{
	const bool dry = run_dry(x->run);
	struct buf id = { 0 };
	char silence[32], warnings[64];

	buf_escaped(&id, c->id, 100);
	duration_human(c->judgement.silence, silence, sizeof(silence));
	if (buf_cstr(&id) == NULL)
		return;
	if (is_back(c))
		result_say(x->result, "  %s: %s: its work %s its own again%s", buf_cstr(&id),
		    c->ledger.by_person ? "taken back" : "shows life", dry ? "would be" : "is",
		    c->left > 0 ? ", but not all of it" : "");
	else if (steps_idle(c))
		result_say(x->result, "  %s: nothing of what is left was moved", buf_cstr(&id));
	else if (c->escalated_now && c->reopen)
		result_say(x->result, "  %s: what was left %s to %.*s, %" PRId64 " work item%s moved",
		    buf_cstr(&id), dry ? "would be handed on" : "is handed on", (int)again_told(c).n,
		    again_told(c).p, c->moved, c->moved == 1 ? "" : "s");
	else if (c->escalated_now)
		result_say(x->result, "  %s: dead, silent for %s: %s to %.*s, %" PRId64 " work item%s "
		    "moved", buf_cstr(&id), silence, dry ? "would be handed on" : "handed on",
		    (int)again_told(c).n, again_told(c).p, c->moved, c->moved == 1 ? "" : "s");
	else if (is_idle_over(c))
		result_say(x->result, "  %s: dead, silent for %s, and it owned no work: %s (escalate_idle = "
		    "no)", buf_cstr(&id), silence, dry ? "would be retired" : "retired");
	else if (c->course == COURSE_RETIRE)
		result_say(x->result, "  %s: %s (a clean shutdown)", buf_cstr(&id),
		    dry ? "would be retired" : "retired");
	else if (c->course == COURSE_SUSPECT) {
		if (c->warnings < 0)
			snprintf(warnings, sizeof(warnings), "its warning is no count");
		else
			snprintf(warnings, sizeof(warnings), "warning %" PRId64 " of %" PRId64, c->warnings,
			    x->settings->escalate_dead.max_warnings);
		result_say(x->result, "  %s: suspect, %s, silent for %s, %s, %zu work item%s",
		    buf_cstr(&id), verdict_name(c->judgement.verdict), silence, warnings, c->items_n,
		    c->items_n == 1 ? "" : "s");
	}
	else
		result_say(x->result, "  %s: %s", buf_cstr(&id), course_name(c->course));
	buf_free(&id);
}

static void
say_first_run(struct escalate *x)
{
	const int64_t after = x->settings->escalate_dead.dead_after;
	char date[40], text[32];

	clock_rfc3339(run_now(x->run) + after, 0, date, sizeof(date));
	duration_human(after, text, sizeof(text));
	result_say(x->result, "No history yet: this is the first run. Whoever shows no sign of life for "
	    "%s from now on is a suspect, so there is a verdict from %s on", text, date);
}

static void
say_totals(struct escalate *x, const struct tally *t, int64_t awaited)
{

	if (x->heartbeats == 0 && t->suspects + t->escalated + awaited == 0)
		result_say(x->result, "No coordinators found");
	else
		result_say(x->result, "%" PRId64 " coordinator%s alive, %" PRId64 " suspect%s, %" PRId64
		    " %s, %" PRId64 " awaited", t->alive, t->alive == 1 ? "" : "s", t->suspects,
		    t->suspects == 1 ? "" : "s", t->escalated,
		    run_dry(x->run) ? "to be handed on" : "handed on", awaited);
	if (!x->roster.existed && !x->braked)
		say_first_run(x);
}

static bool
is_listed(const struct coordinator *c)
{

	return c->escalated_now || is_back(c) || is_idle_over(c) || c->course == COURSE_SUSPECT ||
	    c->course == COURSE_RECOVERED || c->course == COURSE_RETIRE;
}

static void
say_each(struct escalate *x)
{
	const struct coordinator *c;
	size_t at = 0;
	int lines = 0;

	while ((c = escalate_next(x, &at)) != NULL && lines < LINES_MAX)
		if (escalate_selected(x, c) && is_listed(c)) {
			say_one(x, c);
			lines++;
		}
}

/* Of the one that a person has named, also that nothing was done, and why. */
static void
say_named(struct escalate *x)
{
	const struct coordinator *c = escalate_find(x, bytes_str(x->options->coordinator));
	struct buf text = { 0 };

	if (c == NULL || c->entry == NULL || is_listed(c))
		return;
	buf_escaped(&text, c->id, 100);
	if (c->course == COURSE_HOLD) {
		buf_str(&text, " is on hold, ");
		evidence_hold_words(c, &text);
		buf_str(&text, ": nothing is done (--force does it all the same)");
	} else if (c->course == COURSE_ESCALATE || c->course == COURSE_RESUME)
		buf_str(&text, ": not handed on: the log says why");
	else
		buf_printf(&text, ": %s, nothing to do", course_name(c->course));
	if (buf_cstr(&text) != NULL)
		result_say(x->result, "%s", buf_cstr(&text));
	buf_free(&text);
}

static void
say(struct escalate *x, const struct tally *t, int64_t awaited, bool ended)
{

	/* Of half a run only what was done is known. */
	if (ended)
		say_totals(x, t, awaited);
	say_each(x);
	if (!ended)
		result_say(x->result, "The run ended early: the next one goes on");
	else if (x->braked)
		result_say(x->result, "The brake is on: %" PRId64 " of %" PRId64 " coordinators are gone "
		    "(%s); nothing is done about them", x->brake.gone, x->brake.known,
		    brake_cause_name(x->brake.cause));
	else if (x->options->coordinator == NULL && t->suspects + t->escalated == 0)
		result_say(x->result, "No dead coordinators");
	else if (x->options->coordinator != NULL)
		say_named(x);
}

void
report_run(struct escalate *x, const struct error *e)
{
	const bool ended = e == NULL;
	struct tally t = { 0 };
	const struct coordinator *c;
	int64_t awaited;
	size_t at = 0;

	while ((c = escalate_next(x, &at)) != NULL)
		count_one(c, &t);
	awaited = count_awaited(x);
	result_count(x->result, "coordinators-alive", t.alive);
	result_count(x->result, "silent", t.silent);
	result_count(x->result, "suspects", t.suspects);
	result_count(x->result, "escalated", t.escalated);
	result_count(x->result, "work-moved", 0);
	result_count(x->result, "awaited", awaited);
	/* After an early end the gauges would be of half a picture. */
	if (ended)
		report_metrics(x, &t, awaited);
	report_object(x, &t, awaited);
	/* What was refused did not begin: the error says all. */
	if (ended || e->exit != EX_CRITICAL)
		say(x, &t, awaited, ended);
}
