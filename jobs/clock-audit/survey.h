#ifndef CLOCK_AUDIT_SURVEY_H_
#define CLOCK_AUDIT_SURVEY_H_

#include <stdbool.h>
#include <stdint.h>

#include "base/map.h"
#include "job/run.h"
#include "writers.h"

/* A writer of whom something is to be said. */
struct writer {
	bool skewed;
	bool by_heartbeat;      /* the skew was read off its heartbeat: it holds now */
	struct skew skew;       /* the worst that is certain */
	const char *where;      /* the family that showed it: "heartbeat", "signal", "ack" */
	int64_t records;        /* that show a skew */
	int64_t seconds;        /* stamped in seconds */
	int64_t unreadable;     /* without a time that can be read */
	const char *why;        /* the first of those: "is not JSON", ... */
	bool nameless;          /* nobody knows who wrote it: its id is the key */
};

/* One pass over heartbeats, signals and acks. */
struct survey {
	int64_t heartbeats, signals, acks;
	int64_t too_large;      /* signals and acks that were not read whole */
	int64_t largest;        /* ms, the largest certain skew by a heartbeat, either way */
	struct map *writers;    /* id (or key, if nameless) -> struct writer */
	bool complete;
};

/* Look at all of them; run_now() may be off by ${slack} ms. -1 with ${e}.
 * survey_free(zeroed) is harmless. */
int survey_take(struct run *run, int64_t slack, struct survey *s, struct error *e);
void survey_free(struct survey *s);

/* The writers, the worst first, as an array that the caller frees; ids are the survey's. NULL
 * without memory. */
struct named_writer {
	struct bytes id;
	const struct writer *writer;
	int64_t skew;           /* ms, the certain one, either way */
};
struct named_writer *survey_writers(const struct survey *s, size_t *n);

#endif
