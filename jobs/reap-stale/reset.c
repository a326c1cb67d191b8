#include <string.h>

#include "base/log.h"
#include "coordination/census.h"
#include "coordination/record.h"
#include "delete.h"
#include "look.h"
#include "reap.h"

/*
 * --all, the guide's "complete system reset": every key of the families, work
 * included, and what the jobs keep about them. Never a lease, a pause, the
 * rotation or the clock reports. The roster goes last: a run that dies half
 * way leaves it to the next.
 */
struct reset {
	struct reap *reap;
	bool counting;     /* only look whether anybody lives */
	int64_t alive;
	struct map *living; /* a set of ids */
	int64_t keys;
	struct buf example;
	int64_t pttl;
	size_t pttl_of;
	int failed;
	struct error error;
};

static bool
goes(struct bytes key)
{
	switch (family_of(key, NULL)) {
	case FAMILY_NONE:
	case FAMILY_OTHER:
	case FAMILY_COUNT:
		return false;
	case FAMILY_OURS:
		return !bytes_starts(key, B("coordkeep:lease")) &&
		    !bytes_starts(key, B("coordkeep:rotation")) &&
		    !bytes_starts(key, B("coordkeep:clock")) &&
		    !bytes_equal(key, B("coordkeep:pause")) && !bytes_equal(key, B(ROSTER_KEY));
	default:
		return true;
	}
}

static void
on_pttl(void *ctx, size_t tag, const struct reply *r)
{
	struct reset *s = ctx;

	if (reply_integer(r, &s->pttl))
		s->pttl_of = tag;
}

static void
note_alive(struct reset *s, struct bytes id)
{
	bool added;

	if (map_put(s->living, id, &added) == NULL) {
		s->failed = error_set(&s->error, EX_SOFTWARE, "out of memory");
		return;
	}
	if (added && s->alive++ == 0)
		buf_escaped(&s->example, id, 64);
}

/* For a reset alive means: seen to beat, or stamped within the threshold, or not long to live by
 * its TTL: a doubt counts as alive. */
static void
on_value(void *ctx, size_t tag, const struct reply *r)
{
	struct reset *s = ctx;
	const int64_t now = run_now(s->reap->run);
	const int64_t stale = s->reap->settings->reap_stale.stale_after;
	const struct roster_entry *entry;
	struct bytes id;
	struct look l = { 0 };
	bool alive;

	if (s->pttl_of != tag)
		return;
	if (!look_heartbeat(s->pttl, r, &l)) {
		s->failed = reply_fail(r, &s->error, "reading a heartbeat");
		return;
	}
	if (l.form == HEARTBEAT_ABSENT)
		return;
	family_of(*(const struct bytes *)(uintptr_t)tag, &id);
	entry = roster_find(&s->reap->roster, id);
	alive = l.form == HEARTBEAT_UNREADABLE || now - l.stamp <= stale ||
	    (l.pttl >= 0 && l.pttl <= s->reap->settings->liveness.heartbeat_ttl_max) ||
	    (entry != NULL && (entry->heartbeat != l.digest || now - entry->last_life <= stale));
	if (alive)
		note_alive(s, id);
}

/* An activity record is a sign of life too. */
static void
on_activity(void *ctx, size_t tag, const struct reply *r)
{
	struct reset *s = ctx;
	struct record *record;
	struct stamp stamp;
	struct bytes id, value;
	const char *why;

	if (!reply_string(r, &value) || (record = record_parse(value, &why)) == NULL)
		return;
	family_of(*(const struct bytes *)(uintptr_t)tag, &id);
	if (record_activity_time(record, &stamp) &&
	    run_now(s->reap->run) - stamp.ms <= s->reap->settings->reap_stale.stale_after)
		note_alive(s, id);
	record_free(record);
}

/* Who showed life within the threshold may only have lost its keys, and who is on hold is to be left. */
static void
ask_roster(struct reset *s)
{
	const int64_t now = run_now(s->reap->run);
	struct bytes id;
	void *value;
	size_t at = 0;

	while (map_next(s->reap->roster.entries, &at, &id, &value)) {
		const struct roster_entry *entry = value;
		const int64_t last = entry->last_life > entry->last_seen ? entry->last_life :
		                                                           entry->last_seen;

		if (last != 0 && now - last <= s->reap->settings->reap_stale.stale_after &&
		    entry->heartbeat != 0 && entry->last_life != 0 && entry->state != ROSTER_REAPED &&
		    entry->state != ROSTER_RETIRED && entry->state != ROSTER_ESCALATED)
			note_alive(s, id);
	}
	at = 0;
	while (map_next(s->reap->holds.until, &at, &id, &value))
		if (holds_cover(&s->reap->holds, id, now))
			note_alive(s, id);
}

