#include <string.h>

#include "base/log.h"
#include "batch.h"

/*
 * What begins with "blocking:" or "coordinator:activity:", as one constant glob: the server
 * filters by its first nine bytes, family_of() decides.
 */
#define OWNED_KEYS "[bc][lo]o[cr][kd]in[ga]*"

struct pass {
	struct reap *reap;
	struct orphans *orphans; /* NULL: not looked for */
	struct error error;
	int failed;
};

struct ownership {
	struct reap *reap;
	struct candidate *owner;
	bool other_alive;
};

static bool
claim(void *ctx, const struct key_claim *claim)
{
	struct ownership *o = ctx;
	struct candidate *c = map_find(o->reap->candidates, claim->id);
	const struct roster_entry *entry;

	if (c != NULL) {
		if (o->owner == NULL)
			o->owner = c;
		return true;
	}
	if (reap_is_held(o->reap, claim->id))
		o->other_alive = true;
	entry = roster_find(&o->reap->roster, claim->id);
	if (entry != NULL && (entry->seen_now || entry->state == ROSTER_KNOWN ||
	                         entry->state == ROSTER_AWAITED || entry->state == ROSTER_SUSPECT))
		o->other_alive = true;
	return true;
}

/* The candidate that ${key} goes with, or NULL; *uncertain: another that may own it may live. */
static struct candidate *
owner_of(struct reap *r, struct bytes key, bool *uncertain)
{
	struct ownership o = { .reap = r };

	key_claims(key, claim, &o);
	*uncertain = o.owner != NULL && o.other_alive;
	return o.owner;
}

static int
visit(struct pass *p, const struct bytes *key)
{
	struct reap *r = p->reap;
	struct candidate *owner;
	bool uncertain;
	enum family f = family_of(*key, NULL);

	switch (f) {
	case FAMILY_SIGNAL:
	case FAMILY_ACK:
	case FAMILY_WARNING:
	case FAMILY_IDEMPOTENCY:
	case FAMILY_STATE:
	case FAMILY_ACTIVITY:
		break;
	case FAMILY_WORK:
		if (p->orphans != NULL)
			orphans_note_work(p->orphans, *key);
		return 0;
	default:
		return 0;
	}
	owner = owner_of(r, *key, &uncertain);
	if (uncertain) {
		result_count(r->result, "keys-of-uncertain-owner", 1);
		log_event(LOG_LEVEL_DEBUG, "uncertain-owner", key, "left: another that may own it lives");
		return 0;
	}
	if (owner != NULL)
		return owner->left ? 0 : deleter_offer(r->deleter, *key, f, owner);
	if (p->orphans != NULL && f != FAMILY_WARNING && f != FAMILY_ACTIVITY)
		return orphans_note(p->orphans, key, &p->error);
	return 0;
}

static int
on_page(void *ctx, const struct bytes *keys, size_t n)
{
	struct pass *p = ctx;

	for (size_t i = 0; i < n && p->failed == 0; i++)
		p->failed = visit(p, &keys[i]);
	return p->failed;
}

static bool
full(void *ctx)
{
	const struct pass *p = ctx;

	return deleter_full(p->reap->deleter);
}

static void
again(void *ctx)
{
	struct pass *p = ctx;

	if (p->orphans != NULL)
		orphans_again(p->orphans);
}

/* One pass, stopped whenever a batch is full, for it to be deleted. */
static int
walk(struct pass *p, struct error *e)
{
	const struct scan_callbacks callbacks = {
		.page = on_page, .stop = full, .ctx = p,
	};
	struct reap *r = p->reap;
	struct scan_result scanned = { 0 };

	do {
		if (run_scan(r->run, OWNED_KEYS, &callbacks, again, scanned.cursor, &scanned, e) != 0)
			return -1;
		if (deleter_flush(r->deleter, e) != 0)
			return -1;
		if (p->failed != 0) {
			*e = p->error;
			return -1;
		}
		if (!scanned.complete && run_should_stop(r->run)) {
			result_incomplete(r->result);
			return error_set(e, EX_TEMPFAIL, "stopped in mid-pass; the next run goes on");
		}
	} while (!scanned.complete);
	return 0;
}

