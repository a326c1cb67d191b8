#ifndef ESCALATE_DEAD_SWARMS_H_
#define ESCALATE_DEAD_SWARMS_H_

#include "escalate.h"

/* The swarms that c's work is of, the one with most items first (of equals the first in
 * order), [escalate-dead] default_swarm if it has none; ${max} at most. Views. Returns how many. */
size_t swarms_of(const struct coordinator *c, struct bytes *out, size_t max);

#endif
