#include "phase.h"

#include <assert.h>
#include <string.h>

static const char *const standing_phrases[] = {
	[STANDING_GOOD] = "is where it should be",
	[STANDING_ABSENT] = "has never reported",
	[STANDING_LATE] = "has not reported for too long",
	[STANDING_AHEAD] = "has reported in the future: Redis's clock went back",
	[STANDING_EPOCH] = "has not yet reported under this epoch",
	[STANDING_LIST] = "has another list of hosts in its config",
	[STANDING_UNKNOWN] = "could not look at its environment file or its processes",
	[STANDING_FILE] = "has an environment file that is not what the phase asks for",
	[STANDING_PROCESS] = "has a process that does not run what the phase asks for",
};
static_assert(sizeof(standing_phrases) / sizeof(standing_phrases[0]) == STANDING_COUNT,
    "every standing has a phrase");

const char *
standing_phrase(enum standing s)
{
	return standing_phrases[s];
}

/* ---- what the phase asks of a host ---- */

/* The target where the phase has one for all hosts. */
static bool
phase_target(const struct rotation *r, struct pair *target)
{
	memset(target, 0, sizeof(*target));
	memcpy(target->sign, r->sign, FINGERPRINT_SIZE);
	switch (r->phase) {
	case PHASE_DISTRIBUTE:
	case PHASE_PROMOTE:
	case PHASE_DRAIN:
		memcpy(target->other, r->other, FINGERPRINT_SIZE);
		return true;
	case PHASE_IDLE:
	case PHASE_RETIRE:
		return r->epoch > 0;
	default:
		return false;
	}
}

static bool
pair_agrees(const struct rotation *r, const struct pair *p)
{
	struct pair target;

	if (r->phase == PHASE_HOLD && r->then == PHASE_RETIRE)
		return strcmp(p->sign, r->sign) == 0;
	if (r->phase == PHASE_HOLD)
		return pair_accepts(p, r->sign) && pair_accepts(p, r->other);
	return phase_target(r, &target) && pair_same(p, &target);
}

enum standing
phase_state_standing(const struct rotation *r, const struct state *s)
{
	size_t i;

	if (!s->known)
		return STANDING_UNKNOWN;
	if (!pair_agrees(r, &s->file))
		return STANDING_FILE;
	if (s->pairs > PAIRS_MAX)
		return STANDING_PROCESS;
	for (i = 0; i < s->pairs; i++) {
		if (!pair_agrees(r, &s->pair[i]))
			return STANDING_PROCESS;
	}
	return STANDING_GOOD;
}

static bool
pair_known(const struct rotation *r, const struct pair *p)
{
	return rotation_knows(r, p->sign) &&
	    (p->other[0] == '\0' || rotation_knows(r, p->other));
}

enum aim
phase_aim(const struct rotation *r, const struct state *s, struct pair *target)
{
	size_t i;

	*target = s->file;
	if (!s->known || r->epoch == 0)
		return AIM_STAY;
	if (s->pairs > PAIRS_MAX || !pair_known(r, &s->file))
		return AIM_MISMATCH;
	for (i = 0; i < s->pairs; i++) {
		if (!pair_known(r, &s->pair[i]))
			return AIM_MISMATCH;
	}
	if (r->phase == PHASE_HOLD) {
		/* To accept one more is no change of what it signs, and drops nothing but,
		 * where it has one, a secret that an earlier rotation has retired. */
		if (r->then != PHASE_PROMOTE || pair_agrees(r, &s->file))
			return AIM_STAY;
		if (strcmp(s->file.sign, r->sign) == 0)
			memcpy(target->other, r->other, FINGERPRINT_SIZE);
		else if (strcmp(s->file.sign, r->other) == 0)
			memcpy(target->other, r->sign, FINGERPRINT_SIZE);
		else
			return AIM_STAY;
		return AIM_MOVE;
	}
	(void)phase_target(r, target);
	return pair_same(&s->file, target) ? AIM_STAY : AIM_MOVE;
}

bool
phase_activate(const struct rotation *r, const struct state *s)
{
	struct pair target;
	bool differs = false;
	size_t i;

	if (phase_aim(r, s, &target) != AIM_STAY || !s->known || r->epoch == 0)
		return false;
	for (i = 0; i < s->pairs; i++) {
		if (pair_same(&s->pair[i], &s->file))
			continue;
		/* In hold a restart must not change what is signed, nor drop a secret. */
		if (r->phase == PHASE_HOLD && (strcmp(s->pair[i].sign, s->file.sign) != 0 ||
		    (pair_accepts(&s->pair[i], r->sign) && !pair_accepts(&s->file, r->sign)) ||
		    (pair_accepts(&s->pair[i], r->other) && !pair_accepts(&s->file, r->other))))
			return false;
		differs = true;
	}
	return differs;
}

