#include "outlook.h"

#include <inttypes.h>
#include <string.h>

#include "base/duration.h"

#include "store.h"

#define DAY (INT64_C(24) * 3600 * 1000)
/* A rotation that takes that much longer than its times say is overdue. */
#define PATIENCE (7 * DAY)
/* Hosts that a phrase names before it only counts. */
#define NAMED 4

/* ---- judging ---- */

/* How long the secret that signs has been in use; before the first rotation only this host's own
 * memory tells. */
static int64_t
secret_age(const struct flow_view *v, int64_t now)
{
	const struct rotation *r = &v->rotation;
	int64_t since = r->phase != PHASE_IDLE && r->promoted > 0 ? r->promoted :
	    r->rotated > 0 ? r->rotated : v->copy.seen_since;

	if (since <= 0)
		return -1;
	return now > since ? now - since : 0;
}

/* Does the host run or hold something that the rotation does not know? */
static bool
mismatch(const struct rotation *r, const struct state *s)
{
	const char *stranger;

	if (!s->known || r->epoch == 0)
		return false;
	(void)state_stranger(r, s, &stranger);
	return s->pairs > PAIRS_MAX || stranger != NULL;
}

enum trouble
outlook_trouble(const struct outlook *o, const struct census_row *row)
{
	const struct rotation *r = &o->v->rotation;
	int64_t timeout = o->flow->phase.host_timeout;

	if (row->report != NULL && row->standing != STANDING_LATE &&
	    mismatch(r, &row->report->state))
		return TROUBLE_MISMATCH;
	if (row->standing == STANDING_TWICE)
		return TROUBLE_TWICE;
	if (r->phase == PHASE_IDLE)
		return TROUBLE_NONE;
	if (host_same(row->host, r->turn) && row->standing != STANDING_LATE) {
		if (o->now - r->turn_since >= timeout)
			return TROUBLE_TURN;
		if (row->report != NULL && row->report->time >= r->turn_since &&
		    row->report->state.known && row->report->state.processes == 0)
			return TROUBLE_KEPT;
	}
	switch (row->standing) {
	case STANDING_LATE:
		return TROUBLE_LATE;
	case STANDING_ABSENT:
		return o->now - r->since >= timeout ? TROUBLE_LATE : TROUBLE_NONE;
	case STANDING_AHEAD:
	case STANDING_LIST:
	case STANDING_UNKNOWN:
	case STANDING_FILE: /* it reports after it has moved its file */
		return TROUBLE_BLOCKS;
	default:
		return TROUBLE_NONE;
	}
}

/* Before the first rotation: do all that report of late sign with the same secret? */
static const struct report *
differs(const struct outlook *o, const struct report **from)
{
	const struct reports *reports = &o->v->reports;
	const struct report *r;
	size_t i;

	*from = NULL;
	if (o->v->rotation.epoch > 0)
		return NULL;
	for (i = 0; i < reports->n; i++) {
		r = &reports->report[i];
		if (!r->state.known || r->state.file.sign[0] == '\0' ||
		    o->now - r->time >= o->flow->phase.host_timeout)
			continue;
		if (*from == NULL)
			*from = r;
		else if (strcmp(r->state.file.sign, (*from)->state.file.sign) != 0)
			return r;
	}
	return NULL;
}

static bool
is_overdue(const struct outlook *o)
{
	const struct rotation *r = &o->v->rotation;
	const struct phase_settings *s = &o->flow->phase;

	if (r->phase == PHASE_IDLE)
		return o->age >= s->max_age;
	return o->now - r->started > s->soak + s->drain + PATIENCE;
}

void
outlook_make(struct outlook *o)
{
	struct flow_view *v = o->v;
	const struct report *one;
	enum trouble trouble;
	size_t i;

	o->now = o->x->client == NULL ? 0 : client_now_ms(o->x->client);
	if (v->rotation.epoch == 0) {
		v->rotation.hosts = *o->hosts;
		memcpy(v->rotation.list, o->flow->list, FINGERPRINT_SIZE);
	}
	phase_census(&v->rotation, &v->reports, &o->flow->phase, o->now, &v->census);
	phase_decide(&v->rotation, &v->census, &o->flow->phase, PASS_NOT_MADE, o->now,
	    &v->decision);
	o->age = secret_age(v, o->now);
	o->overdue = is_overdue(o);
	o->late = 0;
	o->mismatched = differs(o, &one) != NULL;
	o->held = v->decision.wait == WAIT_PASS && o->x->in_flight.counted &&
	    in_flight_held(&o->x->in_flight) > 0;
	o->blocked = o->held || o->uncertain || (v->reports.overflow && v->rotation.phase != PHASE_IDLE);
	for (i = 0; i < v->census.n; i++) {
		trouble = outlook_trouble(o, &v->census.row[i]);
		o->late += trouble == TROUBLE_LATE;
		o->mismatched += trouble == TROUBLE_MISMATCH;
		o->blocked |= trouble != TROUBLE_NONE && v->rotation.phase != PHASE_IDLE;
	}
}

