#ifndef COORDINATION_KEYS_PRIVATE_H_
#define COORDINATION_KEYS_PRIVATE_H_

#include "coordination/keys.h"

/* What keys.c and key_claims.c share. */

/* <sender>:<receiver>:<type>:<iteration>:<ms>: the ids may hold colons, so the
 * last three are cut off from the end, and *ids is what is left. Iteration and ms are numbers; a key
 * where they are not is of another making, and its ids would be guesses: false. */
bool key_idempotency_ids(struct bytes rest, struct bytes *ids);
/* Is the rest of such a key an id and nothing else? */
bool key_has_one_id(enum family f);

#endif
