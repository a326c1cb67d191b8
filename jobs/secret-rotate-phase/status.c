#include "outlook.h"

#include <inttypes.h>
#include <string.h>

#include "base/duration.h"

/* The rotation as text: the line of a run, and the table of --status. */

static const char *
text_of(struct buf *b)
{
	return b->failed ? "?" : buf_cstr(b);
}

static const char *
or_none(const char *fp)
{
	return fp[0] == '\0' ? "-" : fp;
}

/* "Phase drain (epoch 9) for 3h12m". */
static void
phase_text(const struct outlook *o, struct buf *out)
{
	const struct rotation *r = &o->v->rotation;
	char age[32];

	buf_printf(out, "Phase %s", phase_name(r->phase));
	if (r->phase == PHASE_HOLD)
		buf_printf(out, ", then %s", phase_name(r->then));
	buf_printf(out, " (epoch %" PRIu64 ")", r->epoch);
	if (o->now >= r->since) {
		duration_human(o->now - r->since, age, sizeof(age));
		buf_printf(out, " for %s", age);
	} else if (o->now > 0) {
		duration_human(r->since - o->now, age, sizeof(age));
		buf_printf(out, " from %s in the future on, by Redis's clock", age);
	}
	if (r->confirm)
		buf_str(out, ", all agreed once and look again");
	if (r->skip_drain)
		buf_str(out, ", drain is skipped");
}

void
outlook_say(const struct outlook *o)
{
	struct result *result = run_result(o->x->run);
	const struct census *c = &o->v->census;
	struct buf phase = { 0 }, wait = { 0 };

	if (o->x->dry)
		buf_str(&phase, "A run would leave: ");
	phase_text(o, &phase);
	outlook_wait(o, &wait);
	if (o->v->rotation.epoch == 0)
		result_say(result, "No rotation was ever made; %zu of %zu hosts report", c->good, c->n);
	else if (o->v->rotation.phase == PHASE_IDLE)
		result_say(result, "%s, all sign with %s; %zu of %zu hosts are where they should be",
		    text_of(&phase), o->v->rotation.sign, c->good, c->n);
	else
		result_say(result, "%s, %zu of %zu hosts are where they should be; waits for %s",
		    text_of(&phase), c->good, c->n, text_of(&wait));
	buf_free(&phase);
	buf_free(&wait);
}

/* ---- the table ---- */

static void
say_row(const struct outlook *o, const struct census_row *row)
{
	const struct state *s = row->report == NULL ? NULL : &row->report->state;
	struct result *result = run_result(o->x->run);
	const bool turn = host_same(row->host, o->v->rotation.turn);
	char age[32] = "-";
	size_t i;

	if (row->report != NULL)
		duration_human(o->now - row->report->time, age, sizeof(age));
	result_say(result, "  %-24s %-16s %-16s %9zu  %-8s %s%s%s",
	    row->host, s == NULL || !s->known ? "?" : or_none(s->file.sign),
	    s == NULL || !s->known ? "?" : or_none(s->file.other), s == NULL ? 0 : s->processes,
	    age, row->standing == STANDING_GOOD ? "good" : standing_phrase(row->standing),
	    row->listed ? "" : " (not in the list)", turn ? " (has the turn)" : "");
	for (i = 0; s != NULL && s->known && i < s->pairs && i < PAIRS_MAX; i++) {
		if (!pair_same(&s->pair[i], &s->file))
			result_say(result, "  %-24s %-16s %-16s            a process runs these",
			    "", or_none(s->pair[i].sign), or_none(s->pair[i].other));
	}
}

static void
say_in_flight(const struct outlook *o)
{
	struct result *result = run_result(o->x->run);
	const struct in_flight *f = &o->x->in_flight;
	const enum phase phase = o->v->rotation.phase;
	struct buf line = { 0 };

	if (!f->counted) {
		result_say(result, "In flight: not counted: %s",
		    o->uncounted == NULL ? "the run was stopped" : o->uncounted);
		return;
	}
	buf_printf(&line, "In flight: %" PRId64 " verify under the %s secret (%s)",
	    f->n[IN_FLIGHT_NEW], phase == PHASE_IDLE ? "present" : phase == PHASE_HOLD ? "remaining" :
	    "new", or_none(f->fp[0]));
	if (!f->have[0])
		buf_str(&line, " [not on this host]");
	if (f->fp[1][0] != '\0')
		buf_printf(&line, ", %" PRId64 " only under the %s one (%s)%s", f->n[IN_FLIGHT_OLD],
		    phase == PHASE_HOLD ? "other" : "old", f->fp[1], f->have[1] ? "" : " [not on this host]");
	buf_printf(&line, ", %" PRId64 " under neither, %" PRId64 " unsigned",
	    f->n[IN_FLIGHT_NEITHER], f->n[IN_FLIGHT_UNSIGNED]);
	if (f->n[IN_FLIGHT_UNREADABLE] > 0)
		buf_printf(&line, ", %" PRId64 " that cannot be read", f->n[IN_FLIGHT_UNREADABLE]);
	result_say(result, "%s", text_of(&line));
	buf_free(&line);
}

static void
say_rotation(const struct outlook *o)
{
	struct result *result = run_result(o->x->run);
	const struct rotation *r = &o->v->rotation;
	struct buf text = { 0 };
	char age[32];

	if (r->epoch == 0) {
		result_say(result, "No rotation was ever made");
	} else {
		phase_text(o, &text);
		result_say(result, "%s", text_of(&text));
		buf_reset(&text);
		if (r->phase == PHASE_HOLD)
			result_say(result, "Hosts go on as they are; then they sign with %s and accept beside "
			    "it %s", r->sign, r->then == PHASE_RETIRE ? "-" : or_none(r->other));
		else
			result_say(result, "Signs with %s, accepts beside it %s", r->sign,
			    r->phase == PHASE_RETIRE ? "-" : or_none(r->other));
	}
	outlook_wait(o, &text);
	result_say(result, "Waits for %s", text_of(&text));
	if (r->turn[0] != '\0') {
		duration_human(o->now - r->turn_since, age, sizeof(age));
		result_say(result, "Turn to restart: %s, for %s", r->turn, age);
	}
	if (o->age >= 0) {
		duration_human(o->age, age, sizeof(age));
		result_say(result, "The secret has been in use for %s%s%s",
		    r->rotated > 0 || r->promoted > 0 ? "" : "at least ", age, o->overdue ? ": overdue" : "");
	}
	buf_free(&text);
}

void
outlook_table(const struct outlook *o)
{
	struct result *result = run_result(o->x->run);
	const struct census *c = &o->v->census;
	size_t i;

	say_rotation(o);
	if (c->n > 0)
		result_say(result, "  %-24s %-16s %-16s %9s  %-8s %s", "host", "file signs",
		    "accepts too", "processes", "age", "state");
	for (i = 0; i < c->n; i++)
		say_row(o, &c->row[i]);
	say_in_flight(o);
}
