#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "batch.h"
#include "look.h"

/*
 * What is asked of a batch once more between its reading and its deletion: is
 * anything in it newer than the threshold, does an owner live after all, did a
 * pause or a hold come meanwhile?
 */

/* An owner is looked at again if the last look is older than that. */
#define LOOK_AGAIN_MS 1000

bool
batch_is_due(const struct item *item)
{
	return item->form == FORM_STRING || item->form == FORM_DUMP;
}

static int64_t
threshold_of(const struct deleter *d, const struct candidate *c)
{
	return c->orphan ? d->reap->settings->reap_stale.orphan_after :
	                   d->reap->settings->reap_stale.stale_after;
}

void
batch_note_deleted(struct item *item)
{
	if (item->owner == NULL)
		return;
	item->owner->deleted++;
	batch_note_gone(item);
}

void
batch_note_gone(struct item *item)
{
	if (item->owner != NULL)
		item->owner->heartbeat_gone |= item->family == FAMILY_HEARTBEAT;
}

bool
batch_regardless(const struct deleter *d)
{
	return d->reap->options->coordinator != NULL && run_forced(d->reap->run);
}

void
batch_revive(struct deleter *d, struct candidate *c, const char *why)
{
	if (!c->revived) {
		log_event(LOG_LEVEL_INFO, "revived", &c->id, "alive after all: %s; left", why);
		result_count(d->reap->result, "coordinators-alive-after-all", 1);
	}
	c->revived = c->left = true;
}

/* Has the heartbeat a TTL that it had not when it was judged: one that moved later, or one that
 * ends it soon, as a writer gives it? (ttl-fixer gives none to what is as old as that.) */
static bool
was_refreshed(const struct deleter *d, const struct candidate *c, int64_t pttl)
{
	if (pttl == TTL_NONE)
		return c->pttl != TTL_NONE;
	return pttl >= 0 && (pttl <= d->reap->settings->liveness.heartbeat_ttl_max ||
	                        (c->pttl != TTL_NONE && pttl > c->pttl));
}

bool
batch_is_as_judged(const struct deleter *d, const struct item *heartbeat)
{
	char sha1[SCRIPT_SHA1];

	return heartbeat->owner->heartbeat && script_sha1(heartbeat->bytes, sha1) == 0 &&
	    strcmp(sha1, heartbeat->owner->sha1) == 0 &&
	    !was_refreshed(d, heartbeat->owner, heartbeat->pttl);
}

/* One without a heartbeat may show by its activity that it lives. */
static void
compare_activity(struct deleter *d, struct candidate *c, const struct look *l, int64_t now)
{
	const struct roster_entry *entry = roster_find(&d->reap->roster, c->id);

	if (l->activity && now - l->activity_stamp <= threshold_of(d, c))
		batch_revive(d, c, "its activity is younger than the threshold");
	else if (l->activity_digest != 0 && entry != NULL && entry->activity != 0 &&
	    entry->activity != l->activity_digest)
		batch_revive(d, c, "its activity changed");
}

/* A heartbeat that changed, and a time that is newer than the threshold: written by
 * somebody, or for somebody, after the coordinator fell silent. */
void
batch_leave_newer(struct deleter *d, int64_t now)
{
	for (size_t i = 0; i < d->n; i++) {
		struct item *item = &d->items[i];

		if (item->owner == NULL || !batch_is_due(item) || batch_regardless(d))
			continue;
		if (item->family == FAMILY_HEARTBEAT && !item->as_judged)
			batch_revive(d, item->owner, "its heartbeat changed since it was judged");
		if (item->stamp == 0 || item->stamp <= now - threshold_of(d, item->owner))
			continue;
		item->form = FORM_LEFT;
		result_count(d->reap->result, "keys-newer-than-threshold", 1);
		log_event(LOG_LEVEL_DEBUG, "newer", &item->key, "left: newer than the threshold");
	}
}

