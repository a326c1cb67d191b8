#include "evidence.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/duration.h"
#include "base/log.h"

void
evidence_when(const struct coordinator *c, int64_t at, struct buf *out)
{
	const int64_t ago = run_now(c->job->run) - at;
	char age[32], date[40];

	if (at == 0) {
		buf_str(out, "never");
		return;
	}
	clock_rfc3339(at, 0, date, sizeof(date));
	duration_human(ago < 0 ? -ago : ago, age, sizeof(age));
	buf_printf(out, ago < 0 ? "in %s (%s)" : "%s ago (%s)", age, date);
}

static bool
is_over(const struct coordinator *c)
{

	return c->entry != NULL && c->entry->last_life != 0 &&
	    c->entry->last_life < c->entry->since && (c->entry->state == ROSTER_ESCALATED ||
	    c->entry->state == ROSTER_RETIRED || c->entry->state == ROSTER_REAPED);
}

int64_t
evidence_hold(const struct coordinator *c)
{
	const struct escalate *x = c->job;
	const int64_t *until;

	if (!holds_cover(&x->holds, c->id, run_now(x->run)))
		return 0;
	until = map_find(x->holds.until, c->id);
	return until != NULL ? *until : 0;
}

void
evidence_hold_words(const struct coordinator *c, struct buf *out)
{

	if (evidence_hold(c) == HOLD_UNREADABLE)
		buf_str(out, "without an end: its entry in " HOLD_KEY " is no time");
	else {
		buf_str(out, "until ");
		evidence_when(c, evidence_hold(c), out);
	}
}

const char *
evidence_departure(const struct coordinator *c)
{

	if (c->entry->last_seen == 0)
		return "it was never seen, and its spawn request is gone";
	return c->course == COURSE_RETIRE || roster_left(c->entry) ? "it shut down cleanly" :
	    "it died when it owned no work";
}

bool
evidence_taken_back(const struct coordinator *c)
{
	const struct roster_entry *e = c->entry;

	/* A person's word stands for life there: no key does. */
	return e != NULL && e->state == ROSTER_KNOWN && e->last_life != 0 &&
	    e->last_life == e->since && e->last_seen < e->last_life && e->activity == 0 &&
	    !c->fields[FIELD_HEARTBEAT].there && !c->fields[FIELD_ACTIVITY].there;
}

int64_t
evidence_silence(const struct coordinator *c)
{

	return is_over(c) ? run_now(c->job->run) - c->entry->last_life : c->judgement.silence;
}

const char *
evidence_row(const struct coordinator *c)
{

	if (evidence_taken_back(c))
		return "taken back by hand";
	if (c->course == COURSE_FORGET)
		return "nothing that this job looks at speaks of it";
	if (c->course == COURSE_AWAIT || c->course == COURSE_OVERDUE)
		return "asked for, and not seen yet";
	if (!is_over(c))
		return c->judgement.row;
	switch (c->entry->state) {
	case ROSTER_ESCALATED:
		return "no sign of life since it was handed on";
	case ROSTER_RETIRED:
		return "no sign of life since it was retired";
	default:
		return "no sign of life since it was reaped";
	}
}

static void
heartbeat_words(const struct coordinator *c, struct buf *out)
{
	const struct field *f = &c->fields[FIELD_HEARTBEAT];
	char text[32];

	if (!f->there) {
		buf_str(out, "no heartbeat");
		if (c->entry->last_seen != 0) {
			buf_str(out, ", the last one seen ");
			evidence_when(c, c->entry->last_seen, out);
		}
		return;
	}
	buf_str(out, "a heartbeat");
	if (c->form == HEARTBEAT_UNREADABLE)
		buf_printf(out, " that %s", c->unreadable != NULL ? c->unreadable : "cannot be read");
	else {
		buf_str(out, " stamped ");
		evidence_when(c, c->stamp, out);
	}
	if (f->pttl < 0)
		buf_str(out, ", without expiry");
	else {
		duration_human(f->pttl, text, sizeof(text));
		buf_printf(out, ", expiring in %s", text);
	}
}

static void
warnings_words(const struct coordinator *c, struct buf *out)
{

	if (c->warnings < 0)
		buf_str(out, "a warning that is no count");
	else
		buf_printf(out, "warnings %" PRId64 " of %" PRId64, c->warnings,
		    c->job->settings->escalate_dead.max_warnings);
}

