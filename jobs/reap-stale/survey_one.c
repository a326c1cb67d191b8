#include "base/duration.h"
#include "survey.h"

/* --coordinator: what keeps it from being cleaned up, or NULL; ${silence} has 32 bytes. */
static const char *
objection(struct reap *r, const struct roster_entry *entry, const struct look *l,
    const struct judgement *j, char *silence)
{
	const int64_t now = run_now(r->run), threshold = r->settings->reap_stale.stale_after;

	duration_human(j->silence, silence, 32);
	if (entry->state == ROSTER_SUSPECT)
		return "it is a suspect: escalate-dead is not done with it (see escalate-dead --explain)";
	if (holds_cover(&r->holds, bytes_str(r->options->coordinator), now))
		return "it is on hold";
	if (l->activity && now - l->activity_stamp <= threshold) {
		duration_human(now - l->activity_stamp, silence, 32);
		return "it was active within the threshold";
	}
	if (l->form == HEARTBEAT_ABSENT)
		return (entry->last_life != 0 || entry->last_seen != 0) && j->silence <= threshold ?
		    "its heartbeat is gone, but it showed life within the threshold" : NULL;
	if (survey_expires(r, l))
		return "its heartbeat will expire by itself if nobody renews it";
	return j->verdict == VERDICT_STALE ? NULL : j->row;
}

/* --coordinator: judged as in any run, but one that nobody ever saw alive need not be stale. */
int
survey_one(struct reap *r, struct bytes id, struct error *e)
{
	const bool forced = run_forced(r->run);
	struct roster_entry *entry;
	struct look l;
	struct judgement j;
	const char *why;
	char silence[32];

	for (int second = 0;; second++) {
		if (look_many(r->client, &id, 1, run_now(r->run), true, &r->roster, &l, e) != 0)
			return -1;
		if ((entry = roster_find(&r->roster, id)) == NULL)
			return error_set(e, EX_SOFTWARE, "out of memory");
		if (l.refused)
			return look_refused(e);
		j = survey_judge(r, entry, &l, run_now(r->run));
		if (second == 0 && l.form != HEARTBEAT_ABSENT)
			survey_oddities(r, id, &l, &j);
		if (forced)
			return survey_condemn(r, id, &l, "forced", j.silence, e) != 0 ? -1 : survey_brake(r, e);
		why = objection(r, entry, &l, &j, silence);
		if (second > 0 || (why != NULL && !j.confirmable) ||
		    (why == NULL && l.form != HEARTBEAT_ABSENT && !survey_fell_unseen(r, entry, l.stamp)))
			break;
		/* What is gone, or looks dead, at first sight is looked at twice. */
		if (!run_sleep(r->run, r->settings->liveness.confirm))
			return error_set(e, EX_TEMPFAIL, "stopped before the second look");
	}
	survey_ahead(r, id, entry);
	if (why != NULL)
		return error_set(e, EX_CRITICAL, "%s: refused: %s (last sign of life %s ago); --force "
		    "cleans up all the same", r->options->coordinator, why, silence);
	if (survey_condemn(r, id, &l, l.form == HEARTBEAT_ABSENT ? "gone" : verdict_name(j.verdict),
	        j.silence, e) != 0)
		return -1;
	return survey_brake(r, e);
}
