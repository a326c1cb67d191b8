#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "coordination/record.h"
#include "delete.h"
#include "look.h"
#include "orphans.h"

static bool
reaping(const struct orphans *o)
{
	return o->reap->settings->reap_stale.orphans == ORPHANS_REAP;
}

static void
free_orphan(void *value)
{
	struct orphan *orphan = value;

	while (orphan->list != NULL) {
		struct orphan_key *next = orphan->list->next;

		free(orphan->list);
		orphan->list = next;
	}
}

struct orphans *
orphans_new(struct reap *r, struct error *e)
{
	struct orphans *o = calloc(1, sizeof *o);

	if (o == NULL || (o->ids = map_new(sizeof(struct orphan))) == NULL ||
	    (o->offered = map_new(0)) == NULL) {
		orphans_free(o);
		error_set(e, EX_SOFTWARE, "out of memory");
		return NULL;
	}
	o->reap = r;
	if (orphans_load(o, e) != 0) {
		orphans_free(o);
		return NULL;
	}
	return o;
}

void
orphans_free(struct orphans *o)
{
	if (o == NULL)
		return;
	map_free(o->ids, free_orphan);
	map_free(o->offered, NULL);
	free(o);
}

void
orphans_again(struct orphans *o)
{
	struct bytes id;
	void *value;
	size_t at = 0;

	while (map_next(o->ids, &at, &id, &value)) {
		struct orphan *orphan = value;

		free_orphan(orphan);
		*orphan = (struct orphan){ .before = orphan->before, .since = orphan->since };
	}
}

static uint64_t
mix(uint64_t a, uint64_t b)
{
	a ^= b + UINT64_C(0x9e3779b97f4a7c15) + (a << 6) + (a >> 2);
	return a * UINT64_C(0xff51afd7ed558ccd);
}

static int
enter(struct orphans *o, struct bytes id, enum family f, struct bytes key, uint64_t value,
    int64_t stamp)
{
	struct orphan *orphan = map_find(o->ids, id);
	struct orphan_key *kept;

	if (orphan == NULL && map_count(o->ids) >= ORPHANS_MAX) {
		o->untracked++;
		return 0;
	}
	if (orphan == NULL && (orphan = map_put(o->ids, id, NULL)) == NULL)
		return -1;
	/* A sum: no order. A key that SCAN returns twice costs a delay and nothing else. */
	orphan->digest += mix(roster_digest(key), value);
	orphan->keys++;
	orphan->ttl_less += o->pttl == TTL_NONE;
	if (stamp > orphan->newest)
		orphan->newest = stamp;
	if (!reaping(o) || orphan->since == 0)
		return 0;
	if ((kept = malloc(sizeof *kept + key.n)) == NULL)
		return -1;
	*kept = (struct orphan_key){ .next = orphan->list, .family = f, .n = key.n };
	memcpy(kept->bytes, key.p, key.n);
	orphan->list = kept;
	return 0;
}

struct choice {
	struct orphans *o;
	bool known;          /* an id that it may belong to is in the roster */
	size_t n;
	struct bytes ids[4];
};

static bool
claim(void *ctx, const struct key_claim *claim)
{
	struct choice *c = ctx;

	if (roster_find(&c->o->reap->roster, claim->id) != NULL)
		c->known = true;
	for (size_t i = 0; i < c->n; i++)
		if (bytes_equal(c->ids[i], claim->id))
			return true;
	if (c->n < 4)
		c->ids[c->n] = claim->id;
	c->n++;
	return !c->known;
}

static void
on_pttl(void *ctx, size_t tag, const struct reply *r)
{
	struct orphans *o = ctx;
	struct error e = { 0 };

	if (reply_refuses_key(r)) {
		reply_fail(r, &e, "PTTL");
		reap_refused(o->reap, *(const struct bytes *)(uintptr_t)tag, &e);
	} else if (reply_integer(r, &o->pttl))
		o->pttl_of = tag;
	else if (o->failed == 0)
		o->failed = reply_fail(r, &o->error, "PTTL of a key without owner");
}

static void
on_value(void *ctx, size_t tag, const struct reply *r)
{
	struct orphans *o = ctx;
	const struct bytes key = *(const struct bytes *)(uintptr_t)tag;
	struct choice c = { .o = o };
	struct bytes value = B(""), names;
	struct record *record = NULL;
	struct stamp stamp = { 0 };
	const char *why;
	enum family f = family_of(key, NULL);
	size_t first = 0, last;

	if (o->failed != 0 || o->pttl_of != tag || o->pttl == -2)
		return;
	reply_string(r, &value);
	key_claims(key, claim, &c);
	if (c.known || c.n == 0 || c.n > 4)
		return;
	last = c.n;
	if (f == FAMILY_SIGNAL || f == FAMILY_ACK)
		record = record_parse(value, &why);
	if (record != NULL)
		record_signal_time(record, &stamp);
	if (f == FAMILY_IDEMPOTENCY)
		stamp.ms = key_idempotency_time(key);
	else if (c.n > 1) {
		/* Of which id is the ack? Only its value can say. */
		last = 0;
		for (size_t i = 0; i < c.n && record != NULL; i++)
			if (record_text(record, "coordinatorId", &names) && bytes_equal(names, c.ids[i])) {
				first = i;
				last = i + 1;
			}
		if (last == 0)
			result_count(o->reap->result, "keys-of-uncertain-owner", 1);
	}
	for (size_t i = first; i < last; i++)
		if (enter(o, c.ids[i], f, key, roster_digest(value), stamp.ms) != 0)
			o->failed = error_set(&o->error, EX_SOFTWARE, "out of memory");
	record_free(record);
}

