#include "base/duration.h"
#include "base/log.h"
#include "delete.h"
#include "reap.h"

#define SHOWN_MAX 1000

struct sums {
	int64_t coordinators, keys;
	int64_t partly; /* coordinators of which keys went, but not all */
	int64_t orphans, orphan_keys;
	json_t *shown; /* the first of them, for JSON; may be NULL */
};

static void
show(struct sums *sums, const struct candidate *c)
{
	const char *field;
	json_t *id, *row;

	if (sums->shown == NULL || json_array_size(sums->shown) >= SHOWN_MAX)
		return;
	id = result_json_key(c->id, &field);
	row = json_pack("{s:s, s:I, s:I}", "verdict", c->verdict, "silence_ms",
	    (json_int_t)c->silence, "keys", (json_int_t)c->deleted);
	if (id != NULL && row != NULL && json_object_set_new(row, field, id) == 0)
		json_array_append_new(sums->shown, row);
	else
		json_decref(row);
}

/* Is all gone that was to go? */
static bool
is_whole(const struct candidate *c)
{
	return !c->failed && !c->left && (!c->heartbeat || c->heartbeat_gone);
}

/* It came back when some of its keys were gone already: that is no success. */
static void
tell_revived(struct reap *r, const struct candidate *c)
{
	if (c->revived && !run_dry(r->run))
		result_finding(r->result, "revived-meanwhile", SEVERITY_WARNING, c->id,
		    "came back while it was being cleaned up: %u of its keys had been deleted before "
		    "that; the journal has them", c->deleted);
}

/* Those whose keys went, a log line each. */
static struct sums
count(struct reap *r)
{
	struct sums sums = { .shown = json_array() };
	struct bytes id;
	char silence[32], age[32];
	void *value;
	size_t at = 0;

	while (map_next(r->candidates, &at, &id, &value)) {
		const struct candidate *c = value;

		if (c->deleted == 0)
			continue;
		if (c->orphan) {
			sums.orphans++;
			sums.orphan_keys += c->deleted;
		} else {
			sums.coordinators += is_whole(c);
			sums.partly += !is_whole(c);
			sums.keys += c->deleted;
		}
		tell_revived(r, c);
		show(&sums, c);
		duration_human(c->silence, silence, sizeof silence);
		duration_human(c->age, age, sizeof age);
		log_event(LOG_LEVEL_INFO, "reaped", &id, "%s %u key%s%s: %s, no sign of life for %s%s%s",
		    run_dry(r->run) ? "would delete" : "deleted", c->deleted,
		    c->deleted == 1 ? "" : "s", is_whole(c) ? "" : ", not all of it", c->verdict,
		    silence,
		    c->age > 0 ? ", stamped that long ago: " : "", c->age > 0 ? age : "");
	}
	return sums;
}

static void
give_metrics(struct reap *r, const struct sums *sums)
{
	result_gauge(r->result, "reap_stale_heartbeats", "Heartbeat keys found.",
	    (double)r->heartbeats);
	result_gauge(r->result, "reap_stale_oldest_heartbeat_seconds",
	    "The greatest age that a heartbeat is stamped with.", (double)r->oldest / 1000.0);
	result_gauge(r->result, "reap_stale_orphans",
	    "Ids that own keys and have neither a heartbeat nor a history.",
	    (double)result_get(r->result, "orphans"));
	result_gauge(r->result, "reap_stale_brake", "Is the brake on (mass loss)?", r->brake);
	result_counter(r->result, "reap_stale_coordinators_total",
	    "Stale coordinators that were cleaned up.", (double)sums->coordinators);
	result_counter(r->result, "reap_stale_keys_total", "Keys that were deleted.",
	    (double)result_get(r->result, "keys-deleted"));
}

static void
give_object(struct reap *r, struct sums *sums)
{
	const char *journal = deleter_journal_path(r->deleter);
	json_t *object = json_pack("{s:I, s:b, s:o, s:s?}", "heartbeats",
	    (json_int_t)r->heartbeats, "brake", r->brake, "coordinators", sums->shown, "journal",
	    journal);

	if (object != NULL)
		result_object(r->result, "reap_stale", object);
}

