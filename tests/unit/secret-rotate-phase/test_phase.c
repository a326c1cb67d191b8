#include <string.h>

#include <check.h>

#include "make.h"

Suite *suite_phase(void);

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

/* ---- what a host does with its file, and whether it restarts ---- */

static const struct {
	const char *what;
	enum phase phase, then;
	const char *pair, *state;
	enum aim aim;
	const char *target;
	bool activate, well;
} aims[] = {
	{ "distribute: add n", PHASE_DISTRIBUTE, 0, "an", "a-:a-", AIM_MOVE, "an", false, false },
	{ "distribute: file there, process not", PHASE_DISTRIBUTE, 0, "ab", "ab:a-,ab", AIM_STAY,
	    "ab", true, false },
	{ "distribute: done", PHASE_DISTRIBUTE, 0, "ab", "ab:ab", AIM_STAY, "ab", false, true },
	{ "distribute: no process", PHASE_DISTRIBUTE, 0, "ab", "ab", AIM_STAY, "ab", false,
	    false },
	{ "distribute: no process, file behind", PHASE_DISTRIBUTE, 0, "ab", "a-", AIM_MOVE, "ab",
	    false, false },
	{ "distribute: ahead (a restored record)", PHASE_DISTRIBUTE, 0, "ab", "ba:ba", AIM_MOVE,
	    "ab", false, false },
	{ "promote: exchange", PHASE_PROMOTE, 0, "ba", "ab:ab", AIM_MOVE, "ba", false, false },
	{ "promote: restart", PHASE_PROMOTE, 0, "ba", "ba:ab", AIM_STAY, "ba", true, false },
	{ "promote: done", PHASE_PROMOTE, 0, "ba", "ba:ba,ba", AIM_STAY, "ba", false, true },
	{ "promote: one that was away", PHASE_PROMOTE, 0, "ba", "a-", AIM_MOVE, "ba", false,
	    false },
	{ "drain: stays", PHASE_DRAIN, 0, "ba", "ba:ba", AIM_STAY, "ba", false, true },
	{ "drain: other lost", PHASE_DRAIN, 0, "ba", "b-:ba", AIM_MOVE, "ba", false, false },
	{ "retire: drop", PHASE_RETIRE, 0, "ba", "ba:ba", AIM_MOVE, "b-", false, false },
	{ "retire: restart", PHASE_RETIRE, 0, "ba", "b-:ba", AIM_STAY, "b-", true, false },
	{ "retire: done", PHASE_RETIRE, 0, "ba", "b-:b-", AIM_STAY, "b-", false, true },
	{ "idle: nothing", PHASE_IDLE, 0, "b-", "b-:b-", AIM_STAY, "b-", false, true },
	{ "idle: one that was excluded comes back", PHASE_IDLE, 0, "b-", "c-", AIM_MOVE, "b-",
	    false, false },
	{ "idle: what is left of an aborted one", PHASE_IDLE, 0, "b-", "bc:bc", AIM_MOVE, "b-",
	    false, false },
	{ "idle: somebody rotates by hand", PHASE_IDLE, 0, "b-", "bd:b-", AIM_MISMATCH, "bd",
	    false, false },
	{ "hold, retire: as it was", PHASE_HOLD, PHASE_RETIRE, "ab", "ab:a-", AIM_STAY, "ab",
	    true, false },
	{ "hold, retire: adds nothing", PHASE_HOLD, PHASE_RETIRE, "ab", "a-:a-", AIM_STAY, "a-",
	    false, true },
	{ "hold: a restart would change what is signed", PHASE_HOLD, PHASE_PROMOTE, "ab", "ba:ab",
	    AIM_STAY, "ba", false, false },
	{ "hold: a restart would drop a secret", PHASE_HOLD, PHASE_RETIRE, "ab", "a-:ab",
	    AIM_STAY, "a-", false, false },
	{ "hold, promote: accept the other too", PHASE_HOLD, PHASE_PROMOTE, "ab", "b-:b-",
	    AIM_MOVE, "ba", false, false },
	{ "hold, promote: accept the other too", PHASE_HOLD, PHASE_PROMOTE, "ab", "a-:a-",
	    AIM_MOVE, "ab", false, false },
	{ "hold, promote: a retired secret makes way", PHASE_HOLD, PHASE_PROMOTE, "ab", "ac:ac",
	    AIM_MOVE, "ab", false, false },
	{ "hold, promote: a process with a retired secret", PHASE_HOLD, PHASE_PROMOTE, "ab",
	    "ab:ac", AIM_STAY, "ab", true, false },
	{ "hold: one that comes from long ago", PHASE_HOLD, PHASE_RETIRE, "ab", "c-:c-", AIM_MOVE,
	    "ab", false, false },
	{ "hold: its process may restart", PHASE_HOLD, PHASE_RETIRE, "ab", "ab:c-", AIM_STAY,
	    "ab", true, false },
	{ "hold, promote: stays", PHASE_HOLD, PHASE_PROMOTE, "ab", "ba:ba", AIM_STAY, "ba", false,
	    true },
	{ "a third secret in the file", PHASE_PROMOTE, 0, "ba", "da:ba", AIM_MISMATCH, "da",
	    false, false },
	{ "a third secret accepted", PHASE_PROMOTE, 0, "ba", "ad:ab", AIM_MISMATCH, "ad", false,
	    false },
	{ "a process with a third secret", PHASE_PROMOTE, 0, "ba", "ab:ab,d-", AIM_MISMATCH, "ab",
	    false, false },
	{ "no secret in the file", PHASE_PROMOTE, 0, "ba", "--:ab", AIM_MISMATCH, "--", false,
	    false },
	{ "more kinds of processes than are kept", PHASE_DRAIN, 0, "ba",
	    "ba:ba,ab,a-,b-,c-,cb,ca,bc,ac", AIM_MISMATCH, "ba", false, false },
	{ "could not be looked at", PHASE_PROMOTE, 0, "ba", "?", AIM_STAY, "--", false, false },
};

