#include "sim.h"

#include <string.h>

/* What happens often, in four moods: nothing more than else; Redis is lost;
 * hosts go and come; runs are killed and frozen. */
enum mood { MOOD_PLAIN, MOOD_REDIS, MOOD_HOSTS, MOOD_RUNS, MOODS };

/* ---- what happens ---- */

static struct host *
some_host(struct sim *s)
{
	return &s->host[sim_random(s, s->hosts)];
}

static void
event_step_run(struct sim *s)
{
	struct host *h = some_host(s);
	struct run *r;
	size_t i;

	for (i = 0; i < SIM_RUNS; i++) {
		r = &h->run[(s->step + (int)i) % SIM_RUNS];
		if (r->active && s->now >= r->frozen_until) {
			sim_run_resume(r);
			return;
		}
	}
}

static void
event_begin_run(struct sim *s)
{
	struct host *h = some_host(s);

	if (h->up)
		sim_run_begin(s, h, ORDER_NONE, NULL, h->booting);
}

static void
event_time(struct sim *s)
{
	uint64_t kind = sim_random(s, 100);

	if (kind < 80)
		s->now += 1 + (int64_t)sim_random(s, MINUTE);
	else if (kind < 98)
		s->now += (int64_t)sim_random(s, 20 * MINUTE);
	else
		s->now += (int64_t)sim_random(s, 14 * HOUR);
}

static void
event_freeze_or_crash(struct sim *s)
{
	struct host *h = some_host(s);
	struct run *r = &h->run[sim_random(s, SIM_RUNS)];

	if (!r->active)
		return;
	if (sim_chance(s, 40)) {
		sim_trace(s, "%s: run killed", h->name);
		sim_run_abandon(r);
	} else {
		r->frozen_until = s->now + (int64_t)sim_random(s, sim_chance(s, 10) ? 60 * HOUR :
		    HOUR);
		sim_trace(s, "%s: run frozen", h->name);
	}
}

static void
event_process(struct sim *s)
{
	struct host *h = some_host(s);
	struct process *p = &h->process[sim_random(s, h->processes)];
	size_t i;

	if (!h->up || h->booting)
		return;
	if (h->restart_pending && sim_chance(s, 50)) {
		h->restart_pending = false;
		for (i = 0; i < h->processes; i++)
			process_start(h, &h->process[i], sim_chance(s, 30));
		sim_trace(s, "%s: the restart that timed out is done", h->name);
	} else if (p->state == PROCESS_STARTING) {
		process_up(h, p);
		sim_trace(s, "%s: a process is up (%s, %s)", h->name, p->env.sign + 12,
		    p->env.other[0] == '\0' ? "-" : p->env.other + 12);
	} else if (sim_chance(s, 30)) {
		process_start(h, p, sim_chance(s, 60));
		sim_trace(s, "%s: a process restarts by itself", h->name);
	}
}

/* Most are read, and gone, long before they expire. */
static void
read_message(struct sim *s)
{
	size_t i = s->redis.messages == 0 ? 0 : sim_random(s, s->redis.messages);

	if (i < s->redis.messages && s->redis.message[i].visible <= s->now)
		s->redis.message[i].expires = s->now;
}

