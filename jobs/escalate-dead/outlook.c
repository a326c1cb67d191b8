#include "outlook.h"

#include <inttypes.h>

#include "again.h"
#include "base/clock.h"
#include "base/duration.h"
#include "evidence.h"
#include "fields.h"
#include "successor.h"

static void
date(struct buf *out, int64_t at)
{
	char text[40];

	clock_rfc3339(at, 0, text, sizeof(text));
	buf_str(out, text);
}

int
outlook_open(struct escalate *x, struct error *e)
{
	struct buf reason = { 0 };
	int64_t left = -1;
	int rc;

	rc = pause_get(x->client, &x->paused, &reason, &left, e);
	x->pause_ends = left < 0 ? 0 : run_now(x->run) + left;
	buf_free(&reason);
	return rc;
}

void
outlook_pause(const struct escalate *x, struct buf *out)
{

	if (!x->paused)
		return;
	buf_str(out, "nothing happens until the pause ends");
	if (x->pause_ends != 0) {
		buf_str(out, " (");
		date(out, x->pause_ends);
		buf_char(out, ')');
	} else
		buf_str(out, " (with --resume)");
}

/* What follows is for afterwards. */
static void
after_pause(const struct escalate *x, struct buf *out)
{

	if (!x->paused)
		return;
	outlook_pause(x, out);
	buf_str(out, "; then: ");
}

static void
quoted(struct buf *out, struct bytes id)
{

	buf_escaped(out, id, 100);
}

/* When the last sign of life, or first sight, will be dead_after old. */
static int64_t
falls_silent(const struct coordinator *c)
{
	const int64_t now = run_now(c->job->run);
	const int64_t last = c->was.last_life > c->was.first_sight ? c->was.last_life :
	    c->was.first_sight;
	/* Against what the roster has seen before Redis's clock was set back nobody is silent yet. */
	const int64_t from = c->was.known && last > now ? last : now - c->judgement.silence;

	return from + c->job->settings->escalate_dead.dead_after;
}

static void
suspect_words(const struct coordinator *c, struct buf *out)
{
	const struct settings *s = c->job->settings;
	const struct bytes named = buf_view(&c->ledger.new_id);
	char new_id[SUCCESSOR_SIZE], interval[32];
	int64_t incarnation = c->entry->incarnation;

	if (incarnation == 0)
		incarnation = c->entry->last_life != 0 ? c->entry->last_life : c->entry->first_sight;
	duration_human(s->escalate_dead.warning_interval, interval, sizeof(interval));
	if (c->warnings < 0) {
		buf_str(out, "nothing while its blocking:warning: holds no count: delete that, and it is "
		    "warned from 1 on. A sign of life ends it");
		return;
	}
	if (c->warnings >= s->escalate_dead.max_warnings)
		buf_str(out, "the next run hands it on");
	else
		buf_printf(out, "the next run gives warning %" PRId64 " of %" PRId64 " (not within %s of "
		    "the last one); the run that gives the last one hands it on", c->warnings + 1,
		    s->escalate_dead.max_warnings, interval);
	if (c->items_n == 0 && !s->escalate_dead.escalate_idle)
		buf_str(out, " (not at all: it owns no work, and escalate_idle = no)");
	else if (c->ledger.stage == LEDGER_UNREADABLE)
		buf_str(out, " - but not while its escalation record cannot be read: remove that");
	else if (again_hopeless(c)) {
		buf_str(out, " - but not while another process's record names ");
		quoted(out, named);
		buf_str(out, ", which is gone itself: remove that");
	} else if (c->ledger.stage == LEDGER_FOREIGN && named.n > 0) {
		buf_printf(out, ": %zu work item%s to ", c->items_n, c->items_n == 1 ? "" : "s");
		quoted(out, named);
		buf_str(out, ", which another process's record names");
	} else if (incarnation >= c->job->began)
		buf_printf(out, ": %zu work item%s to a new id", c->items_n, c->items_n == 1 ? "" : "s");
	else if (successor_id(c->id, incarnation, new_id) == 0)
		buf_printf(out, ": %zu work item%s to %s", c->items_n, c->items_n == 1 ? "" : "s",
		    new_id);
	buf_str(out, ". A sign of life ends it");
}

static void
awaited_words(const struct coordinator *c, struct buf *out)
{

	buf_str(out, "waits for it to start; never suspects it before that");
	if (c->course == COURSE_OVERDUE) {
		buf_str(out, "; overdue: it was asked for ");
		evidence_when(c, c->entry->since, out);
	} else {
		buf_str(out, "; a finding from ");
		date(out, c->entry->since + c->job->settings->escalate_dead.spawn_timeout);
		buf_str(out, " on");
	}
}

