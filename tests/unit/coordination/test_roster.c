#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <check.h>

#include "coordination/roster.h"

Suite *suite_roster(void);

#define T0 INT64_C(1700000000000)
#define X "{\"timestamp\":1}"
#define Y "{\"timestamp\":2}"

/* What a step of a table saw: heartbeat (NULL = none), its PTTL, activity. */
struct step {
	int64_t at; /* after T0 */
	const char *heartbeat;
	int64_t pttl;
	const char *activity;
	bool life;  /* is this look a sign of life? */
};

static struct sight
sight_of(const struct step *s)
{
	struct sight v = { .now = T0 + s->at, .heartbeat_pttl = s->pttl };

	v.heartbeat = s->heartbeat != NULL;
	if (v.heartbeat)
		v.heartbeat_bytes = bytes_str(s->heartbeat);
	v.activity = s->activity != NULL;
	if (v.activity)
		v.activity_bytes = bytes_str(s->activity);
	return v;
}

/* Each row: a first look, a second of a later run, perhaps a third. */
static const struct life_case {
	const char *what;
	struct step steps[3];
	size_t n;
} life_cases[] = {
	{ "first sight proves nothing", { { 0, X, 90000, NULL, false } }, 1 },
	{ "nothing changed but the time left",
	    { { 0, X, 90000, NULL, false }, { 60000, X, 30000, NULL, false } }, 2 },
	{ "bytes changed", { { 0, X, 90000, NULL, false }, { 5000, Y, 85000, NULL, true } }, 2 },
	{ "bytes changed, no TTL",
	    { { 0, X, TTL_NONE, NULL, false }, { 5000, Y, TTL_NONE, NULL, true } }, 2 },
	{ "expiry a second later is within the slack",
	    { { 0, X, 90000, NULL, false }, { 5000, X, 86000, NULL, false } }, 2 },
	{ "expiry moved later",
	    { { 0, X, 90000, NULL, false }, { 5000, X, 86001, NULL, true } }, 2 },
	{ "expiry moved nearer",
	    { { 0, X, 90000, NULL, false }, { 5000, X, 10000, NULL, false } }, 2 },
	{ "expiry moved nearer, then later",
	    { { 0, X, 90000, NULL, false }, { 5000, X, 10000, NULL, false },
	        { 6000, X, 90000, NULL, true } }, 3 },
	{ "small moves add up",
	    { { 0, X, 90000, NULL, false }, { 1000, X, 89900, NULL, false },
	        { 2000, X, 89800, NULL, true } }, 3 },
	{ "a TTL was given", { { 0, X, TTL_NONE, NULL, false }, { 900, X, 90000, NULL, false } },
	    2 },
	{ "a TTL was given, then its writer came",
	    { { 0, X, TTL_NONE, NULL, false }, { 900, X, 90000, NULL, false },
	        { 30900, X, 90000, NULL, true } }, 3 },
	{ "the TTL was taken away",
	    { { 0, X, 90000, NULL, false }, { 900, X, TTL_NONE, NULL, false } }, 2 },
	{ "the TTL was taken away and given again",
	    { { 0, X, 90000, NULL, false }, { 900, X, TTL_NONE, NULL, false },
	        { 5000, X, 90000, NULL, false } }, 3 },
	{ "gone", { { 0, X, 90000, NULL, false }, { 95000, NULL, 0, NULL, false } }, 2 },
	{ "gone and back",
	    { { 0, X, 90000, NULL, false }, { 95000, NULL, 0, NULL, false },
	        { 99000, X, 86000, NULL, true } }, 3 },
	{ "was not there, came",
	    { { 0, NULL, 0, NULL, false }, { 5000, X, 90000, NULL, true } }, 2 },
	{ "activity alone changed",
	    { { 0, X, 90000, "a", false }, { 5000, X, 85000, "b", true } }, 2 },
	{ "activity the same", { { 0, X, 90000, "a", false }, { 5000, X, 85000, "a", false } },
	    2 },
	{ "activity seen for the first time: nobody may have looked",
	    { { 0, X, 90000, NULL, false }, { 5000, X, 85000, "a", false } }, 2 },
	{ "activity not looked at in between",
	    { { 0, X, 90000, "a", false }, { 5000, X, 85000, NULL, false },
	        { 9000, X, 81000, "a", false } }, 3 },
	{ "activity not looked at in between, changed",
	    { { 0, X, 90000, "a", false }, { 5000, X, 85000, NULL, false },
	        { 9000, X, 81000, "b", true } }, 3 },
	{ "another type, which has no bytes", { { 0, "", TTL_NONE, NULL, false },
	    { 5000, "", TTL_NONE, NULL, false } }, 2 },
	{ "became another type", { { 0, X, 90000, NULL, false }, { 5000, "", 85000, NULL, true } },
	    2 },
};

