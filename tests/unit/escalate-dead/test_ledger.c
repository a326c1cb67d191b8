#include "escalate-dead/ledger.h"

#include <string.h>

#include <check.h>

#include "coordination/record.h"

Suite *suite_ledger(void);

#define NOW INT64_C(1700000000000)

static const struct {
	const char *value;
	enum ledger_stage stage;
	const char *new_id;
	bool ours;
} rows[] = {
	{ "", LEDGER_UNREADABLE, "", false },
	{ "not json", LEDGER_UNREADABLE, "", false },
	{ "[]", LEDGER_UNREADABLE, "", false },
	{ "{}", LEDGER_FOREIGN, "", false },
	{ "{\"status\":5}", LEDGER_FOREIGN, "", false },
	{ "{\"status\":\"pending\",\"newCoordinatorId\":\"n\"}", LEDGER_FOREIGN, "n", false },
	{ "{\"status\":\"in_progress\",\"newCoordinatorId\":\"n\"}", LEDGER_FOREIGN, "n", false },
	{ "{\"status\":\"spawned\",\"newCoordinatorId\":\"n\",\"incarnation\":0}", LEDGER_FOREIGN,
	    "n", false },
	{ "{\"status\":\"complete\",\"newCoordinatorId\":\"n\"}", LEDGER_COMPLETE, "n", false },
	{ "{\"status\":\"completed\"}", LEDGER_COMPLETE, "", false },
	/* One that names the dead coordinator itself names nobody. */
	{ "{\"status\":\"pending\",\"newCoordinatorId\":\"dead\"}", LEDGER_FOREIGN, "", false },
	{ "{\"status\":\"in_progress\",\"newCoordinatorId\":\"n\",\"incarnation\":7}", LEDGER_MOVING,
	    "n", true },
	{ "{\"status\":\"spawned\",\"newCoordinatorId\":\"n\",\"incarnation\":7}", LEDGER_SPAWNED,
	    "n", true },
	{ "{\"status\":\"complete\",\"newCoordinatorId\":\"n\",\"incarnation\":7}", LEDGER_COMPLETE,
	    "n", true },
	{ "{\"status\":\"cancelling\",\"newCoordinatorId\":\"n\",\"incarnation\":7}",
	    LEDGER_CANCELLING, "n", true },
	{ "{\"status\":\"else\",\"newCoordinatorId\":\"n\",\"incarnation\":7}", LEDGER_FOREIGN, "n",
	    true },
	{ "{\"status\":\"in_progress\",\"incarnation\":7}", LEDGER_FOREIGN, "", true },
	/* Of somebody else, or finished for nobody. */
	{ "{\"status\":\"pending\",\"newCoordinatorId\":\"n\",\"deadCoordinatorId\":\"dead\"}",
	    LEDGER_FOREIGN, "n", false },
	{ "{\"status\":\"pending\",\"newCoordinatorId\":\"n\",\"deadCoordinatorId\":\"other\"}",
	    LEDGER_UNREADABLE, "", false },
	{ "{\"status\":\"spawned\",\"newCoordinatorId\":\"n\",\"incarnation\":7,"
	    "\"deadCoordinatorId\":\"other\"}", LEDGER_UNREADABLE, "", true },
	{ "{\"status\":\"pending\",\"newCoordinatorId\":\"\"}", LEDGER_FOREIGN, "", false },
	{ "{\"status\":\"complete\",\"newCoordinatorId\":\"\"}", LEDGER_UNREADABLE, "", false },
	{ "{\"status\":\"complete\",\"newCoordinatorId\":\"dead\"}", LEDGER_UNREADABLE, "", false },
};

START_TEST(test_parse)
{
	struct ledger l = { 0 };

	ledger_parse(B("dead"), bytes_str(rows[_i].value), &l);
	ck_assert_msg(l.stage == rows[_i].stage, "%s: %s", rows[_i].value,
	    ledger_stage_name(l.stage));
	ck_assert(bytes_equal(buf_view(&l.new_id), bytes_str(rows[_i].new_id)));
	ck_assert_int_eq(l.ours, rows[_i].ours);
	ck_assert(bytes_equal(buf_view(&l.value), bytes_str(rows[_i].value)));
	ck_assert_int_eq(l.timestamp, INT64_MAX);
	ledger_free(&l);
	ck_assert_int_eq(l.stage, LEDGER_NONE);
}
END_TEST