/* What can still be moved, and that the rest stays. */
static void
rest_words(const struct coordinator *c, const char *what, struct buf *out)
{
	const size_t n = c->items_n - c->stuck;

	if (n > 0)
		buf_printf(out, "; %s %zu work item%s, which --coordinator ID --force hands on", what, n,
		    n == 1 ? "" : "s");
	if (c->stuck > 0)
		buf_printf(out, "; %zu work item%s of it cannot be moved: another type than a string, too "
		    "large, or the new name is taken", c->stuck, c->stuck == 1 ? "" : "s");
}

static void
silent_words(const struct coordinator *c, struct buf *out)
{

	switch (c->course) {
	case COURSE_WAIT:
		buf_str(out, "it becomes a suspect if it shows no life before ");
		date(out, falls_silent(c));
		break;
	case COURSE_SUSPECT:
	case COURSE_ESCALATE:
		suspect_words(c, out);
		break;
	case COURSE_RESUME:
		buf_str(out, "the next run finishes the hand-over to ");
		quoted(out, buf_view(&c->ledger.new_id));
		break;
	case COURSE_WITHDRAW:
		buf_str(out, "the next run takes the hand-over back");
		break;
	case COURSE_RETIRE:
	case COURSE_RETIRED:
		buf_printf(out, "nothing: %s", evidence_departure(c));
		rest_words(c, "but it owns", out);
		break;
	case COURSE_ESCALATED:
		buf_str(out, "nothing: it was handed on");
		if (c->ledger.new_id.n > 0) {
			buf_str(out, " to ");
			quoted(out, buf_view(&c->ledger.new_id));
		}
		rest_words(c, "later came", out);
		break;
	default:
		buf_str(out, "nothing");
		break;
	}
}

void
outlook_escalate(const struct coordinator *c, struct buf *out)
{

	after_pause(c->job, out);
	switch (c->course) {
	case COURSE_ALIVE:
	case COURSE_RECOVERED:
	case COURSE_BACK:
	case COURSE_RESURRECTED:
		buf_str(out, "nothing while it shows life; should it fall silent now, a suspect from ");
		date(out, falls_silent(c));
		if (c->course == COURSE_RECOVERED)
			buf_str(out, "; the next run removes its warning");
		if (c->course == COURSE_RESURRECTED)
			buf_str(out, c->ledger.stage == LEDGER_FOREIGN ?
			    "; a finding: another process has begun to hand it on, and it is alive" :
			    "; a finding: its work was handed on and it is alive");
		break;
	case COURSE_AWAIT:
	case COURSE_OVERDUE:
		awaited_words(c, out);
		break;
	case COURSE_HOLD:
		buf_str(out, "nothing while it is on hold, ");
		evidence_hold_words(c, out);
		buf_str(out, "; its work is kept from expiring");
		break;
	case COURSE_BRAKED:
		buf_str(out, "nothing while the brake is on; its work is kept from expiring");
		if (fields_unbraked(c) == COURSE_RETIRE)
			buf_str(out, "; with --override-brake it is retired: its heartbeat was taken away "
			    "before it expired");
		break;
	case COURSE_UNREADABLE:
		buf_str(out, "nothing while its heartbeat cannot be read; a finding at each run");
		break;
	case COURSE_FORGET:
		buf_str(out, "nothing: nothing speaks of it");
		break;
	default:
		silent_words(c, out);
		break;
	}
}

void
outlook_reap(const struct coordinator *c, struct buf *out)
{
	const int64_t after = c->job->settings->reap_stale.stale_after;

	after_pause(c->job, out);
	switch (c->course) {
	case COURSE_SUSPECT:
	case COURSE_ESCALATE:
	case COURSE_RESUME:
	case COURSE_WITHDRAW:
		buf_str(out, "nothing while it is a suspect; after that what it leaves behind");
		break;
	case COURSE_ESCALATED:
	case COURSE_RETIRE:
	case COURSE_RETIRED:
		buf_str(out, "deletes what it left behind (work excepted) ");
		if (c->entry->since + after <= run_now(c->job->run))
			buf_str(out, "at its next run");
		else {
			buf_str(out, "from ");
			date(out, c->entry->since + after);
			buf_str(out, " on");
		}
		break;
	case COURSE_HOLD:
		buf_str(out, "nothing while it is on hold");
		break;
	case COURSE_BRAKED:
		buf_str(out, "nothing while the brake is on");
		break;
	default:
		buf_str(out, "nothing");
		break;
	}
}
