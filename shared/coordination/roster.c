#include "coordination/roster.h"

#include <stdlib.h>
#include <string.h>

/* A clock estimate and a PTTL are both off by some of a round trip: an expiry
 * that moved by less has not moved. */
#define EXPIRY_SLACK 1000

/*
 * FNV-1a (Fowler, Noll, Vo; draft-eastlake-fnv). Not keyed, since every host
 * has to compute the same: who wants a collision must be able to write
 * heartbeats, and gains from it that his own is taken for silent.
 */
uint64_t
roster_digest(struct bytes value)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);
	size_t i;

	for (i = 0; i < value.n; i++) {
		h ^= (unsigned char)value.p[i];
		h *= UINT64_C(0x100000001b3);
	}
	return h != 0 ? h : 1;
}

static void
free_text(void *value)
{

	buf_free(value);
}

static void
free_entry(void *value)
{

	free(((struct roster_entry *)value)->was);
}

void
roster_free(struct roster *r)
{

	map_free(r->entries, free_entry);
	map_free(r->damaged, free_text);
	memset(r, 0, sizeof(*r));
}

struct roster_entry *
roster_find(const struct roster *r, struct bytes id)
{

	return r->entries != NULL ? map_find(r->entries, id) : NULL;
}

void
roster_set_state(struct roster_entry *e, enum roster_state s, int64_t now)
{

	e->state = s;
	/* Never back, though the server's clock may go: the newer state wins by it. */
	if (now > e->since)
		e->since = now;
	if (s == ROSTER_SUSPECT || s == ROSTER_ESCALATED) {
		if (e->incarnation == 0)
			e->incarnation = e->last_life != 0 ? e->last_life :
			    e->first_sight != 0 ? e->first_sight : now;
	} else if (s != ROSTER_REAPED)
		e->incarnation = 0;
	e->changed = true;
}

/* Enter the heartbeat; true if it is a sign of life. */
static bool
observe_heartbeat(struct roster_entry *e, const struct sight *s, bool first)
{
	uint64_t digest = roster_digest(s->heartbeat_bytes);
	/* One that never comes, as PEXPIREAT takes it, is entered as the last that can be. */
	int64_t expiry = s->heartbeat_pttl < 0 ? 0 :
	    s->heartbeat_pttl > ROSTER_TIME_MAX - s->now ? ROSTER_TIME_MAX :
	    s->now + s->heartbeat_pttl;
	bool same = digest == e->heartbeat, life;

	/* Expiries that were given or taken away (ttl-fixer, PERSIST) are no
	 * writer's doing, and nor are those that came nearer. */
	life = !first && (!same ||
	    (e->expiry != 0 && expiry > e->expiry + EXPIRY_SLACK));
	if (!same) {
		/* What comes back after it was gone can be as old as it likes. */
		e->before = e->heartbeat != 0 ? e->last_seen : 0;
		e->heartbeat = digest;
	}
	/* Within the slack the older stands, so that small steps add up to a move. */
	if (!same || expiry == 0 || e->expiry == 0 || expiry > e->expiry + EXPIRY_SLACK ||
	    expiry < e->expiry - EXPIRY_SLACK)
		e->expiry = expiry;
	e->last_seen = s->now;
	e->seen_now = true;
	return life;
}

/* Enter the activity; true if it is a sign of life. One that was not there (or
 * not looked for) before proves nothing: only a change does. */
static bool
observe_activity(struct roster_entry *e, const struct sight *s)
{
	uint64_t digest = roster_digest(s->activity_bytes), old = e->activity;

	e->activity = digest;
	e->seen_now = true;
	return old != 0 && old != digest;
}

bool
roster_left(const struct roster_entry *e)
{

	return e->heartbeat == 0 && e->expiry > 0 && e->last_life < e->sight &&
	    e->sight < e->expiry - EXPIRY_SLACK;
}

struct roster_entry *
roster_observe(struct roster *r, struct bytes id, const struct sight *s)
{
	struct roster_entry *e;
	bool first, left, life = false;

	if (r->entries == NULL && (r->entries = map_new(sizeof(*e))) == NULL)
		return NULL;
	if ((e = map_put(r->entries, id, &first)) == NULL)
		return NULL;
	/* Nobody has decided anything: ${since} stays 0, and what another run decides meanwhile stands. */
	if (first)
		e->first_sight = s->now;
	/* By when it was gone is told by the first look that found it gone, not by the last. */
	left = !s->heartbeat && roster_left(e);
	if (s->heartbeat)
		life = observe_heartbeat(e, s, first);
	else
		e->heartbeat = 0; /* gone; expiry and last_seen tell of the last one */
	if (s->activity && observe_activity(e, s))
		life = true;
	if (s->now > e->sight && (life || !left))
		e->sight = s->now;
	if (life) {
		e->last_life = s->now;
		e->life_now = true;
		if (e->state == ROSTER_SUSPECT || e->state == ROSTER_RETIRED ||
		    e->state == ROSTER_REAPED)
			roster_set_state(e, ROSTER_KNOWN, s->now);
	}
	if (e->state == ROSTER_AWAITED && (s->heartbeat || s->activity))
		roster_set_state(e, ROSTER_KNOWN, s->now);
	e->changed = true;
	e->removed = false;
	return e;
}

void
roster_forget_old(struct roster *r, int64_t now, int64_t keep_ms)
{
	struct roster_entry *e;
	struct bytes id;
	size_t at = 0;
	void *value;
	int64_t last;

	if (r->entries == NULL)
		return;
	while (map_next(r->entries, &at, &id, &value)) {
		e = value;
		/* ${sight} does not count: a look that finds nothing keeps nobody. */
		last = e->last_seen;
		if (e->last_life > last)
			last = e->last_life;
		if (e->first_sight > last)
			last = e->first_sight;
		if (e->since > last)
			last = e->since;
		if (last < now - keep_ms)
			e->removed = true;
	}
}

struct evidence
roster_evidence(const struct roster_entry *e, const struct sight *s, enum heartbeat_form form,
    int64_t stamp, bool activity, int64_t activity_stamp)
{
	struct evidence v = {
		.now = s->now,
		.heartbeat = form,
		.stamp = stamp,
		.pttl = s->heartbeat_pttl,
		.activity = activity,
		.activity_stamp = activity_stamp,
		.first_sight = e->first_sight,
		.last_life = e->last_life,
		.last_seen = e->last_seen,
		.written_after = e->before,
		.life_now = e->life_now,
	};

	if (e->state == ROSTER_RETIRED || e->state == ROSTER_ESCALATED ||
	    e->state == ROSTER_REAPED)
		v.evidence_from = e->since;
	return v;
}