START_TEST(signs_of_life)
{
	const struct life_case *t = &life_cases[_i];
	struct roster r = { 0 };
	struct roster_entry *e = NULL;
	struct sight s;
	int64_t last = 0;
	size_t i;

	for (i = 0; i < t->n; i++) {
		s = sight_of(&t->steps[i]);
		/* As a new run has it. */
		if (e != NULL)
			e->life_now = e->seen_now = e->changed = false;
		e = roster_observe(&r, B("id"), &s);
		ck_assert_ptr_nonnull(e);
		ck_assert_msg(e->life_now == t->steps[i].life, "%s: step %zu", t->what, i);
		if (t->steps[i].life)
			last = s.now;
		ck_assert_msg(e->last_life == last, "%s: step %zu", t->what, i);
		ck_assert(e->changed);
		ck_assert_int_eq(e->seen_now, s.heartbeat || s.activity);
		ck_assert_int_eq(e->sight, s.now);
		ck_assert_int_eq(e->first_sight, T0 + t->steps[0].at);
		if (s.heartbeat)
			ck_assert_int_eq(e->last_seen, s.now);
		ck_assert_int_eq(e->heartbeat != 0, s.heartbeat);
	}
	roster_free(&r);
}
END_TEST

/* A heartbeat that is gone before it would have expired: the first look that finds it gone tells so,
 * and later ones do not undo that. */
static const struct left_case {
	const char *what;
	struct step steps[3];
	size_t n;
	bool left;
	int64_t sight; /* after T0 */
} left_cases[] = {
	{ "never had one", { { 0, NULL, 0, NULL, false } }, 1, false, 0 },
	{ "there", { { 0, X, 90000, NULL, false } }, 1, false, 0 },
	{ "gone early", { { 0, X, 90000, NULL, false }, { 60000, NULL, 0, NULL, false } }, 2, true,
	    60000 },
	{ "gone early, looked at again after its time",
	    { { 0, X, 90000, NULL, false }, { 60000, NULL, 0, NULL, false },
	        { 500000, NULL, 0, NULL, false } }, 3, true, 60000 },
	{ "just before its time: it may have expired",
	    { { 0, X, 90000, NULL, false }, { 89000, NULL, 0, NULL, false } }, 2, false, 89000 },
	{ "gone after its time", { { 0, X, 90000, NULL, false }, { 91000, NULL, 0, NULL, false } }, 2,
	    false, 91000 },
	{ "it had no expiry", { { 0, X, TTL_NONE, NULL, false }, { 900, NULL, 0, NULL, false } }, 2,
	    false, 900 },
	{ "gone early, and it lives all the same",
	    { { 0, X, 90000, "a", false }, { 60000, NULL, 0, "b", true } }, 2, false, 60000 },
	{ "gone early, life later",
	    { { 0, X, 90000, "a", false }, { 60000, NULL, 0, "a", false },
	        { 70000, NULL, 0, "b", true } }, 3, false, 70000 },
	{ "gone early, and back",
	    { { 0, X, 90000, NULL, false }, { 60000, NULL, 0, NULL, false },
	        { 70000, X, 90000, NULL, true } }, 3, false, 70000 },
};

