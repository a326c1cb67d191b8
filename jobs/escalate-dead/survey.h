#ifndef ESCALATE_DEAD_SURVEY_H_
#define ESCALATE_DEAD_SURVEY_H_

#include "escalate.h"

/**
 * survey_run(x, e):
 * Find out everything that the job acts on: look at all ids that the roster
 * knows, walk the keyspace once (heartbeats, activity, warnings, escalation
 * records, spawn requests, names of work items), look directly at what the walk
 * met only by its other keys, judge, look again after [liveness] confirm where
 * that decides, and say whose work is whose. Nothing is written. Fills
 * x->coordinators and x->uncertain. -1 with ${e}.
 *
 * Memory grows with the coordinators and with the work of those that are not alive, not with
 * the keyspace; a run without history keeps the names of all work items.
 */
int survey_run(struct escalate *x, struct error *e);
/* Look at each of ${list} once more, directly, and judge it again. -1 with ${e}. */
int survey_again(struct escalate *x, struct coordinator **list, size_t n, struct error *e);
/* Set the course of every coordinator from what is known now. */
void survey_decide(struct escalate *x);

#endif