/* Not to write over what another run has entered. */
static int
ask_roster(struct reap *r, struct error *e)
{
	const bool forced = r->options->coordinator != NULL && run_forced(r->run);
	struct candidate **c = calloc(map_count(r->candidates) + 1, sizeof(struct candidate *));
	struct bytes id;
	void *value;
	size_t at = 0, n = 0;
	int outcome = 0;

	if (c == NULL)
		return error_set(e, EX_SOFTWARE, "out of memory");
	while (map_next(r->candidates, &at, &id, &value))
		if (((struct candidate *)value)->heartbeat)
			c[n++] = value;
	if (!run_dry(r->run) && !forced)
		outcome = batch_ask_roster(r, c, n, e);
	free(c);
	return outcome;
}

/*
 * Before the heartbeats go the roster says who took them: one that is missing
 * before its time, and no job of ours removed, passes for a clean shutdown.
 */
static int
enter_reaped(struct reap *r, struct error *e)
{
	struct bytes id;
	void *value;
	size_t at = 0;

	while (map_next(r->candidates, &at, &id, &value)) {
		const struct candidate *c = value;
		struct roster_entry *entry = roster_find(&r->roster, id);

		if (c->heartbeat && !c->failed && !c->left && entry != NULL &&
		    entry->state != ROSTER_ESCALATED && entry->state != ROSTER_RETIRED)
			roster_set_state(entry, ROSTER_REAPED, run_now(r->run));
	}
	return run_dry(r->run) ? 0 :
	    roster_save(r->client, &r->roster, r->settings->liveness.roster_keep, e);
}

/* What was entered of those that came back before their heartbeat went is taken back; the roster is
 * saved once more at the end. */
static void
take_back_reaped(struct reap *r)
{
	struct bytes id;
	void *value;
	size_t at = 0;

	while (map_next(r->candidates, &at, &id, &value)) {
		const struct candidate *c = value;
		struct roster_entry *entry = roster_find(&r->roster, id);

		if (c->revived && entry != NULL && entry->state == ROSTER_REAPED)
			roster_set_state(entry, ROSTER_KNOWN, run_now(r->run));
	}
}

static int
delete_heartbeats(struct reap *r, struct error *e)
{
	struct bytes id;
	struct buf key = { 0 };
	void *value;
	size_t at = 0;
	int outcome = ask_roster(r, e) != 0 || enter_reaped(r, e) != 0 ? -1 : 0;

	while (outcome == 0 && map_next(r->candidates, &at, &id, &value)) {
		struct candidate *c = value;

		if (!c->heartbeat || c->failed || c->left)
			continue;
		buf_reset(&key);
		key_make(&key, FAMILY_HEARTBEAT, id);
		if (key.failed)
			outcome = error_set(e, EX_SOFTWARE, "out of memory");
		else
			outcome = deleter_offer(r->deleter, buf_view(&key), FAMILY_HEARTBEAT, c);
		if (outcome != 0 || deleter_full(r->deleter))
			outcome = deleter_flush(r->deleter, e);
	}
	if (outcome == 0)
		outcome = deleter_flush(r->deleter, e);
	take_back_reaped(r);
	buf_free(&key);
	return outcome;
}

int
dependents_run(struct reap *r, struct error *e)
{
	struct pass p = { .reap = r };
	const bool orphans = r->options->coordinator == NULL &&
	    r->settings->reap_stale.orphans != ORPHANS_OFF;
	int outcome = 0;

	if (map_count(r->candidates) == 0 && !orphans)
		return 0;
	if (orphans && (p.orphans = orphans_new(r, e)) == NULL)
		return -1;
	outcome = walk(&p, e);
	if (outcome == 0 && p.orphans != NULL)
		outcome = orphans_settle(p.orphans, e);
	if (outcome == 0)
		outcome = delete_heartbeats(r, e);
	orphans_free(p.orphans);
	return outcome;
}
