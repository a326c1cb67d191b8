#ifndef COORDINATION_CENSUS_H_
#define COORDINATION_CENSUS_H_

#include <stdint.h>

#include "coordination/brake.h"
#include "coordination/roster.h"
#include "redis/client.h"

/* Who is there and who is gone, against what the last run left: what the brake is worked with. */
struct census {
	int64_t known;  /* ids known to be alive when the last run ended */
	int64_t gone;   /* those of them that have no heartbeat now, asked for directly */
	int64_t left;   /* of the gone: those whose heartbeat vanished before its time (roster_left) */
	int64_t alive;  /* ids with a heartbeat now */
	int64_t came;   /* of the alive: those that the last run did not know and that show life */
	int64_t silent; /* of the alive: those that are stale; the caller's to fill in */
	int64_t fell;   /* of the silent: those that showed life when the last run looked; so is this */
	int64_t over;   /* ids known to be alive then that were retired, handed on or reaped since, and
	                   have no heartbeat: nobody misses them */
};

/**
 * census_take(c, roster, before, census, e):
 * Count, after a pass in which roster_observe was called for every heartbeat. SCAN alone proves
 * no absence, so those it did not show are asked for with EXISTS, a hundred an exchange; one that
 * exists after all counts as alive. ${before} NULL: no history, nobody is known. -1 with ${e}.
 */
int census_take(struct client *c, const struct roster *roster, const struct baseline *before,
    struct census *census, struct error *e);

/* brake_judge for the server that ${c} is connected to. Heartbeats that are there but silent are as
 * good as gone where they all fell silent since the last run (an outage, a step of the server's
 * clock), and on a server that came up within restart_grace under another run_id: it may have been
 * restored from an old file. */
struct brake census_judge(const struct census *census, struct client *c,
    const struct baseline *before, int64_t now, int64_t restart_grace_ms, int mass_loss,
    int64_t roster_keep_ms);

/* Leave the baseline for the next run: what this one saw since ${began} (Redis ms); the silent are not counted on any more. Not while the brake is on: it would forget who is missed. */
int census_keep(const struct census *census, struct client *c, const char *file, int64_t began,
    int64_t now, int64_t keep_ms, struct error *e);

#endif
