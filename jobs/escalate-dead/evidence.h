#ifndef ESCALATE_DEAD_EVIDENCE_H_
#define ESCALATE_DEAD_EVIDENCE_H_

#include "escalate.h"

/* What speaks for and against a coordinator, in words. */

/* For how long it has shown no sign of life. Of those that were retired, handed on or reaped the
 * judgement counts no evidence from before; for people that is part of the story. */
int64_t evidence_silence(const struct coordinator *c);
/* Why the verdict is what it is: a constant phrase. */
const char *evidence_row(const struct coordinator *c);
/* One line: heartbeat, silence, activity, warnings, work. */
void evidence_line(const struct coordinator *c, struct buf *out);
/* Does the judgement say anything? Of one that is over, is yet to come, or of whom nothing speaks, it
 * does not. */
bool evidence_judged(const struct coordinator *c);
/* One line of dated events, oldest first. */
void evidence_timeline(const struct coordinator *c, struct buf *out);
/* Why it is escalated: for the record. Constant length, no id in it. */
void evidence_reason(const struct coordinator *c, struct buf *out);
/* "12s ago (2026-01-02T03:04:05Z)", or "never" for 0. */
void evidence_when(const struct coordinator *c, int64_t at, struct buf *out);
/* The log of a detection: "Dead coordinator detected: <id>", evidence and timeline. */
void evidence_log(const struct coordinator *c);

/* Until when it is on hold; 0 = it is not; HOLD_UNREADABLE: nobody can tell. */
int64_t evidence_hold(const struct coordinator *c);
/* "until 12s ago (2026-...)", or that it has no end. */
void evidence_hold_words(const struct coordinator *c, struct buf *out);
/* Was it taken back with --cancel, and has it shown nothing since? */
bool evidence_taken_back(const struct coordinator *c);
/* How one that is retired, or is to be, went: a sentence without its end. */
const char *evidence_departure(const struct coordinator *c);

#endif