START_TEST(aim)
{
	struct rotation r = make_rotation(aims[_i].phase, aims[_i].pair, 2);
	struct state s = make_state(aims[_i].state);
	struct pair target, wanted = make_pair(aims[_i].target);

	r.then = aims[_i].then;
	rotation_retire(&r, "cccccccccccccccc");
	ck_assert_msg(phase_aim(&r, &s, false, &target) == aims[_i].aim, "%s", aims[_i].what);
	ck_assert_msg(pair_same(&target, &wanted), "%s", aims[_i].what);
	ck_assert_msg(phase_activate(&r, &s) == aims[_i].activate, "%s", aims[_i].what);
	ck_assert_msg(phase_well(&r, &s) == aims[_i].well, "%s", aims[_i].what);
}
END_TEST

/* A host that boots in a hold accepts both, on the way back too. */
START_TEST(boots_in_hold)
{
	struct rotation r = make_rotation(PHASE_HOLD, "ab", 2);
	struct state s = make_state("a-");
	struct pair target, both = make_pair("ab");

	r.then = PHASE_RETIRE;
	ck_assert_int_eq(phase_aim(&r, &s, false, &target), AIM_STAY);
	ck_assert_int_eq(phase_aim(&r, &s, true, &target), AIM_MOVE);
	ck_assert(pair_same(&target, &both));
	s = make_state("ba");
	ck_assert_int_eq(phase_aim(&r, &s, true, &target), AIM_STAY);
}
END_TEST

START_TEST(without_a_record)
{
	struct rotation r = { 0 };
	struct state s = make_state("ab:a-");
	struct pair target;

	ck_assert_int_eq(phase_aim(&r, &s, false, &target), AIM_STAY);
	ck_assert(!phase_activate(&r, &s));
}
END_TEST

/* ---- whether the phase moves ---- */

/* A report: "=" and a state is a good one; before it "!" another epoch, "@" late,
 * ">" from the future, "~" another list; "" never reported. */
