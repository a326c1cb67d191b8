#include "act.h"

#include <inttypes.h>
#include <stdlib.h>

#include "again.h"
#include "base/duration.h"
#include "base/log.h"
#include "call.h"
#include "evidence.h"
#include "fields.h"
#include "findings.h"
#include "steps.h"
#include "strikes.h"
#include "survey.h"

static bool
shows_life(const struct coordinator *c)
{

	return c->entry->life_now || (c->judgement.verdict == VERDICT_ALIVE &&
	    c->fields[FIELD_HEARTBEAT].there);
}

int
act_permit(struct escalate *x, struct error *e)
{
	struct coordinator *c;
	struct buf line = { 0 };
	int rc = 0;

	if (x->options->coordinator == NULL)
		return 0;
	c = escalate_find(x, bytes_str(x->options->coordinator));
	if (c == NULL || c->entry == NULL || c->course == COURSE_FORGET ||
	    (!c->was.known && c->items_n == 0 && !c->fields[FIELD_HEARTBEAT].there &&
	        !c->fields[FIELD_ACTIVITY].there && !c->fields[FIELD_WARNING].there &&
	        !c->fields[FIELD_RECORD].there))
		return error_set(e, EX_CRITICAL, "nothing is known of a coordinator of this id");
	if (x->options->force == 0)
		return 0;
	if (x->options->force == 1 && shows_life(c)) {
		evidence_line(c, &line);
		rc = error_set(e, EX_CRITICAL, "it shows life: %s: refused (--force --force hands its "
		    "work on all the same)", buf_cstr(&line) != NULL ? buf_cstr(&line) : "");
		buf_free(&line);
		return rc;
	}
	return c->course == COURSE_ESCALATE ? again_permit(c, e) : 0;
}

static void
become(struct coordinator *c, enum roster_state state)
{

	/* One that was entered without what makes a death one of its own gets it. */
	if (c->entry->state == state && (state != ROSTER_SUSPECT || c->entry->incarnation != 0))
		return;
	/* It lived after it was handed on: another death, with another replacement. */
	if (state == ROSTER_SUSPECT && c->entry->state == ROSTER_ESCALATED)
		c->entry->incarnation = 0;
	roster_set_state(c->entry, state, run_now(c->job->run));
}

static int
recover(struct coordinator *c, struct error *e)
{
	const bool dry = run_dry(c->job->run), warned = c->fields[FIELD_WARNING].there;
	struct result *result = c->job->result;
	bool gone;

	if (steps_clear_warning(c, &gone, e) != 0)
		return -1;
	result_count(result, "recovered", 1);
	result_action(result, "recover", c->id, "%s%s",
	    c->was.known && c->was.state == ROSTER_SUSPECT ? "recovered: it shows life again" :
	    "it shows life",
	    !warned && !c->struck ? "" : !gone ? ", but its warning has changed and stays" :
	    dry ? ", its warning would be removed" : ", its warning is removed");
	return 0;
}

static int
settle(struct coordinator *c, bool *suspects, struct error *e)
{
	struct result *result = c->job->result;
	const struct facts facts = fields_facts(c);

	switch (c->course) {
	case COURSE_RECOVERED:
		return recover(c, e);
	case COURSE_SUSPECT:
	case COURSE_ESCALATE:
	case COURSE_RESUME:
		*suspects = true;
		if (c->entry->state == ROSTER_ESCALATED && c->course == COURSE_SUSPECT &&
		    steps_outlive(c, e) != 0)
			return -1;
		if (c->ledger.stage != LEDGER_SPAWNED && !c->reopen)
			become(c, ROSTER_SUSPECT);
		break;
	case COURSE_RETIRE:
		become(c, ROSTER_RETIRED);
		result_count(result, "retired", 1);
		result_action(result, "retire", c->id,
		    "it took its heartbeat away before it expired: a clean shutdown");
		break;
	case COURSE_GONE:
		if (c->entry->state == ROSTER_AWAITED) {
			become(c, ROSTER_RETIRED);
			result_action(result, "retire", c->id,
			    "it was never seen, but its spawn request is gone and so is all its work: over");
		}
		break;
	case COURSE_RESURRECTED:
		if (course_recovers(&facts) && recover(c, e) != 0)
			return -1;
		become(c, ROSTER_ESCALATED);
		/* Its next death is another one, also if no run sees its heartbeat change. */
		if ((c->entry->life_now || fields_outlived(c)) && c->entry->last_life <= c->entry->since)
			c->entry->last_life = c->entry->since + 1;
		break;
	case COURSE_ESCALATED:
		become(c, ROSTER_ESCALATED);
		break;
	case COURSE_BACK:
		if (course_recovers(&facts) && recover(c, e) != 0)
			return -1;
		become(c, ROSTER_KNOWN);
		break;
	case COURSE_FORGET:
		c->entry->removed = true;
		break;
	default:
		break;
	}
	findings_of(c);
	return 0;
}

