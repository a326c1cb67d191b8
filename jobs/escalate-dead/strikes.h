#ifndef ESCALATE_DEAD_STRIKES_H_
#define ESCALATE_DEAD_STRIKES_H_

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/status.h"
#include "redis/client.h"

/*
 * Warnings: blocking:warning:<id>, an integer with a TTL, one more a run, and
 * the memory of how often the job runs, from which that TTL comes.
 */
#define STRIKES_KEY "coordkeep:escalate-dead"

struct strike_limits {
	int64_t max_warnings;
	int64_t interval; /* ms between two that count */
	int64_t ttl;      /* ms that a count lives after each */
};

enum strike_result {
	STRIKE_COUNTED,  /* one more */
	STRIKE_RECENT,   /* the last one is too fresh: not again */
	STRIKE_MAX,      /* it stands at max_warnings already: as it was */
	STRIKE_BAD,      /* not a count: finding */
	STRIKE_LOST      /* ${failed} of the request says why */
};

/* One suspect. */
struct strike {
	struct bytes key;          /* of the warning; must live until strikes_give returns */
	enum strike_result result; /* out */
	int64_t count;             /* out */
};

/**
 * strikes_rhythm(c, now, warning_ttl, cap, keep, store, ttl, e):
 * Note that a run begins, and say in *ttl how long a warning has to live so
 * that the cadence of the runs, however slow, cannot let a count lapse:
 * max(${warning_ttl}, 4 x the gaps of this run and the one before), at most
 * ${cap}, and never less than what another run has used since the last time
 * that there was no suspect (so that all read the same age off a PTTL).
 * ${store} false: only look. -1 with ${e}. 1: the memory is no hash; it is left, and *ttl is as if there
 * were none.
 */
int strikes_rhythm(struct client *c, int64_t now, int64_t warning_ttl, int64_t cap,
    int64_t keep, bool store, int64_t *ttl, struct error *e);
/* There is no suspect: the next warning's TTL need not be that of the last. */
int strikes_rest(struct client *c, struct error *e);

/**
 * strikes_give(c, strikes, n, limits, e):
 * Give each suspect its warning. What can be counted is counted; an error of
 * one of them (not of the connection) makes it STRIKE_LOST with ${e}. -1 only
 * if the connection failed.
 */
int strikes_give(struct client *c, struct strike *strikes, size_t n,
    const struct strike_limits *limits, struct error *e);
/* What strikes_give would say of a count as it was read: for a dry run. ${count} -1: not a
 * count. */
enum strike_result strikes_foresee(int64_t count, int64_t pttl,
    const struct strike_limits *limits);
/* The count in ${value}, -1 if it is none. As the script reads it. */
int64_t strikes_count(struct bytes value);

#endif