static long long
left_keys(const struct reap *r)
{
	return result_get(r->result, "keys-of-uncertain-owner") +
	    result_get(r->result, "keys-newer-than-threshold") +
	    result_get(r->result, "keys-changed-meanwhile");
}

/* Keys of which nobody can say that they are as this run wanted them. */
static long long
troubled_keys(const struct reap *r)
{
	return result_get(r->result, "unknown") + result_get(r->result, "failed");
}

/* What was left, and why. */
static void
say_left(struct reap *r)
{
	const long long alive = result_get(r->result, "coordinators-alive-after-all");
	const long long left = left_keys(r);

	if (alive > 0)
		result_say(r->result, "%lld %s alive after all and left (-v says why)", alive,
		    alive == 1 ? "was" : "were");
	if (left > 0)
		result_say(r->result, "%lld key%s left: of uncertain owner, newer than the threshold, or "
		    "changed meanwhile (-v names them)", left, left == 1 ? " was" : "s were");
}

/* The first two lines are those that people grep for: the same for one as for many. */
static void
say(struct reap *r, const struct sums *sums)
{
	const char *one = r->options->coordinator;
	const char *done = run_dry(r->run) ? "Would clean up" : "Cleaned up";

	if (one == NULL)
		result_say(r->result, "Found %lld heartbeat keys", (long long)r->heartbeats);
	if (r->brake)
		result_say(r->result, "The brake is on: nothing was looked at any further");
	else if (sums->coordinators + sums->partly > 0) {
		result_say(r->result, "%s %lld stale coordinators (%lld keys)", done,
		    (long long)sums->coordinators, (long long)sums->keys);
		if (sums->partly > 0)
			result_say(r->result, "%lld more %s not cleaned up whole: see the log",
			    (long long)sums->partly, sums->partly == 1 ? "was" : "were");
	} else if (one != NULL)
		result_say(r->result, "No key of %s is there that could be deleted", one);
	else if (troubled_keys(r) > 0)
		result_say(r->result, "No stale coordinator was cleaned up for certain: see the log");
	else if (left_keys(r) > 0 || result_get(r->result, "coordinators-alive-after-all") > 0 ||
	    result_has_finding(r->result, "value-too-large"))
		result_say(r->result, "Nothing %swas deleted: see the counts and findings",
		    sums->orphans > 0 ? "of a coordinator " : "");
	else
		result_say(r->result, "No stale keys found");
	if (sums->orphans > 0)
		result_say(r->result, "%s %lld orphan%s (%lld key%s)", done, (long long)sums->orphans,
		    sums->orphans == 1 ? "" : "s", (long long)sums->orphan_keys,
		    sums->orphan_keys == 1 ? "" : "s");
	say_left(r);
}

void
tell(struct reap *r, const char *why)
{
	struct sums sums = count(r);

	result_count(r->result, run_dry(r->run) ? "coordinators-to-reap" : "coordinators-reaped",
	    sums.coordinators);
	if (sums.orphans > 0)
		result_count(r->result, run_dry(r->run) ? "orphans-to-reap" : "orphans-reaped",
		    sums.orphans);
	/* A refusal says all that there is to say. */
	if (!r->options->all && (why == NULL || sums.keys + sums.orphan_keys > 0))
		say(r, &sums);
	give_metrics(r, &sums);
	give_object(r, &sums);
	if (deleter_journal_path(r->deleter) != NULL)
		result_say(r->result, "Undo with: reap-stale --undo %s",
		    deleter_journal_path(r->deleter));
	if (why != NULL)
		result_say(r->result, "Cleanup did not end: %s", why);
	else if (!run_dry(r->run) && !r->brake)
		result_say(r->result, troubled_keys(r) > 0 ? "Cleanup ended, with trouble" :
		    "Cleanup complete");
}
