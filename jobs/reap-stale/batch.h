#ifndef REAP_STALE_BATCH_H_
#define REAP_STALE_BATCH_H_

#include "delete.h"
#include "redis/script.h"

/* What the two halves of the deleter share: read.c fills a batch, delete.c empties it. */

#define BATCH_KEYS 2000
#define BATCH_BYTES (1 << 20)
/* Strings up to so long are read as values; anything else as DUMP has it, if it is not too large. */
#define VALUE_MAX 65536

enum form {
	FORM_READING, /* its replies are on their way */
	FORM_STRING,  /* bytes is the value */
	FORM_DUMP,    /* bytes is the payload of DUMP */
	FORM_LEFT     /* not to be deleted */
};

struct item {
	struct candidate *owner; /* NULL: the reset */
	enum family family;
	enum form form;
	int64_t pttl;
	struct bytes key, bytes; /* in memory of their own */
	int64_t stamp;           /* what it says of its own time, 0 = nothing */
	size_t together;         /* the first of a script call: items from it on that are in it */
};

struct deleter {
	struct reap *reap;
	struct script script;
	bool loaded;
	struct journal *journal;
	struct buf path;    /* kept when the journal is closed */
	struct buf payload; /* of one string */
	struct item *items;
	size_t n, cap;
	size_t bytes;
	bool failed;        /* a callback met what ends the run: error says what */
	struct error error;
};

/* Mark ${item} as failed, by name; what would make the rest fail in the same way ends the run. */
void deleter_give_up(struct deleter *d, struct item *item, const struct reply *r,
    const char *event, const char *what);

/* recheck.c. Has it been read, and is it to go? */
bool batch_is_due(const struct item *item);
/* Leave what is newer than the threshold. */
void batch_leave_newer(struct deleter *d, int64_t now);
/* Look at the owners once more; those that live keep everything. -1 with ${e}. */
int batch_look_again(struct deleter *d, int64_t now, struct error *e);
/* Obey a pause (-1, EX_TEMPFAIL) and holds that came meanwhile. */
int batch_still_allowed(struct deleter *d, int64_t now, struct error *e);

#endif