void
evidence_line(const struct coordinator *c, struct buf *out)
{
	const struct field *activity = &c->fields[FIELD_ACTIVITY];
	char silence[32], low[32], high[32];

	duration_human(evidence_silence(c), silence, sizeof(silence));
	heartbeat_words(c, out);
	if (evidence_taken_back(c)) {
		buf_str(out, "; taken back by hand ");
		evidence_when(c, c->entry->since, out);
	} else
		buf_printf(out, "; silent for %s (%s)", silence, evidence_row(c));
	if (activity->there) {
		buf_str(out, "; activity stamped ");
		if (c->activity_stamp != 0)
			evidence_when(c, c->activity_stamp, out);
		else
			buf_str(out, "unreadably");
	}
	if (c->judgement.skewed) {
		duration_human(c->judgement.skew_low, low, sizeof(low));
		duration_human(c->judgement.skew_high, high, sizeof(high));
		buf_str(out, "; its clock is wrong: ");
		if (c->judgement.skew_high == INT64_MAX)
			buf_printf(out, "ahead by %s at least", low);
		else
			buf_printf(out, "off by %s to %s", low, high);
	}
	if (c->fields[FIELD_WARNING].there || c->warnings > 0) {
		buf_str(out, "; ");
		warnings_words(c, out);
	}
	buf_printf(out, "; owns %zu work item%s", c->items_n, c->items_n == 1 ? "" : "s");
	if (c->uncertain > 0)
		buf_printf(out, " and perhaps %zu more", c->uncertain);
}

bool
evidence_judged(const struct coordinator *c)
{

	switch (c->course) {
	case COURSE_RETIRE:
	case COURSE_RETIRED:
	case COURSE_GONE:
	case COURSE_ESCALATED:
	case COURSE_AWAIT:
	case COURSE_OVERDUE:
	case COURSE_FORGET:
		return false;
	default:
		return true;
	}
}

struct event {
	const char *what;
	int64_t at; /* 0 = it is not known to have been */
	int order;  /* of those at the same time */
};

static int
by_time(const void *a, const void *b)
{
	const struct event *x = a, *y = b;

	return x->at != y->at ? (x->at > y->at) - (x->at < y->at) : x->order - y->order;
}

void
evidence_timeline(const struct coordinator *c, struct buf *out)
{
	const struct roster_entry *e = c->entry;
	struct event events[] = {
		{ "first seen", e->first_sight, 1 },
		{ evidence_taken_back(c) ? "taken back by hand" : "last sign of life", e->last_life, 2 },
		{ "heartbeat last seen", e->last_seen, 3 },
		{ c->fields[FIELD_HEARTBEAT].there ? "its heartbeat expires or expired" :
		    "its last heartbeat expires or would have expired", e->last_seen != 0 ? e->expiry : 0, 4 },
		{ "became a suspect", c->was.known && c->was.state == ROSTER_SUSPECT ? c->was.since : 0, 5 },
		{ "escalation begun", c->ledger.timestamp != INT64_MAX ? c->ledger.timestamp : 0, 6 },
		{ "now", run_now(c->job->run), 7 },
	};
	const size_t n = sizeof(events) / sizeof(events[0]);
	const char *separator = "";
	char date[40];
	size_t i;

	qsort(events, n, sizeof(events[0]), by_time);
	for (i = 0; i < n; i++) {
		if (events[i].at == 0)
			continue;
		clock_rfc3339(events[i].at, 0, date, sizeof(date));
		buf_printf(out, "%s%s %s", separator, date, events[i].what);
		separator = "; ";
	}
}

void
evidence_reason(const struct coordinator *c, struct buf *out)
{
	char silence[32];

	duration_human(c->judgement.silence, silence, sizeof(silence));
	buf_printf(out, "heartbeat %s, no sign of life for %s", !c->fields[FIELD_HEARTBEAT].there ?
	    "missing" : c->judgement.verdict == VERDICT_STALE ? "stale" : "there", silence);
	if (c->job->options->force > 0)
		buf_str(out, "; escalated by hand (--force)");
	else {
		buf_str(out, "; ");
		warnings_words(c, out);
	}
}

void
evidence_log(const struct coordinator *c)
{
	struct buf line = { 0 }, timeline = { 0 };

	evidence_line(c, &line);
	evidence_timeline(c, &timeline);
	log_event(LOG_LEVEL_WARN, "dead-coordinator", &c->id, "Dead coordinator detected: %.*s",
	    (int)c->id.n, c->id.p);
	if (buf_cstr(&line) != NULL)
		log_event(LOG_LEVEL_INFO, "dead-evidence", &c->id, "%s", buf_cstr(&line));
	if (buf_cstr(&timeline) != NULL)
		log_event(LOG_LEVEL_INFO, "dead-timeline", &c->id, "%s", buf_cstr(&timeline));
	buf_free(&line);
	buf_free(&timeline);
}
