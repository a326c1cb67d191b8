#ifndef COORDINATION_HOLD_H_
#define COORDINATION_HOLD_H_

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/map.h"
#include "redis/client.h"

#define PAUSE_KEY "coordkeep:pause"
#define HOLD_KEY "coordkeep:hold"

/* coordkeep:pause: a reason with a TTL; every job that changes state stops at once. *set false: there
 * is one that lasts longer, and it stays, unless ${replace}. */
int pause_set(struct client *c, const char *reason, int64_t ms, bool replace, bool *set,
    struct error *e);
int pause_clear(struct client *c, bool *was, struct error *e);
/* *paused, with ${reason} and what is left of it. A TTL-less one has *left_ms = -1. */
int pause_get(struct client *c, bool *paused, struct buf *reason, int64_t *left_ms,
    struct error *e);

/* coordkeep:hold: id -> Redis ms until when the jobs keep off it. */
struct holds {
	struct map *until; /* id -> int64_t */
};
/* Of one that cannot be a time: somebody meant to keep the jobs off, so they keep off for good. */
#define HOLD_UNREADABLE INT64_MAX
int holds_load(struct client *c, struct holds *h, struct error *e);
void holds_free(struct holds *h);
bool holds_cover(const struct holds *h, struct bytes id, int64_t now);
/* Never shortens one that is longer. */
int hold_put(struct client *c, struct bytes id, int64_t until, struct error *e);
int hold_clear(struct client *c, struct bytes id, bool *was, struct error *e);

#endif
