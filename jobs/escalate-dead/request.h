#ifndef ESCALATE_DEAD_REQUEST_H_
#define ESCALATE_DEAD_REQUEST_H_

#include "call.h"
#include "store.h"

/* Asking for the replacement: its spawn request and its place in the roster. */

/* The replacement is awaited from when it was asked for, unless it is there already (*seen).
 * ${now}: that is now, whatever another process's record said of it. -1 with ${e}. */
int request_expect(struct coordinator *c, bool now, bool *seen, struct error *e);
/* Can the request be made, or is there one already? Asked before the work is moved: it would have
 * nobody. *possible false: something else stands there (a finding). -1 with ${e}. */
int request_possible(struct coordinator *c, bool *possible, struct error *e);
/* Spawn request and record in one step. *end STORE_SET: done; STORE_SPAWN: no request can stand
 * there (a finding); else what was in the way. -1 with ${e}. */
int request_ask(struct call *k, int64_t moved, enum store_end *end, struct error *e);

#endif
