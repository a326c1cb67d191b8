#ifndef CLOCK_AUDIT_NAMED_H_
#define CLOCK_AUDIT_NAMED_H_

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/map.h"
#include "writers.h"

/* The writers of whom something is to be said: a map of id (or of the key, if
 * nobody knows who wrote it) -> struct writer. */
struct writer {
	bool skewed;
	bool by_heartbeat;      /* the skew was read off its heartbeat: it holds now */
	struct skew skew;       /* the worst that is certain */
	const char *where;      /* the family that showed it: "heartbeat", "signal", "ack" */
	int64_t records;        /* that show a skew */
	int64_t seconds;        /* stamped in seconds */
	int64_t unreadable;     /* without a time that can be read */
	const char *why;        /* the first of those: "is not JSON", ... */
	bool nameless;          /* its id is the key */
};

/* Enter that a record of ${id} shows a skew, holds seconds, cannot be dated; ${nameless}: ${id}
 * is the key, since it names nobody for certain. -1 without memory. What a heartbeat shows is so now and goes before what a signal, which can be a
 * day old, shows. */
int named_skew(struct map *writers, struct bytes id, bool nameless, const char *where,
    bool heartbeat, struct skew skew);
int named_seconds(struct map *writers, struct bytes id, bool nameless);
int named_unreadable(struct map *writers, struct bytes id, bool nameless, const char *why);

/* All of them, the worst first, as an array that the caller frees; ids are the
 * map's. NULL without memory. */
struct named_writer {
	struct bytes id;
	const struct writer *writer;
	int64_t skew;           /* ms, the certain one, either way */
};
struct named_writer *named_list(const struct map *writers, size_t *n);

#endif
