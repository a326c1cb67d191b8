#include "offset.h"

#include <stdlib.h>
#include <string.h>

/* A step that is smaller is none. */
#define SLACK_US 1000
/* A daemon that slews changes the clock's rate by a twelfth at most. */
#define SLEW_DIVISOR 10

static int64_t
min64(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int64_t
max64(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

int64_t
offset_certain(int64_t value, int64_t error)
{
	if (value > error)
		return value - error;
	if (value < -error)
		return value + error;
	return 0;
}

/* A difference that lay in [a_low, a_high] lies in [b_low, b_high] now. */
static int64_t
moved(int64_t a_low, int64_t a_high, int64_t b_low, int64_t b_high, int64_t slack)
{
	if (b_low - a_high > slack)
		return b_low - a_high;
	if (b_high - a_low < -slack)
		return b_high - a_low;
	return 0;
}

int64_t
clock_jump(const struct clock_reading *a, const struct clock_reading *b)
{
	/* Slewing moves the monotonic clock of the same machine along: what moves
	 * them against each other is a step. */
	return moved(a->wall - a->mono_after, a->wall - a->mono_before,
	    b->wall - b->mono_after, b->wall - b->mono_before, SLACK_US);
}

int64_t
clock_server_jump(const struct clock_sample *a, const struct clock_sample *b)
{
	int64_t elapsed = max64(b->received.mono_after - a->sent.mono_before, 0);

	return moved(a->server - a->received.mono_after, a->server - a->sent.mono_before,
	    b->server - b->received.mono_after, b->server - b->sent.mono_before,
	    SLACK_US + elapsed / SLEW_DIVISOR);
}

static void
keep_larger(int64_t *jump, int64_t seen)
{
	if (llabs(seen) > llabs(*jump))
		*jump = seen;
}

/* All readings are truncated to a microsecond: each can be up to one later. */
static void
take(const struct clock_sample *s, struct clock_offset *o)
{
	int64_t round_trip = s->received.mono_after - s->sent.mono_before;
	int64_t low, high;

	o->used++;
	if (o->valid && round_trip >= o->round_trip)
		return;
	low = min64(s->sent.wall, s->received.wall) - (s->server + 1);
	high = max64(s->sent.wall, s->received.wall) + 1 - s->server;
	o->valid = true;
	o->offset = low + (high - low) / 2;
	o->error = max64(high - o->offset, o->offset - low);
	o->round_trip = round_trip;
	o->server = s->server;
	o->mono = s->sent.mono_before + round_trip / 2;
}

static void
forget(struct clock_offset *o)
{
	o->valid = false;
	o->used = 0;
}

void
offset_evaluate(const struct clock_sample *samples, size_t n, struct clock_offset *o)
{
	const struct clock_sample *s, *before;
	int64_t local, server, inside;
	size_t i;

	memset(o, 0, sizeof(*o));
	for (i = 0; i < n; i++) {
		s = &samples[i];
		before = i == 0 ? NULL : &samples[i - 1];
		local = before == NULL ? 0 : clock_jump(&before->received, &s->sent);
		server = before == NULL ? 0 : clock_server_jump(before, s);
		inside = clock_jump(&s->sent, &s->received);
		keep_larger(&o->local_jump, local);
		keep_larger(&o->local_jump, inside);
		keep_larger(&o->server_jump, server);
		if (local != 0 || server != 0 || inside != 0)
			forget(o);
		if (inside == 0)
			take(s, o);
	}
}
