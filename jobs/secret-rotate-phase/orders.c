#include "orders.h"

#include <string.h>

#include "base/duration.h"

/* ---- start ---- */

/* One host's report has to show one secret, and no second one. */
static int
start_state(const char *host, const struct state *s, char sign[FINGERPRINT_SIZE],
    struct error *e)
{
	size_t i;

	if (!s->known)
		return error_set(e, EX_CRITICAL, "cannot start: %.100s %s", host,
		    standing_phrase(STANDING_UNKNOWN));
	if (s->file.sign[0] == '\0')
		return error_set(e, EX_CRITICAL,
		    "cannot start: %.100s has no secret in its environment file", host);
	if (s->file.other[0] != '\0')
		return error_set(e, EX_CRITICAL,
		    "cannot start: %.100s accepts a second secret already (file %s, other %s)",
		    host, s->file.sign, s->file.other);
	for (i = 0; i < s->pairs; i++) {
		if (i == PAIRS_MAX || !pair_same(&s->pair[i], &s->file))
			return error_set(e, EX_CRITICAL,
			    "cannot start: %.100s has a process that does not run what its "
			    "file says (%s): restart its coordinators", host, s->file.sign);
	}
	if (sign[0] == '\0')
		memcpy(sign, s->file.sign, FINGERPRINT_SIZE);
	if (strcmp(sign, s->file.sign) != 0)
		return error_set(e, EX_CRITICAL,
		    "cannot start: the hosts sign with different secrets (%s, but %.100s with %s)",
		    sign, host, s->file.sign);
	return 0;
}

static int
start_row(const struct census_row *row, char sign[FINGERPRINT_SIZE], struct error *e)
{
	if (!row->listed)
		return error_set(e, EX_CRITICAL,
		    "cannot start: %.100s reports too, but is not in [secret-rotate-phase] hosts",
		    row->host);
	switch (row->standing) {
	case STANDING_ABSENT:
	case STANDING_LATE:
	case STANDING_AHEAD:
	case STANDING_TWICE:
	case STANDING_EPOCH:
	case STANDING_LIST:
		return error_set(e, EX_CRITICAL, "cannot start: %.100s %s", row->host,
		    standing_phrase(row->standing));
	default:
		return start_state(row->host, &row->report->state, sign, e);
	}
}

int
order_start_possible(const struct rotation *r, struct error *e)
{
	if (r->phase != PHASE_IDLE)
		return error_set(e, EX_CRITICAL,
		    "a rotation is under way (phase %s, epoch %llu)", phase_name(r->phase),
		    (unsigned long long)r->epoch);
	return 0;
}

int
order_start_check(const struct rotation *r, const struct start *start,
    const struct reports *reports, const struct phase_settings *s, int64_t now,
    char sign[FINGERPRINT_SIZE], struct error *e)
{
	struct rotation wanted = *r;
	struct census census;
	size_t i;

	memset(sign, 0, FINGERPRINT_SIZE);
	if (start->hosts->n == 0)
		return error_set(e, EX_CONFIG,
		    "[secret-rotate-phase] hosts: is empty, expected the names of all "
		    "coordinator hosts");
	if (hosts_find(start->hosts, start->self) == start->hosts->n)
		return error_set(e, EX_CONFIG,
		    "[secret-rotate-phase] hosts: does not name this host, %.100s, or not "
		    "unmistakably", start->self);
	if (order_start_possible(r, e) == -1)
		return -1;
	if (reports->overflow)
		return error_set(e, EX_CRITICAL, "cannot start: more than %d hosts report",
		    REPORTS_MAX);
	wanted.hosts = *start->hosts;
	memcpy(wanted.list, start->list, FINGERPRINT_SIZE);
	phase_census(&wanted, reports, s, now, &census);
	for (i = 0; i < census.n; i++) {
		if (start_row(&census.row[i], sign, e) == -1)
			return -1;
	}
	return 0;
}

int
order_start(const struct rotation *r, const struct start *start, const char *id,
    const char *sign, const char *fresh, int64_t now, struct rotation *next, struct error *e)
{
	if (strcmp(sign, fresh) == 0)
		return error_set(e, EX_CRITICAL,
		    "cannot start: the source gives the secret that is in use (%s)", sign);
	if (rotation_retired(r, fresh))
		return error_set(e, EX_CRITICAL,
		    "cannot start: the source gives a secret that was retired (%s)", fresh);
	*next = (struct rotation){
		.epoch = r->epoch + 1,
		.phase = PHASE_DISTRIBUTE,
		.since = now,
		.started = now,
		.rotated = r->rotated,
		.promoted = -1,
		.hosts = *start->hosts,
		.retired_n = r->retired_n,
	};
	memcpy(next->fleet, r->fleet, sizeof(next->fleet));
	memcpy(next->id, id, sizeof(next->id));
	memcpy(next->sign, sign, FINGERPRINT_SIZE);
	memcpy(next->other, fresh, FINGERPRINT_SIZE);
	memcpy(next->list, start->list, FINGERPRINT_SIZE);
	memcpy(next->retired, r->retired, sizeof(next->retired));
	if (hosts_find(start->hosts, r->turn) < start->hosts->n) {
		memcpy(next->turn, r->turn, sizeof(next->turn));
		next->turn_since = r->turn_since;
	}
	return 0;
}

