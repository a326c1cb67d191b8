#include "coordination/census.h"
#include "survey.h"

/* Candidates whose heartbeat is still there. */
static void
count_silent(const struct reap *r, struct census *census)
{
	struct bytes id;
	void *value;
	size_t at = 0;

	while (map_next(r->candidates, &at, &id, &value)) {
		const struct roster_entry *entry = roster_find(&r->roster, id);

		if (!((const struct candidate *)value)->heartbeat)
			continue;
		census->silent++;
		census->fell += entry != NULL && entry->last_life != 0 &&
		    survey_fell_unseen(r, entry, 0);
	}
}

int
survey_brake(struct reap *r, struct error *e)
{
	const bool one = r->options->coordinator != NULL;
	struct census census;
	struct brake b;

	if (census_take(r->client, &r->roster, r->has_baseline ? &r->baseline : NULL,
	        &census, e) != 0)
		return -1;
	count_silent(r, &census);
	b = census_judge(&census, r->client, r->has_baseline ? &r->baseline : NULL,
	    run_now(r->run), r->settings->liveness.restart_grace,
	    (int)r->settings->liveness.mass_loss, r->settings->liveness.roster_keep);
	r->brake = b.cause != BRAKE_OFF && !r->options->override_brake && !one;
	if (b.cause != BRAKE_OFF)
		result_finding(r->result, "mass-loss",
		    r->brake ? SEVERITY_CRITICAL : SEVERITY_WARNING, B(""),
		    "%lld of %lld coordinators known to be alive are gone (%s): %s",
		    (long long)b.gone, (long long)b.known, brake_cause_name(b.cause),
		    r->brake ? "nothing is reaped until they are back, or others beat in place of those that "
		               "shut down cleanly; --override-brake goes on" :
		    one ? "only the one that was asked for is cleaned up" : "overridden, going on");
	if (r->brake)
		return 0;
	return run_dry(r->run) || one ? 0 : census_keep(&census, r->client, buf_cstr(&r->baseline_file),
	    r->began, run_now(r->run), r->settings->liveness.roster_keep, e);
}
