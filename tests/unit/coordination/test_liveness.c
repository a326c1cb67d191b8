#include "coordination/liveness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <check.h>

Suite *suite_liveness(void);

#define NOW INT64_C(1700000000000)
#define SECONDS *INT64_C(1000)

/* dead_after, confirm, heartbeat_ttl_max, skew_tolerance: the defaults. */
static const struct liveness_limits limits = { 120 SECONDS, 12 SECONDS, 300 SECONDS, 5 SECONDS };

/* Ages in seconds before NOW, so that a row of the table can be read. NEVER: not set. */
#define NEVER INT64_C(-999999999)

static const struct row {
	const char *what;
	enum heartbeat_form form;
	int64_t stamped, pttl;  /* age in s; ms */
	int64_t activity;       /* stamped, age in s */
	int64_t first, life;    /* ages in s */
	bool life_now;
	int64_t from;           /* evidence_from, age in s */
	enum verdict verdict;
	bool confirmable;
	int64_t silence;        /* s */
} rows[] = {
#define H HEARTBEAT_READABLE
#define U HEARTBEAT_UNREADABLE
#define A HEARTBEAT_ABSENT
	/* 1: unreadable, before anything else. */
	{ "unreadable, alive", U, 0, 60000, NEVER, 500, 1, false, NEVER,
	    VERDICT_UNREADABLE, false, 1 },
	{ "unreadable, long silent", U, 0, -1, NEVER, 5000, 4000, false, NEVER,
	    VERDICT_UNREADABLE, false, 4000 },
	{ "unreadable, life now", U, 0, -1, NEVER, 5000, 4000, true, NEVER,
	    VERDICT_UNREADABLE, false, 0 },
	{ "unreadable, escalated", U, 0, -1, NEVER, 5000, 4000, false, 100,
	    VERDICT_UNREADABLE, false, 5000 },
	/* 2: silence, whatever the writer's clock, its TTL or its activity's stamp say. */
	{ "silent", H, 500, -1, NEVER, 5000, 121, false, NEVER, VERDICT_STALE, false, 121 },
	{ "silent, clock ahead", H, -3600, -1, NEVER, 5000, 121, false, NEVER,
	    VERDICT_STALE, false, 121 },
	{ "silent, TTL left", H, 500, 60000, NEVER, 5000, 121, false, NEVER,
	    VERDICT_STALE, false, 121 },
	{ "silent, activity stamped now", H, 500, -1, 0, 5000, 121, false, NEVER,
	    VERDICT_STALE, false, 121 },
	{ "silent since first sight", H, 500, -1, NEVER, 121, NEVER, false, NEVER,
	    VERDICT_STALE, false, 121 },
	{ "silent since first sight, clock ahead", H, -660, 290000, 0, 121, NEVER, false, NEVER,
	    VERDICT_STALE, false, 121 },
	{ "gone and silent", A, 0, -1, NEVER, 5000, 121, false, NEVER,
	    VERDICT_MISSING, false, 121 },
	{ "gone, never seen alive", A, 0, -1, 0, 121, NEVER, false, NEVER,
	    VERDICT_MISSING, false, 121 },
	{ "silent for the threshold and no longer", H, 500, -1, NEVER, 5000, 120, false, NEVER,
	    VERDICT_ALIVE, false, 120 },
	{ "gone for the threshold and no longer", A, 0, -1, NEVER, 5000, 120, false, NEVER,
	    VERDICT_ALIVE, false, 120 },
	/* A clock that is eleven minutes slow does not kill. */
	{ "alive, clock slow", H, 660, 60000, NEVER, 5000, 30, false, NEVER,
	    VERDICT_ALIVE, false, 30 },
	{ "alive, clock slow, no TTL", H, 660, -1, NEVER, 5000, 30, false, NEVER,
	    VERDICT_ALIVE, false, 30 },
	{ "life now after a long gap", H, 660, -1, NEVER, 5000, 4000, true, NEVER,
	    VERDICT_ALIVE, false, 0 },
	{ "gone, but its activity changed", A, 0, -1, 0, 5000, 4000, true, NEVER,
	    VERDICT_ALIVE, false, 0 },
	/* 3: first sight. */
	{ "old, just met", H, 500, -1, NEVER, 0, NEVER, false, NEVER, VERDICT_ALIVE, true, 0 },
	{ "old, looked at again too soon", H, 500, -1, NEVER, 11, NEVER, false, NEVER,
	    VERDICT_ALIVE, true, 11 },
	{ "old, looked at again", H, 500, -1, NEVER, 12, NEVER, false, NEVER,
	    VERDICT_STALE, false, 12 },
	{ "old, looked at again, changed", H, 500, -1, NEVER, 12, NEVER, true, NEVER,
	    VERDICT_ALIVE, false, 0 },
	{ "old, but seen alive", H, 500, -1, NEVER, 100, 50, false, NEVER,
	    VERDICT_ALIVE, false, 50 },
	{ "stamped at the threshold", H, 120, -1, NEVER, 12, NEVER, false, NEVER,
	    VERDICT_ALIVE, false, 12 },
	{ "stamped over the threshold", H, 121, -1, NEVER, 12, NEVER, false, NEVER,
	    VERDICT_STALE, false, 12 },
	{ "stamped ahead", H, -3600, -1, NEVER, 12, NEVER, false, NEVER,
	    VERDICT_ALIVE, false, 12 },
	{ "old, activity at the threshold", H, 500, -1, 120, 12, NEVER, false, NEVER,
	    VERDICT_ALIVE, false, 12 },
	{ "old, activity over the threshold", H, 500, -1, 121, 12, NEVER, false, NEVER,
	    VERDICT_STALE, false, 12 },
	{ "old, activity ahead", H, 500, -1, -50, 12, NEVER, false, NEVER,
	    VERDICT_ALIVE, false, 12 },
	{ "old, expires now", H, 500, 0, NEVER, 12, NEVER, false, NEVER,
	    VERDICT_ALIVE, false, 12 },
	{ "old, expires by itself", H, 500, 300000, NEVER, 12, NEVER, false, NEVER,
	    VERDICT_ALIVE, false, 12 },
	{ "old, TTL beyond any writer's", H, 500, 300001, NEVER, 12, NEVER, false, NEVER,
	    VERDICT_STALE, false, 12 },
	{ "old, TTL beyond any writer's, just met", H, 500, 300001, NEVER, 0, NEVER, false, NEVER,
	    VERDICT_ALIVE, true, 0 },
	{ "old, odd TTL", H, 500, -2, NEVER, 12, NEVER, false, NEVER, VERDICT_STALE, false, 12 },
	{ "fresh, just met", H, 1, 89000, NEVER, 0, NEVER, false, NEVER, VERDICT_ALIVE, false, 0 },
	{ "gone, just heard of", A, 0, -1, NEVER, 0, NEVER, false, NEVER,
	    VERDICT_ALIVE, false, 0 },
	/* Evidence from before the state is none: of life, of stamps. */
	{ "escalated, older life", H, 500, 60000, NEVER, 5000, 100, false, 90,
	    VERDICT_STALE, false, 5000 },
	{ "retired, older life, gone", A, 0, -1, NEVER, 5000, 100, false, 90,
	    VERDICT_MISSING, false, 5000 },
	{ "escalated, life at that time", H, 500, 60000, NEVER, 5000, 90, false, 90,
	    VERDICT_ALIVE, false, 90 },
	{ "escalated, younger life", H, 500, 60000, NEVER, 5000, 50, false, 90,
	    VERDICT_ALIVE, false, 50 },
	{ "escalated, life now", H, 500, 60000, NEVER, 5000, 4000, true, 90,
	    VERDICT_ALIVE, false, 0 },
	{ "reaped, older stamp", H, 100, -1, NEVER, 30, NEVER, false, 90,
	    VERDICT_STALE, false, 30 },
	{ "reaped, stamp at that time", H, 90, -1, NEVER, 30, NEVER, false, 90,
	    VERDICT_ALIVE, false, 30 },
	{ "reaped, younger stamp", H, 50, -1, NEVER, 30, NEVER, false, 90,
	    VERDICT_ALIVE, false, 30 },
	{ "reaped, older activity", H, 500, -1, 100, 30, NEVER, false, 90,
	    VERDICT_STALE, false, 30 },
	{ "reaped, younger activity", H, 500, -1, 80, 30, NEVER, false, 90,
	    VERDICT_ALIVE, false, 30 },
	/* A clock of Redis's that went back: no silence is negative. */
	{ "life in the future", H, 500, -1, NEVER, 100, -50, false, NEVER,
	    VERDICT_ALIVE, false, 0 },
	{ "first sight in the future", H, 500, -1, NEVER, -50, NEVER, false, NEVER,
	    VERDICT_ALIVE, true, 0 },
#undef H
#undef U
#undef A
};

