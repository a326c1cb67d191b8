#ifndef COORDINATION_LIVENESS_H_
#define COORDINATION_LIVENESS_H_

#include <stdbool.h>
#include <stdint.h>

/*
 * Is a coordinator alive? One pure function for every job. Signs of life, not
 * the writers' clocks, decide, as in lease-based leader election (Gray and
 * Cheriton 1989); a stamped time or a TTL can only postpone a verdict, shorten
 * the wait on first sight, or show that a clock is wrong. All times are ms on
 * the Redis clock.
 */
enum heartbeat_form {
	HEARTBEAT_ABSENT,     /* a direct GET found nothing */
	HEARTBEAT_UNREADABLE, /* wrong type, no JSON object, no readable time, too large */
	HEARTBEAT_READABLE
};

#define TTL_NONE (-1) /* as PTTL says for a key without expiry */

struct evidence {
	int64_t now;
	enum heartbeat_form heartbeat;
	int64_t stamp;           /* HEARTBEAT_READABLE */
	int64_t pttl;            /* ms left or TTL_NONE; not for ABSENT */
	bool activity;           /* an activity record with a readable time */
	int64_t activity_stamp;
	int64_t first_sight;     /* from the roster; == now on first sight */
	int64_t last_life;       /* the last sign of life seen, 0 = none ever */
	int64_t last_seen;       /* when a run last looked at it and found a heartbeat; 0 = never */
	int64_t written_after;   /* the bytes that are there now were certainly written after this:
	                            the sight at which the roster last saw others, or none. 0 = not
	                            known. Not a mere refresh of the expiry or another activity. */
	bool life_now;           /* this run saw one: bytes changed or expiry moved later */
	int64_t evidence_from;   /* retired, escalated, reaped: since when; older evidence
	                            (stamps too) is none. 0 = no such state */
};

struct liveness_limits {
	int64_t threshold;         /* ms: dead_after or stale_after */
	int64_t confirm;
	int64_t heartbeat_ttl_max;
	int64_t skew_tolerance;
};

enum verdict {
	VERDICT_ALIVE,
	VERDICT_UNREADABLE, /* a finding, never deleted by a verdict */
	VERDICT_STALE,      /* heartbeat there, its writer gone */
	VERDICT_MISSING     /* heartbeat not there, silence over the threshold */
};

struct judgement {
	enum verdict verdict;
	bool confirmable;  /* alive only because silence < confirm (row 3): look again after it */
	int64_t silence;   /* now - last sign of life, or - first sight; never negative */
	bool skewed;
	int64_t skew_low, skew_high; /* the writer's clock minus Redis's lies in [low, high]
	                                ms; INT64_MIN, INT64_MAX = nothing bounds it there */
	const char *row;   /* the reason, a constant phrase for logs and --explain */
};

/* Total and deterministic. Rows in the order of README, "Is it alive?":
 * 1 unreadable; 2 silence > threshold: stale or missing; 3 no sign of life
 * ever seen, silence >= confirm, stamped age > threshold, no activity stamped
 * within it, not 0 <= PTTL <= heartbeat_ttl_max: stale; 4 alive.
 * A negative limit counts as 0, any negative PTTL as TTL_NONE.
 *
 * Skew: the value was written between written_after or (if 0 <= PTTL <= heartbeat_ttl_max)
 * now - (heartbeat_ttl_max - PTTL), whichever is later, and now. skewed: the stamp lies outside
 * by more than the tolerance. Where neither bounds it, only a stamp from the future is skewed.
 * The bound by the TTL takes it that who set the expiry wrote the value, and no longer one than
 * writers give: good enough for a warning on first sight, no proof, since a writer can renew the
 * expiry alone and ttl-fixer can have given it. clock-audit, which names skews that are certain,
 * does without it. */
struct judgement liveness_judge(const struct evidence *e, const struct liveness_limits *l);
const char *verdict_name(enum verdict v);

#endif
