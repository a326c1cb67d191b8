#ifndef ESCALATE_DEAD_EXPLAIN_H_
#define ESCALATE_DEAD_EXPLAIN_H_

#include "escalate.h"

/* --explain ID: verdict, every piece of evidence, every key that it owns, and what the jobs will do next
 * and when. Changes nothing. */
int explain_run(struct escalate *x, struct bytes id, struct error *e);

#endif
