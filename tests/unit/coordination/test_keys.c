#include "coordination/keys.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <check.h>

#include "base/bytes.h"

Suite *suite_keys(void);

/* B() for tables: a compound literal is no constant. */
#define V(literal) { "" literal, sizeof(literal) - 1 }

static const struct {
	struct bytes key;
	enum family family;
	struct bytes rest;
} families[] = {
	{ V("blocking:heartbeat:coord-1"), FAMILY_HEARTBEAT, V("coord-1") },
	{ V("blocking:heartbeat:a:b"), FAMILY_HEARTBEAT, V("a:b") },
	{ V("blocking:heartbeat:*"), FAMILY_HEARTBEAT, V("*") },
	{ V("blocking:heartbeat:[a] \x01\xff"), FAMILY_HEARTBEAT, V("[a] \x01\xff") },
	{ V("blocking:heartbeat:\0x"), FAMILY_HEARTBEAT, V("\0x") },
	{ V("blocking:heartbeat::"), FAMILY_HEARTBEAT, V(":") },
	{ V("blocking:signal:r"), FAMILY_SIGNAL, V("r") },
	{ V("blocking:ack:a"), FAMILY_ACK, V("a") },
	{ V("blocking:ack:a:s:1"), FAMILY_ACK, V("a:s:1") },
	{ V("blocking:warning:a"), FAMILY_WARNING, V("a") },
	{ V("blocking:idempotency:s:r:wake:3:1700000000000"), FAMILY_IDEMPOTENCY,
	    V("s:r:wake:3:1700000000000") },
	{ V("blocking:idempotency:s:x:r:wake:3:17"), FAMILY_IDEMPOTENCY, V("s:x:r:wake:3:17") },
	{ V("blocking:state:a"), FAMILY_STATE, V("a") },
	{ V("blocking:retry:sig:1:2"), FAMILY_RETRY, V("sig:1:2") },
	{ V("blocking:retry:failed:sig"), FAMILY_RETRY_FAILED, V("sig") },
	{ V("blocking:retry:failed:3"), FAMILY_RETRY_FAILED, V("3") },
	{ V("coordinator:activity:a"), FAMILY_ACTIVITY, V("a") },
	{ V("coordinator:work:s:a:w"), FAMILY_WORK, V("s:a:w") },
	{ V("coordinator:work:::::x:"), FAMILY_WORK, V("::::x:") },
	{ V("coordinator:escalation:a"), FAMILY_ESCALATION, V("a") },
	{ V("coordinator:spawn:n"), FAMILY_SPAWN, V("n") },
	{ V("circuit:breaker:status"), FAMILY_BREAKER, V("") },
	{ V("coordinator:circuit:a"), FAMILY_BREAKER, V("a") },
	{ V("coordkeep:roster"), FAMILY_OURS, V("roster") },
	{ V("coordkeep:"), FAMILY_OURS, V("") },
	/* Under blocking:, of no family. */
	{ V("blocking:"), FAMILY_OTHER, V("") },
	{ V("blocking:heartbeat"), FAMILY_OTHER, V("heartbeat") },
	{ V("blocking:heartbeat:"), FAMILY_OTHER, V("heartbeat:") },
	{ V("blocking:heartbeats:a"), FAMILY_OTHER, V("heartbeats:a") },
	{ V("blocking:Heartbeat:a"), FAMILY_OTHER, V("Heartbeat:a") },
	{ V("blocking:ack:"), FAMILY_OTHER, V("ack:") },
	{ V("blocking:retry:sig"), FAMILY_OTHER, V("retry:sig") },
	{ V("blocking:retry:sig:"), FAMILY_OTHER, V("retry:sig:") },
	{ V("blocking:retry::1"), FAMILY_OTHER, V("retry::1") },
	{ V("blocking:retry:sig:x"), FAMILY_OTHER, V("retry:sig:x") },
	{ V("blocking:retry:failed:"), FAMILY_OTHER, V("retry:failed:") },
	{ V("blocking:idempotency:s:wake:3:17"), FAMILY_OTHER, V("idempotency:s:wake:3:17") },
	{ V("blocking:idempotency:s::wake:3:17"), FAMILY_OTHER, V("idempotency:s::wake:3:17") },
	{ V("blocking:idempotency::r:wake:3:17"), FAMILY_OTHER, V("idempotency::r:wake:3:17") },
	{ V("blocking:idempotency:s:r::3:17"), FAMILY_OTHER, V("idempotency:s:r::3:17") },
	{ V("blocking:idempotency:s:r:wake:x:17"), FAMILY_OTHER, V("idempotency:s:r:wake:x:17") },
	{ V("blocking:idempotency:s:r:wake:3:"), FAMILY_OTHER, V("idempotency:s:r:wake:3:") },
	{ V("blocking:idempotency:s:r:wake:3:1e9"), FAMILY_OTHER, V("idempotency:s:r:wake:3:1e9") },
	/* Nobody's. */
	{ V(""), FAMILY_NONE, V("") },
	{ V("blocking"), FAMILY_NONE, V("") },
	{ V("blockingx:"), FAMILY_NONE, V("") },
	{ V("blockingx:heartbeat:a"), FAMILY_NONE, V("") },
	{ V("sblocking:heartbeat:a"), FAMILY_NONE, V("") },
	{ V(" blocking:heartbeat:a"), FAMILY_NONE, V("") },
	{ V("BLOCKING:heartbeat:a"), FAMILY_NONE, V("") },
	{ V("coordinator:"), FAMILY_NONE, V("") },
	{ V("coordinator:activity:"), FAMILY_NONE, V("") },
	{ V("coordinator:work:s:a"), FAMILY_NONE, V("") },
	{ V("coordinator:work:s:a:"), FAMILY_NONE, V("") },
	{ V("coordinator:work::a:w"), FAMILY_NONE, V("") },
	{ V("coordinator:work:s::w"), FAMILY_NONE, V("") },
	{ V("coordinator:circuit:"), FAMILY_NONE, V("") },
	{ V("coordinator:other:a"), FAMILY_NONE, V("") },
	{ V("circuit:breaker:status:"), FAMILY_NONE, V("") },
	{ V("circuit:breaker:statu"), FAMILY_NONE, V("") },
	{ V("coordkeep"), FAMILY_NONE, V("") },
};

