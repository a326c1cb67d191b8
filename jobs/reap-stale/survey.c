#include <stdlib.h>
#include <string.h>

#include "base/duration.h"
#include "base/log.h"
#include "survey.h"

/* As in escalate-dead: so far may a time in the roster lie in the future. */
#define AHEAD 60000

struct survey {
	struct reap *reap;
	struct map *doubts; /* a set of ids on which a direct look decides */
	int64_t pttl;       /* the last reply to PTTL, and the key that it is of */
	size_t pttl_of;
	struct error error;
	int failed;
};

static struct liveness_limits
limits(const struct reap *r)
{
	return (struct liveness_limits){
		.threshold = r->settings->reap_stale.stale_after,
		.confirm = r->settings->liveness.confirm,
		.heartbeat_ttl_max = r->settings->liveness.heartbeat_ttl_max,
		.skew_tolerance = r->settings->liveness.skew_tolerance,
	};
}

struct judgement
survey_judge(const struct reap *r, const struct roster_entry *entry, const struct look *l, int64_t now)
{
	const struct liveness_limits lim = limits(r);
	const struct sight sight = {
		.now = now,
		.heartbeat = l->form != HEARTBEAT_ABSENT,
		.heartbeat_pttl = l->pttl,
	};
	const struct evidence evidence = roster_evidence(entry, &sight, l->form, l->stamp,
	    l->activity, l->activity_stamp);

	return liveness_judge(&evidence, &lim);
}

bool
survey_expires(const struct reap *r, const struct look *l)
{
	return l->pttl >= 0 && l->pttl <= r->settings->liveness.heartbeat_ttl_max;
}

void
survey_oddities(struct reap *r, struct bytes id, const struct look *l, const struct judgement *j)
{
	char low[32], high[32];
	bool one;

	if (l->form == HEARTBEAT_UNREADABLE)
		result_finding(r->result, "unreadable-heartbeat", SEVERITY_WARNING, id,
		    "its heartbeat %s: nothing can be told from it; it is left alone", l->why);
	if (j->skewed) {
		duration_human(j->skew_low, low, sizeof low);
		duration_human(j->skew_high, high, sizeof high);
		/* Both may be the same as they are shown. */
		one = j->skew_high == INT64_MAX || strcmp(low, high) == 0;
		result_finding(r->result, "skewed-clock", SEVERITY_WARNING, id,
		    "its clock is off by %s%s%s%s (run clock-audit -v)",
		    j->skew_high == INT64_MAX ? "at least " : "", low, one ? "" : " to ", one ? "" : high);
	}
}

int
survey_condemn(struct reap *r, struct bytes id, const struct look *l, const char *verdict,
    int64_t silence, struct error *e)
{
	struct candidate *c;

	if (reap_is_held(r, id)) {
		result_count(r->result, "coordinators-on-hold", 1);
		log_event(LOG_LEVEL_INFO, "on-hold", &id, "%s, but on hold: left", verdict);
		return 0;
	}
	if ((c = reap_candidate(r, id, e)) == NULL)
		return -1;
	c->verdict = verdict;
	c->heartbeat = l->form != HEARTBEAT_ABSENT;
	memcpy(c->sha1, l->sha1, sizeof c->sha1);
	c->pttl = l->pttl;
	c->silence = silence;
	if (l->form == HEARTBEAT_READABLE)
		c->age = run_now(r->run) - l->stamp;
	return 0;
}

static void
on_pttl(void *ctx, size_t tag, const struct reply *r)
{
	struct survey *s = ctx;

	if (reply_integer(r, &s->pttl))
		s->pttl_of = tag;
	else if (s->failed == 0)
		s->failed = reply_fail(r, &s->error, "reading a heartbeat's TTL");
}

/* The heartbeat ${key} of ${value} was met. */
static void
met(struct survey *s, struct bytes key, const struct look *l, struct bytes value)
{
	struct reap *reap = s->reap;
	const int64_t now = run_now(reap->run);
	const struct sight sight = { .now = now, .heartbeat = true, .heartbeat_pttl = l->pttl,
		.heartbeat_bytes = value };
	struct roster_entry *entry;
	struct judgement j;
	struct bytes id;

	family_of(key, &id);
	entry = roster_find(&reap->roster, id);
	if (entry != NULL && entry->seen_now)
		return;
	reap->heartbeats++;
	if (l->form == HEARTBEAT_READABLE && now - l->stamp > reap->oldest)
		reap->oldest = now - l->stamp;
	if ((entry = roster_observe(&reap->roster, id, &sight)) == NULL)
		goto memory;
	j = survey_judge(reap, entry, l, now);
	survey_oddities(reap, id, l, &j);
	if ((j.verdict == VERDICT_STALE || j.confirmable) && map_put(s->doubts, id, NULL) == NULL)
		goto memory;
	return;
memory:
	s->failed = error_set(&s->error, EX_SOFTWARE, "out of memory");
}

