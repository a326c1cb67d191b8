#ifndef CLOCK_AUDIT_SURVEY_H_
#define CLOCK_AUDIT_SURVEY_H_

#include <stdint.h>

#include "base/map.h"
#include "job/run.h"

/* One pass over heartbeats, signals and acks. */
struct survey {
	int64_t heartbeats, signals, acks;
	int64_t too_large;      /* signals and acks that were not read whole */
	int64_t old;            /* heartbeats that are, by what they say, older than living ones */
	int64_t silent;         /* of the first of them, which were watched: not written meanwhile */
	int64_t largest;        /* ms, the largest certain skew by a heartbeat, either way */
	struct map *writers;    /* see named.h */
};

/* Look at all of them, and watch the heartbeats that are old; run_now() may be off by ${slack} ms. -1 with ${e}.
 * survey_free(zeroed) is harmless. */
int survey_take(struct run *run, int64_t slack, struct survey *s, struct error *e);
void survey_free(struct survey *s);

#endif
