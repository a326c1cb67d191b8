#ifndef COORDINATION_BRAKE_H_
#define COORDINATION_BRAKE_H_

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "coordination/roster.h"

/*
 * The brake. Many heartbeats that vanish at once are seldom many deaths. What
 * the last run saw of the server is kept twice: in Redis (coordkeep:baseline,
 * with a TTL) and, since a flushed Redis loses that too, in a local file.
 */
struct baseline {
	char run_id[64];
	int64_t evicted_keys;
	int64_t alive;     /* ids known to be alive at that time */
	int64_t began, at; /* from when to when that run looked, Redis ms */
};

struct brake_limits {
	int64_t restart_grace; /* ms */
	int mass_loss;         /* per cent */
	int64_t roster_keep;   /* a baseline older than that is none */
};

enum brake_cause {
	BRAKE_OFF,
	BRAKE_RESTART,  /* run_id changed, up for less than restart_grace, heartbeats gone */
	BRAKE_EVICTION, /* evicted_keys rose and heartbeats are gone */
	BRAKE_MASS      /* more than max(3, mass_loss %) of the ids known alive are gone */
};

struct brake {
	enum brake_cause cause;
	int64_t known; /* M of */
	int64_t gone;  /* N gone */
	bool replaced; /* off only because of those that were replaced */
};

/* Pure. ${known_alive}: ids in state known or suspect that were alive when last seen;
 * ${gone}: those of them without a heartbeat now; ${replaced}: how many of these took their heartbeat
 * away before it expired and have another id beating in their place, as after a deployment under new
 * ids: for the mass rule alone they are not missed. A roster that was lost with the data counts
 * through ${before}. ${before} NULL: no history. */
struct brake brake_judge(const struct baseline *before, const char *run_id,
    int64_t uptime_ms, int64_t evicted_keys, int64_t known_alive, int64_t gone, int64_t replaced,
    int64_t alive_now, int64_t now, const struct brake_limits *l);
const char *brake_cause_name(enum brake_cause c);

/* The newer of Redis's and the file's. *found false: neither. ${file} "" = none. */
int baseline_load(struct client *c, const char *file, struct baseline *b, bool *found,
    struct error *e);
/* Write both, at the end of a run whose brake was off: while it is on the old one
 * stands, or the next run would not miss anybody. ${file} is of one server and db. A
 * file that cannot be written is logged once, no error. */
int baseline_save(struct client *c, const char *file, const struct baseline *b,
    int64_t keep_ms, struct error *e);

#endif
