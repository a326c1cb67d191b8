#ifndef ESCALATE_DEAD_STORE_H_
#define ESCALATE_DEAD_STORE_H_

#include "escalate.h"

/* Compare-and-set of the few keys that the steps hang on. All of them may be repeated: a
 * second time they find what they have written and say the same. */
enum store_end {
	STORE_SET,   /* it is what we want */
	STORE_OTHER, /* it is not what was read: somebody else was there */
	STORE_SPAWN, /* the spawn request is not what was read */
	STORE_FAILED /* an error reply, in ${e} */
};

/* ${key} from ${old} (empty = not there) to ${new} (empty = away), with ${ttl} ms. -1: the
 * connection failed. */
int store_set(struct escalate *x, struct bytes key, struct bytes old, struct bytes new_value,
    int64_t ttl, enum store_end *end, struct error *e);
/* The record from ${old} to ${new} and, in the same step, a spawn request if there is none under
 * ${spawn_key}; ${spawn} empty = none is wanted. */
int store_spawn(struct escalate *x, struct bytes record, struct bytes old, struct bytes new_value,
    struct bytes spawn_key, struct bytes spawn, int64_t ttl, enum store_end *end,
    struct error *e);
/* The record from ${old} to ${new} and, in the same step, away with the spawn request if it is
 * still ${spawn}. */
int store_unspawn(struct escalate *x, struct bytes record, struct bytes old,
    struct bytes new_value, struct bytes spawn_key, struct bytes spawn, int64_t ttl,
    enum store_end *end, struct error *e);

#endif
