#include "sim.h"

#include <string.h>

/* What is lost: Redis and its record, hosts and their disks; and who comes back from it. */

/* Was a host excluded that runs all the same? Nothing but its own runs speak for it. */
bool
sim_is_outside(const struct sim *s, const struct host *h)
{
	const struct hosts *listed = &s->redis.record.hosts;

	return h->excluded && h->up && hosts_find(listed, h->name) == listed->n;
}

bool
sim_one_is_outside(const struct sim *s)
{
	size_t i;

	for (i = 0; i < s->hosts; i++) {
		if (sim_is_outside(s, &s->host[i]))
			return true;
	}
	return false;
}

/* An exclusion counts from when the record says it: its run may have been slow, and the host have gone
 * down meanwhile. */
void
sim_note_excluded(struct sim *s)
{
	const struct rotation *r = &s->redis.record, *seen = &s->seen;
	struct host *h;

	for (h = s->host; h < s->host + s->hosts; h++) {
		h->dropped |= s->redis.there && strcmp(r->id, seen->id) == 0 &&
		    hosts_find(&seen->hosts, h->name) < seen->hosts.n &&
		    hosts_find(&r->hosts, h->name) == r->hosts.n;
		h->excluded |= h->dropped && !h->up;
	}
	if (s->redis.there)
		s->seen = *r;
}

/* Such a host is waited for only as long as it reports: here its timer goes on. */
void
sim_hear_outside(struct sim *s)
{
	struct host *h;
	size_t i, j;

	for (i = 0; i < s->hosts && s->failure[0] == '\0'; i++) {
		h = &s->host[i];
		if (!sim_is_outside(s, h) || h->booting || s->now - h->evidence < HOUR / 2)
			continue;
		for (j = 0; j < SIM_RUNS; j++)
			sim_run_abandon(&h->run[j]);
		sim_run_whole(s, h, ORDER_NONE, false);
	}
}

static bool
one_is_ignorant(const struct sim *s)
{
	size_t i;

	for (i = 0; i < s->hosts; i++) {
		if (s->host[i].ignorant)
			return true;
	}
	return sim_one_is_outside(s);
}

static void
host_down(struct sim *s, struct host *h)
{
	size_t i;

	sim_trace(s, "%s: down", h->name);
	h->up = h->booting = h->hurt = h->restart_pending = false;
	h->away_since = s->now;
	host_kill_processes(h);
	for (i = 0; i < SIM_RUNS; i++)
		sim_run_abandon(&h->run[i]);
	if (sim_off(s, GUARD_COPY_SYNC))
		h->disk.copy = h->synced;
}

/* Does ${newest}, or any host, know that ${fp} is dropped, or has one dropped it? (Where the epoch is
 * given twice, the newest copy need not be that host's.) */
static bool
dropped(const struct sim *s, const struct rotation *newest, const char *fp)
{
	size_t i;

	for (i = 0; i < s->hosts; i++) {
		if (s->host[i].disk.copy.rotation.epoch > newest->epoch)
			newest = &s->host[i].disk.copy.rotation;
		if (!pair_accepts(&s->host[i].disk.file, fp))
			return true;
	}
	return newest->epoch > 0 && strcmp(fp, newest->sign) != 0 &&
	    (newest->phase == PHASE_RETIRE || strcmp(fp, newest->other) != 0);
}

/* What is in flight is kept: coordinators send again what they had sent. What the
 * snapshot holds beside it, long since read, is back; where its secret is being
 * dropped nothing can be done for it. */
static void
redis_become(struct sim *s, const struct redis *snapshot)
{
	struct redis was = s->redis;
	size_t i;

	s->redis_lost = true;
	s->redis = *snapshot;
	for (i = 0; i < SIM_MESSAGES; i++) {
		if (i < was.messages && (was.message[i].expires > s->now ||
		    i >= snapshot->messages || dropped(s, &was.record, snapshot->message[i].fp)))
			s->redis.message[i] = was.message[i];
	}
	if (was.messages > s->redis.messages)
		s->redis.messages = was.messages;
}

static void
redis_restore(struct sim *s, const struct redis *snapshot)
{
	redis_become(s, snapshot);
	sim_trace(s, "redis restored: epoch %llu %s", (unsigned long long)s->redis.record.epoch,
	    phase_name(s->redis.record.phase));
}

/* A host whose disk was restored, or that was excluded and comes back, knows
 * nothing, and where Redis has lost the record too, or has one from before the
 * rotation, it cannot even see that there is one. That takes a person: the man
 * page says so. Here the two do not come together. */
