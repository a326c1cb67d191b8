#include <string.h>

#include <check.h>

#include "make.h"
#include "secret-rotate-phase/orders.h"

Suite *suite_orders(void);

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

/* ---- start ---- */

static const struct {
	const char *what;
	const char *list;       /* in our config */
	enum phase phase;
	const char *h[3];       /* reports; NULL = none */
	int late, list_of;      /* the host whose report is late, or has another list; -1 = none */
	int exit;               /* 0 = goes */
	const char *says;
} starts[] = {
	{ "all well", "h0 h1", PHASE_IDLE, { "a-:a-", "a-", NULL }, -1, -1, 0, "" },
	{ "no list", "", PHASE_IDLE, { "a-", "a-", NULL }, -1, -1, EX_CONFIG, "is empty" },
	{ "not in it", "h1 h2", PHASE_IDLE, { "a-", "a-", "a-" }, -1, -1, EX_CONFIG,
	    "does not name this host" },
	{ "under way", "h0 h1", PHASE_DRAIN, { "a-", "a-", NULL }, -1, -1, EX_CRITICAL,
	    "under way (phase drain, epoch 7)" },
	{ "one never reported", "h0 h1", PHASE_IDLE, { "a-", NULL, NULL }, -1, -1, EX_CRITICAL,
	    "h1 has never reported" },
	{ "one late", "h0 h1", PHASE_IDLE, { "a-", "a-", NULL }, 1, -1, EX_CRITICAL,
	    "h1 has not reported" },
	{ "lists differ", "h0 h1", PHASE_IDLE, { "a-", "a-", NULL }, -1, 1, EX_CRITICAL,
	    "h1 has another list" },
	{ "one that is in no list", "h0 h1", PHASE_IDLE, { "a-", "a-", "a-" }, -1, -1,
	    EX_CRITICAL, "h2 reports too" },
	{ "one that was in no list long ago", "h0 h1", PHASE_IDLE, { "a-", "a-", "a-" }, 2, -1,
	    0, "" },
	{ "secrets differ", "h0 h1", PHASE_IDLE, { "a-", "b-", NULL }, -1, -1, EX_CRITICAL,
	    "different secrets" },
	{ "a second secret", "h0 h1", PHASE_IDLE, { "a-", "ab", NULL }, -1, -1, EX_CRITICAL,
	    "h1 accepts a second secret" },
	{ "no secret", "h0 h1", PHASE_IDLE, { "--", "a-", NULL }, -1, -1, EX_CRITICAL,
	    "h0 has no secret" },
	{ "a process behind", "h0 h1", PHASE_IDLE, { "a-:a-,b-", "a-", NULL }, -1, -1,
	    EX_CRITICAL, "h0 has a process" },
	{ "too many kinds", "h0 h1", PHASE_IDLE, { "a-:a-,b-,c-,d-,e-,f-,ab,ac,ad", "a-", NULL },
	    -1, -1, EX_CRITICAL, "h0 has a process" },
	{ "could not look", "h0 h1", PHASE_IDLE, { "a-", "?", NULL }, -1, -1, EX_CRITICAL,
	    "h1 could not look" },
};

START_TEST(starting)
{
	struct rotation r = make_rotation(starts[_i].phase, "ab", 2), next;
	struct reports reports = { 0 };
	char list[] = "0000000000000000", sign[FINGERPRINT_SIZE];
	struct hosts hosts;
	struct start start = { .hosts = &hosts, .list = list, .self = "h0" };
	struct error e = { 0 };
	int i, got;

	ck_assert_int_eq(hosts_parse(starts[_i].list, &hosts, NULL), 0);
	for (i = 0; i < 3; i++) {
		if (starts[_i].h[i] == NULL)
			continue;
		reports.report[reports.n] = make_report(&r, (size_t)i, starts[_i].h[i]);
		if (i == starts[_i].late)
			reports.report[reports.n].time = NOW - HOUR;
		if (i == starts[_i].list_of)
			make_fingerprint('9', reports.report[reports.n].list);
		reports.n++;
	}
	got = order_start_check(&r, &start, &reports, &make_settings, NOW, sign, &e);
	if (starts[_i].exit != 0) {
		ck_assert_msg(got == -1 && e.exit == starts[_i].exit, "%s: %s", starts[_i].what,
		    e.text);
		ck_assert_msg(strstr(e.text, starts[_i].says) != NULL, "%s: %s", starts[_i].what,
		    e.text);
		return;
	}
	ck_assert_msg(got == 0, "%s: %s", starts[_i].what, e.text);
	ck_assert_str_eq(sign, "aaaaaaaaaaaaaaaa");

	rotation_retire(&r, "cccccccccccccccc");
	r.rotated = 17;
	ck_assert_int_eq(order_start(&r, &start, "0123456789abcdef0123456789abcdef", sign,
	    "aaaaaaaaaaaaaaaa", NOW, &next, &e), -1);
	ck_assert_int_eq(order_start(&r, &start, "0123456789abcdef0123456789abcdef", sign,
	    "cccccccccccccccc", NOW, &next, &e), -1);
	ck_assert_int_eq(order_start(&r, &start, "0123456789abcdef0123456789abcdef", sign,
	    "bbbbbbbbbbbbbbbb", NOW, &next, &e), 0);
	ck_assert(rotation_whole(&next));
	ck_assert_int_eq(next.phase, PHASE_DISTRIBUTE);
	ck_assert_uint_eq(next.epoch, 8);
	ck_assert_str_eq(next.sign, "aaaaaaaaaaaaaaaa");
	ck_assert_str_eq(next.other, "bbbbbbbbbbbbbbbb");
	ck_assert_str_eq(next.id, "0123456789abcdef0123456789abcdef");
	ck_assert_uint_eq(next.hosts.n, 2);
	ck_assert(rotation_retired(&next, "cccccccccccccccc"));
	ck_assert_int_eq(next.rotated, 17);
	ck_assert_int_lt(next.promoted, 0);
	ck_assert_int_eq(next.since, NOW);
}
END_TEST

