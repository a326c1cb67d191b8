#include "coordination/brake.h"

#include <string.h>

/* Fewer than that are never a mass: small fleets lose one or two. */
#define ALWAYS_FEW 3

const char *
brake_cause_name(enum brake_cause c)
{

	switch (c) {
	case BRAKE_OFF:
		return "off";
	case BRAKE_RESTART:
		return "restart";
	case BRAKE_EVICTION:
		return "eviction";
	case BRAKE_MASS:
		return "mass";
	}
	return "unknown";
}

static bool
is_mass(int64_t gone, int64_t known, int mass_loss)
{

	/* Divided, not multiplied: no count can overflow. */
	return gone > ALWAYS_FEW && (double)gone > (double)known * mass_loss / 100.0;
}

struct brake
brake_judge(const struct baseline *before, const char *run_id, int64_t uptime_ms,
    int64_t evicted_keys, int64_t known_alive, int64_t gone, int64_t replaced, int64_t alive_now,
    int64_t now, const struct brake_limits *l)
{
	struct brake b = { .cause = BRAKE_OFF, .known = known_alive, .gone = gone };
	int64_t missed, evicted_before = 0;
	bool moved;

	if (before != NULL && now - before->at > l->roster_keep)
		before = NULL;
	moved = before != NULL && strcmp(before->run_id, run_id) != 0;
	/* A server that started anew counts from 0 again. */
	if (before != NULL && !moved)
		evicted_before = before->evicted_keys;
	/* A roster that went with the data, or is older than the baseline, does
	 * not know whom it misses; the count of the last run does. */
	if (before != NULL && before->alive > known_alive) {
		missed = before->alive - alive_now;
		if (missed > gone) {
			b.known = before->alive;
			b.gone = missed;
			replaced = 0;
		}
	}
	if (b.gone <= 0) {
		b.gone = 0;
		return b;
	}
	if (moved && uptime_ms < l->restart_grace)
		b.cause = BRAKE_RESTART;
	else if (before != NULL && evicted_keys > evicted_before)
		b.cause = BRAKE_EVICTION;
	else if (is_mass(b.gone - replaced, b.known, l->mass_loss))
		b.cause = BRAKE_MASS;
	else
		b.replaced = is_mass(b.gone, b.known, l->mass_loss);
	return b;
}
