#ifndef ESCALATE_DEAD_OUTLOOK_H_
#define ESCALATE_DEAD_OUTLOOK_H_

#include "escalate.h"

/* What escalate-dead, and reap-stale after it, will do with a coordinator, and when: one
 * sentence each. */
void outlook_escalate(const struct coordinator *c, struct buf *out);
void outlook_reap(const struct coordinator *c, struct buf *out);

/* Look for a pause, for what the others say. -1 with ${e}. */
int outlook_open(struct escalate *x, struct error *e);
/* "nothing happens until ...". */
void outlook_pause(const struct escalate *x, struct buf *out);

#endif