static int64_t
at(int64_t age)
{
	return age == NEVER ? 0 : NOW - age SECONDS;
}

static struct evidence
evidence_of(const struct row *r)
{
	return (struct evidence){
		.now = NOW,
		.heartbeat = r->form,
		.stamp = at(r->stamped),
		.pttl = r->pttl,
		.activity = r->activity != NEVER,
		.activity_stamp = at(r->activity),
		.first_sight = at(r->first),
		.last_life = at(r->life),
		.life_now = r->life_now,
		.evidence_from = at(r->from),
	};
}

START_TEST(each_row_has_its_verdict)
{
	const struct row *r = &rows[_i];
	struct evidence e = evidence_of(r);
	struct judgement j = liveness_judge(&e, &limits);

	ck_assert_msg(j.verdict == r->verdict, "%s: %s (%s)", r->what, verdict_name(j.verdict),
	    j.row);
	ck_assert_msg(j.confirmable == r->confirmable, "%s: confirmable", r->what);
	ck_assert_msg(j.silence == r->silence SECONDS, "%s: silence %lld", r->what,
	    (long long)j.silence);
	ck_assert(j.row != NULL && strlen(j.row) > 10);
}
END_TEST

START_TEST(verdicts_have_names)
{
	ck_assert_str_eq(verdict_name(VERDICT_ALIVE), "alive");
	ck_assert_str_eq(verdict_name(VERDICT_UNREADABLE), "unreadable");
	ck_assert_str_eq(verdict_name(VERDICT_STALE), "stale");
	ck_assert_str_eq(verdict_name(VERDICT_MISSING), "missing");
	ck_assert_str_eq(verdict_name((enum verdict)99), "unknown");
}
END_TEST