/* When it was finished: not in 1970. */
START_TEST(test_time)
{
	static const struct {
		const char *value;
		enum ledger_stage stage;
	} times[] = {
		{ "{\"status\":\"complete\",\"timestamp\":1700000000000}", LEDGER_COMPLETE },
		{ "{\"status\":\"complete\",\"timestamp\":1700000000}", LEDGER_COMPLETE },
		{ "{\"status\":\"complete\",\"timestamp\":1}", LEDGER_UNREADABLE },
		{ "{\"status\":\"complete\",\"timestamp\":86400}", LEDGER_UNREADABLE },
		{ "{\"status\":\"complete\",\"timestamp\":1,\"incarnation\":7,"
		    "\"newCoordinatorId\":\"n\"}", LEDGER_COMPLETE },
		{ "{\"status\":\"pending\",\"timestamp\":1}", LEDGER_FOREIGN },
	};
	struct ledger l = { 0 };

	ledger_parse(B("dead"), bytes_str(times[_i].value), &l);
	ck_assert_msg(l.stage == times[_i].stage, "%s: %s", times[_i].value,
	    ledger_stage_name(l.stage));
	ledger_free(&l);
}
END_TEST

static struct bytes swarms[] = { { "blue", 4 }, { "red \"q\"", 7 } };

static const struct ledger_new facts = {
	.id = { "de\"ad", 5 }, .new_id = { "r-1", 3 }, .swarms = swarms, .swarms_n = 2, .now = NOW,
	.incarnation = NOW - 5, .last_life = NOW - 5, .warnings = 3, .reason = "why", .run = "run",
	.host = "host",
};

/* One life of a record: each stage is read back as what it is, and keeps what was said before. */
START_TEST(test_life)
{
	struct buf a = { 0 }, b = { 0 };
	struct ledger l = { 0 };
	struct record *r;
	struct bytes text;
	const char *why;

	ledger_begin(&facts, &a);
	ledger_parse(facts.id, buf_view(&a), &l);
	ck_assert_int_eq(l.stage, LEDGER_MOVING);
	ck_assert_int_eq(l.incarnation, NOW - 5);
	ck_assert_int_eq(l.timestamp, NOW);
	ck_assert_uint_eq(l.swarms_n, 2);
	ck_assert(bytes_equal(buf_view(&l.swarms[1]), swarms[1]));

	ck_assert(ledger_spawned(buf_view(&a), NOW + 1, &b));
	ledger_parse(facts.id, buf_view(&b), &l);
	ck_assert_int_eq(l.stage, LEDGER_SPAWNED);
	ck_assert_int_eq(l.timestamp, NOW);

	buf_reset(&a);
	ck_assert(ledger_complete(buf_view(&b), NOW + 2, 12, 1, "[\"key\"]", &a));
	ledger_parse(facts.id, buf_view(&a), &l);
	ck_assert_int_eq(l.stage, LEDGER_COMPLETE);
	ck_assert_int_eq(l.moved, 12);
	buf_reset(&b);
	ck_assert(ledger_reopen(buf_view(&a), NOW + 3, NOW, &b));
	ledger_parse(facts.id, buf_view(&b), &l);
	ck_assert_int_eq(l.stage, LEDGER_SPAWNED);
	ck_assert_int_eq(l.incarnation, NOW);
	ck_assert_uint_eq(l.swarms_n, 2);
	ck_assert((r = record_parse(buf_view(&a), &why)) != NULL);
	ck_assert(record_text(r, "deadCoordinatorId", &text) && bytes_equal(text, facts.id));
	ck_assert(record_text(r, "reason", &text) && bytes_equal(text, B("why")));
	record_free(r);

	buf_reset(&a);
	ck_assert(ledger_cancelling(buf_view(&b), NOW + 2, true, &a));
	ledger_parse(facts.id, buf_view(&a), &l);
	ck_assert_int_eq(l.stage, LEDGER_CANCELLING);
	ck_assert(l.by_person);
	buf_reset(&a);
	ck_assert(ledger_cancelling(buf_view(&b), NOW + 2, false, &a));
	ledger_parse(facts.id, buf_view(&a), &l);
	ck_assert(!l.by_person);
	ledger_free(&l);
	buf_free(&a);
	buf_free(&b);
}
END_TEST

START_TEST(test_adopt)
{
	struct buf out = { 0 };
	struct ledger l = { 0 };
	struct bytes theirs = B("{ \"status\" : \"pending\", \"newCoordinatorId\":\"n\", \"x\":[1] }");

	ck_assert(ledger_adopt(theirs, &facts, true, &out));
	ledger_parse(facts.id, buf_view(&out), &l);
	ck_assert_int_eq(l.stage, LEDGER_MOVING);
	ck_assert(bytes_equal(buf_view(&l.new_id), B("n")));
	ck_assert(strstr(buf_cstr(&out), "\"x\":[1]") != NULL);
	buf_reset(&out);
	ck_assert(ledger_adopt(theirs, &facts, false, &out));
	ledger_parse(facts.id, buf_view(&out), &l);
	ck_assert(bytes_equal(buf_view(&l.new_id), facts.new_id));
	buf_reset(&out);
	ck_assert(!ledger_adopt(B("[]"), &facts, true, &out));
	ledger_free(&l);
	buf_free(&out);
}
END_TEST

