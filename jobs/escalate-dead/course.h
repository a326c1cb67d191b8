#ifndef ESCALATE_DEAD_COURSE_H_
#define ESCALATE_DEAD_COURSE_H_

#include <stdbool.h>

#include "coordination/liveness.h"
#include "coordination/roster.h"
#include "ledger.h"

/*
 * What is to become of one coordinator: one pure function over what a run
 * knows of it, for the run that acts and for --explain.
 */
struct facts {
	enum roster_state state;  /* after this run's sights */
	bool was_suspect;         /* before them */
	enum verdict verdict;
	bool heartbeat;           /* there */
	bool life_now;            /* this run saw a sign of life */
	bool ever_seen;           /* a heartbeat or a sign of life, by any run */
	bool life_since;          /* a sign of life after the state began */
	bool life_since_record;   /* a sign of life after the escalation record was made */
	bool left;                /* its heartbeat vanished before its time: a clean shutdown */
	bool work;                /* it owns work */
	bool activity;            /* it has an activity record */
	bool warning;             /* it has a warning key */
	bool warning_odd;         /* of another type: nobody's count, and left alone */
	bool warned_out;          /* the count is at max_warnings */
	enum ledger_stage stage;  /* of its escalation record */
	bool hold;
	bool brake;
	int force;                /* --force for this id */
	bool overdue;             /* awaited for longer than spawn_timeout */
	bool asked_for;           /* its spawn request is there or to come, or work that may be its own */
};

enum course {
	COURSE_ALIVE,       /* leave it */
	COURSE_WAIT,        /* no heartbeat, but not for long enough */
	COURSE_RECOVERED,   /* it was a suspect: take the warning away */
	COURSE_SUSPECT,     /* one warning; escalate at the last */
	COURSE_ESCALATE,    /* at once: by hand, or forced */
	COURSE_RESUME,      /* finish what a run began */
	COURSE_WITHDRAW,    /* take back what a run began: its owner lives, or a person says so */
	COURSE_RETIRE,      /* a clean shutdown, seen now */
	COURSE_RETIRED,     /* one seen before */
	COURSE_GONE,        /* reaped, or a replacement that took its request: it owns nothing to hand on */
	COURSE_ESCALATED,   /* handed on: only late work is of interest */
	COURSE_RESURRECTED, /* handed on, and alive */
	COURSE_BACK,        /* the same, and the record has expired: an ordinary coordinator again */
	COURSE_AWAIT,       /* a replacement that is not there yet */
	COURSE_OVERDUE,     /* the same, for too long */
	COURSE_UNREADABLE,  /* a heartbeat that cannot be read, and no sign of life */
	COURSE_HOLD,        /* kept off by coordkeep:hold */
	COURSE_BRAKED,      /* silent, and the brake is on */
	COURSE_FORGET,      /* nothing is left that speaks of it */
	COURSES
};

enum course course_of(const struct facts *f);
/* Is there what a sign of life ends: a suspicion, or a warning, also one that was left by a run that
 * was killed or set by hand, which would be carried out on the day on which its heartbeat is late? */
bool course_recovers(const struct facts *f);
const char *course_name(enum course c);
/* Does something of it lie in the way of expiry: is its work to be kept? */
bool course_keeps_work(enum course c);

#endif
