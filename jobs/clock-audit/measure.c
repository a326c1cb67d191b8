#include "measure.h"

#include <stdlib.h>

#include "base/clock.h"
#include "redis/client.h"

/* A reading whose two halves lie closer together than this is good enough. */
#define CLOSE_US 20
#define READINGS 5
#define BURSTS 4

static struct clock_reading
read_once(void)
{
	struct clock_reading r;

	r.mono_before = clock_mono_us();
	r.wall = clock_wall_us();
	r.mono_after = clock_mono_us();
	return r;
}

/* The closest of a few: one during which the process was kept waiting would
 * hide a jump. */
static struct clock_reading
read_clocks(void)
{
	struct clock_reading best = read_once(), r;
	int i;

	for (i = 1; i < READINGS && best.mono_after - best.mono_before > CLOSE_US; i++) {
		r = read_once();
		if (r.mono_after - r.mono_before < best.mono_after - best.mono_before)
			best = r;
	}
	return best;
}

static bool
server_time(const struct reply *r, int64_t *us)
{
	const struct reply *s = reply_at(r, 0), *u = reply_at(r, 1);
	struct bytes text;
	uint64_t seconds, micros;

	if (s == NULL || u == NULL || !reply_string(s, &text) || !bytes_to_u64(text, &seconds) ||
	    !reply_string(u, &text) || !bytes_to_u64(text, &micros))
		return false;
	if (seconds > (uint64_t)INT64_MAX / 4000000 || micros >= 1000000)
		return false;
	*us = (int64_t)(seconds * 1000000 + micros);
	return true;
}

static int
exchange(struct run *run, struct clock_sample *s, struct error *e)
{
	struct client *c = run_client(run);
	struct reply *r;
	int outcome = 0;

	s->sent = read_clocks();
	r = CLIENT_CALL(c, CLIENT_REPEAT, B("TIME"));
	s->received = read_clocks();
	if (r == NULL) {
		*e = *client_error(c);
		return -1;
	}
	if (reply_error(r) != NULL)
		outcome = reply_fail(r, e, "TIME");
	else if (!server_time(r, &s->server))
		outcome = error_set(e, EX_PROTOCOL, "TIME: a reply that is no time (%s)",
		    reply_kind(r));
	reply_free(r);
	return outcome;
}

static void
keep_larger(int64_t *jump, int64_t seen)
{
	if (llabs(seen) > llabs(*jump))
		*jump = seen;
}

/* ${samples} exchanges, evaluated. */
static int
burst(struct run *run, struct clock_sample *samples, size_t n, struct measurement *m,
    struct error *e)
{
	size_t i;

	for (i = 0; i < n && (i == 0 || !run_should_stop(run)); i++) {
		if (exchange(run, &samples[i], e) == -1)
			return -1;
		m->last = samples[i];
		m->taken++;
	}
	offset_evaluate(samples, i, &m->offset);
	keep_larger(&m->local_jump, m->offset.local_jump);
	keep_larger(&m->server_jump, m->offset.server_jump);
	return 0;
}

int
measure_take(struct run *run, size_t samples, struct measurement *m, struct error *e)
{
	struct clock_sample *list = calloc(samples, sizeof(*list));
	int outcome = 0, i;

	if (list == NULL)
		return error_set(e, EX_SOFTWARE, "out of memory");
	m->offset.valid = false;
	for (i = 0; i < BURSTS && !m->offset.valid; i++) {
		outcome = burst(run, list, samples, m, e);
		/* Another server, another clock: from the start. */
		if (outcome == -1 && client_moved(run_client(run))) {
			*e = (struct error){ 0 };
			outcome = 0;
		}
		if (outcome == -1 || run_should_stop(run))
			break;
	}
	free(list);
	return outcome;
}

int
measure_check(struct run *run, size_t samples, struct measurement *m, struct error *e)
{
	struct clock_sample s;
	int64_t local, server;

	if (exchange(run, &s, e) == -1) {
		if (!client_moved(run_client(run)))
			return -1;
		*e = (struct error){ 0 };
		return measure_take(run, samples, m, e);
	}
	m->taken++;
	local = clock_jump(&m->last.received, &s.sent);
	server = clock_server_jump(&m->last, &s);
	keep_larger(&m->local_jump, local);
	keep_larger(&m->local_jump, clock_jump(&s.sent, &s.received));
	keep_larger(&m->server_jump, server);
	if (local == 0 && server == 0)
		return 0;
	return measure_take(run, samples, m, e);
}