static const struct {
	const char *what;
	bool named[2];
	const char *stray, *state, *wanted;
} heartbeats[] = {
	{ "both", { true, true }, "", "a-:a-", NULL },
	{ "none", { false, false }, "", "a-:a-", NULL },
	{ "names of another kind", { false, false }, "4f1c9a", "a-:a-", NULL },
	{ "a stray one", { true, false }, "h7", "a-:a-", "h7, which is not in" },
	{ "on a host that sees none", { false, true }, "", "a-", "runs on h1, but no process" },
	{ "on one that could not look", { false, true }, "", "?", NULL },
	{ "none there, none seen", { true, false }, "", "a-", NULL },
};

START_TEST(named)
{
	struct rotation r = make_rotation(PHASE_IDLE, "a-", 2);
	struct named said = { .host = { heartbeats[_i].named[0], heartbeats[_i].named[1] } };
	struct reports reports = { .n = 2 };
	struct error e = { 0 };

	(void)strcpy(said.stray, heartbeats[_i].stray);
	reports.report[0] = make_report(&r, 0, "a-:a-");
	reports.report[1] = make_report(&r, 1, heartbeats[_i].state);
	if (heartbeats[_i].wanted == NULL) {
		ck_assert_msg(order_start_named(&r.hosts, &reports, &said, &e) == 0, "%s", e.text);
		return;
	}
	ck_assert_int_eq(order_start_named(&r.hosts, &reports, &said, &e), -1);
	ck_assert_int_eq(e.exit, EX_CRITICAL);
	ck_assert_msg(strstr(e.text, heartbeats[_i].wanted) != NULL, "%s", e.text);
}
END_TEST

/* Whose coordinators a restart did not bring back keeps its turn from one rotation to the next. */
START_TEST(turn_is_kept)
{
	struct rotation r = make_rotation(PHASE_IDLE, "a-", 2), next;
	struct start start = { .hosts = &r.hosts, .list = r.list, .self = "h0" };
	struct error e = { 0 };

	(void)strcpy(r.turn, "h1");
	r.turn_since = 5;
	ck_assert_int_eq(order_start(&r, &start, r.id, "aaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbb", NOW,
	    &next, &e), 0);
	ck_assert_str_eq(next.turn, "h1");
	ck_assert_int_eq(next.turn_since, 5);
	(void)strcpy(r.turn, "h7");
	ck_assert_int_eq(order_start(&r, &start, r.id, "aaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbb", NOW,
	    &next, &e), 0);
	ck_assert_str_eq(next.turn, "");
}
END_TEST

START_TEST(due)
{
	struct rotation r = make_rotation(PHASE_IDLE, "a-", 2);

	ck_assert(!order_due(&r, &make_settings, make_settings.max_age - 1));
	ck_assert(order_due(&r, &make_settings, make_settings.max_age));
	r.phase = PHASE_RETIRE;
	ck_assert(!order_due(&r, &make_settings, make_settings.max_age));
}
END_TEST

/* ---- abort, rollback, skip-drain: what each does in each phase ---- */

static const struct {
	enum phase phase, then;
	bool abort, rollback, skip;
	const char *rollback_pair;
} orders[] = {
	{ PHASE_IDLE, 0, false, false, false, "" },
	{ PHASE_DISTRIBUTE, 0, true, false, false, "" },
	{ PHASE_PROMOTE, 0, false, true, false, "ab" },
	{ PHASE_DRAIN, 0, false, true, true, "ab" },
	{ PHASE_RETIRE, 0, false, false, false, "" },
	{ PHASE_HOLD, PHASE_RETIRE, false, true, false, "ba" },
	{ PHASE_HOLD, PHASE_PROMOTE, false, false, false, "" },
};

