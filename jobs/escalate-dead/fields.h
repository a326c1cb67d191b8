#ifndef ESCALATE_DEAD_FIELDS_H_
#define ESCALATE_DEAD_FIELDS_H_

#include "escalate.h"

/* Reading and understanding the keys of one coordinator. */

/* Queue the reading of a field (GETRANGE and PTTL) unless it was asked for already.
 * -1 without memory. A reply that is an error goes to job->failed. */
int fields_ask(struct coordinator *c, enum field_name f);
/* Forget what was read of it, so that it can be asked for again. */
void fields_forget(struct coordinator *c, enum field_name f);
/* The key of a field. */
void fields_key(const struct coordinator *c, enum field_name f, struct buf *out);

/**
 * fields_judge(c):
 * Enter in the roster what was read of heartbeat and activity, and judge it.
 * Called again after a second look. -1 without memory.
 */
int fields_judge(struct coordinator *c);
/* The count and the record that were read. */
void fields_parse(struct coordinator *c);
/* Everything that course_of wants to know. */
struct facts fields_facts(const struct coordinator *c);
/* Was the heartbeat that is there written after the escalation record of another process? By both
 * their clocks, the one of the heartbeat being right: its owner has lived since, though this may be the
 * first sight of it. */
bool fields_outlived(const struct coordinator *c);
/* What --override-brake would make of one that the brake covers. */
enum course fields_unbraked(const struct coordinator *c);

#endif