static const struct {
	const char *what;
	enum phase phase, then;
	const char *pair;
	bool confirm, skip;
	int64_t age; /* of the phase, ms */
	const char *h0, *h1;
	enum pass pass;
	enum wait wait;
	enum phase next;
	const char *next_pair;
	bool next_confirm;
} moves[] = {
	{ "idle waits for an order", PHASE_IDLE, 0, "a-", false, false, HOUR, "=a-:a-", "=a-:a-",
	    0, WAIT_START, 0, "", false },

	{ "distribute: not all", PHASE_DISTRIBUTE, 0, "ab", false, false, 2 * HOUR, "=ab:ab",
	    "=a-:a-", 0, WAIT_HOSTS, 0, "", false },
	{ "distribute: a process is behind", PHASE_DISTRIBUTE, 0, "ab", false, false, 2 * HOUR,
	    "=ab:ab", "=ab:ab,a-", 0, WAIT_HOSTS, 0, "", false },
	{ "distribute: soaking", PHASE_DISTRIBUTE, 0, "ab", false, false, HOUR - 1, "=ab:ab",
	    "=ab", 0, WAIT_TIME, 0, "", false },
	{ "distribute: the clock went back", PHASE_DISTRIBUTE, 0, "ab", false, false, -1,
	    "=ab:ab", "=ab", 0, WAIT_CLOCK, 0, "", false },
	{ "distribute: a second look first", PHASE_DISTRIBUTE, 0, "ab", false, false, HOUR,
	    "=ab:ab", "=ab", 0, WAIT_NONE, PHASE_DISTRIBUTE, "ab", true },
	{ "distribute: second look", PHASE_DISTRIBUTE, 0, "ab", true, false, HOUR, "=ab:ab",
	    "=ab", 0, WAIT_NONE, PHASE_PROMOTE, "ba", false },
	{ "distribute: second look is bad", PHASE_DISTRIBUTE, 0, "ab", true, false, HOUR,
	    "=ab:ab", "=ab:a-", 0, WAIT_HOSTS, 0, "", false },
	{ "distribute: other epoch", PHASE_DISTRIBUTE, 0, "ab", true, false, HOUR, "=ab:ab",
	    "!ab", 0, WAIT_HOSTS, 0, "", false },
	{ "distribute: late", PHASE_DISTRIBUTE, 0, "ab", true, false, HOUR, "=ab:ab", "@ab", 0,
	    WAIT_HOSTS, 0, "", false },
	{ "distribute: from the future", PHASE_DISTRIBUTE, 0, "ab", true, false, HOUR, "=ab:ab",
	    ">ab", 0, WAIT_HOSTS, 0, "", false },
	{ "distribute: another list", PHASE_DISTRIBUTE, 0, "ab", true, false, HOUR, "=ab:ab",
	    "~ab", 0, WAIT_HOSTS, 0, "", false },
	{ "distribute: never reported", PHASE_DISTRIBUTE, 0, "ab", true, false, HOUR, "=ab:ab",
	    "", 0, WAIT_HOSTS, 0, "", false },
	{ "distribute: could not look", PHASE_DISTRIBUTE, 0, "ab", true, false, HOUR, "=ab:ab",
	    "=?", 0, WAIT_HOSTS, 0, "", false },

	{ "promote: not all", PHASE_PROMOTE, 0, "ba", true, false, HOUR, "=ba:ba", "=ba:ab", 0,
	    WAIT_HOSTS, 0, "", false },
	{ "promote: a second look first", PHASE_PROMOTE, 0, "ba", false, false, 0, "=ba:ba",
	    "=ba:ba", 0, WAIT_NONE, PHASE_PROMOTE, "ba", true },
	{ "promote: all", PHASE_PROMOTE, 0, "ba", true, false, 0, "=ba:ba", "=ba", 0, WAIT_NONE,
	    PHASE_DRAIN, "ba", false },

	{ "drain: time", PHASE_DRAIN, 0, "ba", false, false, 25 * HOUR - 1, "=ba:ba", "=ba", 0,
	    WAIT_TIME, 0, "", false },
	{ "drain: a pass made too early is none", PHASE_DRAIN, 0, "ba", false, false,
	    25 * HOUR - 1, "=ba:ba", "=ba", PASS_CLEAN, WAIT_TIME, 0, "", false },
	{ "drain: wants a pass", PHASE_DRAIN, 0, "ba", false, false, 25 * HOUR, "=ba:ba", "=ba",
	    PASS_NOT_MADE, WAIT_PASS, 0, "", false },
	{ "drain: the pass found some", PHASE_DRAIN, 0, "ba", false, false, 25 * HOUR, "=ba:ba",
	    "=ba", PASS_DIRTY, WAIT_PASS, 0, "", false },
	{ "drain: clean, a second look", PHASE_DRAIN, 0, "ba", false, false, 25 * HOUR,
	    "=ba:ba", "=ba", PASS_CLEAN, WAIT_NONE, PHASE_DRAIN, "ba", true },
	{ "drain: looks again before it goes", PHASE_DRAIN, 0, "ba", true, false, 25 * HOUR,
	    "=ba:ba", "=ba", PASS_NOT_MADE, WAIT_PASS, 0, "", false },
	{ "drain: came back since", PHASE_DRAIN, 0, "ba", true, false, 25 * HOUR, "=ba:ba",
	    "=ba", PASS_DIRTY, WAIT_PASS, 0, "", false },
	{ "drain: over", PHASE_DRAIN, 0, "ba", true, false, 25 * HOUR, "=ba:ba", "=ba",
	    PASS_CLEAN, WAIT_NONE, PHASE_RETIRE, "ba", false },
	{ "drain: somebody accepts less, but signs right", PHASE_DRAIN, 0, "ba", false, false,
	    26 * HOUR, "=ba:b-", "=ba", PASS_CLEAN, WAIT_HOSTS, 0, "", false },
	{ "drain: a process signs with the old one", PHASE_DRAIN, 0, "ba", true, false, HOUR,
	    "=ba:ba", "=ba:ba,ab", 0, WAIT_NONE, PHASE_PROMOTE, "ba", false },
	{ "drain: a file would", PHASE_DRAIN, 0, "ba", false, false, 26 * HOUR, "=ab", "=ba:ba",
	    PASS_CLEAN, WAIT_NONE, PHASE_PROMOTE, "ba", false },
	{ "drain: skipped, second look", PHASE_DRAIN, 0, "ba", false, true, 0, "=ba:ba", "=ba",
	    PASS_NOT_MADE, WAIT_NONE, PHASE_DRAIN, "ba", true },
	{ "drain: skipped", PHASE_DRAIN, 0, "ba", true, true, 0, "=ba:ba", "=ba", PASS_NOT_MADE,
	    WAIT_NONE, PHASE_RETIRE, "ba", false },

	{ "retire: not all", PHASE_RETIRE, 0, "ba", false, false, HOUR, "=b-:b-", "=b-:ba", 0,
	    WAIT_HOSTS, 0, "", false },
	{ "retire: all", PHASE_RETIRE, 0, "ba", false, false, 0, "=b-:b-", "=b-", 0, WAIT_NONE,
	    PHASE_IDLE, "b-", false },

	{ "hold, retire: one signs with the new", PHASE_HOLD, PHASE_RETIRE, "ab", true, false,
	    HOUR, "=ab:ab", "=ba:ba", 0, WAIT_HOSTS, 0, "", false },
	{ "hold, retire: second look", PHASE_HOLD, PHASE_RETIRE, "ab", false, false, 0, "=ab:a-",
	    "=a-", 0, WAIT_NONE, PHASE_HOLD, "ab", true },
	{ "hold, retire: all sign with the old", PHASE_HOLD, PHASE_RETIRE, "ab", true, false, 0,
	    "=ab:a-", "=a-", 0, WAIT_NONE, PHASE_RETIRE, "ab", false },
	{ "hold, promote: one accepts only one", PHASE_HOLD, PHASE_PROMOTE, "ab", true, false, 0,
	    "=ab:ba", "=ba:b-", 0, WAIT_HOSTS, 0, "", false },
	{ "hold, promote: all accept both", PHASE_HOLD, PHASE_PROMOTE, "ab", true, false, 0,
	    "=ab:ba", "=ba:ab", 0, WAIT_NONE, PHASE_PROMOTE, "ab", false },
};

