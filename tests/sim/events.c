#include "sim.h"

#include <string.h>

struct host *
sim_host(struct sim *s)
{
	return &s->host[sim_random(s, s->hosts)];
}

static void
event_step_run(struct sim *s)
{
	struct host *h = sim_host(s);
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
	struct host *h = sim_host(s);

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
	else if (!sim_one_is_outside(s))
		s->now += (int64_t)sim_random(s, 14 * HOUR);
	sim_hear_outside(s);
}

static void
event_freeze_or_crash(struct sim *s)
{
	struct host *h = sim_host(s);
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
	struct host *h = sim_host(s);
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
	struct host *h = sim_host(s);
	struct process *p = &h->process[sim_random(s, h->processes)];
	struct message *m;
	size_t i;

	read_message(s);
	/* What one signs that was excluded is owed to nobody. */
	if (p->state != PROCESS_RUNNING || sim_is_outside(s, h))
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
		sim_hear_outside(s);
	}
}

static void
event_quiet(struct sim *s)
{
	quiet(s, 1 + (int)sim_random(s, 6));
	if (s->redis.record.phase == PHASE_DRAIN && sim_chance(s, 50) && !sim_one_is_outside(s))
		s->now += 25 * HOUR;
}

/* Is a run on its way to exclude one? */
static bool
excluding(const struct sim *s)
{
	size_t i, j;

	for (i = 0; i < s->hosts; i++) {
		for (j = 0; j < SIM_RUNS; j++) {
			if (s->host[i].run[j].active &&
			    s->host[i].run[j].steering.order == ORDER_EXCLUDE)
				return true;
		}
	}
	return false;
}

/* Nobody is excluded twice, nor two hosts in one rotation: hosts that were
 * taken for dead could else vouch for each other. */
static void
order_exclusion(struct sim *s, struct host *from)
{
	struct host *h = sim_host(s);
	size_t i;

	for (i = 0; i < s->hosts; i++) {
		if (s->host[i].excluded)
			return;
	}
	if (h == from || (h->up && !sim_chance(s, 30)) || excluding(s))
		return;
	sim_run_begin(s, from, ORDER_EXCLUDE, h->name, false);
	h->excluded = !h->up;
}

static void
event_order(struct sim *s)
{
	struct host *h = sim_host(s);
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
	struct host *h = sim_host(s);

	if (h->source[0] != '\0')
		h->source[0] = '\0';
	else if (sim_chance(s, 20))
		sim_secret(s, h->source);
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