static bool
shows_nothing(const struct redis *redis, const struct disk *disk)
{
	const struct rotation *copy = &disk->copy.rotation;

	/* What its run would put back is no later than what it knows. */
	if (!redis->there || copy->epoch > redis->record.epoch)
		return copy->phase == PHASE_IDLE;
	return redis->record.phase == PHASE_IDLE;
}

/* Can a host come back with ${disk} and be told the rest? */
static bool
can_learn(const struct sim *s, const struct disk *disk)
{
	return s->redis.there && (s->redis.record.epoch >= sim_newest(s) ||
	    !shows_nothing(&s->redis, disk));
}

static bool
shows_nothing_to_one(const struct sim *s, const struct redis *redis)
{
	size_t i;

	for (i = 0; i < s->hosts; i++) {
		if (s->host[i].ignorant && shows_nothing(redis, &s->host[i].disk))
			return true;
	}
	return false;
}

void
event_host(struct sim *s)
{
	struct host *h = sim_host(s);
	const struct redis *snapshot = &s->snapshot[sim_random(s, SIM_SNAPSHOTS)];

	if (h->up && sim_chance(s, 25)) {
		host_down(s, h);
	} else if (!h->up && (!h->excluded || (sim_chance(s, 30) && can_learn(s, &h->disk)))) {
		/* Set up again from an old backup: that takes longer than host_timeout. */
		if (s->now - h->away_since > HOUR && sim_chance(s, 30) && can_learn(s, &h->image) &&
		    !one_is_ignorant(s)) {
			h->disk = h->image;
			h->ignorant = true;
			sim_trace(s, "%s: disk restored", h->name);
		}
		h->up = h->booting = true;
		h->ignorant |= h->excluded;
		/* The worst moment for it. */
		if (s->seed % MOODS == MOOD_HOSTS && !shows_nothing_to_one(s, snapshot) &&
		    (h->ignorant || (s->now - h->away_since > HOUR && sim_chance(s, 30))))
			redis_restore(s, snapshot);
		sim_trace(s, "%s: boots", h->name);
		if (sim_off(s, GUARD_CATCH_UP))
			host_start_coordinators(s, h);
	} else if (h->up && sim_chance(s, 20)) {
		h->image = h->disk;
	}
}

void
event_redis(struct sim *s)
{
	struct redis *snapshot = &s->snapshot[sim_random(s, SIM_SNAPSHOTS)];

	if (sim_chance(s, 60)) {
		*snapshot = s->redis;
	} else if (shows_nothing_to_one(s, snapshot)) {
		return;
	} else if (sim_chance(s, 50)) {
		redis_restore(s, snapshot);
	} else if (!one_is_ignorant(s) && sim_chance(s, 50)) {
		redis_become(s, &(struct redis){ .there = false });
		sim_trace(s, "redis flushed");
	}
}

/* The power goes and comes again, for the hosts and for Redis. */
void
event_power_cut(struct sim *s)
{
	size_t i;

	for (i = 0; i < s->hosts; i++) {
		if (s->host[i].up)
			host_down(s, &s->host[i]);
	}
	if (s->snapshot[0].there && !one_is_ignorant(s))
		redis_restore(s, &s->snapshot[0]);
	s->now += (int64_t)sim_random(s, 2 * HOUR);
	for (i = 0; i < s->hosts; i++) {
		if (!s->host[i].excluded)
			s->host[i].up = s->host[i].booting = true;
	}
}

/* One run goes to the Redis of another fleet, of the same hosts and the same secret. */
void
event_foreign(struct sim *s)
{
	struct host *h = sim_host(s);
	const struct disk before = h->disk;
	const struct redis own = s->redis;
	struct rotation *r = &s->redis.record;
	size_t i;

	if (!h->up || h->disk.copy.rotation.fleet[0] == '\0' || !sim_run_possible(s, h))
		return;
	sim_trace(s, "%s: goes to another Redis", h->name);
	*r = h->disk.copy.rotation;
	memset(r->id, 'f', 32);
	memset(r->fleet, 'f', 32);
	memcpy(r->other, r->sign, FINGERPRINT_SIZE);
	sim_secret(s, r->sign);
	r->epoch = 1 + sim_random(s, 60);
	r->phase = PHASE_PROMOTE;
	s->redis.there = true;
	for (i = 0; i < s->redis.reports.n; i++) {
		s->redis.reports.report[i].epoch = s->redis.reports.report[i].copy = r->epoch;
		s->redis.reports.report[i].time = s->now;
	}
	sim_run_whole(s, h, ORDER_NONE, false);
	s->redis = own;
	if (memcmp(&before.file, &h->disk.file, sizeof(before.file)) != 0 ||
	    before.copy.rotation.epoch != h->disk.copy.rotation.epoch)
		sim_fail(s, "%s went by the record of another fleet", h->name);
}
