#include "sim.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const guard_names[GUARDS] = {
	[GUARD_LOCK] = "lock", [GUARD_EPOCH] = "epoch", [GUARD_FRESH] = "fresh",
	[GUARD_DEADLINE] = "deadline", [GUARD_PUT_BACK] = "put-back",
	[GUARD_COPY_SYNC] = "copy-sync", [GUARD_PROCESSES] = "processes",
	[GUARD_CONFIRM] = "confirm", [GUARD_DRAIN_TIME] = "drain-time",
	[GUARD_DRAIN_PASS] = "drain-pass", [GUARD_SOURCE] = "source",
	[GUARD_EXCLUDE] = "exclude", [GUARD_LISTS] = "lists", [GUARD_HOLD] = "hold",
	[GUARD_CATCH_UP] = "catch-up", [GUARD_VOUCH] = "vouch", [GUARD_TURN] = "turn",
	[GUARD_FLEET] = "fleet", [GUARD_NAMED] = "named",
};

bool
sim_off(const struct sim *s, enum safeguard g)
{
	return (s->off & (1U << g)) != 0;
}

/* xorshift64* (Vigna 2016): the same on every machine, for a seed to mean something. */
uint64_t
sim_random(struct sim *s, uint64_t n)
{
	s->random ^= s->random >> 12;
	s->random ^= s->random << 25;
	s->random ^= s->random >> 27;
	return (s->random * UINT64_C(2685821657736338717) >> 11) % n;
}

bool
sim_chance(struct sim *s, unsigned percent)
{
	return sim_random(s, 100) < percent;
}

void
sim_trace(struct sim *s, const char *fmt, ...)
{
	va_list ap;

	if (!s->trace)
		return;
	printf("%6d %9.3fh ", s->step, (double)(s->now % (1000 * HOUR)) / (double)HOUR);
	va_start(ap, fmt);
	(void)vprintf(fmt, ap);
	va_end(ap);
	(void)putchar('\n');
}

void
sim_fail(struct sim *s, const char *fmt, ...)
{
	va_list ap;

	if (s->failure[0] != '\0')
		return;
	va_start(ap, fmt);
	(void)vsnprintf(s->failure, sizeof(s->failure), fmt, ap);
	va_end(ap);
	sim_trace(s, "FAILED: %s", s->failure);
}

/* A fingerprint stands for its secret: a number in hex, easy to tell in a trace. */
void
sim_secret(struct sim *s, char fp[FINGERPRINT_SIZE])
{
	(void)snprintf(fp, FINGERPRINT_SIZE, "%016x", ++s->secrets);
}

bool
host_running(const struct host *h)
{
	size_t i;

	for (i = 0; i < h->processes; i++) {
		if (h->process[i].state == PROCESS_RUNNING)
			return true;
	}
	return false;
}

void
host_kill_processes(struct host *h)
{
	size_t i;

	for (i = 0; i < h->processes; i++)
		h->process[i].state = PROCESS_NONE;
}

void
process_start(struct host *h, struct process *p, bool slow)
{
	p->env = h->disk.file;
	p->state = PROCESS_STARTING;
	if (!slow)
		process_up(h, p);
}

void
process_up(struct host *h, struct process *p)
{
	p->state = PROCESS_RUNNING;
	h->hurt = false;
	h->changed = true;
}

uint64_t
sim_newest(const struct sim *s)
{
	uint64_t newest = 0;
	size_t i;

	for (i = 0; i < s->hosts; i++) {
		if (s->host[i].disk.copy.rotation.epoch > newest)
			newest = s->host[i].disk.copy.rotation.epoch;
	}
	return newest;
}

/* ---- what always has to be true ---- */

static void
check_against(struct sim *s, const struct host *ha, const struct process *a)
{
	const struct host *hb;
	size_t i, j;

	for (i = 0; i < s->hosts; i++) {
		hb = &s->host[i];
		for (j = 0; j < hb->processes; j++) {
			if (hb->process[j].state != PROCESS_RUNNING ||
			    pair_accepts(&hb->process[j].env, a->env.sign))
				continue;
			sim_fail(s, "a process on %s signs with %s; one on %s has (%s, %s)",
			    ha->name, a->env.sign + 12, hb->name, hb->process[j].env.sign + 12,
			    hb->process[j].env.other[0] == '\0' ? "-" :
			    hb->process[j].env.other + 12);
		}
	}
}

static void
check_messages(struct sim *s, const struct host *h, const struct process *p)
{
	const struct message *m;
	size_t i;

	for (i = 0; i < s->redis.messages; i++) {
		m = &s->redis.message[i];
		if (m->expires > s->now && !pair_accepts(&p->env, m->fp))
			sim_fail(s, "a record in flight, signed with %s, is not accepted on %s",
			    m->fp + 12, h->name);
	}
}