#define UNBOUNDED INT64_MIN

/* Ages of stamp and of written_after in ms. */
static const struct {
	const char *what;
	int64_t stamped, pttl, after;
	bool skewed;
	int64_t low, high; /* ms; UNBOUNDED as high: nothing bounds it */
} skews[] = {
	{ "right, just written", 10, 90000, NEVER, false, -10, 209990 },
	{ "right, at the end of its TTL", 90000, 0, NEVER, false, -90000, 210000 },
	{ "right, at the end of the longest TTL", 300000, 0, NEVER, false, -300000, 0 },
	{ "old and unchanged, no TTL", 86400000, -1, NEVER, false, -86400000, UNBOUNDED },
	{ "old, TTL beyond any writer's", 86400000, 400000, NEVER, false, -86400000, UNBOUNDED },
	{ "ahead within the tolerance", -5000, -1, NEVER, false, 5000, UNBOUNDED },
	{ "ahead", -5001, -1, NEVER, true, 5001, UNBOUNDED },
	{ "ahead, with a TTL", -300000, 60000, NEVER, true, 300000, 540000 },
	{ "slower than its TTL allows", 660000, 60000, NEVER, true, -660000, -420000 },
	{ "as slow as its TTL and the tolerance allow", 245000, 60000, NEVER, false, -245000,
	    -5000 },
	{ "slower by a millisecond", 245001, 60000, NEVER, true, -245001, -5001 },
	{ "written since the last sight", 1000, -1, 60000, false, -1000, 59000 },
	{ "written since the last sight, slow", 660000, -1, 60000, true, -660000, -600000 },
	{ "written since the last sight, slow within it", 65000, -1, 60000, false, -65000,
	    -5000 },
	{ "the later of both bounds counts: sight", 100000, 60000, 60000, true, -100000, -40000 },
	{ "the later of both bounds counts: TTL", 100000, 290000, 60000, true, -100000, -90000 },
	{ "a sight in the future bounds nothing", 100000, -1, -60000, false, -100000, UNBOUNDED },
};

