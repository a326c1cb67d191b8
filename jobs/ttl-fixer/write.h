#ifndef TTL_FIXER_WRITE_H_
#define TTL_FIXER_WRITE_H_

#include "fixer.h"

/* The writes of the pass: each to one key, each only if the key is still what
 * the look found. ${key} is one of the page's keys: its address is the tag. ${row}: its own. */

/* Commands and TTLs as this server takes them; again when another server
 * answers: its version and its policy decide. */
void write_speak(struct fixer *f);

/* Give ${key}, which has none, its TTL. */
void write_give(struct row *row, const struct bytes *key);
/* Cut the TTL of ${key}, which has a longer one, to ${to} ms: one of the two limits. */
void write_cut(struct row *row, const struct bytes *key, int64_t to);

/* A reply to ${command} that is none of those expected: the key is named, or the
 * pass ends with f->fatal. */
void write_failed(struct fixer *f, struct bytes key, const struct reply *r,
    const char *command);
/* ${key} is not what it was when the pass looked. */
void write_skipped(struct fixer *f, struct bytes key, const char *why);

#endif
