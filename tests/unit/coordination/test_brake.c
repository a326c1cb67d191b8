#include <string.h>

#include <check.h>

#include "coordination/brake.h"

Suite *suite_brake(void);

#define NOW INT64_C(1700000000000)
#define MIN 60000

static const struct brake_limits limits = {
	.restart_grace = 10 * MIN, .mass_loss = 30, .roster_keep = INT64_C(7) * 24 * 60 * MIN
};

static const struct row {
	const char *what;
	bool history;
	const char *run_id;  /* now; the baseline's is "a" */
	int64_t uptime, evicted, known, gone, alive;
	int64_t before_alive, before_age;
	enum brake_cause cause;
	int64_t m, n;        /* N of M, as reported */
} rows[] = {
	{ "no history, nobody", false, "a", MIN, 0, 0, 0, 0, 0, 0, BRAKE_OFF, 0, 0 },
	{ "no history, a fleet", false, "a", MIN, 9, 0, 0, 20, 0, 0, BRAKE_OFF, 0, 0 },
	{ "all there", true, "a", 99 * MIN, 0, 10, 0, 10, 10, MIN, BRAKE_OFF, 10, 0 },
	{ "3 of 10", true, "a", 99 * MIN, 0, 10, 3, 7, 10, MIN, BRAKE_OFF, 10, 3 },
	{ "4 of 10", true, "a", 99 * MIN, 0, 10, 4, 6, 10, MIN, BRAKE_MASS, 10, 4 },
	{ "10 of 10", true, "a", 99 * MIN, 0, 10, 10, 0, 10, MIN, BRAKE_MASS, 10, 10 },
	{ "1 of 1", true, "a", 99 * MIN, 0, 1, 1, 0, 1, MIN, BRAKE_OFF, 1, 1 },
	{ "3 of 3", true, "a", 99 * MIN, 0, 3, 3, 0, 3, MIN, BRAKE_OFF, 3, 3 },
	{ "4 of 4", true, "a", 99 * MIN, 0, 4, 4, 0, 4, MIN, BRAKE_MASS, 4, 4 },
	{ "30 of 100: not more than", true, "a", 99 * MIN, 0, 100, 30, 70, 100, MIN, BRAKE_OFF,
	    100, 30 },
	{ "31 of 100", true, "a", 99 * MIN, 0, 100, 31, 69, 100, MIN, BRAKE_MASS, 100, 31 },
	{ "4 of 10 without a baseline", false, "a", 99 * MIN, 0, 10, 4, 6, 0, 0, BRAKE_MASS, 10,
	    4 },
	{ "restarted, all there", true, "b", MIN, 0, 10, 0, 10, 10, MIN, BRAKE_OFF, 10, 0 },
	{ "restarted, one gone", true, "b", MIN, 0, 10, 1, 9, 10, MIN, BRAKE_RESTART, 10, 1 },
	{ "restarted, the only one gone", true, "b", MIN, 0, 1, 1, 0, 1, MIN, BRAKE_RESTART, 1,
	    1 },
	{ "restarted, grace just over", true, "b", 10 * MIN, 0, 10, 1, 9, 10, MIN, BRAKE_OFF, 10,
	    1 },
	{ "restarted, grace nearly over", true, "b", 10 * MIN - 1, 0, 10, 1, 9, 10, MIN,
	    BRAKE_RESTART, 10, 1 },
	{ "failed over long ago, mass", true, "b", 99 * MIN, 0, 10, 4, 6, 10, MIN, BRAKE_MASS, 10,
	    4 },
	{ "up for a minute, the same server", true, "a", MIN, 0, 10, 1, 9, 10, MIN, BRAKE_OFF, 10,
	    1 },
	{ "evicted, none gone", true, "a", 99 * MIN, 9, 10, 0, 10, 10, MIN, BRAKE_OFF, 10, 0 },
	{ "evicted, one gone", true, "a", 99 * MIN, 6, 10, 1, 9, 10, MIN, BRAKE_EVICTION, 10, 1 },
	{ "evicted as before, one gone", true, "a", 99 * MIN, 5, 10, 1, 9, 10, MIN, BRAKE_OFF, 10,
	    1 },
	{ "another server that evicted, one gone", true, "b", 99 * MIN, 1, 10, 1, 9, 10, MIN,
	    BRAKE_EVICTION, 10, 1 },
	{ "flushed, roster and all", true, "a", 99 * MIN, 5, 0, 0, 0, 12, MIN, BRAKE_MASS, 12,
	    12 },
	{ "flushed, some are back", true, "a", 99 * MIN, 5, 0, 0, 5, 12, MIN, BRAKE_MASS, 12, 7 },
	{ "flushed, nearly all are back", true, "a", 99 * MIN, 5, 0, 0, 9, 12, MIN, BRAKE_OFF, 12,
	    3 },
	{ "flushed, all are back", true, "a", 99 * MIN, 5, 0, 0, 12, 12, MIN, BRAKE_OFF, 0, 0 },
	{ "restarted empty, some are back", true, "b", MIN, 0, 0, 0, 11, 12, MIN, BRAKE_RESTART,
	    12, 1 },
	{ "an older roster came back with the server", true, "b", 99 * MIN, 0, 5, 2, 3, 12, MIN,
	    BRAKE_MASS, 12, 9 },
	{ "a baseline of last month is none", true, "a", 99 * MIN, 9, 0, 0, 0, 12,
	    INT64_C(8) * 24 * 60 * MIN, BRAKE_OFF, 0, 0 },
	{ "a baseline of last month, and gone", true, "b", MIN, 9, 10, 3, 7, 12,
	    INT64_C(8) * 24 * 60 * MIN, BRAKE_OFF, 10, 3 },
	{ "nobody was there before either", true, "a", 99 * MIN, 9, 0, 0, 0, 0, MIN, BRAKE_OFF, 0,
	    0 },
	{ "the fleet grew", true, "a", 99 * MIN, 5, 10, 0, 30, 10, MIN, BRAKE_OFF, 10, 0 },
};