START_TEST(test_recount)
{
	struct buf out = { 0 };

	ck_assert(ledger_recount(B("{\"status\":\"pending\",\"workItems\":1}"), 2, &out));
	ck_assert_str_eq(buf_cstr(&out), "{\"status\":\"pending\",\"workItems\":2}");
	buf_reset(&out);
	ck_assert(!ledger_recount(B("{\"status\":\"pending\",\"workItems\":2}"), 2, &out));
	ck_assert(!ledger_recount(B("{\"status\":\"started\",\"workItems\":1}"), 2, &out));
	ck_assert(!ledger_recount(B("no request"), 2, &out));
	ck_assert_uint_eq(out.n, 0);
	buf_free(&out);
}
END_TEST

START_TEST(test_messages)
{
	struct buf out = { 0 };
	struct record *r;
	struct bytes text;
	const char *why;
	int64_t n;

	ledger_spawn_request(&facts, 7, &out);
	ck_assert(ledger_spawn_pending(buf_view(&out)));
	ck_assert((r = record_parse(buf_view(&out), &why)) != NULL);
	ck_assert(record_text(r, "newCoordinatorId", &text) && bytes_equal(text, B("r-1")));
	ck_assert(record_text(r, "replacesCoordinatorId", &text) && bytes_equal(text, facts.id));
	ck_assert(record_text(r, "priority", &text) && bytes_equal(text, B("high")));
	ck_assert(record_text(r, "swarmId", &text) && bytes_equal(text, B("blue")));
	ck_assert(record_integer(r, "workItems", &n) && n == 7);
	record_free(r);
	buf_reset(&out);
	ledger_message(&facts, 7, &out);
	ck_assert((r = record_parse(buf_view(&out), &why)) != NULL);
	ck_assert(record_text(r, "action", &text) && bytes_equal(text, B("spawn_replacement")));
	record_free(r);
	buf_reset(&out);
	ledger_channel(B("a:b"), &out);
	ck_assert_str_eq(buf_cstr(&out), "swarm:a:b:coordinator:dead");
	ck_assert(!ledger_spawn_pending(B("{\"status\":\"started\"}")));
	ck_assert(!ledger_spawn_pending(B("{}")));
	ck_assert(!ledger_spawn_pending(B("pending")));
	buf_free(&out);
}
END_TEST

START_TEST(test_id_that_is_no_text)
{
	struct ledger_new n = facts;
	struct buf out = { 0 };
	struct record *r;
	struct bytes text;
	const char *why;

	n.id = (struct bytes){ "\xff\xfe", 2 };
	ledger_begin(&n, &out);
	ck_assert((r = record_parse(buf_view(&out), &why)) != NULL);
	ck_assert(record_text(r, "deadCoordinatorId_b64", &text) && bytes_equal(text, B("//4=")));
	record_free(r);
	buf_free(&out);
}
END_TEST

START_TEST(test_swarms)
{
	struct ledger l = { 0 };
	char name[2] = "a";
	int i;

	for (i = 0; i < LEDGER_SWARMS; i++) {
		name[0] = (char)('a' + i);
		ck_assert(ledger_add_swarm(&l, bytes_str(name)));
		ck_assert(ledger_add_swarm(&l, bytes_str(name)));
	}
	ck_assert_uint_eq(l.swarms_n, LEDGER_SWARMS);
	ck_assert(!ledger_add_swarm(&l, B("one too many")));
	ledger_disown(&l);
	ck_assert_uint_eq(l.swarms_n, 0);
	ledger_free(&l);
}
END_TEST

Suite *
suite_ledger(void)
{
	Suite *s = suite_create("ledger");
	TCase *t = tcase_create("ledger");

	tcase_add_loop_test(t, test_parse, 0, (int)(sizeof(rows) / sizeof(rows[0])));
	tcase_add_loop_test(t, test_time, 0, 6);
	tcase_add_test(t, test_life);
	tcase_add_test(t, test_adopt);
	tcase_add_test(t, test_messages);
	tcase_add_test(t, test_recount);
	tcase_add_test(t, test_id_that_is_no_text);
	tcase_add_test(t, test_swarms);
	suite_add_tcase(s, t);
	return s;
}
