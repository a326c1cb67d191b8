#include "course.h"

#include <assert.h>

static const char *const names[] = {
	[COURSE_ALIVE] = "alive",
	[COURSE_WAIT] = "silent",
	[COURSE_RECOVERED] = "recovered",
	[COURSE_SUSPECT] = "suspect",
	[COURSE_ESCALATE] = "escalate",
	[COURSE_RESUME] = "resume",
	[COURSE_WITHDRAW] = "withdraw",
	[COURSE_RETIRE] = "retire",
	[COURSE_RETIRED] = "retired",
	[COURSE_GONE] = "gone",
	[COURSE_ESCALATED] = "escalated",
	[COURSE_RESURRECTED] = "resurrected",
	[COURSE_BACK] = "back",
	[COURSE_AWAIT] = "awaited",
	[COURSE_OVERDUE] = "overdue",
	[COURSE_UNREADABLE] = "unreadable",
	[COURSE_HOLD] = "hold",
	[COURSE_BRAKED] = "braked",
	[COURSE_FORGET] = "unknown",
};
static_assert(sizeof(names) / sizeof(names[0]) == COURSES, "a name for every course");

const char *
course_name(enum course c)
{

	return (unsigned int)c < COURSES ? names[c] : "unknown";
}

bool
course_keeps_work(enum course c)
{

	switch (c) {
	case COURSE_SUSPECT:
	case COURSE_ESCALATE:
	case COURSE_RESUME:
	case COURSE_WITHDRAW:
	case COURSE_RETIRE:
	case COURSE_RETIRED:
	case COURSE_ESCALATED:
	case COURSE_AWAIT:
	case COURSE_OVERDUE:
	case COURSE_HOLD:
	case COURSE_BRAKED:
		return true;
	default:
		return false;
	}
}

bool
course_recovers(const struct facts *f)
{

	return f->was_suspect || (f->warning && !f->warning_odd);
}

static enum course
of_living(const struct facts *f)
{

	if (f->force >= 2)
		return COURSE_ESCALATE;
	/* Its spawn request is out: what is left to do is to say so. */
	if (f->stage == LEDGER_SPAWNED)
		return COURSE_RESUME;
	if (f->stage == LEDGER_MOVING)
		return COURSE_WITHDRAW;
	if (f->stage == LEDGER_COMPLETE || f->stage == LEDGER_FOREIGN)
		return COURSE_RESURRECTED;
	if (f->state == ROSTER_ESCALATED)
		return COURSE_BACK;
	if (course_recovers(f))
		return COURSE_RECOVERED;
	return f->verdict == VERDICT_UNREADABLE ? COURSE_UNREADABLE : COURSE_ALIVE;
}

static enum course
of_silent(const struct facts *f)
{
	const bool speaks = f->ever_seen || f->work || f->activity || f->warning;

	if ((f->stage == LEDGER_COMPLETE && !f->life_since_record) ||
	    (f->state == ROSTER_ESCALATED && !f->life_since))
		return COURSE_ESCALATED;
	/* By hand, also of one that left and should not have. */
	if (!f->heartbeat && f->warned_out)
		return COURSE_ESCALATE;
	if (f->state == ROSTER_RETIRED)
		return COURSE_RETIRED;
	if (f->left && f->state == ROSTER_KNOWN)
		return COURSE_RETIRE;
	if (!speaks)
		return COURSE_FORGET;
	/* reap-stale was there first, perhaps just now: nobody waits for it. */
	if (f->state == ROSTER_REAPED && !f->work)
		return COURSE_GONE;
	if (f->verdict == VERDICT_ALIVE)
		return COURSE_WAIT;
	return COURSE_SUSPECT;
}

enum course
course_of(const struct facts *f)
{

	/* A person took it back, or its owner lives: whatever else is true. */
	if (f->stage == LEDGER_CANCELLING)
		return COURSE_WITHDRAW;
	/* Whose request was taken, and whose work is all done, has come and gone between two runs. */
	if (f->state == ROSTER_AWAITED && f->force == 0)
		return !f->overdue ? COURSE_AWAIT :
		    f->asked_for || f->work ? COURSE_OVERDUE : COURSE_GONE;
	if (f->hold && f->force == 0)
		return COURSE_HOLD;
	if (f->life_now || (f->verdict == VERDICT_ALIVE && f->heartbeat))
		return of_living(f);
	/* What was settled before them is not about those that vanished. */
	if (f->brake)
		return f->state == ROSTER_ESCALATED && !f->life_since ? COURSE_ESCALATED :
		    f->state == ROSTER_RETIRED && !f->warned_out ? COURSE_RETIRED : COURSE_BRAKED;
	if (f->stage == LEDGER_SPAWNED)
		return COURSE_RESUME;
	if (f->stage == LEDGER_MOVING)
		return f->life_since_record ? COURSE_WITHDRAW : COURSE_RESUME;
	if (f->force > 0)
		return COURSE_ESCALATE;
	if (f->verdict == VERDICT_UNREADABLE)
		return COURSE_UNREADABLE;
	return of_silent(f);
}
