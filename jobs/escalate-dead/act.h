#ifndef ESCALATE_DEAD_ACT_H_
#define ESCALATE_DEAD_ACT_H_

#include "escalate.h"

/* What a run does about each coordinator's course. */

/* May --force be obeyed? Fixes what a forced one needs. -1 with ${e}: refused. */
int act_permit(struct escalate *x, struct error *e);
/* Enter states in the roster, make the findings, take warnings away from those that recovered. *suspects:
 * is anybody one? */
int act_settle(struct escalate *x, bool *suspects, struct error *e);
/* Warn the suspects; c->cleared_to_go for those that are to be handed on. */
int act_warn(struct escalate *x, struct error *e);
/* One more look at those; hand them on, finish, withdraw what is to be withdrawn. */
int act_hand_on(struct escalate *x, struct error *e);

#endif
