#include "phase.h"

#include <assert.h>
#include <string.h>

static const char *const standing_phrases[] = {
	[STANDING_GOOD] = "is where it should be",
	[STANDING_ABSENT] = "has never reported",
	[STANDING_LATE] = "has not reported for too long",
	[STANDING_AHEAD] = "has reported in the future: Redis's clock went back",
	[STANDING_TWICE] = "is a name that two machines report under",
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
	if (r->epoch == 0)
		return STANDING_GOOD;
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

/* Does the rotation still go by ${fp}, or did an earlier one retire it? */
static bool
in_use(const struct rotation *r, const char *fp)
{
	return strcmp(fp, r->sign) == 0 || strcmp(fp, r->other) == 0;
}

/* In hold nobody changes what it signs, or drops a secret. To accept one more is
 * neither; it may take the place of one that an earlier rotation has retired. */
static enum aim
hold_aim(const struct rotation *r, const struct state *s, bool boots, struct pair *target)
{
	bool both = pair_accepts(&s->file, r->sign) && pair_accepts(&s->file, r->other);

	if (!in_use(r, s->file.sign)) {
		/* It comes from long ago: nobody accepts what it signs. */
		memcpy(target->sign, r->sign, FINGERPRINT_SIZE);
		memcpy(target->other, r->other, FINGERPRINT_SIZE);
		return AIM_MOVE;
	}
	/* On the way back only a host that boots takes the other one in: somebody may
	 * sign with it. One that runs would have to restart for what is to be dropped. */
	if (both || (r->then != PHASE_PROMOTE && !boots))
		return AIM_STAY;
	memcpy(target->other, strcmp(s->file.sign, r->sign) == 0 ? r->other : r->sign,
	    FINGERPRINT_SIZE);
	return AIM_MOVE;
}

enum aim
phase_aim(const struct rotation *r, const struct state *s, bool boots, struct pair *target)
{
	const char *stranger;

	*target = s->file;
	if (!s->known || r->epoch == 0)
		return AIM_STAY;
	(void)state_stranger(r, s, &stranger);
	if (s->pairs > PAIRS_MAX || stranger != NULL)
		return AIM_MISMATCH;
	if (r->phase == PHASE_HOLD)
		return hold_aim(r, s, boots, target);
	(void)phase_target(r, target);
	return pair_same(&s->file, target) ? AIM_STAY : AIM_MOVE;
}

/* Would a restart in hold change what is signed, or drop a secret? */
static bool
restart_breaks_hold(const struct rotation *r, const struct pair *process,
    const struct pair *file)
{
	return (in_use(r, process->sign) && strcmp(process->sign, file->sign) != 0) ||
	    (pair_accepts(process, r->sign) && !pair_accepts(file, r->sign)) ||
	    (pair_accepts(process, r->other) && !pair_accepts(file, r->other));
}

bool
phase_activate(const struct rotation *r, const struct state *s)
{
	struct pair target;
	bool differs = false;
	size_t i;

	if (phase_aim(r, s, false, &target) != AIM_STAY || !s->known || r->epoch == 0)
		return false;
	for (i = 0; i < s->pairs; i++) {
		if (pair_same(&s->pair[i], &s->file))
			continue;
		if (r->phase == PHASE_HOLD && restart_breaks_hold(r, &s->pair[i], &s->file))
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
	    phase_aim(r, s, false, &target) != AIM_STAY)
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
	if (copy == NULL || copy->epoch == 0)
		return MERGE_REDIS;
	if (rotation_foreign(redis, copy))
		return MERGE_FOREIGN;
	if (copy->epoch < redis->epoch)
		return MERGE_REDIS;
	if (copy->epoch > redis->epoch)
		return MERGE_PUT_BACK;
	*forked = !rotation_same(redis, copy);
	return MERGE_REDIS;
}

enum standing
phase_freshness(const struct report *report, const struct phase_settings *s, int64_t now)
{
	if (report->time > now + s->tolerance)
		return STANDING_AHEAD;
	return now - report->time < s->host_timeout ? STANDING_GOOD : STANDING_LATE;
}

/* Was ${report} of late made by a host of the rotation that has a copy of the record of ${epoch}? */
static bool
vouches(const struct rotation *r, uint64_t epoch, const struct report *report,
    const struct phase_settings *s, int64_t now)
{
	return report->epoch == epoch && report->copy == epoch &&
	    hosts_find(&r->hosts, report->host) < r->hosts.n &&
	    phase_freshness(report, s, now) == STANDING_GOOD;
}

bool
phase_may_act(const struct rotation *r, const struct rotation *copy, int64_t reported,
    const char *self, const struct reports *reports, const struct phase_settings *s, int64_t now)
{
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
		if (!host_same(reports->report[i].host, self) &&
		    vouches(r, r->epoch, &reports->report[i], s, now))
			return true;
	}
	return false;
}

bool
phase_has_actor(const struct rotation *r, const struct reports *reports,
    const struct phase_settings *s, int64_t now)
{
	size_t i;

	for (i = 0; i < reports->n; i++) {
		if (vouches(r, r->epoch, &reports->report[i], s, now) ||
		    vouches(r, r->epoch - 1, &reports->report[i], s, now))
			return true;
	}
	return false;
}

/* ---- the phase ---- */

/* Was anybody seen to sign with the secret that is being drained? */
static bool
old_is_signed(const struct rotation *r, const struct census *c)
{
	const struct report *report;
	size_t i;

	for (i = 0; i < c->n; i++) {
		report = c->row[i].report;
		if (report != NULL && report->epoch == r->epoch && state_signs(&report->state, r->other))
			return true;
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
	/* 0: from before it was kept. Below: it goes back to the secret that there was. */
	if (r->promoted >= 0)
		r->rotated = r->promoted > 0 ? r->promoted : now;
	r->promoted = 0;
	r->skip_drain = false;
	/* Whose turn it is keeps it: its coordinators may not be there again yet. */
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
	/* In the very run that moves it, too: since the first look something may have been sent
	 * again, or Redis set back to when it was there. */
	if (r->phase == PHASE_DRAIN && !r->skip_drain && pass != PASS_CLEAN) {
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
	if (r->phase == PHASE_DISTRIBUTE) {
		swap_secrets(&d->next);
		d->next.promoted = now;
		/* Not at the start: two that Redis lost one of would be two fleets. Here every
		 * host has reported under this very record. */
		rotation_bind(&d->next);
	}
	if (to == PHASE_IDLE)
		end_rotation(&d->next, now);
}