START_TEST(gone_before_its_time)
{
	const struct left_case *t = &left_cases[_i];
	struct roster r = { 0 };
	struct roster_entry *e = NULL;
	struct sight s;
	size_t i;

	for (i = 0; i < t->n; i++) {
		s = sight_of(&t->steps[i]);
		e = roster_observe(&r, B("id"), &s);
		ck_assert_ptr_nonnull(e);
	}
	ck_assert_msg(roster_left(e) == t->left, "%s", t->what);
	ck_assert_msg(e->sight == T0 + t->sight, "%s: %lld", t->what, (long long)(e->sight - T0));
	roster_free(&r);
}
END_TEST

/* What a sign of life, and what a mere look, does to each state. */
static const struct state_case {
	enum roster_state before, after_look, after_life;
} state_cases[] = {
	{ ROSTER_KNOWN, ROSTER_KNOWN, ROSTER_KNOWN },
	{ ROSTER_AWAITED, ROSTER_KNOWN, ROSTER_KNOWN },
	{ ROSTER_SUSPECT, ROSTER_SUSPECT, ROSTER_KNOWN },
	{ ROSTER_RETIRED, ROSTER_RETIRED, ROSTER_KNOWN },
	{ ROSTER_ESCALATED, ROSTER_ESCALATED, ROSTER_ESCALATED },
	{ ROSTER_REAPED, ROSTER_REAPED, ROSTER_KNOWN },
};

START_TEST(states)
{
	const struct state_case *t = &state_cases[_i];
	struct step first = { 0, X, 90000, NULL, false };
	struct step look = { 50000, X, 40000, NULL, false };
	struct step life = { 60000, Y, 90000, NULL, true };
	struct roster r = { 0 };
	struct roster_entry *e;
	struct sight s = sight_of(&first);

	e = roster_observe(&r, B("id"), &s);
	ck_assert_int_eq(e->since, 0);
	roster_set_state(e, t->before, T0 + 1000);
	ck_assert_int_eq(e->since, T0 + 1000);
	s = sight_of(&look);
	(void)roster_observe(&r, B("id"), &s);
	ck_assert_int_eq(e->state, t->after_look);
	ck_assert_int_eq(e->since, t->after_look == t->before ? T0 + 1000 : T0 + 50000);
	s = sight_of(&life);
	(void)roster_observe(&r, B("id"), &s);
	ck_assert_int_eq(e->state, t->after_life);
	ck_assert(e->life_now);
	if (t->after_life == ROSTER_KNOWN)
		ck_assert_int_eq(e->incarnation, 0);
	roster_free(&r);
}
END_TEST

START_TEST(absence_leaves_an_awaited_one_awaited)
{
	struct step nothing = { 0, NULL, 0, NULL, false };
	struct roster r = { 0 };
	struct roster_entry *e;
	struct sight s = sight_of(&nothing);

	e = roster_observe(&r, B("r-1"), &s);
	roster_set_state(e, ROSTER_AWAITED, T0);
	s.now += 5000;
	(void)roster_observe(&r, B("r-1"), &s);
	ck_assert_int_eq(e->state, ROSTER_AWAITED);
	ck_assert_int_eq(e->last_seen, 0);
	roster_free(&r);
}
END_TEST