static void
put_report(struct reports *reports, const struct rotation *r, size_t i, const char *text)
{
	struct report report;

	if (text[0] == '\0')
		return;
	report = make_report(r, i, text + 1);
	if (text[0] == '!')
		report.epoch--;
	else if (text[0] == '@')
		report.time = NOW - HOUR;
	else if (text[0] == '>')
		report.time = NOW + 5001;
	else if (text[0] == '~')
		make_fingerprint('9', report.list);
	reports->report[reports->n++] = report;
}

START_TEST(move)
{
	struct rotation r = make_rotation(moves[_i].phase, moves[_i].pair, 2);
	struct reports reports = { 0 };
	struct census census;
	struct decision d;
	struct pair wanted;

	r.then = moves[_i].then;
	r.confirm = moves[_i].confirm;
	r.skip_drain = moves[_i].skip;
	r.since = NOW - moves[_i].age;
	put_report(&reports, &r, 0, moves[_i].h0);
	put_report(&reports, &r, 1, moves[_i].h1);
	phase_census(&r, &reports, &make_settings, NOW, &census);
	ck_assert_uint_eq(census.n, 2);
	phase_decide(&r, &census, &make_settings, moves[_i].pass, NOW, &d);
	ck_assert_msg(d.wait == moves[_i].wait, "%s: waits for %d", moves[_i].what, (int)d.wait);
	if (d.wait != WAIT_NONE)
		return;
	wanted = make_pair(moves[_i].next_pair);
	ck_assert_msg(d.next.phase == moves[_i].next, "%s: %s", moves[_i].what,
	    phase_name(d.next.phase));
	ck_assert_uint_eq(d.next.epoch, r.epoch + 1);
	ck_assert_str_eq(d.next.sign, wanted.sign);
	ck_assert_msg(strcmp(d.next.other, wanted.other) == 0, "%s", moves[_i].what);
	ck_assert_msg(d.next.confirm == moves[_i].next_confirm, "%s", moves[_i].what);
	ck_assert_int_eq(d.next.since, d.next.confirm ? r.since : NOW);
	ck_assert_msg(rotation_whole(&d.next), "%s", moves[_i].what);
	ck_assert(d.back == (r.phase == PHASE_DRAIN && d.next.phase == PHASE_PROMOTE));
	if (d.next.phase == PHASE_IDLE) {
		ck_assert_int_eq(d.next.rotated, NOW);
		ck_assert(rotation_retired(&d.next, r.other));
	}
}
END_TEST

