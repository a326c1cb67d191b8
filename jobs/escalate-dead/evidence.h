#ifndef ESCALATE_DEAD_EVIDENCE_H_
#define ESCALATE_DEAD_EVIDENCE_H_

#include "escalate.h"

/* What speaks for and against a coordinator, in words. */

/* One line: heartbeat, silence, activity, warnings, work. */
void evidence_line(const struct coordinator *c, struct buf *out);
/* One line of dated events, oldest first. */
void evidence_timeline(const struct coordinator *c, struct buf *out);
/* Why it is escalated: for the record. Constant length, no id in it. */
void evidence_reason(const struct coordinator *c, struct buf *out);
/* "12s ago (2026-01-02T03:04:05Z)", or "never" for 0. */
void evidence_when(const struct coordinator *c, int64_t at, struct buf *out);
/* The log of a detection: "Dead coordinator detected: <id>", evidence and timeline. */
void evidence_log(const struct coordinator *c);

#endif
