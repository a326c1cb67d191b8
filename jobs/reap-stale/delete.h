#ifndef REAP_STALE_DELETE_H_
#define REAP_STALE_DELETE_H_

#include "reap.h"

/*
 * Deletes keys in batches: each is read (PTTL and its value, or MEMORY USAGE and DUMP), written to
 * the undo journal and fsynced; then the owners are looked at once more; then each key is unlinked
 * only if it is still what was read, and its owner's heartbeat what was judged.
 */
struct deleter;

struct deleter *deleter_new(struct reap *r, struct error *e);
void deleter_free(struct deleter *d);

/* Queue the reading of ${key} (copied), which ${owner} (NULL = the reset) is to lose. May be called
 * from a scan's page. */
int deleter_offer(struct deleter *d, struct bytes key, enum family f, struct candidate *owner);
/* Is the batch full? Then the scan stops, and deleter_flush is called. */
bool deleter_full(const struct deleter *d);
/* Journal and delete what has been read. -1 with ${e}: nothing after that is deleted. */
int deleter_flush(struct deleter *d, struct error *e);
/* The journal is closed; its path, or NULL if nothing in it could be restored. */
int deleter_close(struct deleter *d, struct error *e);
const char *deleter_journal_path(const struct deleter *d);

#endif
