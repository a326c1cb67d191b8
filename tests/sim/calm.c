#include "sim.h"

#include <stdlib.h>
#include <string.h>

/* Nothing goes wrong any more, and a person does what the man page says. What
 * was begun has to come to its end. */
#define ROUNDS 500
#define PATIENCE 60 /* rounds before the person does something */

static void
mend_host(struct sim *s, struct host *h)
{
	size_t i;

	h->up = true;
	h->source[0] = '\0';
	h->restart_pending = false;
	h->hosts.n = 0;
	for (i = 0; i < s->hosts; i++)
		memcpy(h->hosts.name[h->hosts.n++], s->host[i].name, sizeof(s->host[i].name));
	if (hosts_digest(&h->hosts, h->list) == -1)
		abort();
	for (i = 0; i < SIM_RUNS; i++)
		sim_run_abandon(&h->run[i]);
	if (!host_running(h))
		h->booting = true;
}

/* A restart that brought nothing up: a person looks why, and starts them. */
static void
start_all(struct host *h)
{
	size_t i;

	if (h->booting)
		return;
	for (i = 0; i < h->processes; i++)
		process_start(h, &h->process[i], false);
}

static void
start_by_hand(struct host *h)
{
	size_t i;

	if (h->booting)
		return;
	for (i = 0; i < h->processes; i++) {
		if (h->process[i].state != PROCESS_RUNNING)
			process_start(h, &h->process[i], false);
	}
}

/* A secret that the rotation does not know (two starts at one epoch, and Redis
 * kept the other one): a person takes it out of the file, or, on a host that may
 * not even start with it, sets the variables as on another one. */
static void
mend_file(struct sim *s, struct host *h)
{
	const struct rotation *r = &s->redis.record;
	struct state state = { .known = true, .file = h->disk.file };
	struct pair target;
	size_t i;

	if (h->booting && s->redis.there && phase_aim(r, &state, true, &target) == AIM_MISMATCH) {
		for (i = 0; i < s->hosts; i++) {
			if (host_running(&s->host[i]))
				h->disk.file = s->host[i].disk.file;
		}
	}
	if (!s->redis.there || h->disk.file.other[0] == '\0' ||
	    rotation_knows(r, h->disk.file.other) || strcmp(h->disk.file.sign, r->sign) != 0)
		return;
	memset(h->disk.file.other, 0, FINGERPRINT_SIZE);
	start_all(h);
}

static bool
at_rest(const struct sim *s)
{
	size_t i;

	for (i = 0; i < s->hosts; i++) {
		if (s->host[i].booting)
			return false;
	}
	return (!s->redis.there && sim_newest(s) == 0) ||
	    (s->redis.there && s->redis.record.phase == PHASE_IDLE &&
	    s->redis.record.epoch >= sim_newest(s));
}

/* The first host that the record names. */
static bool
leads(const struct sim *s, const struct host *h)
{
	size_t i;

	for (i = 0; i < s->hosts; i++) {
		if (hosts_find(&s->redis.record.hosts, s->host[i].name) <
		    s->redis.record.hosts.n)
			return h == &s->host[i];
	}
	return false;
}

static void
a_round(struct sim *s, int number)
{
	bool trust = number > 2 * PATIENCE && s->redis.there &&
	    s->redis.record.epoch >= sim_newest(s);
	bool stuck = number > PATIENCE && s->redis.record.phase == PHASE_HOLD &&
	    s->redis.record.then == PHASE_RETIRE;
	size_t i;

	for (i = 0; i < s->hosts && s->failure[0] == '\0'; i++) {
		if (!s->host[i].up)
			continue;
		start_by_hand(&s->host[i]);
		if (number > PATIENCE)
			mend_file(s, &s->host[i]);
		sim_run_whole(s, &s->host[i], stuck && leads(s, &s->host[i]) &&
		    !s->host[i].booting ? ORDER_ROLLBACK : ORDER_NONE,
		    trust && leads(s, &s->host[i]));
		s->now += MINUTE;
	}
	s->now += 10 * MINUTE;
}

static void
explain_wait(struct sim *s)
{
	static const struct phase_settings settings = { .soak = HOUR, .drain = 25 * HOUR,
		.host_timeout = HOUR, .tolerance = 5 * SECOND };
	struct census census;
	const struct host *h;
	size_t i;

	phase_census(&s->redis.record, &s->redis.reports, &settings, s->now, &census);
	for (i = 0; i < census.n; i++)
		sim_trace(s, "%s %s", census.row[i].host, standing_phrase(census.row[i].standing));
	for (i = 0; i < s->hosts; i++) {
		h = &s->host[i];
		sim_trace(s, "%s: file (%s, %s), copy %llu%s%s, turn %s", h->name,
		    h->disk.file.sign + 12, h->disk.file.other + (h->disk.file.other[0] ? 12 : 0),
		    (unsigned long long)h->disk.copy.rotation.epoch, h->booting ? ", booting" : "",
		    h->excluded ? ", excluded" : "", s->redis.record.turn);
	}
}

void
sim_calm(struct sim *s)
{
	size_t i;
	int number;

	sim_trace(s, "calm");
	/* Who was excluded comes back once the record is there: without it, it cannot know. */
	for (i = 0; i < s->hosts; i++) {
		if (!s->host[i].excluded)
			mend_host(s, &s->host[i]);
	}
	a_round(s, 0);
	for (i = 0; i < s->hosts; i++) {
		if (s->host[i].excluded)
			mend_host(s, &s->host[i]);
	}
	for (number = 0; number < ROUNDS && s->failure[0] == '\0'; number++) {
		if (at_rest(s))
			return;
		a_round(s, number);
	}
	explain_wait(s);
	sim_fail(s, "does not come to its end: epoch %llu, phase %s",
	    (unsigned long long)s->redis.record.epoch, phase_name(s->redis.record.phase));
}