static bool
claim_work(void *ctx, const struct key_claim *claim)
{
	struct orphans *o = ctx;
	struct orphan *orphan;

	if (roster_find(&o->reap->roster, claim->id) != NULL ||
	    (map_find(o->ids, claim->id) == NULL && map_count(o->ids) >= ORPHANS_MAX))
		return true;
	if ((orphan = map_put(o->ids, claim->id, NULL)) == NULL) {
		o->failed = error_set(&o->error, EX_SOFTWARE, "out of memory");
		return false;
	}
	orphan->works = true;
	return true;
}

void
orphans_note_work(struct orphans *o, struct bytes key)
{
	/* In doubt, of all whose it could be. Only the reaping asks. */
	if (reaping(o))
		key_claims(key, claim_work, o);
}

int
orphans_note(struct orphans *o, const struct bytes *key, struct error *e)
{
	struct choice c = { .o = o };
	size_t tag = (size_t)(uintptr_t)key;

	key_claims(*key, claim, &c);
	if (c.known)
		return 0;
	if (o->failed != 0) {
		*e = o->error;
		return -1;
	}
	if (CLIENT_ADD(o->reap->client, CLIENT_REPEAT, on_pttl, o, tag, B("PTTL"), *key) != 0 ||
	    CLIENT_ADD(o->reap->client, CLIENT_REPEAT, on_value, o, tag, B("GETRANGE"), *key,
	        B("0"), B(HEARTBEAT_LAST)) != 0)
		return error_set(e, EX_SOFTWARE, "out of memory");
	return 0;
}

static int
offer(struct orphans *o, struct bytes id, const struct orphan *orphan, struct error *e)
{
	struct candidate *c;
	bool first;

	if (reap_is_held(o->reap, id))
		return 0;
	if ((c = reap_candidate(o->reap, id, e)) == NULL)
		return -1;
	c->verdict = "orphan";
	c->pttl = TTL_NONE;
	c->orphan = true;
	for (const struct orphan_key *k = orphan->list; k != NULL; k = k->next) {
		const struct bytes key = { k->bytes, k->n };

		if (map_put(o->offered, key, &first) == NULL)
			return error_set(e, EX_SOFTWARE, "out of memory");
		if (first && (deleter_offer(o->reap->deleter, key, k->family, c) != 0 ||
		                 deleter_full(o->reap->deleter)) &&
		    deleter_flush(o->reap->deleter, e) != 0)
			return -1;
	}
	return 0;
}

static void
report(struct orphans *o, struct bytes id, const struct orphan *orphan)
{
	result_count(o->reap->result, "orphans", 1);
	if (orphan->ttl_less == 0) {
		result_count(o->reap->result, "orphans-that-expire", 1);
		return;
	}
	result_finding(o->reap->result, "orphan", SEVERITY_WARNING, id,
	    "owns %u key%s, %u without a TTL, and has neither a heartbeat nor a history%s",
	    orphan->keys, orphan->keys == 1 ? "" : "s", orphan->ttl_less,
	    reaping(o) && orphan->works ? "; left, since it owns work" :
	    reaping(o) ? "; they go when two runs orphan_after apart have seen the same" :
	                 " (orphans = reap would delete them)");
}

static int
settle_one(struct orphans *o, struct bytes id, struct orphan *orphan, struct error *e)
{
	const int64_t now = run_now(o->reap->run);
	const int64_t after = o->reap->settings->reap_stale.orphan_after;
	const bool same = orphan->since != 0 && orphan->before == orphan->digest;
	const bool dry = run_dry(o->reap->run);

	if (orphan->keys > 0 && same && !orphan->works && reaping(o) && now - orphan->since >= after &&
	    orphan->newest <= now - after && roster_find(&o->reap->roster, id) == NULL) {
		result_count(o->reap->result, "orphans", 1);
		return offer(o, id, orphan, e);
	}
	if (orphan->keys > 0)
		report(o, id, orphan);
	if (same || dry || (orphan->keys == 0 && orphan->since == 0))
		return 0;
	orphan->since = now;
	return orphans_remember(o, id, orphan, e);
}

int
orphans_settle(struct orphans *o, struct error *e)
{
	struct bytes id;
	void *value;
	size_t at = 0;
	int outcome = 0;

	if (o->failed != 0) {
		*e = o->error;
		return -1;
	}
	if (o->untracked > 0)
		result_finding(o->reap->result, "orphans-not-tracked", SEVERITY_WARNING, B(""),
		    "%lld keys of further ids without an owner were not looked at: %d ids a run at most",
		    (long long)o->untracked, ORPHANS_MAX);
	while (outcome == 0 && map_next(o->ids, &at, &id, &value))
		outcome = settle_one(o, id, value, e);
	if (outcome == 0)
		outcome = deleter_flush(o->reap->deleter, e);
	if (outcome == 0 && !run_dry(o->reap->run))
		outcome = orphans_keep(o, e);
	return outcome;
}