/* Since when what signs in the end has signed. */
static const struct {
	int64_t promoted, rotated;
} ends[] = {
	{ 0, NOW },           /* from before it was kept */
	{ NOW - 30, NOW - 30 },
	{ 30 - NOW, NOW - 90 }, /* it went back */
	{ -1, NOW - 90 },     /* aborted */
};

START_TEST(age_of_what_signs)
{
	struct rotation r = make_rotation(PHASE_RETIRE, "ab", 1);
	struct reports reports = { 0 };
	struct census census;
	struct decision d;

	r.rotated = NOW - 90;
	r.promoted = ends[_i].promoted;
	put_report(&reports, &r, 0, "=a-:a-");
	phase_census(&r, &reports, &make_settings, NOW, &census);
	phase_decide(&r, &census, &make_settings, PASS_NOT_MADE, NOW, &d);
	ck_assert_int_eq(d.wait, WAIT_NONE);
	ck_assert_int_eq(d.next.phase, PHASE_IDLE);
	ck_assert_int_eq(d.next.rotated, ends[_i].rotated);
	ck_assert_int_eq(d.next.promoted, 0);
}
END_TEST

/* A host that is in no list but reports has to agree like any other, until it
 * has been silent for host_timeout. */
START_TEST(unlisted)
{
	struct rotation r = make_rotation(PHASE_PROMOTE, "ba", 1);
	struct reports reports = { 0 };
	struct census census;
	struct decision d;

	r.confirm = true;
	put_report(&reports, &r, 0, "=ba:ba");
	put_report(&reports, &r, 5, "=ab:ab");
	phase_census(&r, &reports, &make_settings, NOW, &census);
	ck_assert_uint_eq(census.n, 2);
	ck_assert(!census.row[1].listed);
	phase_decide(&r, &census, &make_settings, PASS_NOT_MADE, NOW, &d);
	ck_assert_int_eq(d.wait, WAIT_HOSTS);
	reports.report[1].time = NOW - HOUR;
	phase_census(&r, &reports, &make_settings, NOW, &census);
	ck_assert_uint_eq(census.n, 1);
	phase_decide(&r, &census, &make_settings, PASS_NOT_MADE, NOW, &d);
	ck_assert_int_eq(d.wait, WAIT_NONE);
}
END_TEST

/* ---- which record is true ---- */

static const struct {
	const char *what;
	int redis, copy; /* epochs; -1 = none */
	bool differ;
	enum merge merge;
	bool forked;
} merges[] = {
	{ "never a rotation", -1, -1, false, MERGE_NONE, false },
	{ "never one, seen before", -1, 0, false, MERGE_NONE, false },
	{ "flushed", -1, 7, false, MERGE_PUT_BACK, false },
	{ "restored from an old file", 5, 7, false, MERGE_PUT_BACK, false },
	{ "moved on", 8, 7, false, MERGE_REDIS, false },
	{ "no copy", 8, -1, false, MERGE_REDIS, false },
	{ "the same", 7, 7, false, MERGE_REDIS, false },
	{ "two changes to one epoch", 7, 7, true, MERGE_REDIS, true },
};