int
batch_ask_roster(struct reap *r, struct candidate *const *c, size_t n, struct error *e)
{
	struct bytes *ids = calloc(n + 1, sizeof *ids);
	enum roster_state *states = calloc(n + 1, sizeof *states);
	int outcome = -1;

	if (ids == NULL || states == NULL) {
		error_set(e, EX_SOFTWARE, "out of memory");
		goto out;
	}
	for (size_t i = 0; i < n; i++)
		ids[i] = c[i]->id;
	outcome = roster_read_states(r->client, ids, n, states, e);
	for (size_t i = 0; outcome == 0 && i < n; i++) {
		const struct roster_entry *entry = roster_find(&r->roster, ids[i]);

		if (c[i]->left || states[i] == ROSTER_STATES ||
		    (entry != NULL && states[i] == entry->state))
			continue;
		log_event(LOG_LEVEL_INFO, "left", &ids[i], "left: another run has entered it as %s meanwhile",
		    roster_state_name(states[i]));
		if (states[i] == ROSTER_SUSPECT)
			result_count(r->result, "suspects-left-to-escalate-dead", 1);
		c[i]->left = true;
	}
out:
	free(ids);
	free(states);
	return outcome;
}

/* Is any owner of this batch alive after all, or another run's? */
int
batch_look_again(struct deleter *d, int64_t now, struct error *e)
{
	struct candidate **owners = calloc(d->n, sizeof(struct candidate *));
	struct bytes *ids = calloc(d->n, sizeof *ids);
	struct look *looks = calloc(d->n, sizeof *looks);
	struct error refused;
	size_t n = 0, i;
	int outcome = -1;

	if (owners == NULL || ids == NULL || looks == NULL) {
		error_set(e, EX_SOFTWARE, "out of memory");
		goto out;
	}
	for (i = 0; i < d->n; i++) {
		struct candidate *c = d->items[i].owner;

		if (!batch_is_due(&d->items[i]) || c == NULL ||
		    (c->looked != 0 && now - c->looked < LOOK_AGAIN_MS))
			continue;
		c->looked = now;
		owners[n] = c;
		ids[n++] = c->id;
	}
	if (batch_regardless(d))
		n = 0;
	outcome = look_many(d->reap->client, ids, n, now, reap_is_gentle(d->reap), NULL, looks, e);
	if (outcome == 0)
		outcome = batch_ask_roster(d->reap, owners, n, e);
	for (i = 0; outcome == 0 && i < n; i++) {
		if (owners[i]->heartbeat ? was_refreshed(d, owners[i], looks[i].pttl) : looks[i].pttl != -2)
			batch_revive(d, owners[i], "its heartbeat changed since it was judged");
		if (looks[i].refused) {
			look_refused(&refused);
			reap_refused(d->reap, owners[i]->id, &refused);
			owners[i]->left = true;
		}
		compare_activity(d, owners[i], &looks[i], now);
	}
out:
	free(owners);
	free(ids);
	free(looks);
	return outcome;
}

/* A pause or a hold that came meanwhile holds from the next batch on. */
int
batch_still_allowed(struct deleter *d, int64_t now, struct error *e)
{
	struct holds holds = { 0 };
	struct buf reason = { 0 };
	bool paused = false;
	int64_t left;
	int outcome = 0;

	if (run_forced(d->reap->run))
		return 0;
	if (pause_get(d->reap->client, &paused, &reason, &left, e) != 0 ||
	    holds_load(d->reap->client, &holds, e) != 0)
		outcome = -1;
	else if (paused)
		outcome = error_set(e, EX_TEMPFAIL, "paused meanwhile: %s", buf_cstr(&reason));
	for (size_t i = 0; outcome == 0 && i < d->n; i++) {
		struct candidate *c = d->items[i].owner;

		if (c != NULL && !c->left && holds_cover(&holds, c->id, now)) {
			log_event(LOG_LEVEL_INFO, "on-hold", &c->id, "put on hold meanwhile: left");
			c->left = true;
		}
	}
	holds_free(&holds);
	buf_free(&reason);
	return outcome;
}