START_TEST(each_key_has_its_family)
{
	struct bytes rest = B("untouched");
	enum family f = family_of(families[_i].key, &rest);

	ck_assert_msg(f == families[_i].family, "%s: %s", families[_i].key.p, family_name(f));
	ck_assert_msg(bytes_equal(rest, families[_i].rest), "%s: rest %.*s", families[_i].key.p,
	    (int)rest.n, rest.p);
	ck_assert(family_of(families[_i].key, NULL) == f);
}
END_TEST

START_TEST(names_are_those_of_the_documents)
{
	ck_assert_str_eq(family_name(FAMILY_HEARTBEAT), "heartbeat");
	ck_assert_str_eq(family_name(FAMILY_RETRY_FAILED), "retry-failed");
	ck_assert_str_eq(family_name(FAMILY_OURS), "ours");
	ck_assert_str_eq(family_name((enum family)-1), "none");
	ck_assert_str_eq(family_name(FAMILY_COUNT), "none");
}
END_TEST

START_TEST(a_key_is_made_and_read_back)
{
	static const enum family made[] = { FAMILY_HEARTBEAT, FAMILY_SIGNAL, FAMILY_WARNING,
		FAMILY_STATE, FAMILY_ACTIVITY, FAMILY_ESCALATION, FAMILY_SPAWN };
	static const struct bytes ids[] = { V("coord-1"), V("a:b"), V("*"), V("\xff \0[") };
	struct buf key = { 0 };
	struct bytes rest;
	size_t i;

	for (i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		buf_reset(&key);
		key_make(&key, made[_i], ids[i]);
		ck_assert(!key.failed);
		ck_assert(family_of(buf_view(&key), &rest) == made[_i]);
		ck_assert(bytes_equal(rest, ids[i]));
		ck_assert(key_may_belong(buf_view(&key), ids[i]));
		ck_assert_uint_eq(key_claim_count(buf_view(&key)), 1);
	}
	buf_free(&key);
}
END_TEST