START_TEST(incarnation)
{
	struct roster_entry e = { .first_sight = T0, .since = T0 };

	roster_set_state(&e, ROSTER_SUSPECT, T0 + 10);
	ck_assert_int_eq(e.incarnation, T0);
	/* Fixed: what is learnt later does not move it. */
	e.last_life = T0 + 5;
	roster_set_state(&e, ROSTER_ESCALATED, T0 + 20);
	ck_assert_int_eq(e.incarnation, T0);
	roster_set_state(&e, ROSTER_REAPED, T0 + 30);
	ck_assert_int_eq(e.incarnation, T0);
	roster_set_state(&e, ROSTER_KNOWN, T0 + 40);
	ck_assert_int_eq(e.incarnation, 0);
	roster_set_state(&e, ROSTER_ESCALATED, T0 + 50);
	ck_assert_int_eq(e.incarnation, T0 + 5);
	/* A clock that went back takes no state back. */
	roster_set_state(&e, ROSTER_RETIRED, T0 + 45);
	ck_assert_int_eq(e.since, T0 + 50);
	ck_assert_int_eq(e.incarnation, 0);
}
END_TEST

/* A life sign inside one run: the look again after the confirm wait. */
START_TEST(second_look_of_a_run)
{
	struct step one = { 0, X, TTL_NONE, NULL, false }, two = { 12000, Y, TTL_NONE, NULL, true };
	struct roster r = { 0 };
	struct roster_entry *e;
	struct sight s = sight_of(&one);
	struct evidence v;

	e = roster_observe(&r, B("id"), &s);
	ck_assert(!e->known);
	v = roster_evidence(e, &s, HEARTBEAT_READABLE, 7, false, 0);
	ck_assert_int_eq(v.written_after, 0);
	ck_assert_int_eq(v.last_life, 0);
	s = sight_of(&two);
	(void)roster_observe(&r, B("id"), &s);
	ck_assert(e->life_now);
	v = roster_evidence(e, &s, HEARTBEAT_READABLE, 7, true, 9);
	ck_assert_int_eq(v.now, T0 + 12000);
	ck_assert_int_eq(v.written_after, T0);
	ck_assert_int_eq(v.last_life, T0 + 12000);
	ck_assert_int_eq(v.first_sight, T0);
	ck_assert_int_eq(v.last_seen, T0 + 12000);
	ck_assert_int_eq(v.stamp, 7);
	ck_assert_int_eq(v.activity_stamp, 9);
	ck_assert_int_eq(v.pttl, TTL_NONE);
	ck_assert(v.activity && v.life_now);
	ck_assert_int_eq(v.evidence_from, 0);
	roster_set_state(e, ROSTER_ESCALATED, T0 + 13000);
	v = roster_evidence(e, &s, HEARTBEAT_READABLE, 7, true, 9);
	ck_assert_int_eq(v.evidence_from, T0 + 13000);
	/* What is back after it was gone can have been written at any time. */
	s = (struct sight){ .now = T0 + 20000 };
	(void)roster_observe(&r, B("id"), &s);
	s = sight_of(&one);
	s.now = T0 + 30000;
	(void)roster_observe(&r, B("id"), &s);
	v = roster_evidence(e, &s, HEARTBEAT_READABLE, 7, false, 0);
	ck_assert_int_eq(v.written_after, 0);
	roster_free(&r);
}
END_TEST

START_TEST(forget)
{
	static const struct {
		int64_t first, life, seen, since, sight;
		bool goes;
	} t[] = {
		{ T0, T0, T0, T0, T0, true },
		{ T0, T0, T0, T0, T0 + 900, true }, /* looked for, not found */
		{ T0 + 500, T0, T0, T0, T0, false },
		{ T0, T0 + 500, T0, T0, T0, false },
		{ T0, T0, T0 + 500, T0, T0, false },
		{ T0, T0, T0, T0 + 500, T0, false },
		{ T0, T0, T0 + 5000, T0, T0, false }, /* from a clock that went back */
		{ T0 + 499, T0 + 499, T0 + 499, T0 + 499, T0, true },
	};
	struct roster r = { 0 };
	struct roster_entry *e;
	struct sight s = { .now = T0 };
	char id[8];
	size_t i;

	roster_forget_old(&r, T0, 1);
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		(void)snprintf(id, sizeof(id), "%zu", i);
		e = roster_observe(&r, bytes_str(id), &s);
		e->first_sight = t[i].first;
		e->last_life = t[i].life;
		e->last_seen = t[i].seen;
		e->since = t[i].since;
		e->sight = t[i].sight;
	}
	roster_forget_old(&r, T0 + 1000, 500);
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		(void)snprintf(id, sizeof(id), "%zu", i);
		ck_assert_msg(roster_find(&r, bytes_str(id))->removed == t[i].goes, "row %zu", i);
	}
	/* Seen again in the same run: stays. */
	e = roster_observe(&r, B("0"), &s);
	ck_assert(!e->removed);
	roster_free(&r);
}
END_TEST

