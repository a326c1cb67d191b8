#include "escalate-dead/course.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <check.h>

Suite *suite_course(void);

/* Somebody who was alive and is silent, or lives: most rows are this with a difference. */
#define SILENT(s, v) .state = ROSTER_##s, .verdict = VERDICT_##v, .ever_seen = true
#define LIVING(s, v) .state = ROSTER_##s, .verdict = VERDICT_##v, .ever_seen = true,       \
	.heartbeat = true

static const struct row {
	const char *what;
	struct facts facts;
	enum course course;
} rows[] = {
	{ "alive", { LIVING(KNOWN, ALIVE) }, COURSE_ALIVE },
	{ "alive, on hold", { LIVING(KNOWN, ALIVE), .hold = true }, COURSE_HOLD },
	{ "alive, braked", { LIVING(KNOWN, ALIVE), .brake = true }, COURSE_ALIVE },
	{ "alive, was a suspect", { LIVING(KNOWN, ALIVE), .life_now = true, .was_suspect = true },
	    COURSE_RECOVERED },
	{ "alive, a warning is left", { LIVING(KNOWN, ALIVE), .life_now = true, .warning = true },
	    COURSE_RECOVERED },
	{ "alive, a warning, no sign of life now", { LIVING(KNOWN, ALIVE), .warning = true },
	    COURSE_RECOVERED },
	{ "alive, warned out by hand",
	    { LIVING(KNOWN, ALIVE), .life_now = true, .warning = true, .warned_out = true },
	    COURSE_RECOVERED },
	{ "alive, its warning is of another type",
	    { LIVING(KNOWN, ALIVE), .life_now = true, .warning = true, .warning_odd = true },
	    COURSE_ALIVE },
	{ "alive, forced", { LIVING(KNOWN, ALIVE), .force = 1 }, COURSE_ALIVE },
	{ "alive, forced twice", { LIVING(KNOWN, ALIVE), .force = 2 }, COURSE_ESCALATE },
	{ "life now though silent by the rows", { SILENT(KNOWN, MISSING), .life_now = true }, COURSE_ALIVE },
	{ "alive, unreadable", { LIVING(KNOWN, UNREADABLE), .life_now = true },
	    COURSE_UNREADABLE },

	{ "just gone", { SILENT(KNOWN, ALIVE) }, COURSE_WAIT },
	{ "missing", { SILENT(KNOWN, MISSING) }, COURSE_SUSPECT },
	{ "stale", { SILENT(KNOWN, STALE), .heartbeat = true }, COURSE_SUSPECT },
	{ "unreadable", { SILENT(KNOWN, UNREADABLE), .heartbeat = true },
	    COURSE_UNREADABLE },
	{ "unreadable, forced",
	    { SILENT(KNOWN, UNREADABLE), .heartbeat = true, .force = 1 },
	    COURSE_ESCALATE },
	{ "a suspect still", { SILENT(SUSPECT, MISSING), .was_suspect = true },
	    COURSE_SUSPECT },
	{ "missing, on hold", { SILENT(KNOWN, MISSING), .hold = true }, COURSE_HOLD },
	{ "missing, on hold, forced", { SILENT(KNOWN, MISSING), .hold = true, .force = 1 }, COURSE_ESCALATE },
	{ "missing, braked", { SILENT(KNOWN, MISSING), .brake = true }, COURSE_BRAKED },
	{ "missing, braked, forced", { SILENT(KNOWN, MISSING), .brake = true, .force = 1 }, COURSE_BRAKED },
	{ "missing, forced", { SILENT(KNOWN, MISSING), .force = 1 }, COURSE_ESCALATE },
	{ "just gone, forced", { SILENT(KNOWN, ALIVE), .force = 1 },
	    COURSE_ESCALATE },
	{ "warned out by hand", { SILENT(KNOWN, MISSING), .warning = true, .warned_out = true },
	    COURSE_ESCALATE },
	{ "warned out by hand, just gone",
	    { SILENT(KNOWN, ALIVE), .warning = true, .warned_out = true },
	    COURSE_ESCALATE },
	{ "warned out by hand, never seen",
	    { .state = ROSTER_KNOWN, .verdict = VERDICT_ALIVE, .warning = true,
	        .warned_out = true }, COURSE_ESCALATE },
	{ "warned out, its heartbeat is there",
	    { SILENT(KNOWN, STALE), .heartbeat = true, .warning = true,
	        .warned_out = true }, COURSE_SUSPECT },
	{ "warned out, on hold",
	    { SILENT(KNOWN, MISSING), .warning = true, .warned_out = true, .hold = true }, COURSE_HOLD },
	{ "warned out, braked",
	    { SILENT(KNOWN, MISSING), .warning = true, .warned_out = true, .brake = true }, COURSE_BRAKED },

	{ "left", { SILENT(KNOWN, ALIVE), .left = true }, COURSE_RETIRE },
	{ "left, long silent", { SILENT(KNOWN, MISSING), .left = true }, COURSE_RETIRE },
	{ "left, but by hand", { SILENT(KNOWN, MISSING), .left = true, .warning = true, .warned_out = true },
	    COURSE_ESCALATE },
	{ "a suspect whose heartbeat was deleted",
	    { SILENT(SUSPECT, MISSING), .left = true }, COURSE_SUSPECT },
	{ "left, braked", { SILENT(KNOWN, MISSING), .left = true, .brake = true }, COURSE_BRAKED },
	{ "retired", { SILENT(RETIRED, MISSING), .work = true }, COURSE_RETIRED },
	{ "retired, by hand",
	    { SILENT(RETIRED, MISSING), .work = true, .warning = true, .warned_out = true },
	    COURSE_ESCALATE },
	{ "retired, forced", { SILENT(RETIRED, MISSING), .force = 1 }, COURSE_ESCALATE },

	{ "nothing speaks of it", { .state = ROSTER_KNOWN, .verdict = VERDICT_MISSING },
	    COURSE_FORGET },
	{ "only work", { .state = ROSTER_KNOWN, .verdict = VERDICT_MISSING, .work = true },
	    COURSE_SUSPECT },
	{ "only activity",
	    { .state = ROSTER_KNOWN, .verdict = VERDICT_MISSING, .activity = true },
	    COURSE_SUSPECT },
	{ "only a warning", { .state = ROSTER_KNOWN, .verdict = VERDICT_MISSING, .warning = true },
	    COURSE_SUSPECT },
	{ "only work, first sight",
	    { .state = ROSTER_KNOWN, .verdict = VERDICT_ALIVE, .work = true }, COURSE_WAIT },
	{ "reaped", { SILENT(REAPED, MISSING) }, COURSE_GONE },
	{ "reaped just now", { SILENT(REAPED, ALIVE) }, COURSE_GONE },
	{ "reaped just now, with work", { SILENT(REAPED, ALIVE), .work = true }, COURSE_WAIT },
	{ "reaped, with work", { SILENT(REAPED, MISSING), .work = true },
	    COURSE_SUSPECT },

	{ "awaited", { .state = ROSTER_AWAITED, .verdict = VERDICT_MISSING, .work = true },
	    COURSE_AWAIT },
	{ "awaited, overdue",
	    { .state = ROSTER_AWAITED, .verdict = VERDICT_MISSING, .overdue = true,
	        .asked_for = true }, COURSE_OVERDUE },
	{ "awaited, overdue, it was taken",
	    { .state = ROSTER_AWAITED, .verdict = VERDICT_MISSING, .overdue = true, .work = true },
	    COURSE_OVERDUE },
	{ "awaited, taken, and nothing is left",
	    { .state = ROSTER_AWAITED, .verdict = VERDICT_MISSING, .overdue = true }, COURSE_GONE },
	{ "awaited, taken, and nothing is left, not for long",
	    { .state = ROSTER_AWAITED, .verdict = VERDICT_MISSING }, COURSE_AWAIT },
	{ "awaited, warned out",
	    { .state = ROSTER_AWAITED, .verdict = VERDICT_MISSING, .warning = true,
	        .warned_out = true }, COURSE_AWAIT },
	{ "awaited, forced", { .state = ROSTER_AWAITED, .verdict = VERDICT_MISSING, .force = 1 },
	    COURSE_ESCALATE },

	{ "being moved", { SILENT(KNOWN, MISSING), .stage = LEDGER_MOVING }, COURSE_RESUME },
	{ "being moved, it lived since",
	    { SILENT(KNOWN, MISSING), .stage = LEDGER_MOVING, .life_since_record = true }, COURSE_WITHDRAW },
	{ "being moved, alive", { LIVING(KNOWN, ALIVE), .stage = LEDGER_MOVING }, COURSE_WITHDRAW },
	{ "being moved, alive, forced twice", { LIVING(KNOWN, ALIVE), .stage = LEDGER_MOVING, .force = 2 },
	    COURSE_ESCALATE },
	{ "being moved, braked", { SILENT(KNOWN, MISSING), .stage = LEDGER_MOVING, .brake = true },
	    COURSE_BRAKED },
	{ "being moved, on hold", { SILENT(KNOWN, MISSING), .stage = LEDGER_MOVING, .hold = true },
	    COURSE_HOLD },
	{ "asked for", { SILENT(KNOWN, MISSING), .stage = LEDGER_SPAWNED }, COURSE_RESUME },
	{ "asked for, alive", { LIVING(KNOWN, ALIVE), .stage = LEDGER_SPAWNED }, COURSE_RESUME },
	{ "cancelling", { SILENT(KNOWN, MISSING), .stage = LEDGER_CANCELLING, .hold = true, .brake = true },
	    COURSE_WITHDRAW },
	{ "cancelling, alive", { LIVING(KNOWN, ALIVE), .stage = LEDGER_CANCELLING }, COURSE_WITHDRAW },
	{ "another's", { SILENT(KNOWN, MISSING), .stage = LEDGER_FOREIGN }, COURSE_SUSPECT },
	{ "another's, just gone", { SILENT(KNOWN, ALIVE), .stage = LEDGER_FOREIGN },
	    COURSE_WAIT },
	{ "another's, alive", { LIVING(KNOWN, ALIVE), .stage = LEDGER_FOREIGN }, COURSE_RESURRECTED },
	{ "another's unreadable record", { SILENT(KNOWN, MISSING), .stage = LEDGER_UNREADABLE },
	    COURSE_SUSPECT },

	{ "handed on", { SILENT(ESCALATED, MISSING), .stage = LEDGER_COMPLETE },
	    COURSE_ESCALATED },
	{ "handed on, record gone", { SILENT(ESCALATED, MISSING) }, COURSE_ESCALATED },
	{ "handed on, roster lost", { SILENT(KNOWN, MISSING), .stage = LEDGER_COMPLETE }, COURSE_ESCALATED },
	{ "handed on, warned out",
	    { SILENT(ESCALATED, MISSING), .warning = true, .warned_out = true },
	    COURSE_ESCALATED },
	{ "handed on, alive",
	    { LIVING(ESCALATED, ALIVE), .stage = LEDGER_COMPLETE, .life_since = true },
	    COURSE_RESURRECTED },
	{ "handed on, alive, record gone",
	    { LIVING(ESCALATED, ALIVE), .life_since = true }, COURSE_BACK },
	{ "handed on, lived, dead again",
	    { SILENT(ESCALATED, MISSING), .stage = LEDGER_COMPLETE, .life_since = true,
	        .life_since_record = true }, COURSE_SUSPECT },
	{ "handed on, forced", { SILENT(ESCALATED, MISSING), .stage = LEDGER_COMPLETE,
	    .force = 1 }, COURSE_ESCALATE },
};