START_TEST(no_key_is_made_where_one_id_is_not_enough)
{
	static const enum family refused[] = { FAMILY_NONE, FAMILY_ACK, FAMILY_IDEMPOTENCY,
		FAMILY_RETRY, FAMILY_WORK, FAMILY_BREAKER, FAMILY_OTHER, FAMILY_OURS, FAMILY_COUNT };
	struct buf key = { 0 };

	key_make(&key, refused[_i], B("a"));
	ck_assert(key.failed);
	buf_free(&key);
	key_make(&key, FAMILY_HEARTBEAT, B(""));
	ck_assert(key.failed);
	buf_free(&key);
}
END_TEST

static const struct {
	struct bytes key, id;
	bool may;
	size_t count;
} belongings[] = {
	{ V("blocking:heartbeat:coord-10"), V("coord-1"), false, 1 },
	{ V("blocking:heartbeat:coord-1"), V("coord-10"), false, 1 },
	{ V("blocking:heartbeat:coord-1:x"), V("coord-1"), false, 1 },
	{ V("blocking:ack:coord-10:s"), V("coord-1"), false, 2 },
	{ V("blocking:ack:coord-1:s"), V("coord-1"), true, 2 },
	{ V("blocking:ack:coord-1"), V("coord-1"), true, 1 },
	{ V("blocking:ack:a:b:c"), V("a:b:c"), true, 3 },
	{ V("blocking:ack:a:b:c"), V("b"), false, 3 },
	{ V("blocking:ack:a:"), V("a"), false, 1 },
	{ V("blocking:ack:a:"), V("a:"), true, 1 },
	{ V("blocking:ack::x"), V(":x"), true, 1 },
	{ V("blocking:idempotency:coord-1:coord-10:wake:1:17"), V("coord-1"), true, 2 },
	{ V("blocking:idempotency:coord-1:coord-10:wake:1:17"), V("coord-10"), true, 2 },
	{ V("blocking:idempotency:coord-10:coord-11:wake:1:17"), V("coord-1"), false, 2 },
	{ V("blocking:idempotency:a:coord-10:wake:1:17"), V("0"), false, 2 },
	{ V("blocking:idempotency:a:b:wake:1:17"), V("wake"), false, 2 },
	{ V("blocking:idempotency:a:a:wake:1:17"), V("a"), true, 1 },
	{ V("blocking:idempotency:a:b:c:wake:1:17"), V("a:b"), true, 4 },
	{ V("blocking:idempotency:a:b:c:wake:1:17"), V("b"), false, 4 },
	{ V("coordinator:work:s:coord-10:w"), V("coord-1"), false, 1 },
	{ V("coordinator:work:s:coord-1:w"), V("coord-1"), true, 1 },
	{ V("coordinator:work:s:a:b:w"), V("a:b"), true, 3 },
	{ V("coordinator:work:s:a:b:w"), V("s"), false, 3 },
	{ V("coordinator:work:s:a:b:w"), V("w"), false, 3 },
	{ V("coordinator:work:s:a:a:w"), V("a"), true, 2 },
	{ V("blocking:retry:a:1"), V("a"), false, 0 },
	{ V("blocking:retry:failed:a"), V("a"), false, 0 },
	{ V("coordinator:circuit:a"), V("a"), false, 0 },
	{ V("coordkeep:a"), V("a"), false, 0 },
	{ V("blocking:custom:a"), V("a"), false, 0 },
	{ V("heartbeat:a"), V("a"), false, 0 },
	{ V("blocking:heartbeat:a"), V(""), false, 1 },
};

START_TEST(a_key_belongs_only_to_ids_that_it_names)
{
	ck_assert_msg(key_may_belong(belongings[_i].key, belongings[_i].id) == belongings[_i].may,
	    "%s, %s", belongings[_i].key.p, belongings[_i].id.p);
	ck_assert_msg(key_claim_count(belongings[_i].key) == belongings[_i].count, "%s: %zu",
	    belongings[_i].key.p, key_claim_count(belongings[_i].key));
}
END_TEST