bool
phase_well(const struct rotation *r, const struct state *s)
{
	struct pair target;
	size_t i;

	if (!s->known || s->processes == 0 || s->pairs > PAIRS_MAX ||
	    phase_aim(r, s, &target) != AIM_STAY)
		return false;
	for (i = 0; i < s->pairs; i++) {
		if (!pair_same(&s->pair[i], &s->file))
			return false;
	}
	return true;
}

/* ---- which record is true, and may we act on it ---- */

enum merge
phase_merge(const struct rotation *redis, const struct rotation *copy, bool *forked)
{
	*forked = false;
	if (redis == NULL || redis->epoch == 0)
		return copy == NULL || copy->epoch == 0 ? MERGE_NONE : MERGE_PUT_BACK;
	if (copy == NULL || copy->epoch < redis->epoch)
		return MERGE_REDIS;
	if (copy->epoch > redis->epoch)
		return MERGE_PUT_BACK;
	*forked = !rotation_same(redis, copy);
	return MERGE_REDIS;
}

/* Late, from the future, or good to go by? */
static enum standing
report_time_standing(const struct report *report, const struct phase_settings *s, int64_t now)
{
	if (report->time > now + s->tolerance)
		return STANDING_AHEAD;
	return now - report->time < s->host_timeout ? STANDING_GOOD : STANDING_LATE;
}

bool
phase_may_act(const struct rotation *r, const struct rotation *copy, int64_t reported,
    const char *self, const struct reports *reports, const struct phase_settings *s, int64_t now)
{
	const struct report *report;
	bool near, recent, alone;
	size_t i;

	if (r->epoch == 0)
		return false;
	near = copy != NULL && copy->epoch + 1 >= r->epoch;
	recent = reported > 0 && now - reported < s->host_timeout;
	alone = r->hosts.n == 1 && host_same(r->hosts.name[0], self);
	if (near && (recent || alone))
		return true;
	for (i = 0; i < reports->n; i++) {
		report = &reports->report[i];
		if (!host_same(report->host, self) && report->epoch == r->epoch &&
		    report->copy == r->epoch &&
		    hosts_find(&r->hosts, report->host) < r->hosts.n &&
		    report_time_standing(report, s, now) == STANDING_GOOD)
			return true;
	}
	return false;
}

/* ---- the phase ---- */

/* All but the hosts' own lists. */
static enum standing
report_standing(const struct rotation *r, const struct report *report,
    const struct phase_settings *s, int64_t now)
{
	enum standing standing;

	if (report == NULL)
		return STANDING_ABSENT;
	standing = report_time_standing(report, s, now);
	if (standing != STANDING_GOOD)
		return standing;
	if (report->epoch != r->epoch)
		return STANDING_EPOCH;
	return phase_state_standing(r, &report->state);
}

/* A list in some host's config that names a host which nobody hears of is a
 * host that may run something. The list has to be that of the start, or name
 * just those that have to agree: so a list that is mended on the way, or cut
 * after an exclusion, does no harm. */
static void
check_lists(const struct rotation *r, struct census *c)
{
	char all[FINGERPRINT_SIZE] = "";
	struct census_row *row;
	struct hosts hosts = { 0 };
	size_t i;

	for (i = 0; i < c->n && i < HOSTS_MAX; i++)
		memcpy(hosts.name[hosts.n++], c->row[i].host, HOST_SIZE);
	for (i = 0; i < c->n; i++) {
		row = &c->row[i];
		if (row->standing != STANDING_GOOD && row->standing != STANDING_FILE &&
		    row->standing != STANDING_PROCESS && row->standing != STANDING_UNKNOWN)
			continue;
		if (strcmp(row->report->list, r->list) == 0)
			continue;
		if (all[0] == '\0' && hosts_digest(&hosts, all) == -1)
			all[0] = '?';
		if (strcmp(row->report->list, all) != 0)
			row->standing = STANDING_LIST;
	}
}

static void
census_add(struct census *c, const char *host, const struct report *report,
    enum standing standing, bool listed)
{
	c->row[c->n++] = (struct census_row){ host, report, standing, listed };
}

