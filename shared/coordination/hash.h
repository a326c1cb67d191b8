#ifndef COORDINATION_HASH_H_
#define COORDINATION_HASH_H_

#include "base/bytes.h"
#include "redis/client.h"

/* One field of a hash; false stops the walk with what ${e} of hash_walk holds. */
typedef bool hash_field_fn(void *ctx, struct bytes field, struct bytes value);

/**
 * hash_walk(c, key, fn, ctx, e):
 * Give every field of the hash ${key} to ${fn}, with HSCAN in pages of 500: a
 * HGETALL would hold the server for as long as the hash is big. A field may come
 * twice. A missing key has no fields. 0, or -1 with ${e} (EX_SOFTWARE if ${fn}
 * stopped it: out of memory).
 */
int hash_walk(struct client *c, struct bytes key, hash_field_fn *fn, void *ctx,
    struct error *e);

/* ${key} of ours is of another type than ${wanted} ("hash", "string"): a sentence that says so, which
 * it is, and what to do. -1 with ${e}, always. */
int hash_wrong_type(struct client *c, struct bytes key, const char *wanted, struct error *e);
/* Does ${r} say that a key is of another type? */
bool hash_is_wrong_type(const struct reply *r);

#endif
