#include "list.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/duration.h"
#include "evidence.h"
#include "outlook.h"
#include "report.h"
#include "survey.h"

/* The living last: there are many of them. */
static int
rank(enum course c)
{

	if (c == COURSE_ALIVE)
		return 2;
	return c == COURSE_RETIRED || c == COURSE_GONE || c == COURSE_FORGET ? 1 : 0;
}

static int
by_rank(const void *a, const void *b)
{
	const struct coordinator *l = *(const struct coordinator *const *)a;
	const struct coordinator *r = *(const struct coordinator *const *)b;

	if (rank(l->course) != rank(r->course))
		return rank(l->course) - rank(r->course);
	return bytes_compare(l->id, r->id);
}

static void
heartbeat_word(const struct coordinator *c, char *out, size_t size)
{
	const struct field *f = &c->fields[FIELD_HEARTBEAT];

	if (!f->there)
		snprintf(out, size, "-");
	else if (f->pttl < 0)
		snprintf(out, size, "no TTL");
	else
		duration_human(f->pttl, out, size);
}

static void
say_row(struct escalate *x, const struct coordinator *c)
{
	char silence[32], heartbeat[32], warnings[24], work[24];
	struct buf id = { 0 };

	buf_escaped(&id, c->id, 60);
	duration_human(evidence_silence(c), silence, sizeof(silence));
	heartbeat_word(c, heartbeat, sizeof(heartbeat));
	if (c->warnings < 0)
		snprintf(warnings, sizeof(warnings), "?");
	else
		snprintf(warnings, sizeof(warnings), "%" PRId64, c->warnings);
	/* That of the living is not looked for. */
	if (c->released)
		snprintf(work, sizeof(work), "-");
	else
		snprintf(work, sizeof(work), "%zu", c->items_n);
	if (buf_cstr(&id) != NULL)
		result_say(x->result, "%-11s %-10s %8s %8s %4s %6s  %-11s %s", course_name(c->course),
		    !evidence_judged(c) ? "-" : evidence_taken_back(c) ? "taken back" :
		    verdict_name(c->judgement.verdict), silence, heartbeat, warnings, work,
		    c->ledger.stage == LEDGER_NONE ? "-" : ledger_stage_name(c->ledger.stage),
		    buf_cstr(&id));
	buf_free(&id);
}

static void
say_pause(struct escalate *x)
{
	struct buf text = { 0 };

	if (!x->paused)
		return;
	outlook_pause(x, &text);
	if (buf_cstr(&text) != NULL)
		result_say(x->result, "The jobs are paused: %s", buf_cstr(&text));
	buf_free(&text);
}

int
list_run(struct escalate *x, struct error *e)
{
	struct coordinator **rows, *c;
	json_t *o, *all;
	size_t n = 0, i, at = 0;

	x->everyone = true;
	if (outlook_open(x, e) != 0 || survey_run(x, e) != 0 || escalate_brake(x, e) != 0)
		return -1;
	survey_decide(x);
	rows = calloc(map_count(x->coordinators) + 1, sizeof(struct coordinator *));
	o = json_object();
	all = json_array();
	if (rows == NULL || o == NULL || all == NULL) {
		free(rows);
		json_decref(o);
		json_decref(all);
		return error_set(e, EX_SOFTWARE, "out of memory");
	}
	while ((c = escalate_next(x, &at)) != NULL)
		rows[n++] = c;
	qsort(rows, n, sizeof(struct coordinator *), by_rank);
	if (n == 0)
		result_say(x->result, "No coordinators found");
	else
		result_say(x->result, "%-11s %-10s %8s %8s %4s %6s  %-11s %s", "COURSE", "VERDICT",
		    "SILENT", "TTL", "WARN", "WORK", "ESCALATION", "ID");
	for (i = 0; i < n; i++) {
		say_row(x, rows[i]);
		(void)json_array_append_new(all, report_json(rows[i]));
	}
	if (x->braked)
		result_say(x->result, "The brake is on: %" PRId64 " of %" PRId64 " are gone (%s)",
		    x->brake.gone, x->brake.known, brake_cause_name(x->brake.cause));
	say_pause(x);
	(void)json_object_set_new(o, "paused", json_boolean(x->paused));
	(void)json_object_set_new(o, "braked", json_boolean(x->braked));
	(void)json_object_set_new(o, "coordinators", all);
	result_object(x->result, "escalate_dead", o);
	free(rows);
	return 0;
}
