#include "outlook.h"

#include <string.h>

#include <jansson.h>

/* The object "rotation" of the JSON result: times are Redis's, ms; a fingerprint that there is
 * none of is null. */

static int
put(json_t *o, const char *name, json_t *value)
{
	return json_object_set_new(o, name, value);
}

static json_t *
text(const char *s)
{
	return s[0] == '\0' ? json_null() : json_string(s);
}

static json_t *
moment(int64_t ms)
{
	return ms <= 0 ? json_null() : json_integer(ms);
}

/* ${o} if all of it could be made, else NULL. */
static json_t *
made(json_t *o, int bad)
{
	if (bad == 0)
		return o;
	json_decref(o);
	return NULL;
}

static json_t *
pair_json(const struct pair *p)
{
	json_t *o = json_object();
	int bad = put(o, "sign", text(p->sign));

	bad |= put(o, "other", text(p->other));
	return made(o, bad);
}

static json_t *
pairs_json(const struct state *s)
{
	json_t *list = json_array();
	size_t i;
	int bad = 0;

	for (i = 0; i < s->pairs && i < PAIRS_MAX; i++)
		bad |= json_array_append_new(list, pair_json(&s->pair[i]));
	return made(list, bad);
}

static const char *
standing_code(enum standing s)
{
	static const char *const codes[] = {
		[STANDING_GOOD] = "good", [STANDING_ABSENT] = "absent", [STANDING_LATE] = "late",
		[STANDING_AHEAD] = "ahead", [STANDING_TWICE] = "twice", [STANDING_EPOCH] = "epoch", [STANDING_LIST] = "list",
		[STANDING_UNKNOWN] = "unknown", [STANDING_FILE] = "file",
		[STANDING_PROCESS] = "process",
	};

	return codes[s];
}

static json_t *
row_json(const struct outlook *o, const struct census_row *row)
{
	const struct report *report = row->report;
	json_t *j = json_object();
	int bad = put(j, "host", json_string(row->host));

	bad |= put(j, "listed", json_boolean(row->listed));
	bad |= put(j, "standing", json_string(standing_code(row->standing)));
	bad |= put(j, "late", json_boolean(row->standing == STANDING_LATE ||
	    outlook_trouble(o, row) == TROUBLE_LATE));
	bad |= put(j, "blocks", json_boolean(outlook_trouble(o, row) != TROUBLE_NONE));
	if (report == NULL)
		return made(j, bad);
	bad |= put(j, "age_ms", json_integer(o->now - report->time));
	bad |= put(j, "epoch", json_integer((json_int_t)report->epoch));
	bad |= put(j, "copy_epoch", json_integer((json_int_t)report->copy));
	if (!report->state.known)
		return made(j, bad);
	bad |= put(j, "file", pair_json(&report->state.file));
	bad |= put(j, "processes", json_integer((json_int_t)report->state.processes));
	bad |= put(j, "processes_run", pairs_json(&report->state));
	return made(j, bad);
}

static json_t *
rows_json(const struct outlook *o)
{
	const struct census *c = &o->v->census;
	json_t *list = json_array();
	size_t i;
	int bad = 0;

	for (i = 0; i < c->n; i++)
		bad |= json_array_append_new(list, row_json(o, &c->row[i]));
	return made(list, bad);
}

static json_t *
in_flight_json(const struct in_flight *f)
{
	json_t *o;
	size_t i;
	int bad = 0;

	if (!f->counted)
		return json_null();
	o = json_object();
	for (i = 0; i < IN_FLIGHT_STATES; i++)
		bad |= put(o, in_flight_names[i], json_integer(f->n[i]));
	return made(o, bad);
}

static const char *
wait_code(enum wait w)
{
	static const char *const codes[] = {
		[WAIT_NONE] = "run", [WAIT_START] = "start", [WAIT_HOSTS] = "hosts",
		[WAIT_TIME] = "time", [WAIT_CLOCK] = "clock", [WAIT_PASS] = "pass",
	};

	return codes[w];
}

static int
put_wait(json_t *j, const struct outlook *o)
{
	const struct decision *d = &o->v->decision;
	struct buf wait = { 0 };
	int bad;

	outlook_wait(o, &wait);
	bad = wait.failed ? -1 : put(j, "waits_for_text", json_string(buf_cstr(&wait)));
	bad |= put(j, "waits_for", json_string(o->uncertain && (d->wait == WAIT_NONE ||
	    d->wait == WAIT_PASS) ? "certainty" : wait_code(d->wait)));
	if (d->wait == WAIT_TIME || d->wait == WAIT_CLOCK)
		bad |= put(j, "left_ms", json_integer(d->left));
	buf_free(&wait);
	return bad;
}

int
outlook_json(const struct outlook *o)
{
	const struct rotation *r = &o->v->rotation;
	json_t *j = json_object();
	int bad = put(j, "host", json_string(o->x->self));

	bad |= put(j, "id", text(r->id));
	bad |= put(j, "epoch", json_integer((json_int_t)r->epoch));
	bad |= put(j, "phase", json_string(phase_name(r->phase)));
	if (r->phase == PHASE_HOLD)
		bad |= put(j, "then", json_string(phase_name(r->then)));
	bad |= put(j, "confirm", json_boolean(r->confirm));
	bad |= put(j, "skip_drain", json_boolean(r->skip_drain));
	bad |= put(j, "sign", text(r->sign));
	bad |= put(j, "other", text(r->other));
	bad |= put(j, "since", moment(r->since));
	bad |= put(j, "started", moment(r->started));
	bad |= put(j, "rotated", moment(r->rotated));
	bad |= put(j, "turn", text(r->turn));
	bad |= put(j, "turn_since", moment(r->turn_since));
	bad |= put_wait(j, o);
	bad |= put(j, "age_ms", o->age < 0 ? json_null() : json_integer(o->age));
	bad |= put(j, "overdue", json_boolean(o->overdue));
	bad |= put(j, "blocked", json_boolean(o->blocked));
	bad |= put(j, "lost", json_boolean(o->lost));
	bad |= put(j, "hosts", rows_json(o));
	bad |= put(j, "in_flight", in_flight_json(&o->x->in_flight));
	if (bad != 0) {
		json_decref(j);
		return -1;
	}
	result_object(run_result(o->x->run), "rotation", j);
	return 0;
}
