#ifndef ESCALATE_DEAD_CANCEL_H_
#define ESCALATE_DEAD_CANCEL_H_

#include "escalate.h"

/* --cancel ID: take the escalation of ${id} back while its spawn request is
 * pending. -1 with ${e}: there is none, or it is not ours. Too late is a critical finding. */
int cancel_run(struct escalate *x, struct bytes id, struct error *e);

#endif
