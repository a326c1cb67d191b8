#include "findings.h"

#include <inttypes.h>

#include "base/duration.h"
#include "coordination/keys.h"
#include "evidence.h"
#include "fields.h"
#include "misnamed.h"
#include "staying.h"

/* Redis's clock may have been set back by a little; more is no time that was. */
#define AHEAD INT64_C(60000)

static void
unreadable(struct coordinator *c)
{
	struct buf key = { 0 };

	if (c->form != HEARTBEAT_UNREADABLE)
		return;
	fields_key(c, FIELD_HEARTBEAT, &key);
	if (!key.failed)
		result_finding(c->job->result, "unreadable", SEVERITY_WARNING, buf_view(&key),
		    "Heartbeat parsing error: it %s%s",
		    c->unreadable != NULL ? c->unreadable : "cannot be read",
		    c->course == COURSE_UNREADABLE && !c->entry->life_now ?
		    "; while it is there its owner is never escalated" : "");
	buf_free(&key);
}

static void
overdue(struct coordinator *c)
{
	const int64_t waited = run_now(c->job->run) - c->entry->since;
	char text[32];

	duration_human(waited, text, sizeof(text));
	result_finding(c->job->result, "replacement-overdue", SEVERITY_WARNING, c->id,
	    "asked for %s ago and never seen; its spawn request %s; it owns %zu work item%s. Start it, "
	    "or escalate-dead --coordinator ID --force hands its work on", text,
	    c->fields[FIELD_SPAWN].there ? "is still there" : "was taken or has expired", c->items_n,
	    c->items_n == 1 ? "" : "s");
}

/* Handed on once, a warning by hand does not do it again. */
static void
handed_on(struct coordinator *c)
{
	struct result *r = c->job->result;
	const bool by_hand = c->warnings >= c->job->settings->escalate_dead.max_warnings;
	const size_t late = c->items_n - c->stuck;

	staying_findings(c);
	if (late > 0)
		result_finding(r, "late-work", SEVERITY_WARNING, c->id,
		    "%zu work item%s under its id after its work was handed on: %s"
		    "escalate-dead --coordinator ID --force hands on the rest", late,
		    late == 1 ? " is" : "s are",
		    by_hand ? "a warning set by hand does not hand it on; " : "");
	else if (by_hand)
		result_finding(r, "handed-on-already", SEVERITY_WARNING, c->id,
		    "the warning set by hand does nothing: it was handed on%s%.*s, and %s",
		    c->ledger.new_id.n > 0 ? " to " : "", (int)c->ledger.new_id.n,
		    c->ledger.new_id.n > 0 ? c->ledger.new_id.p : "",
		    c->stuck > 0 ? "what is left of it cannot be moved" : "nothing is left of it");
}

static void
left_with_work(struct coordinator *c)
{
	const size_t n = c->items_n - c->stuck;

	staying_findings(c);
	if (n > 0)
		result_finding(c->job->result, "left-with-work", SEVERITY_WARNING, c->id,
		    "%s, and it owns %zu work item%s: escalate-dead --coordinator ID --force hands %s on",
		    evidence_departure(c), n, n == 1 ? "" : "s", n == 1 ? "it" : "them");
}

static void
resurrected(struct coordinator *c)
{
	const struct bytes to = buf_view(&c->ledger.new_id);

	if (c->ledger.stage == LEDGER_FOREIGN)
		result_finding(c->job->result, "resurrected", SEVERITY_WARNING, c->id,
		    "another process has begun to hand it on%s%.*s, and it is alive: its record is left",
		    to.n > 0 ? " to " : "", (int)to.n, to.n > 0 ? to.p : "");
	else
		result_finding(c->job->result, "resurrected", SEVERITY_WARNING, c->id,
		    "its work was handed on%s%.*s, and it is alive: two may be at the same work",
		    to.n > 0 ? " to " : "", (int)to.n, to.n > 0 ? to.p : "");
}

/* Against such a time nobody is silent before it has come. */
static void
ahead(struct coordinator *c)
{
	const int64_t last = c->was.last_life > c->was.first_sight ? c->was.last_life :
	    c->was.first_sight;
	const int64_t by = last - run_now(c->job->run);
	char text[32];

	if (!c->was.known || c->entry->life_now || by <= AHEAD)
		return;
	duration_human(by, text, sizeof(text));
	result_finding(c->job->result, "roster-ahead", SEVERITY_WARNING, c->id,
	    "the roster has seen it %s from now: its silence is not counted before then. If it is dead, "
	    "HDEL " ROSTER_KEY " of it, and it is judged anew", text);
}

