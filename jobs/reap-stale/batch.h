#ifndef REAP_STALE_BATCH_H_
#define REAP_STALE_BATCH_H_

#include "delete.h"
#include "redis/script.h"

/* What the parts of the deleter share: read.c fills a batch, recheck.c looks at it once more,
 * unlink.c empties it, and delete.c makes them do so. */

/* So many that an owner's keys often meet in one: each owner is compared once a call. */
#define BATCH_KEYS 5000
#define BATCH_BYTES (2 << 20)
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
	bool as_judged;          /* a heartbeat: it is still what its owner was judged by */
	bool decided;            /* an ack: it says itself whose it is */
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

/* unlink.c. Values that go in one script call: enough that its own cost does not count, few enough
 * that others wait no longer than for a page of SCAN. What is longer or no string goes alone. */
#define UNLINK_TOGETHER 16
#define UNLINK_VALUE_MAX 4096
void unlink_init(struct script *s);
bool unlink_alone(const struct item *item);
/* Queue one script call for ${n} items from ${first} on: each goes if it still is what was read and
 * its owner's heartbeat what was judged. -1 without memory. */
int unlink_queue(struct deleter *d, size_t first, size_t n);

/* recheck.c. Has it been read, and is it to go? */
bool batch_is_due(const struct item *item);
/* Is the heartbeat ${item}, now read, what its owner was judged by? */
bool batch_is_as_judged(const struct deleter *d, const struct item *item);
/* Enter with its owner that it went (or, in a dry run, would). */
void batch_note_deleted(struct item *item);
/* Somebody else deleted it: a heartbeat that is gone is gone. */
void batch_note_gone(struct item *item);
/* Did a person ask to clean up after this one, alive or not? */
bool batch_regardless(const struct deleter *d);
/* It lives: nothing more of it goes. ${why} is for the log. */
void batch_revive(struct deleter *d, struct candidate *c, const char *why);
/* Leave what is newer than the threshold. */
void batch_leave_newer(struct deleter *d, int64_t now);
/* Look once more at the owners' activity and at when their heartbeats expire; those that live keep
 * everything. (What the heartbeats hold the script that deletes compares.) -1 with ${e}. */
int batch_look_again(struct deleter *d, int64_t now, struct error *e);
/* Leave those of ${n} candidates of which another run has entered something in the roster since this
 * one read it: a suspect is escalate-dead's. -1 with ${e}. */
int batch_ask_roster(struct reap *r, struct candidate *const *c, size_t n, struct error *e);
/* Obey a pause (-1, EX_TEMPFAIL) and holds that came meanwhile. */
int batch_still_allowed(struct deleter *d, int64_t now, struct error *e);

#endif