void
phase_census(const struct rotation *r, const struct reports *reports,
    const struct phase_settings *s, int64_t now, struct census *c)
{
	const struct report *report;
	size_t i;

	c->n = c->good = 0;
	for (i = 0; i < r->hosts.n; i++) {
		report = reports_find(reports, r->hosts.name[i]);
		census_add(c, r->hosts.name[i], report, report_standing(r, report, s, now), true);
	}
	for (i = 0; i < reports->n; i++) {
		report = &reports->report[i];
		if (hosts_find(&r->hosts, report->host) < r->hosts.n ||
		    report_time_standing(report, s, now) == STANDING_LATE)
			continue;
		census_add(c, report->host, report, report_standing(r, report, s, now), false);
	}
	check_lists(r, c);
	for (i = 0; i < c->n; i++) {
		if (c->row[i].standing == STANDING_GOOD)
			c->good++;
	}
}

/* Was anybody seen to sign with the secret that is being drained? */
static bool
old_is_signed(const struct rotation *r, const struct census *c)
{
	const struct report *report;
	size_t i, j;

	for (i = 0; i < c->n; i++) {
		report = c->row[i].report;
		if (report == NULL || report->epoch != r->epoch || !report->state.known)
			continue;
		if (strcmp(report->state.file.sign, r->other) == 0)
			return true;
		for (j = 0; j < report->state.pairs && j < PAIRS_MAX; j++) {
			if (strcmp(report->state.pair[j].sign, r->other) == 0)
				return true;
		}
	}
	return false;
}

static void
enter_phase(struct decision *d, enum phase phase, int64_t now)
{
	d->wait = WAIT_NONE;
	d->next.epoch++;
	d->next.phase = phase;
	d->next.then = PHASE_IDLE;
	d->next.confirm = false;
	d->next.since = now;
}

/* Has ${span} passed since the phase began? */
static bool
passed(const struct rotation *r, int64_t span, int64_t now, struct decision *d)
{
	if (now < r->since) {
		d->wait = WAIT_CLOCK;
		d->left = r->since - now;
		return false;
	}
	if (now - r->since < span) {
		d->wait = WAIT_TIME;
		d->left = span - (now - r->since);
		return false;
	}
	return true;
}

/* Where the phase goes from here; *span is how long it has to last. */
static enum phase
following(const struct rotation *r, const struct phase_settings *s, int64_t *span)
{
	*span = 0;
	switch (r->phase) {
	case PHASE_DISTRIBUTE:
		*span = s->soak;
		return PHASE_PROMOTE;
	case PHASE_PROMOTE:
		return PHASE_DRAIN;
	case PHASE_DRAIN:
		*span = r->skip_drain ? 0 : s->drain;
		return PHASE_RETIRE;
	case PHASE_HOLD:
		return r->then;
	default:
		return PHASE_IDLE;
	}
}

static void
swap_secrets(struct rotation *r)
{
	char fp[FINGERPRINT_SIZE];

	memcpy(fp, r->sign, sizeof(fp));
	memcpy(r->sign, r->other, sizeof(fp));
	memcpy(r->other, fp, sizeof(fp));
}

static void
end_rotation(struct rotation *r, int64_t now)
{
	rotation_retire(r, r->other);
	memset(r->other, 0, sizeof(r->other));
	r->rotated = now;
	r->skip_drain = false;
	memset(r->turn, 0, sizeof(r->turn));
	r->turn_since = 0;
}

void
phase_decide(const struct rotation *r, const struct census *c, const struct phase_settings *s,
    enum pass pass, int64_t now, struct decision *d)
{
	enum phase to;
	int64_t span;

	*d = (struct decision){ .wait = WAIT_HOSTS, .next = *r };
	if (r->phase == PHASE_IDLE) {
		d->wait = WAIT_START;
		return;
	}
	if (r->phase == PHASE_DRAIN && old_is_signed(r, c)) {
		d->back = true;
		enter_phase(d, PHASE_PROMOTE, now);
		return;
	}
	if (c->good < c->n)
		return;
	to = following(r, s, &span);
	if (!passed(r, span, now, d))
		return;
	if (r->phase == PHASE_DRAIN && !r->confirm && !r->skip_drain && pass != PASS_CLEAN) {
		d->wait = WAIT_PASS;
		return;
	}
	if (!r->confirm && r->phase != PHASE_RETIRE) {
		d->wait = WAIT_NONE;
		d->next.epoch++;
		d->next.confirm = true;
		return;
	}
	enter_phase(d, to, now);
	if (r->phase == PHASE_DISTRIBUTE)
		swap_secrets(&d->next);
	if (to == PHASE_IDLE)
		end_rotation(&d->next, now);
}