int
act_settle(struct escalate *x, bool *suspects, struct error *e)
{
	struct coordinator *c;
	size_t at = 0;

	*suspects = false;
	while ((c = escalate_next(x, &at)) != NULL)
		if (c->entry != NULL && escalate_selected(x, c) && settle(c, suspects, e) != 0)
			return -1;
	findings_uncertain(x);
	return 0;
}

static void
warned(struct coordinator *c, const struct strike *s, const struct error *e)
{
	struct result *result = c->job->result;
	const int64_t max = c->job->settings->escalate_dead.max_warnings;
	char silence[32];

	duration_human(c->judgement.silence, silence, sizeof(silence));
	switch (s->result) {
	case STRIKE_COUNTED:
		c->struck = true;
		c->warnings = s->count;
		result_count(result, "warnings", 1);
		result_action(result, "warn", c->id, "warning %" PRId64 " of %" PRId64 ": %s, silent "
		    "for %s", s->count, max, verdict_name(c->judgement.verdict), silence);
		break;
	case STRIKE_RECENT:
	case STRIKE_MAX:
		c->warnings = s->count;
		log_event(LOG_LEVEL_DEBUG, "not-counted", &c->id, s->result == STRIKE_MAX ?
		    "the warnings are all given" : "the last warning is too fresh to count another");
		break;
	case STRIKE_BAD:
		c->warnings = -1;
		result_finding(result, "warning-unreadable", SEVERITY_WARNING, s->key,
		    "this is no count: a suspect cannot be warned until it is gone");
		return;
	case STRIKE_LOST:
		result_failed(result, "warning-failed", s->key, "%s",
		    e->text[0] != '\0' ? e->text : "the reply was lost: whether it counted is not known");
		return;
	}
	c->cleared_to_go = c->warnings >= max;
}

/* Who is to get one, with its key in ${keys}. */
static size_t
gather(struct escalate *x, struct coordinator **list, struct buf *keys, struct strike *strikes)
{
	struct coordinator *c;
	size_t n = 0, at = 0;

	while ((c = escalate_next(x, &at)) != NULL) {
		if (c->entry == NULL || !escalate_selected(x, c))
			continue;
		if (c->course == COURSE_ESCALATE || c->course == COURSE_RESUME)
			c->cleared_to_go = true;
		if (c->course != COURSE_SUSPECT)
			continue;
		fields_key(c, FIELD_WARNING, &keys[n]);
		strikes[n].key = buf_view(&keys[n]);
		list[n++] = c;
	}
	return n;
}

int
act_warn(struct escalate *x, struct error *e)
{
	const struct strike_limits limits = {
		.max_warnings = x->settings->escalate_dead.max_warnings,
		.interval = x->settings->escalate_dead.warning_interval,
		.ttl = x->warning_ttl,
	};
	const size_t all = map_count(x->coordinators) + 1;
	struct coordinator **list = calloc(all, sizeof(struct coordinator *));
	struct strike *strikes = calloc(all, sizeof(*strikes));
	struct buf *keys = calloc(all, sizeof(*keys));
	size_t n = 0, i;
	int rc = 0;

	if (list == NULL || strikes == NULL || keys == NULL)
		rc = error_set(e, EX_SOFTWARE, "out of memory");
	else
		n = gather(x, list, keys, strikes);
	for (i = 0; i < n && rc == 0 && run_dry(x->run); i++) {
		strikes[i].result = strikes_foresee(list[i]->warnings,
		    list[i]->fields[FIELD_WARNING].pttl, &limits);
		strikes[i].count = list[i]->warnings + (strikes[i].result == STRIKE_COUNTED);
	}
	if (rc == 0 && n > 0 && !run_dry(x->run))
		rc = strikes_give(x->client, strikes, n, &limits, e);
	for (i = 0; i < n && rc == 0; i++)
		warned(list[i], &strikes[i], e);
	/* What is refused to one is refused to all. */
	if (rc == 0 && call_hopeless(e))
		rc = -1;
	for (i = 0; i < n; i++)
		buf_free(&keys[i]);
	free(list);
	free(strikes);
	free(keys);
	return rc;
}

