#ifndef ESCALATE_DEAD_MOVED_H_
#define ESCALATE_DEAD_MOVED_H_

#include "escalate.h"

/*
 * coordkeep:moved:<newId>, a hash with an entry for each work item that was
 * moved to a replacement: field "j:" or "u:" (moved unchanged) and the old
 * key; value the SHA-1 of the bytes under the new name, in hex, and, for "j:",
 * the bytes as they were.
 */
#define MOVED_SHA1 40
/* Work that moves, or is kept, lives for an hour at least. */
#define WORK_TTL INT64_C(3600000)
/* It can be moved back for as long as its spawn request can be pending. */
#define MOVED_TTL(x) ((x)->settings->escalate_dead.escalation_ttl)

void moved_key(struct bytes new_id, struct buf *out);
void moved_field(struct bytes old_key, bool unchanged, struct buf *out);

#endif