int
order_start_named(const struct hosts *hosts, const struct reports *reports,
    const struct named *named, struct error *e)
{
	const struct report *report;
	bool any = false;
	size_t i;

	for (i = 0; i < hosts->n; i++) {
		any |= named->host[i];
		report = reports_find(reports, hosts->name[i]);
		if (named->host[i] && report != NULL && report->state.known &&
		    report->state.processes == 0)
			return error_set(e, EX_CRITICAL, "cannot start: a heartbeat says that a "
			    "coordinator runs on %.100s, but no process was found there that carries "
			    "the secret: see check_command (--force if it has stopped)",
			    hosts->name[i]);
	}
	/* Where heartbeats name machines of another kind (containers), they tell nothing. */
	if (any && named->stray[0] != '\0')
		return error_set(e, EX_CRITICAL, "cannot start: a heartbeat says that a coordinator "
		    "runs on %.100s, which is not in [secret-rotate-phase] hosts (--force if none "
		    "does)", named->stray);
	return 0;
}

bool
order_due(const struct rotation *r, const struct phase_settings *s, int64_t age)
{
	return r->phase == PHASE_IDLE && age >= s->max_age;
}

/* ---- the others ---- */

static int
refuse(const struct rotation *r, const char *order, const char *when, struct error *e)
{
	return error_set(e, EX_CRITICAL, "%s is for %s; the phase is %s", order, when,
	    phase_name(r->phase));
}

static void
hold(const struct rotation *r, enum phase then, int64_t now, struct rotation *next)
{
	*next = *r;
	next->epoch++;
	next->phase = PHASE_HOLD;
	next->then = then;
	next->confirm = false;
	next->skip_drain = false;
	next->since = now;
}

int
order_abort(const struct rotation *r, int64_t now, struct rotation *next, struct error *e)
{
	if (r->phase != PHASE_DISTRIBUTE)
		return refuse(r, "--abort", "distribute (promote and drain have --rollback; after "
		    "retire start a new rotation)", e);
	hold(r, PHASE_RETIRE, now, next);
	return 0;
}

int
order_rollback(const struct rotation *r, int64_t now, struct rotation *next, struct error *e)
{
	bool stuck = r->phase == PHASE_HOLD && r->then == PHASE_RETIRE;

	if (r->phase != PHASE_PROMOTE && r->phase != PHASE_DRAIN && !stuck)
		return refuse(r, "--rollback", "promote and drain (distribute has --abort; after "
		    "retire start a new rotation)", e);
	hold(r, PHASE_PROMOTE, now, next);
	if (stuck)
		return 0;
	next->promoted = -r->promoted;
	memcpy(next->sign, r->other, FINGERPRINT_SIZE);
	memcpy(next->other, r->sign, FINGERPRINT_SIZE);
	return 0;
}

int
order_exclude(const struct rotation *r, const char *host, const char *self,
    const struct report *report, const struct phase_settings *s, int64_t now, bool sure,
    struct rotation *next, struct error *e)
{
	size_t i = hosts_find(&r->hosts, host);
	char age[32];

	if (r->phase == PHASE_IDLE)
		return error_set(e, EX_CRITICAL,
		    "no rotation is under way: change [secret-rotate-phase] hosts instead");
	if (i == r->hosts.n)
		return error_set(e, EX_CRITICAL, "%.100s is not a host of this rotation", host);
	if (host_same(host, self))
		return error_set(e, EX_CRITICAL,
		    "%.100s is this host: exclude it from another one", host);
	if (r->hosts.n == 1)
		return error_set(e, EX_CRITICAL, "%.100s is the only host", host);
	if (report != NULL && !sure && report->state.processes > 0 &&
	    now - report->time < s->host_timeout) {
		duration_human(now - report->time, age, sizeof(age));
		return error_set(e, EX_CRITICAL,
		    "%.100s reported %zu running coordinators %s ago: stop them, or wait until "
		    "its report is older than host_timeout", host, report->state.processes, age);
	}
	*next = *r;
	next->epoch++;
	next->confirm = false;
	hosts_remove(&next->hosts, i);
	if (host_same(next->turn, host)) {
		memset(next->turn, 0, sizeof(next->turn));
		next->turn_since = 0;
	}
	return 0;
}

int
order_skip_drain(const struct rotation *r, struct rotation *next, struct error *e)
{
	if (r->phase != PHASE_DRAIN)
		return refuse(r, "--skip-drain", "drain", e);
	*next = *r;
	next->epoch++;
	next->confirm = false;
	next->skip_drain = true;
	return 0;
}