START_TEST(work_is_parsed_by_its_owner)
{
	struct bytes swarm, work;

	ck_assert(key_work_parse(B("coordinator:work:s:a:b:w"), B("a"), &swarm, &work));
	ck_assert(bytes_equal(swarm, B("s")) && bytes_equal(work, B("b:w")));
	ck_assert(key_work_parse(B("coordinator:work:s:a:b:w"), B("a:b"), &swarm, &work));
	ck_assert(bytes_equal(swarm, B("s")) && bytes_equal(work, B("w")));
	ck_assert(key_work_parse(B("coordinator:work:s:a:b:w"), B("b"), &swarm, &work));
	ck_assert(bytes_equal(swarm, B("s:a")) && bytes_equal(work, B("w")));
	ck_assert(!key_work_parse(B("coordinator:work:s:a:b:w"), B("c"), &swarm, &work));
	ck_assert(!key_work_parse(B("coordinator:work:s:a:b:w"), B(""), &swarm, &work));
	/* Two parses with the same owner: which swarm is a guess. */
	ck_assert(!key_work_parse(B("coordinator:work:s:a:a:w"), B("a"), &swarm, &work));
	ck_assert(!key_work_parse(B("coordinator:work:a:a"), B("a"), &swarm, &work));
	ck_assert(key_work_parse(B("coordinator:work:a:a:a"), B("a"), &swarm, &work));
	ck_assert(!key_work_parse(B("coordinator:activity:a"), B("a"), &swarm, &work));
}
END_TEST

static bool
stop_at_first(void *ctx, const struct key_claim *claim)
{
	(void)claim;
	++*(int *)ctx;
	return false;
}

START_TEST(a_walk_over_claims_can_be_stopped)
{
	static const struct bytes keys[] = { V("blocking:ack:a:b:c"),
		V("blocking:idempotency:a:b:c:t:1:2"), V("coordinator:work:s:a:b:w"),
		V("blocking:heartbeat:a") };
	int calls = 0;

	key_claims(keys[_i], stop_at_first, &calls);
	ck_assert_int_eq(calls, 1);
}
END_TEST

START_TEST(a_key_of_colons_costs_little)
{
	struct buf key = { 0 };
	size_t i;

	buf_str(&key, "coordinator:work:");
	for (i = 0; i < 200000; i++)
		buf_str(&key, "a:");
	buf_char(&key, 'w');
	ck_assert_uint_eq(key_claim_count(buf_view(&key)), 64);
	ck_assert(key_may_belong(buf_view(&key), B("a:a:a")));
	buf_free(&key);
}
END_TEST

/*
 * Against the plain definition: every way to cut the rest into parts that are
 * not empty, over random keys from an alphabet in which colons are frequent.
 */
#define MOST 12

struct claims {
	struct bytes ids[400];
	size_t n;
};

static bool
gather(void *ctx, const struct key_claim *claim)
{
	struct claims *c = ctx;

	ck_assert_uint_gt(claim->id.n, 0);
	c->ids[c->n++] = claim->id;
	return true;
}

static void
expect_work(struct bytes rest, struct claims *c)
{
	size_t a, b;

	for (a = 1; a < rest.n; a++)
		for (b = a + 2; b + 1 < rest.n; b++)
			if (rest.p[a] == ':' && rest.p[b] == ':')
				c->ids[c->n++] = (struct bytes){ rest.p + a + 1, b - a - 1 };
}

static void
expect_ack(struct bytes rest, struct claims *c)
{
	size_t a;

	c->ids[c->n++] = rest;
	for (a = 1; a + 1 < rest.n; a++)
		if (rest.p[a] == ':')
			c->ids[c->n++] = (struct bytes){ rest.p, a };
}

