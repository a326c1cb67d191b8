#ifndef ESCALATE_DEAD_LIST_H_
#define ESCALATE_DEAD_LIST_H_

#include "escalate.h"

/* --list: everybody that the roster or the keyspace knows, as a table, those first that need a look.
 * Changes nothing. */
int list_run(struct escalate *x, struct error *e);

#endif
