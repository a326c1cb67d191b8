#include "phase.h"

#include <string.h>

/* Which record is true, and may this host act on it? */

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

static bool
names(const struct rotation *r, const char *fp)
{
	return fp[0] != '\0' && (strcmp(fp, r->sign) == 0 || strcmp(fp, r->other) == 0);
}

bool
phase_fits(const struct rotation *r, const struct state *state, int64_t reported,
    const struct phase_settings *s, int64_t now)
{
	size_t i;

	if (!state->known || state->pairs > PAIRS_MAX || !names(r, state->file.sign))
		return false;
	for (i = 0; i < state->pairs; i++) {
		if (!names(r, state->pair[i].sign))
			return false;
	}
	return reported == 0 || now - reported >= s->host_timeout ||
	    r->phase == PHASE_DISTRIBUTE || r->phase == PHASE_HOLD;
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
