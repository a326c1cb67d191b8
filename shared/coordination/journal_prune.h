#ifndef COORDINATION_JOURNAL_PRUNE_H_
#define COORDINATION_JOURNAL_PRUNE_H_

#include "coordination/journal.h"

/* Remove this job's journals that are older than keep_ms, then the oldest until
 * all together have at most max_bytes (0 = no limit). Only regular files that
 * journal_open named go; what cannot be removed is logged. */
void journal_prune(const struct journal_options *o);

#endif