static bool
same(const struct roster_entry *a, const struct roster_entry *b)
{

	return a->heartbeat == b->heartbeat && a->expiry == b->expiry &&
	    a->activity == b->activity && a->first_sight == b->first_sight &&
	    a->last_life == b->last_life && a->last_seen == b->last_seen &&
	    a->state == b->state && a->since == b->since && a->incarnation == b->incarnation &&
	    a->sight == b->sight;
}

static int64_t
random_time(void)
{

	return random() % 4 == 0 ? 0 : ((int64_t)random() << 22) ^ random();
}

START_TEST(text_round_trip)
{
	unsigned int seed = (unsigned int)time(NULL);
	struct roster_entry e, back;
	struct buf b = { 0 };
	size_t cut, last;
	int i;

	printf("roster text: seed %u\n", seed);
	srandom(seed);
	for (i = 0; i < 20000; i++) {
		memset(&e, 0, sizeof(e));
		e.heartbeat = (uint64_t)random() << 33 ^ (uint64_t)random();
		e.activity = random() % 2 ? 0 : (uint64_t)random() << 33;
		e.expiry = random_time();
		e.first_sight = random_time();
		e.last_life = random_time();
		e.last_seen = random_time();
		e.since = random_time();
		e.incarnation = random_time();
		e.sight = random_time();
		e.state = (enum roster_state)(random() % ROSTER_STATES);
		buf_reset(&b);
		roster_format(&e, &b);
		ck_assert(roster_parse(buf_view(&b), &back));
		ck_assert(same(&e, &back));
		/* Cut anywhere but in its last number, it is not taken for another. */
		cut = (size_t)random() % b.n;
		last = (size_t)((const char *)memrchr(b.p, ' ', b.n) - b.p);
		ck_assert_int_eq(roster_parse((struct bytes){ b.p, cut }, &back), cut > last + 1);
	}
	buf_free(&b);
}
END_TEST

static const char *const damaged[] = {
	"",
	"v1",
	"v2 1 2 known 0 0000000000000001 0 0000000000000000 1 0 1",
	"v1 1 2 known 0 0000000000000001 0 0000000000000000 1 0",
	"v1 1 2 known 0 0000000000000001 0 0000000000000000 1 0 ",
	"v1 1 2 known 0 0000000000000001 0 0000000000000000 1 0 1 ",
	"v1 1 2 known 0 0000000000000001 0 0000000000000000 1 0 1 1",
	"v1  2 known 0 0000000000000001 0 0000000000000000 1 0 1",
	"v1 -1 2 known 0 0000000000000001 0 0000000000000000 1 0 1",
	"v1 1 2 alive 0 0000000000000001 0 0000000000000000 1 0 1",
	"v1 1 2 known 0 000000000000000g 0 0000000000000000 1 0 1",
	"v1 1 2 known 0 000000000000001 0 0000000000000000 1 0 1",
	"v1 1 2 known 0 000000000000000A 0 0000000000000000 1 0 1",
	"v1 9007199254740993 2 known 0 0000000000000001 0 0000000000000000 1 0 1",
	"v1 99999999999999999999 2 known 0 0000000000000001 0 0000000000000000 1 0 1",
};

START_TEST(text_damaged)
{
	struct roster_entry e;

	ck_assert(!roster_parse(bytes_str(damaged[_i]), &e));
}
END_TEST

