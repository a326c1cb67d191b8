#ifndef COORDINATION_JOURNAL_H_
#define COORDINATION_JOURNAL_H_

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/status.h"

/*
 * The undo journal: undo_dir/<job>-<UTC time>-<run>.jsonl, mode 0600. A header
 * line (schema, job, run, db, server version, run_id, started), then for every
 * key an "intent" line (key_b64, base64 DUMP, absolute expiry in Redis ms or
 * null, id, verdict) that is on disk before the key may be deleted, then a
 * "result" line (key_b64, "deleted" | "changed" | "gone" | "failed").
 */
struct journal;

struct journal_options {
	const char *dir;
	const char *job, *run;
	int64_t keep_ms;       /* older journals of this job are removed on open */
	int64_t max_bytes;     /* all journals together: the oldest go first, never this one */
	int db;
	int server_version;
	const char *server_run_id;
};

/* NULL with EX_CANTCREAT. Creates the directory (0700) if it can. */
struct journal *journal_open(const struct journal_options *o, struct error *e);
/* Buffer one intent. */
int journal_intent(struct journal *j, struct bytes key, struct bytes dump, int64_t expiry,
    struct bytes id, const char *verdict, struct error *e);
/* Write the buffered lines, fsync file and (once) directory. Only after 0 may the keys be deleted.
 * EX_IOERR; the file is cut back to its last whole batch. */
int journal_commit(struct journal *j, struct error *e);
int journal_result(struct journal *j, struct bytes key, const char *result, struct error *e);
const char *journal_path(const struct journal *j);
/* Is nothing in it that could be restored: no intent, or only such as came to nothing? */
bool journal_is_empty(const struct journal *j);
/* Commit and close; an empty journal is removed. 0 or EX_IOERR. */
int journal_close(struct journal *j, struct error *e);

/* Reading one back. */
struct journal_entry {
	struct bytes key, dump, id;
	int64_t expiry;       /* Redis ms, 0 = none */
	struct bytes verdict;
	bool resulted;        /* a result line was there */
	bool deleted;
};
struct journal_header {
	int db;
	int server_version;
	char job[64], run[64];
};
/* Calls ${fn} for each intent in order; entries whose result was "changed",
 * "gone" or "failed" are not given. A last line that a crash cut off is ignored. -1 with
 * EX_NOINPUT (no such file), EX_DATAERR ("FILE:LINE: ..."), or what ${fn}
 * returned when not 0. */
typedef int journal_entry_fn(void *ctx, const struct journal_entry *entry);
int journal_read(const char *path, struct journal_header *h, journal_entry_fn *fn, void *ctx,
    struct error *e);

#endif