START_TEST(judge)
{
	const struct row *t = &rows[_i];
	struct baseline before = { .evicted_keys = 5, .alive = t->before_alive,
		.at = NOW - t->before_age };
	struct brake b;

	strcpy(before.run_id, "a");
	b = brake_judge(t->history ? &before : NULL, t->run_id, t->uptime, t->evicted, t->known,
	    t->gone, 0, t->alive, NOW, &limits);
	ck_assert_msg(b.cause == t->cause, "%s: %s", t->what, brake_cause_name(b.cause));
	ck_assert_msg(b.known == t->m && b.gone == t->n, "%s: %lld of %lld", t->what,
	    (long long)b.gone, (long long)b.known);
	ck_assert(!b.replaced);
}
END_TEST

/* A deployment under new ids: who left cleanly and has another in his place is not missed, but only
 * where nothing else speaks for a loss. */
static const struct {
	const char *what, *run_id;
	int64_t uptime, evicted, known, gone, replaced, before_alive;
	enum brake_cause cause;
} replacements[] = {
	{ "all of them", "a", 99 * MIN, 5, 10, 10, 10, 10, BRAKE_OFF },
	{ "all but three", "a", 99 * MIN, 5, 10, 10, 7, 10, BRAKE_OFF },
	{ "all but four", "a", 99 * MIN, 5, 10, 10, 6, 10, BRAKE_MASS },
	{ "none", "a", 99 * MIN, 5, 10, 10, 0, 10, BRAKE_MASS },
	{ "a server that restarted", "b", MIN, 0, 10, 10, 10, 10, BRAKE_RESTART },
	{ "a server that evicts", "a", 99 * MIN, 6, 10, 10, 10, 10, BRAKE_EVICTION },
	{ "an older roster came back", "a", 99 * MIN, 5, 5, 5, 5, 22, BRAKE_MASS },
};

START_TEST(replaced)
{
	struct baseline before = { .run_id = "a", .evicted_keys = 5,
		.alive = replacements[_i].before_alive, .at = NOW - MIN };
	struct brake b;

	b = brake_judge(&before, replacements[_i].run_id, replacements[_i].uptime,
	    replacements[_i].evicted, replacements[_i].known, replacements[_i].gone,
	    replacements[_i].replaced, replacements[_i].known, NOW, &limits);
	ck_assert_msg(b.cause == replacements[_i].cause, "%s: %s", replacements[_i].what,
	    brake_cause_name(b.cause));
	ck_assert_msg(b.replaced == (b.cause == BRAKE_OFF), "%s", replacements[_i].what);
}
END_TEST

/* More gone, all else the same, never takes the brake off; N is never above M. */
START_TEST(monotone)
{
	struct baseline before = { .alive = 20, .at = NOW };
	struct brake b;
	int64_t known, gone;
	bool was;

	for (known = 0; known <= 40; known++) {
		for (was = false, gone = 0; gone <= known; gone++) {
			b = brake_judge(&before, "", 99 * MIN, 0, known, gone, 0, known - gone,
			    NOW, &limits);
			ck_assert(b.gone <= b.known && b.gone >= gone);
			ck_assert(!was || b.cause != BRAKE_OFF);
			was = b.cause != BRAKE_OFF;
		}
	}
}
END_TEST

START_TEST(names)
{

	ck_assert_str_eq(brake_cause_name(BRAKE_OFF), "off");
	ck_assert_str_eq(brake_cause_name(BRAKE_RESTART), "restart");
	ck_assert_str_eq(brake_cause_name(BRAKE_EVICTION), "eviction");
	ck_assert_str_eq(brake_cause_name(BRAKE_MASS), "mass");
}
END_TEST

Suite *
suite_brake(void)
{
	Suite *s = suite_create("brake");
	TCase *t = tcase_create("brake");

	tcase_add_loop_test(t, judge, 0, (int)(sizeof(rows) / sizeof(rows[0])));
	tcase_add_loop_test(t, replaced, 0, (int)(sizeof(replacements) / sizeof(replacements[0])));
	tcase_add_test(t, monotone);
	tcase_add_test(t, names);
	suite_add_tcase(s, t);
	return s;
}