static void
expect_idempotency(struct bytes ids, struct claims *c)
{
	size_t a;

	for (a = 1; a + 1 < ids.n; a++) {
		if (ids.p[a] != ':')
			continue;
		c->ids[c->n++] = (struct bytes){ ids.p, a };
		c->ids[c->n++] = (struct bytes){ ids.p + a + 1, ids.n - a - 1 };
	}
}

static bool
has(const struct claims *c, struct bytes id)
{
	size_t i;

	for (i = 0; i < c->n; i++)
		if (bytes_equal(c->ids[i], id))
			return true;
	return false;
}

static size_t
distinct(const struct claims *c)
{
	struct claims seen = { .n = 0 };
	size_t i;

	for (i = 0; i < c->n; i++)
		if (!has(&seen, c->ids[i]))
			seen.ids[seen.n++] = c->ids[i];
	return seen.n;
}

static void
compare(struct bytes key, const struct claims *expected, struct bytes text)
{
	struct claims got = { .n = 0 };
	size_t i, from, n;

	key_claims(key, gather, &got);
	ck_assert_msg(got.n == expected->n, "%.*s: %zu claims, expected %zu", (int)key.n, key.p,
	    got.n, expected->n);
	for (i = 0; i < got.n; i++)
		ck_assert(has(expected, got.ids[i]));
	ck_assert_uint_eq(key_claim_count(key), distinct(expected));
	/* Each substring is an id: it may own the key exactly if it is claimed. */
	for (from = 0; from < text.n; from++) {
		for (n = 0; from + n <= text.n; n++) {
			struct bytes id = { text.p + from, n };

			ck_assert_msg(key_may_belong(key, id) == has(expected, id), "%.*s, %.*s",
			    (int)key.n, key.p, (int)id.n, id.p);
		}
	}
}

START_TEST(claims_are_all_the_parses)
{
	static const char letters[] = "ab::*";
	unsigned int seed = (unsigned int)time(NULL);
	struct buf key = { 0 };
	char text[MOST];
	size_t round, i, n;

	printf("claims_are_all_the_parses: seed %u\n", seed);
	srandom(seed);
	for (round = 0; round < 1000; round++) {
		struct claims work = { .n = 0 }, ack = { .n = 0 }, idempotency = { .n = 0 };
		struct bytes rest;

		n = 1 + (size_t)random() % MOST;
		for (i = 0; i < n; i++)
			text[i] = letters[(size_t)random() % (sizeof(letters) - 1)];
		rest = (struct bytes){ text, n };
		buf_reset(&key);
		buf_str(&key, "coordinator:work:");
		buf_bytes(&key, rest);
		expect_work(rest, &work);
		compare(buf_view(&key), &work, rest);
		buf_reset(&key);
		buf_str(&key, "blocking:ack:");
		buf_bytes(&key, rest);
		expect_ack(rest, &ack);
		compare(buf_view(&key), &ack, rest);
		buf_reset(&key);
		buf_str(&key, "blocking:idempotency:");
		buf_bytes(&key, rest);
		buf_str(&key, ":wake:7:1700000000000");
		expect_idempotency(rest, &idempotency);
		compare(buf_view(&key), &idempotency, rest);
	}
	buf_free(&key);
}
END_TEST

#define COUNT(a) (int)(sizeof(a) / sizeof((a)[0]))

Suite *
suite_keys(void)
{
	Suite *s = suite_create("keys");
	TCase *t = tcase_create("keys");

	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, each_key_has_its_family, 0, COUNT(families));
	tcase_add_test(t, names_are_those_of_the_documents);
	tcase_add_loop_test(t, a_key_is_made_and_read_back, 0, 7);
	tcase_add_loop_test(t, no_key_is_made_where_one_id_is_not_enough, 0, 9);
	tcase_add_loop_test(t, a_key_belongs_only_to_ids_that_it_names, 0, COUNT(belongings));
	tcase_add_test(t, work_is_parsed_by_its_owner);
	tcase_add_loop_test(t, a_walk_over_claims_can_be_stopped, 0, 4);
	tcase_add_test(t, a_key_of_colons_costs_little);
	tcase_add_test(t, claims_are_all_the_parses);
	suite_add_tcase(s, t);
	return s;
}
