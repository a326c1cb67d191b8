#include "coordination/roster.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/*
 * An entry is one line, so that a person can read it with HGET and the script
 * that merges two can split it at its spaces:
 *
 *	v1 SIGHT SINCE STATE INCARNATION HEARTBEAT EXPIRY ACTIVITY FIRST LIFE SEEN
 */
#define FIELDS 11

static const char *const state_names[ROSTER_STATES] = {
	[ROSTER_KNOWN] = "known",
	[ROSTER_AWAITED] = "awaited",
	[ROSTER_SUSPECT] = "suspect",
	[ROSTER_RETIRED] = "retired",
	[ROSTER_ESCALATED] = "escalated",
	[ROSTER_REAPED] = "reaped",
};
static_assert(sizeof(state_names) / sizeof(state_names[0]) == ROSTER_STATES,
    "a name for every state");

const char *
roster_state_name(enum roster_state s)
{

	return (unsigned int)s < ROSTER_STATES ? state_names[s] : "unknown";
}

void
roster_format(const struct roster_entry *e, struct buf *out)
{

	buf_printf(out,
	    "v1 %" PRId64 " %" PRId64 " %s %" PRId64 " %016" PRIx64 " %" PRId64 " %016" PRIx64
	    " %" PRId64 " %" PRId64 " %" PRId64,
	    e->sight, e->since, roster_state_name(e->state), e->incarnation, e->heartbeat,
	    e->expiry, e->activity, e->first_sight, e->last_life, e->last_seen);
}

static bool
parse_time(struct bytes s, int64_t *ms)
{
	uint64_t v;

	if (!bytes_to_u64(s, &v) || v > ROSTER_TIME_MAX)
		return false;
	*ms = (int64_t)v;
	return true;
}

static bool
parse_digest(struct bytes s, uint64_t *digest)
{
	size_t i;
	int digit;

	if (s.n != 16)
		return false;
	*digest = 0;
	for (i = 0; i < s.n; i++) {
		/* Our own lines are in lower case. */
		if ((digit = bytes_hex_digit(s.p[i])) < 0 || (s.p[i] >= 'A' && s.p[i] <= 'F'))
			return false;
		*digest = *digest << 4 | (uint64_t)digit;
	}
	return true;
}

static bool
parse_state(struct bytes s, enum roster_state *state)
{
	int i;

	for (i = 0; i < ROSTER_STATES; i++)
		if (bytes_equal(s, bytes_str(state_names[i]))) {
			*state = (enum roster_state)i;
			return true;
		}
	return false;
}

bool
roster_parse(struct bytes s, struct roster_entry *e)
{
	struct bytes f[FIELDS];
	size_t at = 0, end, n;

	memset(e, 0, sizeof(*e));
	for (n = 0; n < FIELDS; n++) {
		if (at > s.n)
			return false;
		end = bytes_find(s, ' ', at);
		f[n] = (struct bytes){ s.p + at, end - at };
		at = end + 1;
	}
	return at == s.n + 1 && bytes_equal(f[0], B("v1")) && parse_time(f[1], &e->sight) &&
	    parse_time(f[2], &e->since) && parse_state(f[3], &e->state) &&
	    parse_time(f[4], &e->incarnation) && parse_digest(f[5], &e->heartbeat) &&
	    parse_time(f[6], &e->expiry) && parse_digest(f[7], &e->activity) &&
	    parse_time(f[8], &e->first_sight) && parse_time(f[9], &e->last_life) &&
	    parse_time(f[10], &e->last_seen);
}