START_TEST(test_rows)
{
	const struct row *row = &rows[_i];

	ck_assert_msg(course_of(&row->facts) == row->course, "%s: %s, not %s", row->what,
	    course_name(course_of(&row->facts)), course_name(row->course));
}
END_TEST

static struct facts
random_facts(unsigned int *seed)
{
#define ANY (rand_r(seed) % 2 == 0)
	struct facts f = {
		.state = (enum roster_state)(rand_r(seed) % ROSTER_STATES),
		.was_suspect = ANY,
		.verdict = (enum verdict)(rand_r(seed) % (VERDICT_MISSING + 1)),
		.heartbeat = ANY, .life_now = ANY, .ever_seen = ANY, .life_since = ANY,
		.life_since_record = ANY, .left = ANY, .work = ANY, .activity = ANY, .warning = ANY,
		.warning_odd = ANY, .warned_out = ANY,
		.stage = (enum ledger_stage)(rand_r(seed) % (LEDGER_CANCELLING + 1)),
		.hold = ANY, .brake = ANY, .force = rand_r(seed) % 3, .overdue = ANY, .asked_for = ANY,
	};
#undef ANY
	return f;
}

static bool
acts(enum course c)
{

	return c == COURSE_SUSPECT || c == COURSE_ESCALATE || c == COURSE_RETIRE ||
	    c == COURSE_RESUME;
}

