#ifndef ESCALATE_DEAD_TRANSFER_H_
#define ESCALATE_DEAD_TRANSFER_H_

#include "escalate.h"

/*
 * Moving work from one id to another. One item is one script over all the keys
 * that it depends on: only while the escalation record is the one that this
 * run goes by, the owner's heartbeat is as it was judged, the item is as it
 * was read and its new name is free is it written under the new name, with the
 * new fields and at least an hour to live, and deleted under the old. So at no
 * instant is it missing or there twice, and no order of runs, killed or at the
 * same time, moves it twice. The original goes to the hash
 * coordkeep:moved:<newId> in the same step, for transfer_back.
 */
enum transfer_end {
	TRANSFER_DONE,    /* all that can be moved is moved (by whichever run) */
	TRANSFER_ALIVE,   /* the owner showed life in the middle of it */
	TRANSFER_LOST,    /* the record is no longer what it was: another run is at it */
	TRANSFER_STOPPED, /* the time is up; the next run goes on */
	TRANSFER_FAILED   /* some items failed; named, and the next run tries again */
};

/* Move c's items to ${new_id}. c->moved and c->left are set; what stays is a finding. -1 with ${e}
 * if the connection or the lease was lost. */
int transfer_work(struct coordinator *c, struct bytes new_id, enum transfer_end *end,
    struct error *e);
/* Move everything in coordkeep:moved:<newId> back as it was; a dry run only looks. *left: what
 * does not come back, because somebody has changed it, its old name is taken again, or it is at
 * neither name (findings). */
int transfer_back(struct coordinator *c, struct bytes new_id, int64_t *left, struct error *e);
/* Of how many items moved to ${new_id} the original is there. -1 with ${e}: EX_CRITICAL if what stands
 * there is no hash. */
int transfer_kept(struct escalate *x, struct bytes new_id, int64_t *n, struct error *e);
/* How many items were moved to ${new_id} by all runs together, and, as a JSON array, the keys of
 * those that were moved as they were (a hundred at most). */
int transfer_count(struct escalate *x, struct bytes new_id, int64_t *moved,
    struct buf *unchanged, struct error *e);

/* Renew to an hour what would expire sooner, of all whose course keeps their work, for as long as
 * [escalate-dead] work_keep allows. */
int transfer_keep(struct escalate *x, struct error *e);

#endif
