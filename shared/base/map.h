#ifndef BASE_MAP_H_
#define BASE_MAP_H_

#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"

/* A hash map from bytes (copied) to a value of fixed size kept inside it.
 * Keys come from untrusted keyspaces, so the hash is seeded from the system's
 * random source (SipHash-1-3 or better). Pointers to values and keys stay
 * valid until that entry is removed. */
struct map;

/* A map whose values have ${value_size} bytes (0 = a set); NULL without memory. */
struct map *map_new(size_t value_size);
/* Free it, after ${free_value} (may be NULL) was called on each value. */
void map_free(struct map *m, void (*free_value)(void *value));
size_t map_count(const struct map *m);
/* The value of ${key}, or NULL. In a set: non-NULL means present. */
void *map_find(const struct map *m, struct bytes key);
/* The value of ${key}, zeroed if it was added just now (then *added, which may
 * be NULL, is true). NULL without memory. */
void *map_put(struct map *m, struct bytes key, bool *added);
/* Remove ${key}; the value is not freed. False if it was not there. */
bool map_remove(struct map *m, struct bytes key);
/* Remove the entry that map_next() gave last, with its *at. */
void map_remove_at(struct map *m, size_t at);
/* Walk all entries in no particular order: start with *at = 0, false at the
 * end. Removing the entry just returned is allowed, adding is not. */
bool map_next(const struct map *m, size_t *at, struct bytes *key, void **value);

#endif