static int
on_page(void *ctx, const struct bytes *keys, size_t n)
{
	struct reset *s = ctx;
	struct client *c = s->reap->client;

	for (size_t i = 0; i < n && s->failed == 0; i++) {
		size_t tag = (size_t)(uintptr_t)&keys[i];

		if (!goes(keys[i]))
			continue;
		if (!s->counting)
			s->failed = deleter_offer(s->reap->deleter, keys[i], family_of(keys[i], NULL), NULL);
		else {
			s->keys++;
			if (family_of(keys[i], NULL) == FAMILY_ACTIVITY &&
			    CLIENT_ADD(c, CLIENT_REPEAT, on_activity, s, tag, B("GETRANGE"), keys[i],
			        B("0"), B(HEARTBEAT_LAST)) != 0)
				s->failed = error_set(&s->error, EX_SOFTWARE, "out of memory");
			if (family_of(keys[i], NULL) == FAMILY_HEARTBEAT &&
			    (CLIENT_ADD(c, CLIENT_REPEAT, on_pttl, s, tag, B("PTTL"), keys[i]) != 0 ||
			        CLIENT_ADD(c, CLIENT_REPEAT, on_value, s, tag, B("GETRANGE"), keys[i],
			            B("0"), B(HEARTBEAT_LAST)) != 0))
				s->failed = error_set(&s->error, EX_SOFTWARE, "out of memory");
		}
	}
	return s->failed;
}

static bool
full(void *ctx)
{
	const struct reset *s = ctx;

	return !s->counting && deleter_full(s->reap->deleter);
}

static void
again(void *ctx)
{
	struct reset *s = ctx;
	size_t at = 0;

	s->alive = s->keys = 0;
	buf_reset(&s->example);
	while (map_next(s->living, &at, NULL, NULL))
		map_remove_at(s->living, at);
}

static int
walk(struct reset *s, struct error *e)
{
	const struct scan_callbacks callbacks = { .page = on_page, .stop = full, .ctx = s };
	struct scan_result scanned = { 0 };

	do {
		if (run_scan(s->reap->run, NULL, &callbacks, again, scanned.cursor, &scanned, e) != 0 ||
		    deleter_flush(s->reap->deleter, e) != 0)
			return -1;
		if (s->failed != 0) {
			*e = s->error;
			return -1;
		}
		if (!scanned.complete && run_should_stop(s->reap->run)) {
			result_incomplete(s->reap->result);
			return error_set(e, EX_TEMPFAIL, "stopped in mid-pass: run it again to end it");
		}
	} while (!scanned.complete);
	return 0;
}

static int
permitted(struct reset *s, struct error *e)
{
	struct reap *r = s->reap;
	char question[200];

	if (s->alive > 0 && !run_forced(r->run))
		return error_set(e, EX_CRITICAL, "refused: %lld coordinator%s, among them %s, may live or be "
		    "on hold (stop them first; --force deletes their state all the same)",
		    (long long)s->alive, s->alive == 1 ? "" : "s", buf_cstr(&s->example));
	if (run_dry(r->run) || r->options->yes)
		return 0;
	snprintf(question, sizeof question,
	    "Delete all coordination state of db %d: %lld keys, work included?", run_db(r->run),
	    (long long)s->keys);
	if (!run_ask(r->run, question))
		return error_set(e, EX_USAGE, "not confirmed: type yes, or give --yes where there is no "
		    "terminal");
	return 0;
}

static int
forget(struct reap *r, struct error *e)
{
	const struct census nobody = { 0 };

	if (deleter_offer(r->deleter, B(ROSTER_KEY), FAMILY_OURS, NULL) != 0 ||
	    deleter_flush(r->deleter, e) != 0)
		return -1;
	roster_free(&r->roster);
	if (run_dry(r->run))
		return 0;
	/* Else the next run would miss those who were there. */
	return census_keep(&nobody, r->client, buf_cstr(&r->baseline_file),
	    r->began, run_now(r->run), r->settings->liveness.roster_keep, e);
}

int
reset_run(struct reap *r, struct error *e)
{
	struct reset s = { .reap = r, .counting = true };
	int outcome = -1;

	if ((s.living = map_new(0)) == NULL)
		return error_set(e, EX_SOFTWARE, "out of memory");
	if ((run_dry(r->run) || run_take_all_leases(r->run, e) == 0) && walk(&s, e) == 0) {
		ask_roster(&s);
		outcome = permitted(&s, e);
	}
	if (outcome == 0) {
		s.counting = false;
		outcome = walk(&s, e);
	}
	if (outcome == 0)
		outcome = forget(r, e);
	if (outcome == 0 || result_get(r->result, "keys-deleted") > 0)
		result_say(r->result, "%s %lld keys", run_dry(r->run) ? "Would delete" : "Deleted",
		    (long long)result_get(r->result,
		        run_dry(r->run) ? "keys-to-delete" : "keys-deleted"));
	map_free(s.living, NULL);
	buf_free(&s.example);
	return outcome;
}