static void
event_message(struct sim *s)
{
	struct host *h = some_host(s);
	struct process *p = &h->process[sim_random(s, h->processes)];
	struct message *m;
	size_t i;

	read_message(s);
	if (p->state != PROCESS_RUNNING)
		return;
	for (i = 0; i < s->redis.messages && s->redis.message[i].expires > s->now; i++)
		;
	if (i == SIM_MESSAGES)
		i = sim_random(s, SIM_MESSAGES);
	else if (i == s->redis.messages)
		s->redis.messages++;
	m = &s->redis.message[i];
	memcpy(m->fp, p->env.sign, FINGERPRINT_SIZE);
	m->visible = s->now;
	if (sim_chance(s, 5)) {
		/* A writer with a longer TTL than the drain knows of: the pass sees it. */
		m->expires = s->now + 24 * HOUR + (int64_t)sim_random(s, 36 * HOUR);
	} else {
		/* One that is sent again later, within the retry TTL, under the same signature. */
		if (sim_chance(s, 30))
			m->visible += (int64_t)sim_random(s, HOUR);
		m->expires = m->visible + (int64_t)sim_random(s, 24 * HOUR);
	}
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

/* Does any host know that ${fp} is dropped? */
static bool
dropped(const struct sim *s, const char *fp)
{
	const struct rotation *newest = &s->redis.record;
	size_t i;

	for (i = 0; i < s->hosts; i++) {
		if (s->host[i].disk.copy.rotation.epoch > newest->epoch)
			newest = &s->host[i].disk.copy.rotation;
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
		    i >= snapshot->messages || dropped(s, snapshot->message[i].fp)))
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

static bool
one_is_ignorant(const struct sim *s)
{
	size_t i;

	for (i = 0; i < s->hosts; i++) {
		if (s->host[i].ignorant)
			return true;
	}
	return false;
}

static void
event_host(struct sim *s)
{
	struct host *h = some_host(s);
	const struct redis *snapshot = &s->snapshot[sim_random(s, SIM_SNAPSHOTS)];

	if (h->up && sim_chance(s, 25)) {
		host_down(s, h);
	} else if (!h->up && (!h->excluded || (sim_chance(s, 30) && can_learn(s, &h->disk)))) {
		/* Set up again from an old backup: that takes longer than host_timeout. */
		if (s->now - h->away_since > HOUR && sim_chance(s, 30) && can_learn(s, &h->image)) {
			h->disk = h->image;
			h->ignorant = true;
			sim_trace(s, "%s: disk restored", h->name);
		}
		h->up = h->booting = true;
		h->ignorant |= h->excluded;
		/* The worst moment for it. */
		if (h->ignorant && !shows_nothing(snapshot, &h->disk) && s->seed % MOODS == MOOD_HOSTS)
			redis_restore(s, snapshot);
		sim_trace(s, "%s: boots", h->name);
		if (sim_off(s, GUARD_CATCH_UP))
			host_start_coordinators(h);
	} else if (h->up) {
		h->image = h->disk;
	}
}

static void
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

/* A good while: every host that is up runs whole runs, as cron starts them. */
static void
quiet(struct sim *s, int rounds)
{
	size_t i;

	for (; rounds > 0 && s->failure[0] == '\0'; rounds--) {
		for (i = 0; i < s->hosts; i++) {
			if (s->host[i].up)
				sim_run_whole(s, &s->host[i], ORDER_NONE, false);
		}
		event_message(s);
		s->now += MINUTE + (int64_t)sim_random(s, 14 * MINUTE);
	}
}

static void
event_quiet(struct sim *s)
{
	quiet(s, 1 + (int)sim_random(s, 6));
	if (s->redis.record.phase == PHASE_DRAIN && sim_chance(s, 50))
		s->now += 25 * HOUR;
}

/* The power goes and comes again, for the hosts and for Redis. */
static void
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

/* Nobody is excluded twice, nor two hosts in one rotation: hosts that were
 * taken for dead could else vouch for each other. */
static void
order_exclusion(struct sim *s, struct host *from)
{
	struct host *h = some_host(s);
	size_t i;

	for (i = 0; i < s->hosts; i++) {
		if (s->host[i].excluded)
			return;
	}
	if (h == from || (h->up && !sim_chance(s, 30)))
		return;
	sim_run_begin(s, from, ORDER_EXCLUDE, h->name, false);
	h->excluded = !h->up;
}

static void
event_order(struct sim *s)
{
	struct host *h = some_host(s);
	const struct rotation *r = &s->redis.record;

	if (!h->up || h->booting || !sim_run_possible(s, h))
		return;
	if (r->phase == PHASE_IDLE && sim_chance(s, 50)) {
		/* At a time when all is well. */
		quiet(s, 1);
		sim_run_whole(s, h, ORDER_START, false);
	} else if (r->phase == PHASE_IDLE)
		sim_run_begin(s, h, ORDER_START, NULL, false);
	else if (sim_chance(s, 70))
		return;
	else if (sim_chance(s, 40))
		order_exclusion(s, h);
	else if (r->phase == PHASE_DISTRIBUTE)
		sim_run_begin(s, h, ORDER_ABORT, NULL, false);
	else
		sim_run_begin(s, h, ORDER_ROLLBACK, NULL, false);
}

static void
event_source(struct sim *s)
{
	struct host *h = some_host(s);

	if (h->source[0] != '\0')
		h->source[0] = '\0';
	else if (sim_chance(s, 20))
		sim_secret(s, h->source);
}

/* One run goes to the Redis of another fleet, of the same hosts and the same secret. */
static void
event_foreign(struct sim *s)
{
	struct host *h = some_host(s);
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

static const struct {
	unsigned weight[MOODS];
	void (*event)(struct sim *s);
} events[] = {
	{ { 560, 560, 560, 560 }, event_step_run },
	{ { 120, 120, 120, 120 }, event_begin_run },
	{ { 30, 30, 30, 30 }, event_time },
	{ { 15, 15, 8, 50 }, event_freeze_or_crash },
	{ { 60, 60, 60, 60 }, event_process },
	{ { 30, 30, 30, 30 }, event_message },
	{ { 8, 8, 30, 8 }, event_host },
	{ { 8, 40, 16, 24 }, event_redis },
	{ { 25, 25, 25, 25 }, event_order },
	{ { 4, 4, 4, 4 }, event_source },
	{ { 1, 1, 1, 1 }, event_foreign },
	{ { 12, 12, 12, 12 }, event_quiet },
	{ { 0, 2, 2, 0 }, event_power_cut },
};

void
sim_event(struct sim *s)
{
	unsigned mood = s->seed % MOODS, total = 0;
	uint64_t pick;
	size_t i;

	for (i = 0; i < sizeof(events) / sizeof(events[0]); i++)
		total += events[i].weight[mood];
	pick = sim_random(s, total);
	for (i = 0; pick >= events[i].weight[mood]; i++)
		pick -= events[i].weight[mood];
	events[i].event(s);
}