/* It was empty: is it there, or did it expire between the two looks? */
static void
on_exists(void *ctx, size_t tag, const struct reply *r)
{
	struct survey *s = ctx;
	const struct look l = { .form = HEARTBEAT_UNREADABLE, .why = "is empty", .pttl = TTL_NONE,
		.digest = roster_digest(B("")) };
	int64_t there;

	if (s->failed != 0)
		return;
	if (!reply_integer(r, &there))
		s->failed = reply_fail(r, &s->error, "reading a heartbeat");
	else if (there > 0)
		met(s, *(const struct bytes *)(uintptr_t)tag, &l, B(""));
}

static void
on_value(void *ctx, size_t tag, const struct reply *r)
{
	struct survey *s = ctx;
	const struct bytes key = *(const struct bytes *)(uintptr_t)tag;
	struct bytes value = B("");
	struct look l = { 0 };

	/* Its PTTL was lost or came out of turn: the next run sees it. */
	if (s->failed != 0 || s->pttl_of != tag)
		return;
	if (!look_heartbeat(s->pttl, r, &l))
		s->failed = reply_fail(r, &s->error, "reading a heartbeat");
	else if (l.form == HEARTBEAT_ABSENT)
		return;
	else if (reply_string(r, &value) && value.n == 0)
		(void)CLIENT_ADD(s->reap->client, CLIENT_REPEAT, on_exists, s, tag, B("EXISTS"), key);
	else
		met(s, key, &l, value);
}

static int
on_page(void *ctx, const struct bytes *keys, size_t n)
{
	struct survey *s = ctx;
	struct client *c = s->reap->client;

	for (size_t i = 0; i < n && s->failed == 0; i++) {
		size_t tag = (size_t)(uintptr_t)&keys[i];

		if (family_of(keys[i], NULL) != FAMILY_HEARTBEAT)
			continue;
		if (CLIENT_ADD(c, CLIENT_REPEAT, on_pttl, s, tag, B("PTTL"), keys[i]) != 0 ||
		    CLIENT_ADD(c, CLIENT_REPEAT, on_value, s, tag, B("GETRANGE"), keys[i], B("0"),
		        B(HEARTBEAT_LAST)) != 0)
			s->failed = error_set(&s->error, EX_SOFTWARE, "out of memory");
	}
	return s->failed;
}

static void
again(void *ctx)
{
	struct survey *s = ctx;
	struct bytes id;
	void *value;
	size_t at = 0;

	s->reap->heartbeats = s->reap->oldest = 0;
	while (map_next(s->doubts, &at, &id, &value))
		map_remove(s->doubts, id);
	at = 0;
	while (map_next(s->reap->roster.entries, &at, &id, &value))
		((struct roster_entry *)value)->seen_now = false;
}

/* The ids of a set as an array, which the caller frees; they live in the set. */
static struct bytes *
ids_of(const struct map *set, size_t *n, struct error *e)
{
	struct bytes *ids = calloc(map_count(set) + 1, sizeof *ids);
	void *value;
	size_t at = 0;

	*n = 0;
	if (ids == NULL) {
		error_set(e, EX_SOFTWARE, "out of memory");
		return NULL;
	}
	while (map_next(set, &at, &ids[*n], &value))
		(*n)++;
	return ids;
}

bool
survey_fell_unseen(const struct reap *r, const struct roster_entry *entry, int64_t stamp)
{
	/* Two runs within a beat of it have watched nothing. */
	const int64_t watched = r->settings->escalate_dead.dead_after;

	if (!entry->known)
		return false;
	if (entry->last_life != 0)
		return entry->sight_before - entry->last_life < watched;
	/* Met before, and dead already then, by its stamp? Then this is the second look. */
	return entry->sight_before - entry->first_sight < watched &&
	    entry->first_sight - stamp <= r->settings->reap_stale.stale_after;
}

/*
 * Look directly at the doubtful ids. With ${last} false, those that only time can
 * confirm stay in the set and everything else leaves it; *waiting says how many stay.
 */