/* One more direct look at those that are to go: of a person who said so twice none is asked. */
static int
last_look(struct escalate *x, struct coordinator **list, size_t n, struct error *e)
{
	struct coordinator *c;
	bool done;
	size_t i;

	if (x->options->force >= 2)
		return 0;
	if (survey_again(x, list, n, e) != 0)
		return -1;
	for (i = 0; i < n; i++) {
		c = list[i];
		if (!shows_life(c))
			continue;
		/* Its replacement was asked for: what is left to do is to say so. */
		if (c->ledger.stage == LEDGER_SPAWNED)
			continue;
		c->cleared_to_go = false;
		c->course = c->ledger.stage == LEDGER_MOVING ? COURSE_WITHDRAW : COURSE_RECOVERED;
		if (recover(c, e) != 0 || (c->course == COURSE_WITHDRAW &&
		    steps_withdraw(c, false, &done, e) != 0))
			return -1;
	}
	return 0;
}

static int
no_work_wanted(struct coordinator *c, struct error *e)
{
	struct escalate *x = c->job;

	c->cleared_to_go = false;
	become(c, ROSTER_RETIRED);
	result_count(x->result, "retired", 1);
	result_action(x->result, "retire", c->id,
	    "dead, and it owned no work: not escalated (escalate_idle = no)");
	return steps_clear_warning(c, NULL, e);
}

static int
hand_on_each(struct escalate *x, struct coordinator **list, size_t n, struct error *e)
{
	struct coordinator *c;
	size_t i;

	for (i = 0; i < n; i++) {
		c = list[i];
		if (!c->cleared_to_go)
			continue;
		if (run_should_stop(x->run))
			return error_set(e, EX_TEMPFAIL, "the time was up before all dead coordinators "
			    "were handed on: the next run goes on");
		if (!x->settings->escalate_dead.escalate_idle && c->items_n == 0 &&
		    (c->ledger.stage == LEDGER_NONE || c->ledger.stage == LEDGER_COMPLETE)) {
			if (no_work_wanted(c, e) != 0)
				return -1;
			continue;
		}
		if (run_keep_lease(x->run, e) != 0 || steps_hand_on(c, e) != 0)
			return -1;
	}
	return 0;
}

static int
withdraw_each(struct escalate *x, struct error *e)
{
	struct coordinator *c;
	size_t at = 0;
	bool done;

	while ((c = escalate_next(x, &at)) != NULL)
		if (c->entry != NULL && c->course == COURSE_WITHDRAW && !c->withdrawn &&
		    escalate_selected(x, c) && steps_withdraw(c, false, &done, e) != 0)
			return -1;
	return 0;
}

int
act_hand_on(struct escalate *x, struct error *e)
{
	struct coordinator **list, *c;
	struct error later = { 0 };
	size_t n = 0, i, at = 0;
	int rc;

	if ((list = calloc(map_count(x->coordinators) + 1, sizeof(struct coordinator *))) == NULL)
		return error_set(e, EX_SOFTWARE, "out of memory");
	while ((c = escalate_next(x, &at)) != NULL)
		if (c->cleared_to_go)
			list[n++] = c;
	if ((rc = withdraw_each(x, e)) == 0 && n > 0) {
		if ((rc = last_look(x, list, n, e)) == 0)
			rc = hand_on_each(x, list, n, e);
		/* Even if it ended early: what was handed on is to be known for it. */
		if (escalate_save(x, &later) != 0 && rc == 0) {
			*e = later;
			rc = -1;
		}
		for (i = 0; i < n && rc == 0; i++)
			if (list[i]->escalated_now)
				rc = steps_finish(list[i], e);
	}
	free(list);
	return rc;
}
