#ifndef ESCALATE_DEAD_CALL_H_
#define ESCALATE_DEAD_CALL_H_

#include "escalate.h"

/* What the texts of one escalation say: record, spawn request, message. Views into c and its
 * ledger: when that is parsed anew, close and open again. */
struct call {
	struct coordinator *c;
	struct buf record_key, spawn_key, reason;
	char new_id[SUCCESSOR_SIZE];
	struct bytes swarms[LEDGER_SWARMS];
	struct ledger_new facts;
};

/* From the record, or, where there is none yet, from the roster and the work. -1 with ${e}. */
int call_open(struct call *k, struct coordinator *c, struct error *e);
void call_close(struct call *k);

/* Read the escalation record again. -1 with ${e}. */
int call_reread(struct coordinator *c, struct error *e);
/* A server that refuses writes, or this user, refuses all of them: the run ends. */
bool call_hopeless(const struct error *e);
/* An error reply in ${e}: enter it as failed for ${c}, and empty it, unless it is hopeless (-1). */
int call_failed(struct coordinator *c, struct error *e);
/* ${rc} of a step of ${c}: if it failed with EX_CRITICAL, for a key that is not what it has to be, that
 * is entered as above and *stop set, and the run goes on to the others (0). */
int call_settle(struct coordinator *c, int rc, bool *stop, struct error *e);

#endif
