#ifndef ESCALATE_DEAD_BELONGINGS_H_
#define ESCALATE_DEAD_BELONGINGS_H_

#include "escalate.h"

/*
 * Whose work is whose. A work key belongs to an id if its parse is unique, or
 * if its value's assignedTo names the id and the key agrees; otherwise nobody
 * owns it.
 */

/* In the walk: keep the name of a work key (copied), unless it can only be that of
 * somebody alive. -1 without memory. */
int belongings_note(struct escalate *x, struct bytes key);
/* After it: give each key to its owner (added to x->coordinators if it is new
 * there) or to x->uncertain. Values are read only where the key leaves it
 * open. -1 with ${e}. */
int belongings_settle(struct escalate *x, struct error *e);
/* Let go of the work of those that turned out to be alive. */
void belongings_release(struct escalate *x);
/* Let go of those of ${c}'s items that were found to be ITEM_GONE. */
void belongings_prune(struct coordinator *c);
/* The name of ${item} under another id, appended to ${out}. */
void item_name(const struct item *item, struct bytes id, struct buf *out);
/* Forget all that was noted. */
void belongings_drop(struct escalate *x);

#endif