static const struct {
	const char *what, *last, *own;
	int64_t time, rival, wanted;
} rivals[] = {
	{ "our own", "a", "a", NOW, 0, 0 },
	{ "before our boot", "b", "a", NOW - 2 * HOUR, 0, 0 },
	{ "since our boot", "b", "a", NOW - MIN, 0, NOW - MIN },
	{ "seen before", "a", "a", NOW, NOW - 5 * MIN, NOW - 5 * MIN },
	{ "and again", "b", "a", NOW - MIN, NOW - 5 * MIN, NOW - MIN },
	{ "seen before our boot", "b", "a", NOW - 2 * HOUR, NOW - 3 * HOUR, NOW - 3 * HOUR },
	{ "its boot is not known", "", "a", NOW, 0, 0 },
	{ "ours is not", "b", "", NOW, 0, 0 },
};

START_TEST(rival)
{
	struct rotation r = make_rotation(PHASE_PROMOTE, "ba", 2);
	struct reports reports = { .n = 2 };
	struct report *last = &reports.report[1];
	struct census census;

	reports.report[0] = make_report(&r, 0, "ba:ba");
	*last = make_report(&r, 1, "ba:ba");
	(void)strcpy(last->boot, rivals[_i].last);
	last->time = rivals[_i].time;
	last->rival = rivals[_i].rival;
	ck_assert_msg(phase_rival(last, rivals[_i].own, NOW - HOUR) == rivals[_i].wanted, "%s",
	    rivals[_i].what);
	ck_assert(phase_rival(NULL, rivals[_i].own, NOW - HOUR) == 0);
	last->time = NOW;
	last->rival = rivals[_i].wanted;
	phase_census(&r, &reports, &make_settings, NOW, &census);
	ck_assert_int_eq(census.row[1].standing,
	    rivals[_i].wanted > NOW - HOUR ? STANDING_TWICE : STANDING_GOOD);
	ck_assert_int_eq(census.row[0].standing, STANDING_GOOD);
}
END_TEST

START_TEST(merge_of_two_fleets)
{
	struct rotation redis = make_rotation(PHASE_PROMOTE, "ba", 2), copy = redis;
	bool forked;

	memset(redis.fleet, 'a', 32);
	memset(copy.fleet, 'b', 32);
	for (redis.epoch = 5; redis.epoch < 10; redis.epoch++)
		ck_assert(phase_merge(&redis, &copy, &forked) == MERGE_FOREIGN);
	/* From before it was kept; never a rotation. */
	memset(copy.fleet, 0, sizeof(copy.fleet));
	ck_assert(phase_merge(&redis, &copy, &forked) == MERGE_REDIS);
	memset(&copy, 0, sizeof(copy));
	ck_assert(phase_merge(&redis, &copy, &forked) == MERGE_REDIS);
}
END_TEST

START_TEST(fleet_is_bound_when_all_agree)
{
	struct rotation r = make_rotation(PHASE_DISTRIBUTE, "ab", 2);
	struct census c = { .n = 0 };
	struct decision d;

	memset(r.id, '1', 32);
	phase_decide(&r, &c, &make_settings, PASS_NOT_MADE, r.since + 2 * HOUR, &d);
	ck_assert(d.wait == WAIT_NONE && d.next.confirm);
	ck_assert_str_eq(d.next.fleet, "");
	r = d.next;
	phase_decide(&r, &c, &make_settings, PASS_NOT_MADE, r.since + 2 * HOUR, &d);
	ck_assert(d.next.phase == PHASE_PROMOTE);
	ck_assert_str_eq(d.next.fleet, r.id);
	/* The next rotation's id is another, its fleet is not. */
	memset(r.fleet, '2', 32);
	phase_decide(&r, &c, &make_settings, PASS_NOT_MADE, r.since + 2 * HOUR, &d);
	ck_assert_str_eq(d.next.fleet, r.fleet);
}
END_TEST

