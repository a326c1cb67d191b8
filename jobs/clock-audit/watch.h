#ifndef CLOCK_AUDIT_WATCH_H_
#define CLOCK_AUDIT_WATCH_H_

#include <stddef.h>
#include <stdint.h>

#include "base/map.h"
#include "job/run.h"

/*
 * A heartbeat that is old, by what it says, is of a coordinator that is silent or of one whose
 * clock is behind. The one does not write any more, the other does: looked at once a second, each
 * further heartbeat is known to have been written within that second, and what it is stamped with
 * tells by how much the clock is behind. The second of them counts, or the only one.
 */
#define WATCH_MAX 1000 /* heartbeats of a run: a look costs one GETRANGE for each */

struct watch {
	struct run *run;
	struct map *watched;   /* id -> how it was last seen; NULL: none */
	int64_t found;         /* heartbeats that were to be watched */
	int64_t sent;          /* Redis ms, before the look that is under way */
	int failed;
	struct error error;
	/* ${value} was written after ${after} and not after ${read}, Redis ms. -1: no memory. */
	int (*written)(void *ctx, struct bytes id, struct bytes value, int64_t after, int64_t read);
	void *ctx;
};

/* Watch the heartbeat of ${id}, whose value has ${digest} (roster_digest). Beyond WATCH_MAX it
 * is counted only. -1 without memory. */
int watch_add(struct watch *w, struct bytes id, uint64_t digest);
/* Look for ${ms} at what was added, or until all of it was written twice; tell w->written the last
 * of each.
 * A server that changes meanwhile ends the watch with nothing lost. -1 with ${e}, EX_TEMPFAIL
 * when asked to stop. */
int watch_run(struct watch *w, int64_t ms, struct error *e);
/* Those that nobody wrote meanwhile. */
int64_t watch_silent(const struct watch *w);
/* Forget all of it; w may be used again. Zeroed is harmless. */
void watch_empty(struct watch *w);

#endif