START_TEST(order)
{
	struct rotation r = make_rotation(orders[_i].phase,
	    orders[_i].phase == PHASE_IDLE ? "b-" : "ba", 2), next;
	struct error e = { 0 };
	struct pair wanted;

	r.then = orders[_i].then;
	r.confirm = true;
	ck_assert_int_eq(order_abort(&r, NOW, &next, &e), orders[_i].abort ? 0 : -1);
	if (orders[_i].abort) {
		ck_assert_int_eq(next.phase, PHASE_HOLD);
		ck_assert_int_eq(next.then, PHASE_RETIRE);
		ck_assert_str_eq(next.sign, r.sign);
		ck_assert_uint_eq(next.epoch, r.epoch + 1);
		ck_assert(!next.confirm && rotation_whole(&next));
	} else {
		ck_assert_int_eq(e.exit, EX_CRITICAL);
	}
	ck_assert_int_eq(order_rollback(&r, NOW, &next, &e), orders[_i].rollback ? 0 : -1);
	if (orders[_i].rollback) {
		wanted = make_pair(orders[_i].rollback_pair);
		ck_assert_int_eq(next.phase, PHASE_HOLD);
		ck_assert_int_eq(next.then, PHASE_PROMOTE);
		ck_assert_str_eq(next.sign, wanted.sign);
		ck_assert_str_eq(next.other, wanted.other);
		ck_assert_uint_eq(next.epoch, r.epoch + 1);
		ck_assert(!next.confirm && rotation_whole(&next));
	}
	ck_assert_int_eq(order_skip_drain(&r, &next, &e), orders[_i].skip ? 0 : -1);
	if (orders[_i].skip) {
		ck_assert(next.skip_drain && !next.confirm);
		ck_assert_uint_eq(next.epoch, r.epoch + 1);
		ck_assert_int_eq(next.since, r.since);
	}
}
END_TEST

/* ---- exclude ---- */

static const struct {
	const char *what, *host;
	enum phase phase;
	size_t hosts;
	const char *state; /* in its report; NULL = none */
	int64_t age;
	bool sure, goes;
} excludes[] = {
	{ "gone", "h1", PHASE_PROMOTE, 3, NULL, 0, false, true },
	{ "by its full name", "H1.example.org", PHASE_PROMOTE, 3, NULL, 0, false, true },
	{ "reported long ago", "h1", PHASE_PROMOTE, 3, "ba:ba", HOUR, false, true },
	{ "reports that nothing runs", "h1", PHASE_PROMOTE, 3, "ba", MIN, false, true },
	{ "reports processes", "h1", PHASE_PROMOTE, 3, "ba:ba", MIN, false, false },
	{ "reports processes, sure", "h1", PHASE_PROMOTE, 3, "ba:ba", MIN, true, true },
	{ "no such host", "h7", PHASE_PROMOTE, 3, NULL, 0, false, false },
	{ "itself", "h0", PHASE_PROMOTE, 3, NULL, 0, false, false },
	{ "the only one", "h1", PHASE_PROMOTE, 1, NULL, 0, false, false },
	{ "idle", "h1", PHASE_IDLE, 3, NULL, 0, false, false },
};

START_TEST(exclude)
{
	struct rotation r = make_rotation(excludes[_i].phase, "ba", excludes[_i].hosts), next;
	struct report report;
	struct error e = { 0 };
	int got;

	strcpy(r.turn, "h1");
	r.confirm = true;
	if (excludes[_i].state != NULL) {
		report = make_report(&r, 1, excludes[_i].state);
		report.time = NOW - excludes[_i].age;
	}
	got = order_exclude(&r, excludes[_i].host, "h0",
	    excludes[_i].state == NULL ? NULL : &report, &make_settings, NOW, excludes[_i].sure,
	    &next, &e);
	ck_assert_msg(got == (excludes[_i].goes ? 0 : -1), "%s: %s", excludes[_i].what, e.text);
	if (got == -1)
		return;
	ck_assert_uint_eq(next.epoch, r.epoch + 1);
	ck_assert_uint_eq(next.hosts.n, r.hosts.n - 1);
	ck_assert_uint_eq(hosts_find(&next.hosts, "h1"), next.hosts.n);
	ck_assert_str_eq(next.turn, "");
	ck_assert_int_eq(next.phase, r.phase);
	ck_assert(!next.confirm);
	ck_assert_str_eq(next.list, r.list);
}
END_TEST

Suite *
suite_orders(void)
{
	Suite *s = suite_create("orders");
	TCase *t = tcase_create("orders");

	tcase_add_loop_test(t, starting, 0, COUNT(starts));
	tcase_add_loop_test(t, named, 0, COUNT(heartbeats));
	tcase_add_test(t, turn_is_kept);
	tcase_add_test(t, due);
	tcase_add_loop_test(t, order, 0, COUNT(orders));
	tcase_add_loop_test(t, exclude, 0, COUNT(excludes));
	suite_add_tcase(s, t);
	return s;
}
