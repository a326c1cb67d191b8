#ifndef TTL_FIXER_OWNERS_H_
#define TTL_FIXER_OWNERS_H_

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

/*
 * How many keys each coordinator owns, in bounded memory: the frequent-items
 * sketch of Misra and Gries (1982) with ${most} counters. Exact for up to that
 * many different ids; beyond, a count can be too low by at most
 * owners_error(), which is at most keys / ${most}, and never too high.
 */
struct owners;

struct owners *owners_new(size_t most);
void owners_free(struct owners *o);
/* One more key of ${id}. -1 without memory. */
int owners_add(struct owners *o, struct bytes id);
int64_t owners_error(const struct owners *o);

/* An id that may own more than ${over} keys: between ${least} and ${least} + owners_error(). */
struct owner {
	struct bytes id; /* valid until the next owners_add */
	int64_t least;
};
/* Those, the largest first; *n of them, to be freed by the caller. NULL with *n
 * above 0: no memory. */
struct owner *owners_over(const struct owners *o, int64_t over, size_t *n);

/* Count the keys' owners as far as the keys name them: the id of a family with
 * one id; by the plain reading, in which ids hold no colons, the coordinator of
 * an ack, the owner of a work item, sender and receiver of an idempotency
 * record. -1 without memory. */
int owners_count_key(struct owners *o, struct bytes key);

#endif