void
findings_of(struct coordinator *c)
{

	ahead(c);
	unreadable(c);
	switch (c->course) {
	case COURSE_OVERDUE:
		overdue(c);
		break;
	case COURSE_RESURRECTED:
		resurrected(c);
		break;
	case COURSE_ESCALATED:
		handed_on(c);
		break;
	case COURSE_RETIRE:
	case COURSE_RETIRED:
		left_with_work(c);
		break;
	default:
		break;
	}
}

/* "it retires 5 that ... and judges 3", of those that the brake covers. */
static void
after_override(const struct escalate *x, struct buf *out)
{
	const struct coordinator *c;
	int64_t left = 0, judged = 0;
	size_t at = 0;

	while ((c = escalate_next(x, &at)) != NULL) {
		if (c->entry == NULL || c->course != COURSE_BRAKED)
			continue;
		switch (fields_unbraked(c)) {
		case COURSE_RETIRE:
			left++;
			break;
		case COURSE_WAIT:
		case COURSE_SUSPECT:
		case COURSE_ESCALATE:
		case COURSE_RESUME:
			judged++;
			break;
		default:
			break;
		}
	}
	buf_printf(out, "--override-brake goes on: it retires %" PRId64 " that took the heartbeat away "
	    "before it expired (no replacement), and judges %" PRId64 " as dead (warnings, then a "
	    "replacement for each)", left, judged);
	/* Those that were lost with all that was known of them. */
	if (x->brake.gone > left + judged)
		buf_printf(out, "; of %" PRId64 " nothing is known any more", x->brake.gone - left - judged);
}

void
findings_brake(struct escalate *x)
{
	const struct brake *b = &x->brake;
	struct buf next = { 0 };

	if (b->cause == BRAKE_OFF)
		return;
	if (x->braked) {
		buf_str(&next, "no warning and no escalation until they are back, or others beat in place of "
		    "those that shut down cleanly; ");
		after_override(x, &next);
	} else
		buf_str(&next, "overridden, going on");
	result_finding(x->result, "mass-loss", SEVERITY_CRITICAL, B(""),
	    "%" PRId64 " of %" PRId64 " coordinators known to be alive are gone (%s%s): %s", b->gone,
	    b->known, brake_cause_name(b->cause), b->gone >= b->known ? "; P1" :
	    b->gone * 2 > b->known ? "; P2" : "", buf_cstr(&next) != NULL ? buf_cstr(&next) : "");
	buf_free(&next);
}

struct search {
	const struct escalate *x;
	const struct coordinator *dead; /* a claimant that is not alive */
};

static bool
is_gone(const struct coordinator *c)
{

	if (c == NULL)
		return false;
	switch (c->course) {
	case COURSE_SUSPECT:
	case COURSE_ESCALATE:
	case COURSE_RESUME:
	case COURSE_ESCALATED:
	case COURSE_RETIRE:
	case COURSE_RETIRED:
	case COURSE_GONE:
		return true;
	default:
		return false;
	}
}

static bool
on_claim(void *ctx, const struct key_claim *claim)
{
	struct search *s = ctx;
	const struct coordinator *c = escalate_find(s->x, claim->id);

	if (s->dead == NULL && is_gone(c) && escalate_selected(s->x, c))
		s->dead = c;
	return true;
}

/* It cannot be moved: under which name would it be? */
static void
misnamed(struct escalate *x)
{
	const struct coordinator *c;
	size_t i;

	for (i = 0; i < x->misnamed_n; i++) {
		c = misnamed_owner(x, i);
		if (is_gone(c) && escalate_selected(x, c))
			result_finding(x->result, "work-misnamed", SEVERITY_WARNING,
			    buf_view(&x->misnamed[i].key), "it is assigned to %.*s, which is gone, but its key "
			    "is none of a work item (a part of it is empty): it stays", (int)c->id.n, c->id.p);
	}
}

void
findings_uncertain(struct escalate *x)
{
	struct search s;
	size_t i;

	misnamed(x);
	for (i = 0; i < x->uncertain_n; i++) {
		s = (struct search){ .x = x };
		key_claims(x->uncertain[i], on_claim, &s);
		if (s.dead != NULL)
			result_finding(x->result, "work-uncertain", SEVERITY_WARNING, x->uncertain[i],
			    "it may belong to %.*s, which is gone, but its key can be read in more than one "
			    "way and assignedTo does not decide: it stays", (int)s.dead->id.n,
			    s.dead->id.p);
	}
}