static int
resolve(struct reap *r, struct map *doubts, bool last, size_t *waiting, struct error *e)
{
	size_t n;
	struct bytes *ids = ids_of(doubts, &n, e);
	struct look *looks = calloc(n + 1, sizeof *looks);
	int64_t now = run_now(r->run);
	int outcome = ids == NULL || looks == NULL ? -1 : 0;

	*waiting = 0;
	if (outcome == 0)
		outcome = look_many(r->client, ids, n, now, reap_is_gentle(r), &r->roster,
		    looks, e);
	for (size_t i = 0; outcome == 0 && i < n; i++) {
		struct roster_entry *entry = roster_find(&r->roster, ids[i]);
		struct error refused;
		struct judgement j;

		if (entry == NULL)
			continue;
		if (looks[i].refused) {
			look_refused(&refused);
			reap_refused(r, ids[i], &refused);
			map_remove(doubts, ids[i]);
			continue;
		}
		j = survey_judge(r, entry, &looks[i], now);
		if (!last && (j.confirmable ||
		                 (j.verdict == VERDICT_STALE && survey_fell_unseen(r, entry, looks[i].stamp)))) {
			(*waiting)++;
			continue;
		}
		if (j.verdict == VERDICT_STALE && entry->state != ROSTER_SUSPECT &&
		    entry->state != ROSTER_AWAITED && !survey_expires(r, &looks[i]))
			outcome = survey_condemn(r, ids[i], &looks[i], verdict_name(j.verdict), j.silence, e);
		else if (j.verdict == VERDICT_STALE && entry->state == ROSTER_SUSPECT)
			result_count(r->result, "suspects-left-to-escalate-dead", 1);
		map_remove(doubts, ids[i]);
	}
	free(ids);
	free(looks);
	return outcome;
}

static int
confirm(struct reap *r, struct map *doubts, struct error *e)
{
	size_t waiting;
	char wait[32];

	if (map_count(doubts) == 0)
		return 0;
	if (resolve(r, doubts, false, &waiting, e) != 0)
		return -1;
	if (waiting == 0)
		return 0;
	duration_human(r->settings->liveness.confirm, wait, sizeof wait);
	log_info("confirm", "%zu heartbeat%s look%s dead at first sight: looking again in %s",
	    waiting, waiting == 1 ? "" : "s", waiting == 1 ? "s" : "", wait);
	if (!run_sleep(r->run, r->settings->liveness.confirm)) {
		result_incomplete(r->result);
		return error_set(e, EX_TEMPFAIL, "stopped before the second look; what was seen is kept "
		    "for the next run");
	}
	return resolve(r, doubts, true, &waiting, e);
}

/* Those whose heartbeat is long gone and what they owned is not. */
static int
condemn_departed(struct reap *r, struct error *e)
{
	const int64_t now = run_now(r->run);
	const struct look absent = { .form = HEARTBEAT_ABSENT, .pttl = TTL_NONE };
	struct bytes id;
	void *value;
	size_t at = 0;

	while (map_next(r->roster.entries, &at, &id, &value)) {
		const struct roster_entry *entry = value;

		if (entry->seen_now ||
		    (entry->state != ROSTER_RETIRED && entry->state != ROSTER_ESCALATED &&
		        entry->state != ROSTER_REAPED) ||
		    now - entry->since < r->settings->reap_stale.stale_after)
			continue;
		if (survey_condemn(r, id, &absent, roster_state_name(entry->state), now - entry->since, e) != 0)
			return -1;
	}
	return 0;
}

void
survey_ahead(struct reap *r, struct bytes id, const struct roster_entry *entry)
{
	const int64_t last = entry->last_life > entry->first_sight ? entry->last_life :
	    entry->first_sight;
	const int64_t by = last - run_now(r->run);
	char text[32];

	if (!entry->known || !entry->seen_now || entry->life_now || by <= AHEAD)
		return;
	duration_human(by, text, sizeof text);
	result_finding(r->result, "roster-ahead", SEVERITY_WARNING, id,
	    "the roster has seen it %s from now: its silence is not counted before then. If it is dead, "
	    "HDEL " ROSTER_KEY " of it, and it is judged anew", text);
}

static void
tell_ahead(struct reap *r)
{
	struct bytes id;
	void *value;
	size_t at = 0;

	while (map_next(r->roster.entries, &at, &id, &value))
		survey_ahead(r, id, value);
}

int
survey_run(struct reap *r, struct error *e)
{
	struct survey s = { .reap = r };
	const struct scan_callbacks callbacks = { .page = on_page, .ctx = &s };
	struct scan_result scanned;
	int outcome = -1;

	if ((s.doubts = map_new(0)) == NULL)
		return error_set(e, EX_SOFTWARE, "out of memory");
	if (run_scan(r->run, "blocking:heartbeat:*", &callbacks, again, 0, &scanned, e) != 0) {
		if (s.failed != 0)
			*e = s.error;
	} else if (s.failed != 0)
		*e = s.error;
	else if (!scanned.complete)
		error_set(e, EX_TEMPFAIL, "stopped while looking for heartbeats");
	else if (confirm(r, s.doubts, e) == 0 && condemn_departed(r, e) == 0) {
		tell_ahead(r);
		outcome = survey_brake(r, e);
	}
	map_free(s.doubts, NULL);
	if (outcome == 0 && !r->roster.existed)
		log_info("first-run", "no history yet: a heartbeat that keeps its TTL is judged by the "
		    "signs of life that later runs see");
	return outcome;
}