void
sim_check(struct sim *s)
{
	size_t i, j, hurt = 0;
	bool changed = false;

	for (i = 0; i < s->hosts; i++) {
		changed |= s->host[i].changed;
		s->host[i].changed = false;
	}
	if (!changed)
		return;
	for (i = 0; i < s->hosts; i++) {
		for (j = 0; j < s->host[i].processes; j++) {
			if (s->host[i].process[j].state != PROCESS_RUNNING)
				continue;
			check_against(s, &s->host[i], &s->host[i].process[j]);
			check_messages(s, &s->host[i], &s->host[i].process[j]);
		}
		if (s->host[i].hurt)
			hurt++;
	}
	/* The turn is in Redis, and saves work: where Redis was lost it can be lost too. */
	if (hurt > 1 && !s->redis_lost)
		sim_fail(s, "%zu hosts were left without coordinators by restarts", hurt);
}

void
sim_check_evidence(struct sim *s, const struct rotation *before, const struct rotation *next)
{
	size_t i, at;

	if (next->phase == before->phase || before->phase == PHASE_IDLE ||
	    (before->phase == PHASE_DRAIN && next->phase == PHASE_PROMOTE))
		return;
	for (i = 0; i < s->hosts; i++) {
		at = hosts_find(&before->hosts, s->host[i].name);
		if (at < before->hosts.n &&
		    s->now - s->host[i].evidence > HOUR + 11 * SECOND)
			sim_fail(s, "the phase moves although %s was last seen %lld minutes ago",
			    s->host[i].name,
			    (long long)((s->now - s->host[i].evidence) / MINUTE));
	}
}

/* ---- making a world ---- */

static void
make_lists(struct sim *s)
{
	struct hosts all = { 0 };
	size_t i, lacking = s->hosts, lacks = s->hosts;

	for (i = 0; i < s->hosts; i++)
		memcpy(all.name[all.n++], s->host[i].name, sizeof(s->host[i].name));
	/* In some worlds one host's config lacks another host. */
	if (sim_chance(s, 20)) {
		lacking = sim_random(s, s->hosts);
		lacks = (lacking + 1 + sim_random(s, s->hosts - 1)) % s->hosts;
	}
	for (i = 0; i < s->hosts; i++) {
		s->host[i].hosts = all;
		if (i == lacking)
			hosts_remove(&s->host[i].hosts, lacks);
		if (hosts_digest(&s->host[i].hosts, s->host[i].list) == -1)
			abort();
	}
}

struct sim *
sim_new(uint64_t seed, unsigned off, bool trace)
{
	struct sim *s = calloc(1, sizeof(*s));
	char fp[FINGERPRINT_SIZE];
	struct host *h;
	size_t i, j;

	if (s == NULL)
		abort();
	s->seed = seed;
	s->random = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
	s->off = off;
	s->trace = trace;
	s->now = 1000000 * HOUR;
	s->hosts = 2 + sim_random(s, SIM_HOSTS - 1);
	sim_secret(s, fp);
	for (i = 0; i < s->hosts; i++) {
		h = &s->host[i];
		h->name[0] = 'h';
		h->name[1] = (char)('0' + i);
		memcpy(h->disk.file.sign, fp, FINGERPRINT_SIZE);
		h->image = h->disk;
		h->up = true;
		h->processes = 1 + sim_random(s, SIM_PROCESSES);
		for (j = 0; j < h->processes; j++)
			process_start(h, &h->process[j], false);
	}
	make_lists(s);
	return s;
}

void
sim_free(struct sim *s)
{
	size_t i, j;

	for (i = 0; i < s->hosts; i++) {
		for (j = 0; j < SIM_RUNS; j++)
			free(s->host[i].run[j].stack);
	}
	free(s);
}

int
sim_world(uint64_t seed, unsigned off, bool trace, int *ended, char *failure, size_t size)
{
	struct sim *s = sim_new(seed, off, trace);
	int steps = 500 + (int)sim_random(s, 3000), r;

	for (s->step = 0; s->step < steps && s->failure[0] == '\0'; s->step++) {
		sim_event(s);
		sim_note_excluded(s);
		sim_check(s);
	}
	if (s->failure[0] == '\0' && off == 0)
		sim_calm(s);
	*ended += s->ended;
	r = s->failure[0] == '\0' ? 0 : -1;
	if (r == -1)
		(void)snprintf(failure, size, "seed %llu, step %d: %s", (unsigned long long)seed,
		    s->step, s->failure);
	sim_free(s);
	return r;
}