/* ---- findings ---- */

static void
row_finding(const struct outlook *o, const struct census_row *row)
{
	struct result *result = run_result(o->x->run);
	const struct bytes host = bytes_str(row->host);
	const char *stranger = NULL;
	bool in_process;
	char age[32] = "";

	if (row->report != NULL)
		duration_human(o->now - row->report->time, age, sizeof(age));
	switch (outlook_trouble(o, row)) {
	case TROUBLE_MISMATCH:
		if (row->report == NULL)
			break;
		in_process = state_stranger(&o->v->rotation, &row->report->state, &stranger);
		result_finding(result, "secret-mismatch", SEVERITY_CRITICAL, host,
		    "HMAC secret mismatch: this host has a secret in %s that is neither of this rotation nor "
		    "of an earlier one (%s; the fleet signs with %s); nothing is written there",
		    in_process || stranger == NULL ? "a process" : "its file", stranger == NULL ? "not told which" : stranger[0] == '\0' ?
		    "none signs" : stranger, o->v->rotation.sign);
		break;
	case TROUBLE_TWICE:
		if (row->report == NULL)
			break;
		duration_human(o->now - row->report->rival, age, sizeof(age));
		result_finding(result, "host-twice", SEVERITY_CRITICAL, host,
		    "two machines report under this name (now %s; the other one %s ago): nothing moves until "
		    "each has a name of its own: [secret-rotate-phase] host, and hosts on all",
		    row->report->machine[0] == '\0' ? "one without a name" : row->report->machine, age);
		break;
	case TROUBLE_LATE:
		result_finding(result, "host-late", SEVERITY_WARNING, host,
		    "this host %s%s%s: the rotation waits for it%s. If nothing runs there any more: "
		    "--exclude-host %s", standing_phrase(row->standing),
		    age[0] != '\0' ? ", the last time before " : "", age,
		    host_same(row->host, o->v->rotation.turn) ? ", and it has the turn to restart its "
		    "coordinators (--turn none takes it away)" : "", row->host);
		break;
	case TROUBLE_TURN:
		duration_human(o->now - o->v->rotation.turn_since, age, sizeof(age));
		result_finding(result, "turn-held", SEVERITY_WARNING, host,
		    "this host has had the turn to restart its coordinators for %s and has not reported "
		    "that they are well; no other restarts meanwhile: look there, or --turn none", age);
		break;
	case TROUBLE_KEPT:
		result_finding(result, "turn-kept", SEVERITY_WARNING, host,
		    "it is this host's turn, and no coordinator runs there: the other hosts wait until one "
		    "does; start it, or let them go on with --turn none");
		break;
	case TROUBLE_BLOCKS:
		result_finding(result, "host-blocks", SEVERITY_WARNING, host, "this host %s: the "
		    "rotation waits for it", standing_phrase(row->standing));
		break;
	default:
		break;
	}
}

static void
overdue_finding(const struct outlook *o)
{
	struct result *result = run_result(o->x->run);
	const struct rotation *r = &o->v->rotation;
	char age[32], limit[32];

	if (!o->overdue)
		return;
	if (r->phase == PHASE_IDLE) {
		duration_human(o->age, age, sizeof(age));
		duration_human(o->flow->phase.max_age, limit, sizeof(limit));
		result_finding(result, "rotation-overdue", SEVERITY_WARNING, B(""),
		    "the secret has been in use for %s, more than max_age (%s): rotate it with --start",
		    age, limit);
	} else {
		duration_human(o->now - r->started, age, sizeof(age));
		result_finding(result, "rotation-overdue", SEVERITY_WARNING, B(""),
		    "the rotation was started %s ago and has not ended", age);
	}
}

static void
held_finding(const struct outlook *o)
{
	const struct in_flight *f = &o->x->in_flight;
	char left[32];
	const bool endless = f->held_ttl == -1;

	if (!o->held)
		return;
	duration_human(f->held_ttl < 0 ? 0 : f->held_ttl, left, sizeof(left));
	result_finding(run_result(o->x->run), "drain-held", SEVERITY_WARNING, buf_view(&f->held),
	    "the drain is over, but %" PRId64 " records in flight are verified by the old secret alone, "
	    "and %" PRId64 " cannot be read: it stays accepted until they are gone. The first of them is "
	    "this key, which %s%s. --skip-drain goes on without them", f->n[IN_FLIGHT_OLD],
	    f->n[IN_FLIGHT_UNREADABLE], endless ? "has no TTL: ttl-fixer gives it one; delete it if nobody "
	    "waits for it" : "is gone by itself in ", endless ? "" : left);
}