/* What must never be, whatever else is true. */
START_TEST(test_never)
{
	unsigned int start = (unsigned int)time(NULL), seed = start;
	struct facts f;
	enum course c;
	bool alive;
	int i;

	for (i = 0; i < 50000; i++) {
		f = random_facts(&seed);
		c = course_of(&f);
		alive = f.life_now || (f.verdict == VERDICT_ALIVE && f.heartbeat);
		ck_assert_msg((unsigned int)c < COURSES, "seed %u", start);
		ck_assert_msg(!(alive && f.force < 2) || (c != COURSE_SUSPECT &&
		    c != COURSE_ESCALATE && c != COURSE_RETIRE), "the living, seed %u", start);
		ck_assert_msg(!(f.brake && !alive) || !acts(c), "the brake, seed %u", start);
		ck_assert_msg(!(f.hold && f.force == 0) || !acts(c), "a hold, seed %u", start);
		ck_assert_msg(!(f.state == ROSTER_AWAITED && f.force == 0) || !acts(c),
		    "awaited, seed %u", start);
		ck_assert_msg(!(f.verdict == VERDICT_UNREADABLE && f.force == 0 &&
		    f.stage != LEDGER_MOVING && f.stage != LEDGER_SPAWNED) || !acts(c),
		    "unreadable, seed %u", start);
		ck_assert_msg(!(f.stage == LEDGER_COMPLETE && !f.life_since_record &&
		    f.force == 0) || !acts(c), "finished, seed %u", start);
		/* What a run acts on does not expire meanwhile. */
		ck_assert_msg(!acts(c) || course_keeps_work(c), "keeps, seed %u", start);
	}
}
END_TEST

START_TEST(test_names)
{
	int i, j;

	for (i = 0; i < COURSES; i++) {
		ck_assert(course_name((enum course)i)[0] != '\0');
		for (j = 0; j < i; j++)
			ck_assert_str_ne(course_name((enum course)i), course_name((enum course)j));
	}
	ck_assert_str_eq(course_name(COURSES), "unknown");
}
END_TEST

Suite *
suite_course(void)
{
	Suite *s = suite_create("course");
	TCase *t = tcase_create("course");

	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, test_rows, 0, (int)(sizeof(rows) / sizeof(rows[0])));
	tcase_add_test(t, test_never);
	tcase_add_test(t, test_names);
	suite_add_tcase(s, t);
	return s;
}
