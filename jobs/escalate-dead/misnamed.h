#ifndef ESCALATE_DEAD_MISNAMED_H_
#define ESCALATE_DEAD_MISNAMED_H_

#include "escalate.h"

/*
 * Keys under coordinator:work: that have no parse, since a swarm, an id or a
 * work id is empty. They cannot be moved, but their value can name somebody
 * who is gone: then they are a finding.
 */
/* Keep ${key} if it is one. -1 without memory. */
int misnamed_note(struct escalate *x, struct bytes key);
/* Read whom they name. -1 with ${e}. */
int misnamed_settle(struct escalate *x, struct error *e);
/* Whom ${i} names; NULL if that is nobody who is known. */
const struct coordinator *misnamed_owner(const struct escalate *x, size_t i);
void misnamed_drop(struct escalate *x);

#endif