START_TEST(digest)
{
	char nul[] = "a\0b";
	char other[] = "a\0c";

	/* The same on every host and in every version: FNV-1a's own vectors. */
	ck_assert_uint_eq(roster_digest(B("")), UINT64_C(0xcbf29ce484222325));
	ck_assert_uint_eq(roster_digest(B("a")), UINT64_C(0xaf63dc4c8601ec8c));
	ck_assert_uint_eq(roster_digest(B("foobar")), UINT64_C(0x85944171f73967e8));
	ck_assert_uint_ne(roster_digest((struct bytes){ nul, 3 }),
	    roster_digest((struct bytes){ other, 3 }));
}
END_TEST

/*
 * Random looks at one id against a model that keeps everything: life is seen
 * exactly where the writer did something between two looks that saw it.
 */
START_TEST(random_looks)
{
	unsigned int seed = (unsigned int)time(NULL) ^ 0x5eedu;
	int round, step, written, seen_written;
	char text[32];

	printf("roster looks: seed %u\n", seed);
	srandom(seed);
	for (round = 0; round < 500; round++) {
		struct roster r = { 0 };
		struct roster_entry *e = NULL;
		int64_t now = T0, expiry = 0;

		written = seen_written = 0;
		for (step = 0; step < 40; step++) {
			struct sight s = { 0 };
			bool life;

			now += 1 + random() % 20000;
			if (random() % 3 == 0) {
				written++;
				expiry = now + 90000;
			}
			s.now = now;
			s.heartbeat = written > 0 && expiry > now;
			(void)snprintf(text, sizeof(text), "{\"sequence\":%d}", written);
			s.heartbeat_bytes = s.heartbeat ? bytes_str(text) : B("");
			s.heartbeat_pttl = s.heartbeat ? expiry - now : 0;
			if (e != NULL)
				e->life_now = false;
			life = e != NULL && s.heartbeat && written != seen_written;
			e = roster_observe(&r, B("id"), &s);
			ck_assert_int_eq(e->life_now, life);
			if (life)
				ck_assert_int_eq(e->last_life, now);
			ck_assert(e->last_life <= now && e->last_seen <= now);
			ck_assert(e->first_sight <= now && e->sight == now);
			if (s.heartbeat)
				seen_written = written;
		}
		ck_assert_uint_eq(map_count(r.entries), 1);
		roster_free(&r);
	}
}
END_TEST

START_TEST(names)
{
	int i;

	for (i = 0; i < ROSTER_STATES; i++)
		ck_assert_str_ne(roster_state_name((enum roster_state)i), "unknown");
	ck_assert_str_eq(roster_state_name((enum roster_state)ROSTER_STATES), "unknown");
}
END_TEST

Suite *
suite_roster(void)
{
	Suite *s = suite_create("roster");
	TCase *t = tcase_create("roster");

	tcase_set_timeout(t, 120);
	tcase_add_loop_test(t, signs_of_life, 0, (int)(sizeof(life_cases) / sizeof(life_cases[0])));
	tcase_add_loop_test(t, gone_before_its_time, 0,
	    (int)(sizeof(left_cases) / sizeof(left_cases[0])));
	tcase_add_loop_test(t, states, 0, (int)(sizeof(state_cases) / sizeof(state_cases[0])));
	tcase_add_test(t, absence_leaves_an_awaited_one_awaited);
	tcase_add_test(t, incarnation);
	tcase_add_test(t, second_look_of_a_run);
	tcase_add_test(t, forget);
	tcase_add_test(t, text_round_trip);
	tcase_add_loop_test(t, text_damaged, 0, (int)(sizeof(damaged) / sizeof(damaged[0])));
	tcase_add_test(t, digest);
	tcase_add_test(t, random_looks);
	tcase_add_test(t, names);
	suite_add_tcase(s, t);
	return s;
}