START_TEST(merge)
{
	struct rotation redis = make_rotation(PHASE_PROMOTE, "ba", 2), copy = redis;
	bool forked;

	redis.epoch = (uint64_t)merges[_i].redis;
	copy.epoch = (uint64_t)merges[_i].copy;
	if (merges[_i].differ)
		copy.phase = PHASE_HOLD;
	ck_assert_msg(phase_merge(merges[_i].redis < 0 ? NULL : &redis,
	    merges[_i].copy < 0 ? NULL : &copy, &forked) == merges[_i].merge, "%s",
	    merges[_i].what);
	ck_assert_msg(forked == merges[_i].forked, "%s", merges[_i].what);
}
END_TEST

static const struct {
	const char *what;
	size_t hosts;
	int copy;               /* its epoch (the record's is 7); -1 = none */
	int64_t ago;            /* since our last report; -1 = never */
	const char *h1;         /* "" = no report */
	uint64_t h1_copy;
	bool may;
} acts[] = {
	{ "up to date", 3, 7, MIN, "", 0, true },
	{ "one behind", 3, 6, MIN, "", 0, true },
	{ "two behind", 3, 5, MIN, "", 0, false },
	{ "two behind, vouched for", 3, 5, MIN, "=ba", 7, true },
	{ "two behind, other epoch", 3, 5, MIN, "!ba", 7, false },
	{ "two behind, late", 3, 5, MIN, "@ba", 7, false },
	{ "two behind, by one without a copy", 3, 5, MIN, "=ba", 0, false },
	{ "was away", 3, 7, HOUR, "", 0, false },
	{ "was away, vouched for", 3, 7, HOUR, "=ba", 7, true },
	{ "no copy", 3, -1, MIN, "", 0, false },
	{ "no copy, vouched for", 3, -1, -1, "=ba", 7, true },
	{ "never reported", 3, 7, -1, "", 0, false },
	{ "alone, was away", 1, 7, 9 * HOUR, "", 0, true },
	{ "alone, no copy", 1, -1, MIN, "", 0, false },
	{ "vouched for by one that is not in the record", 1, -1, MIN, "=ba", 7, false },
};

START_TEST(may_act)
{
	struct rotation r = make_rotation(PHASE_PROMOTE, "ba", acts[_i].hosts), copy = r;
	struct reports reports = { 0 };

	copy.epoch = (uint64_t)acts[_i].copy;
	put_report(&reports, &r, 0, "=ba");
	put_report(&reports, &r, 1, acts[_i].h1);
	reports.report[1].copy = acts[_i].h1_copy;
	ck_assert_msg(phase_may_act(&r, acts[_i].copy < 0 ? NULL : &copy,
	    acts[_i].ago < 0 ? 0 : NOW - acts[_i].ago, "H0", &reports, &make_settings,
	    NOW) == acts[_i].may, "%s", acts[_i].what);
}
END_TEST

/* Neighbouring targets have to live together: that is the whole idea. Walk the
 * table of moves and check it for every pair of states that agree before and after. */
START_TEST(neighbours)
{
	static const char *const steps[][2] = {
		{ "a-", "ab" }, { "ab", "ab" }, { "ab", "ba" }, { "ba", "ba" }, { "ba", "b-" },
	};
	struct pair x, y;
	size_t i, j, k;

	for (i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		for (j = 0; j < 2; j++) {
			for (k = 0; k < 2; k++) {
				x = make_pair(steps[i][j]);
				y = make_pair(steps[i][k]);
				ck_assert(pair_accepts(&y, x.sign));
				ck_assert(pair_accepts(&x, y.sign));
			}
		}
	}
}
END_TEST

Suite *
suite_phase(void)
{
	Suite *s = suite_create("phase");
	TCase *t = tcase_create("phase");

	tcase_add_loop_test(t, aim, 0, COUNT(aims));
	tcase_add_test(t, boots_in_hold);
	tcase_add_test(t, without_a_record);
	tcase_add_loop_test(t, move, 0, COUNT(moves));
	tcase_add_loop_test(t, age_of_what_signs, 0, sizeof(ends) / sizeof(ends[0]));
	tcase_add_test(t, unlisted);
	tcase_add_loop_test(t, merge, 0, COUNT(merges));
	tcase_add_loop_test(t, rival, 0, COUNT(rivals));
	tcase_add_test(t, merge_of_two_fleets);
	tcase_add_test(t, fleet_is_bound_when_all_agree);
	tcase_add_loop_test(t, may_act, 0, COUNT(acts));
	tcase_add_test(t, neighbours);
	suite_add_tcase(s, t);
	return s;
}
