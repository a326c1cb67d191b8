#ifndef ESCALATE_DEAD_OUTLOOK_H_
#define ESCALATE_DEAD_OUTLOOK_H_

#include "escalate.h"

/* What escalate-dead, and reap-stale after it, will do with a coordinator, and when: one
 * sentence each. */
void outlook_escalate(const struct coordinator *c, struct buf *out);
void outlook_reap(const struct coordinator *c, struct buf *out);

#endif