START_TEST(a_clock_is_skewed_only_where_that_is_certain)
{
	struct evidence e = {
		.now = NOW,
		.heartbeat = HEARTBEAT_READABLE,
		.stamp = NOW - skews[_i].stamped,
		.pttl = skews[_i].pttl,
		.first_sight = NOW,
		.last_life = NOW,
		.written_after = skews[_i].after == NEVER ? 0 : NOW - skews[_i].after,
	};
	struct judgement j = liveness_judge(&e, &limits);
	int64_t high = skews[_i].high == UNBOUNDED ? INT64_MAX : skews[_i].high;

	ck_assert_msg(j.skewed == skews[_i].skewed, "%s", skews[_i].what);
	ck_assert_msg(j.skew_low == skews[_i].low && j.skew_high == high, "%s: %lld to %lld",
	    skews[_i].what, (long long)j.skew_low, (long long)j.skew_high);
	e.heartbeat = HEARTBEAT_UNREADABLE;
	j = liveness_judge(&e, &limits);
	ck_assert(!j.skewed && j.skew_low == INT64_MIN && j.skew_high == INT64_MAX);
	e.heartbeat = HEARTBEAT_ABSENT;
	j = liveness_judge(&e, &limits);
	ck_assert(!j.skewed && j.skew_low == INT64_MIN && j.skew_high == INT64_MAX);
}
END_TEST

/* Random evidence, extremes and near misses included. */
static int64_t
any64(void)
{
	static const int64_t odd[] = { INT64_MIN, INT64_MIN + 1, INT64_MAX, INT64_MAX - 1, 0, -1, 1 };

	switch (random() % 5) {
	case 0:
		return odd[random() % 7];
	case 1:
		return (int64_t)((uint64_t)random() << 62 ^ (uint64_t)random() << 31 ^
		    (uint64_t)random());
	default:
		return NOW + (random() % 1200 - 600) SECONDS;
	}
}

static int64_t
any_limit(void)
{
	if (random() % 10 == 0)
		return any64();
	return random() % 700 SECONDS;
}

static struct evidence
any_evidence(void)
{
	return (struct evidence){
		.now = random() % 8 == 0 ? any64() : NOW,
		.heartbeat = (enum heartbeat_form)(random() % 3),
		.stamp = any64(),
		.pttl = random() % 3 == 0 ? any64() : random() % 400 SECONDS - 1,
		.activity = random() % 2 == 0,
		.activity_stamp = any64(),
		.first_sight = any64(),
		.last_life = random() % 2 == 0 ? 0 : any64(),
		.last_seen = any64(),
		.written_after = random() % 2 == 0 ? 0 : any64(),
		.life_now = random() % 4 == 0,
		.evidence_from = random() % 2 == 0 ? 0 : any64(),
	};
}

static bool
dead(enum verdict v)
{
	return v == VERDICT_STALE || v == VERDICT_MISSING;
}

static void
check_always(const struct evidence *e, const struct liveness_limits *l)
{
	struct judgement j = liveness_judge(e, l), again = liveness_judge(e, l);
	int64_t threshold = l->threshold < 0 ? 0 : l->threshold;
	bool life = e->life_now || (e->last_life > 0 && e->last_life >= e->evidence_from);

	ck_assert(j.verdict == again.verdict && j.silence == again.silence &&
	    j.skewed == again.skewed && j.confirmable == again.confirmable &&
	    j.skew_low == again.skew_low && j.skew_high == again.skew_high && j.row == again.row);
	ck_assert(j.row != NULL);
	ck_assert(j.silence >= 0);
	ck_assert(j.skew_low <= j.skew_high);
	ck_assert((j.verdict == VERDICT_UNREADABLE) == (e->heartbeat == HEARTBEAT_UNREADABLE));
	ck_assert(j.verdict != VERDICT_STALE || e->heartbeat == HEARTBEAT_READABLE);
	ck_assert(j.verdict != VERDICT_MISSING || e->heartbeat == HEARTBEAT_ABSENT);
	/* Life seen within the threshold: never dead. */
	if (life && j.silence <= threshold)
		ck_assert(!dead(j.verdict) && !j.confirmable);
	if (e->life_now)
		ck_assert(!dead(j.verdict) && j.silence == 0);
	/* Dead at once only by a silence over the threshold, or the third row. */
	if (dead(j.verdict) && j.silence <= threshold)
		ck_assert(!life && j.verdict == VERDICT_STALE && j.silence >= l->confirm);
	ck_assert(!j.confirmable || j.verdict == VERDICT_ALIVE);
	ck_assert(!j.skewed || e->heartbeat == HEARTBEAT_READABLE);
}

