#ifndef ESCALATE_DEAD_STEPS_H_
#define ESCALATE_DEAD_STEPS_H_

#include "escalate.h"

/*
 * The hand-over of one dead coordinator, in steps that any other run can go on
 * from: record, work, spawn request, message, record complete.
 */

/* Record, work, spawn request, message; c->escalated_now if it came that far. If the owner shows life in
 * between it is withdrawn. What is wrong with this one only is in the result. -1 with ${e} ends
 * the run (EX_TEMPFAIL: the time is up). */
int steps_hand_on(struct coordinator *c, struct error *e);
/* Did it end without anything to tell: of one that was handed on before nothing more could be
 * moved? */
bool steps_idle(const struct coordinator *c);
/* The hook, and the record is complete. */
int steps_finish(struct coordinator *c, struct error *e);
/* Work back, record and spawn request away. ${by_person}: --cancel; else because the owner lives. The record
 * must be MOVING, CANCELLING or, by a person and with a pending spawn request, beyond. *done false:
 * too late or somebody else is at it (said so). */
int steps_withdraw(struct coordinator *c, bool by_person, bool *done, struct error *e);
/* Take away the finished record of another process: it is of an earlier life. (One of ours
 * says so by its time, and is replaced.) */
int steps_outlive(struct coordinator *c, struct error *e);
/* Take the warning away if it is still what was read or counted. *gone (may be NULL): it is away, or a
 * dry run would take it. */
int steps_clear_warning(struct coordinator *c, bool *gone, struct error *e);

#endif