void
outlook_findings(const struct outlook *o)
{
	struct result *result = run_result(o->x->run);
	const struct report *one, *other;
	struct error why = { 0 };
	size_t i;

	if (o->lost)
		result_finding(result, "record-lost", SEVERITY_WARNING, B(ROTATION_KEY),
		    "Redis has lost the record, or holds an older one; shown is this host's copy, and "
		    "the next run of any host with a copy puts it back");
	other = differs(o, &one);
	if (other != NULL && one != NULL)
		result_finding(result, "secret-mismatch", SEVERITY_CRITICAL, bytes_str(other->host),
		    "HMAC secret mismatch: this host signs with %s, %s with %s",
		    other->state.file.sign, one->host, one->state.file.sign);
	for (i = 0; i < o->v->census.n; i++)
		row_finding(o, &o->v->census.row[i]);
	if (o->v->reports.overflow)
		result_finding(result, "too-many-reports", SEVERITY_WARNING, B(REPORTS_KEY),
		    "more than %d hosts report: nothing moves", REPORTS_MAX);
	held_finding(o);
	if (o->uncertain) {
		(void)flow_uncertain(&why);
		result_finding(result, "not-certain", SEVERITY_WARNING, B(ROTATION_KEY), "%s", why.text);
	}
	overdue_finding(o);
}

void
outlook_metrics(const struct outlook *o)
{
	struct result *result = run_result(o->x->run);
	const struct in_flight *f = &o->x->in_flight;
	size_t i;

	for (i = 0; i < PHASE_COUNT; i++)
		result_gauge_labelled(result, "rotation_phase",
		    "1 for the phase that the rotation is in, 0 for the others.", "phase",
		    bytes_str(phase_name((enum phase)i)),
		    o->v->rotation.phase == (enum phase)i ? 1 : 0);
	if (o->age >= 0)
		result_gauge(result, "rotation_age_seconds",
		    "How long the secret has been in use.", (double)o->age / 1000);
	result_gauge(result, "rotation_overdue",
	    "1 if the secret is older than max_age, or a rotation does not come to its end.",
	    o->overdue ? 1 : 0);
	result_gauge(result, "rotation_blocked",
	    "1 if some host, or a record in flight, keeps the rotation from going on.", o->blocked ? 1 : 0);
	result_gauge(result, "rotation_hosts_late",
	    "Hosts of a rotation that have not reported for host_timeout.", (double)o->late);
	result_gauge(result, "rotation_hosts_mismatched",
	    "Hosts that report a secret that is not the fleet's.", (double)o->mismatched);
	if (!f->counted)
		return;
	for (i = 0; i < IN_FLIGHT_STATES; i++)
		result_gauge_labelled(result, "rotation_in_flight",
		    "Signal, ack and retry records by the secret that verifies them, as last counted.",
		    "state", bytes_str(in_flight_names[i]), (double)f->n[i]);
}

/* ---- what it waits for ---- */

/* "host-1, which has not ..." or "host-1, host-2, each of which has not ...": those of one
 * standing. */
static size_t
wait_standing(const struct census *c, enum standing standing, bool more, struct buf *out)
{
	size_t i, n = 0;

	for (i = 0; i < c->n; i++) {
		if (c->row[i].standing != standing)
			continue;
		if (n++ < NAMED)
			buf_printf(out, "%s%s", n > 1 ? ", " : more ? "; " : "", c->row[i].host);
	}
	if (n > NAMED)
		buf_printf(out, " and %zu more", n - NAMED);
	if (n > 0)
		buf_printf(out, ", %swhich %s", n > 1 ? "each of " : "", standing_phrase(standing));
	return n;
}

static void
wait_hosts(const struct outlook *o, struct buf *out)
{
	size_t i, n = 0;

	for (i = 0; i < STANDING_COUNT; i++) {
		if (i != STANDING_GOOD)
			n += wait_standing(&o->v->census, (enum standing)i, n > 0, out);
	}
	if (n == 0)
		buf_str(out, "hosts: too many report");
}

void
outlook_wait(const struct outlook *o, struct buf *out)
{
	const struct decision *d = &o->v->decision;
	char left[32];

	duration_human(d->left, left, sizeof(left));
	if (o->uncertain && (d->wait == WAIT_NONE || d->wait == WAIT_PASS)) {
		buf_str(out, "a host that is certain that the record is the latest one");
		return;
	}
	switch (d->wait) {
	case WAIT_START:
		buf_str(out, "a start (--start)");
		break;
	case WAIT_HOSTS:
		wait_hosts(o, out);
		break;
	case WAIT_TIME:
		buf_printf(out, "the end of its time, in %s", left);
		break;
	case WAIT_CLOCK:
		buf_printf(out, "Redis's clock, which went back: the phase began %s in the future", left);
		break;
	case WAIT_PASS:
		buf_str(out, "a pass over signals, acks and retries that finds none which only the old "
		    "secret verifies");
		break;
	default:
		buf_str(out, "the next run, which moves it on");
		break;
	}
}