/* What a later look at the same evidence can change: never from dead to alive. */
static void
check_monotone(const struct evidence *e, const struct liveness_limits *l)
{
	struct evidence later = *e;
	struct judgement j = liveness_judge(e, l), k;

	if (e->life_now || e->now > INT64_MAX / 2 || e->now < 0)
		return;
	later.now += random() % 1000 SECONDS;
	/* The TTL runs down: it can come into the range that postpones. Kept as it is here. */
	k = liveness_judge(&later, l);
	ck_assert(k.silence >= j.silence);
	if (dead(j.verdict))
		ck_assert(k.verdict == j.verdict);
	/* A later sign of life never condemns. */
	later = *e;
	later.life_now = true;
	k = liveness_judge(&later, l);
	ck_assert(!dead(k.verdict));
	/* Older evidence that is void never saves. */
	later = *e;
	later.evidence_from = INT64_MAX;
	k = liveness_judge(&later, l);
	if (dead(j.verdict) && e->last_life <= 0)
		ck_assert(dead(k.verdict));
}

START_TEST(verdicts_are_total_and_monotone)
{
	unsigned int seed = (unsigned int)time(NULL);
	struct liveness_limits l;
	struct evidence e;
	size_t round;

	printf("verdicts_are_total_and_monotone: seed %u\n", seed);
	srandom(seed);
	for (round = 0; round < 10000; round++) {
		l = limits;
		if (random() % 2 == 0)
			l = (struct liveness_limits){ any_limit(), any_limit(), any_limit(),
				any_limit() };
		e = any_evidence();
		check_always(&e, &l);
		check_monotone(&e, &l);
	}
}
END_TEST

/*
 * Writers whose clocks are off by a known amount: the interval holds it
 * whenever the heartbeat was written as the limits say, and no clock that is
 * right is ever called skewed, however old its heartbeat is.
 */
START_TEST(the_skew_interval_holds_the_truth)
{
	unsigned int seed = (unsigned int)time(NULL);
	size_t round;

	printf("the_skew_interval_holds_the_truth: seed %u\n", seed);
	srandom(seed);
	for (round = 0; round < 20000; round++) {
		int64_t skew = random() % 3 == 0 ? 0 : random() % 4000 SECONDS - 2000 SECONDS;
		int64_t ttl = random() % 4 == 0 ? -1 : 1 + random() % limits.heartbeat_ttl_max;
		int64_t age = ttl < 0 ? random() % 9000 SECONDS : random() % ttl;
		struct evidence e = {
			.now = NOW,
			.heartbeat = HEARTBEAT_READABLE,
			.stamp = NOW - age + skew,
			.pttl = ttl < 0 ? TTL_NONE : ttl - age,
			.first_sight = NOW,
			.written_after = random() % 2 == 0 ? 0 : NOW - age - random() % 90 SECONDS,
		};
		struct judgement j = liveness_judge(&e, &limits);

		ck_assert(j.skew_low <= skew && skew <= j.skew_high);
		if (llabs(skew) <= limits.skew_tolerance)
			ck_assert(!j.skewed);
		if (j.skewed)
			ck_assert(skew > limits.skew_tolerance || skew < -limits.skew_tolerance);
		if (e.stamp > NOW + limits.skew_tolerance)
			ck_assert(j.skewed);
	}
}
END_TEST

#define COUNT(a) (int)(sizeof(a) / sizeof((a)[0]))

Suite *
suite_liveness(void)
{
	Suite *s = suite_create("liveness");
	TCase *t = tcase_create("liveness");

	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, each_row_has_its_verdict, 0, COUNT(rows));
	tcase_add_test(t, verdicts_have_names);
	tcase_add_loop_test(t, a_clock_is_skewed_only_where_that_is_certain, 0, COUNT(skews));
	tcase_add_test(t, verdicts_are_total_and_monotone);
	tcase_add_test(t, the_skew_interval_holds_the_truth);
	suite_add_tcase(s, t);
	return s;
}
