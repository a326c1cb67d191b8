#ifndef ESCALATE_DEAD_STAYING_H_
#define ESCALATE_DEAD_STAYING_H_

#include "escalate.h"

/*
 * Work that no hand-over moves. What was left under the id of one that was handed on, or shut down,
 * is looked at on each run: a person is told what is in the way for as long as it is, and not to try
 * what cannot work.
 */
/* After survey_decide: set item->fate and c->stuck of those. -1 with ${e}. */
int staying_look(struct escalate *x, struct error *e);
/* The finding of an item that stays. ${new_id}: whose name is taken, for ITEM_TAKEN. */
void staying_finding(struct coordinator *c, struct bytes key, enum item_fate fate,
    struct bytes new_id);
/* One for each of c's items that stays. */
void staying_findings(struct coordinator *c);

#endif
