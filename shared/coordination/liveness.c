#include "coordination/liveness.h"

#include <assert.h>
#include <stddef.h>

#include "base/duration.h"

static const char *const names[] = {
	[VERDICT_ALIVE] = "alive",
	[VERDICT_UNREADABLE] = "unreadable",
	[VERDICT_STALE] = "stale",
	[VERDICT_MISSING] = "missing",
};
static_assert(sizeof(names) / sizeof(names[0]) == VERDICT_MISSING + 1, "a name for each verdict");

const char *
verdict_name(enum verdict v)
{
	if ((unsigned int)v > VERDICT_MISSING)
		return "unknown";
	return names[v];
}

static int64_t
not_negative(int64_t v)
{
	return v < 0 ? 0 : v;
}

static bool
has_life(const struct evidence *e)
{
	if (e->life_now)
		return true;
	return e->last_life > 0 && e->last_life >= e->evidence_from;
}

static int64_t
silence_of(const struct evidence *e)
{
	if (e->life_now)
		return 0;
	return not_negative(duration_between(e->now, has_life(e) ? e->last_life : e->first_sight));
}

/* A stamp speaks for its writer if it is not over ${threshold} old (one from
 * the future is not) and not from before the present state. */
static bool
speaks(const struct evidence *e, int64_t stamp, int64_t threshold)
{
	return stamp >= e->evidence_from && duration_between(e->now, stamp) <= threshold;
}

/* Does the TTL that is left allow for a writer that is there still? */
static bool
ttl_bounded(const struct evidence *e, const struct liveness_limits *l)
{
	return e->pttl >= 0 && e->pttl <= l->heartbeat_ttl_max;
}

/*
 * What is certain of the writer's clock: the value was written at ${hi} at the
 * latest and, where something tells, at ${lo} at the earliest. An old value
 * that nothing bounds from below can only be known to be ahead.
 */
static void
judge_skew(const struct evidence *e, const struct liveness_limits *l, struct judgement *j)
{
	int64_t tolerance = not_negative(l->skew_tolerance);
	int64_t lo = INT64_MIN, by_ttl;

	j->skew_low = INT64_MIN;
	j->skew_high = INT64_MAX;
	if (e->heartbeat != HEARTBEAT_READABLE)
		return;
	if (e->written_after > 0)
		lo = e->written_after;
	if (ttl_bounded(e, l)) {
		by_ttl = duration_between(e->now, duration_between(l->heartbeat_ttl_max, e->pttl));
		if (by_ttl > lo)
			lo = by_ttl;
	}
	/* An earlier sight by a clock that has since gone back proves nothing. */
	if (lo > e->now)
		lo = INT64_MIN;
	j->skew_low = duration_between(e->stamp, e->now);
	if (lo != INT64_MIN)
		j->skew_high = duration_between(e->stamp, lo);
	j->skewed = j->skew_low > tolerance || j->skew_high < -tolerance;
}

/* The third row but for the wait: nothing but a heartbeat that looks old. */
static const char *
looks_alive(const struct evidence *e, const struct liveness_limits *l)
{
	int64_t threshold = not_negative(l->threshold);

	if (has_life(e))
		return "shown life within the threshold";
	if (e->heartbeat == HEARTBEAT_ABSENT)
		return "no heartbeat, for no longer than the threshold";
	if (speaks(e, e->stamp, threshold))
		return "stamped within the threshold";
	if (e->activity && speaks(e, e->activity_stamp, threshold))
		return "activity stamped within the threshold";
	if (ttl_bounded(e, l))
		return "will expire by itself";
	return NULL;
}

struct judgement
liveness_judge(const struct evidence *e, const struct liveness_limits *l)
{
	struct judgement j = { .verdict = VERDICT_ALIVE, .silence = silence_of(e) };

	judge_skew(e, l, &j);
	if (e->heartbeat == HEARTBEAT_UNREADABLE) {
		j.verdict = VERDICT_UNREADABLE;
		j.row = "heartbeat cannot be read";
		return j;
	}
	if (j.silence > not_negative(l->threshold)) {
		j.verdict = e->heartbeat == HEARTBEAT_ABSENT ? VERDICT_MISSING : VERDICT_STALE;
		j.row = has_life(e) ? "no sign of life for longer than the threshold" :
		    "no sign of life since first sight, longer ago than the threshold";
		return j;
	}
	j.row = looks_alive(e, l);
	if (j.row != NULL)
		return j;
	if (j.silence >= not_negative(l->confirm)) {
		j.verdict = VERDICT_STALE;
		j.row = "stamped before the threshold and unchanged since first sight";
		return j;
	}
	j.confirmable = true;
	j.row = "stamped before the threshold, to be looked at again";
	return j;
}
