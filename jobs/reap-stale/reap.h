#ifndef REAP_STALE_REAP_H_
#define REAP_STALE_REAP_H_

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/map.h"
#include "coordination/brake.h"
#include "coordination/hold.h"
#include "coordination/journal.h"
#include "coordination/keys.h"
#include "coordination/roster.h"
#include "job/run.h"
#include "redis/script.h"

/* The command line's own options. */
struct reap_options {
	const char *coordinator; /* --coordinator ID, or NULL */
	const char *undo;        /* --undo FILE, or NULL */
	bool all;                /* --all */
	bool yes;                /* --yes */
	bool override_brake;     /* --override-brake */
};

/* A coordinator whose state is to go. */
struct candidate {
	struct bytes id;         /* its own copy */
	const char *verdict;     /* why: a constant word, for the journal and the log */
	bool heartbeat;          /* a heartbeat was there when it was judged */
	char sha1[SCRIPT_SHA1];  /* of that heartbeat's bytes */
	int64_t pttl;            /* what was left of it, or TTL_NONE */
	int64_t silence;         /* ms */
	int64_t age;             /* ms, as its heartbeat is stamped; 0 = not */
	bool orphan;             /* no heartbeat, no roster entry: known by its keys only */
	bool left;               /* nothing more of it goes */
	bool revived;            /* since it was seen to be alive after all */
	bool failed;             /* a key of it could not be deleted: its heartbeat stays */
	uint32_t deleted;        /* keys */
	bool heartbeat_gone;     /* one of them was its heartbeat */
	int64_t looked;          /* when it was last looked at, Redis ms; 0 = not yet */
};

/* One run. */
struct reap {
	struct run *run;
	struct client *client;
	const struct reap_options *options;
	const struct settings *settings;
	struct result *result;
	struct roster roster;
	struct holds holds;
	struct map *candidates;  /* id -> struct candidate */
	struct baseline baseline;
	bool has_baseline;
	int64_t began;           /* Redis ms */
	bool brake;              /* the brake is on: nothing is reaped */
	struct buf baseline_file;
	int64_t heartbeats;      /* keys that the survey found */
	int64_t oldest;          /* the greatest stamped age among them, ms */
	struct deleter *deleter;
	struct error refused;    /* the first key that the ACL refused; the run goes on without it */
};

int reap_run(struct run *run, struct error *e);
/* Is the server to be left alone between two exchanges? */
bool reap_is_gentle(const struct reap *r);
/* Is ${id} on hold, and does this run obey that? */
bool reap_is_held(const struct reap *r, struct bytes id);
/* The candidate ${id}, added if it is none yet. NULL with ${e}. */
struct candidate *reap_candidate(struct reap *r, struct bytes id, struct error *e);

/* Name a key that the ACL refuses, as ${e} says: everything else is done, and then the run ends with
 * 77. */
void reap_refused(struct reap *r, struct bytes key, const struct error *e);

/* survey.c: the first pass. Finds and judges all heartbeats (or the one of --coordinator), takes
 * a second look where that decides, works the brake, fills r->candidates. */
int survey_run(struct reap *r, struct error *e);
int survey_one(struct reap *r, struct bytes id, struct error *e);

/* dependents.c: the second pass. Offers every key that a candidate owns to the deleter, then the
 * orphans' and, last, the heartbeats. */
int dependents_run(struct reap *r, struct error *e);

/* orphans.c: keys of ids that have neither a heartbeat nor a roster entry. */
struct orphans;
struct orphans *orphans_new(struct reap *r, struct error *e);
void orphans_free(struct orphans *o);
/* Called in the second pass for a key of a family that orphans own; queues its reading. ${key} points
 * into the page. -1 with ${e}. */
int orphans_note(struct orphans *o, const struct bytes *key, struct error *e);
/* The same for a work item: an id that owns work is not reaped as an orphan. */
void orphans_note_work(struct orphans *o, struct bytes key);
/* The server moved: begin anew. */
void orphans_again(struct orphans *o);
/* After a complete pass: report, remember, and offer the keys of those that are to go. */
int orphans_settle(struct orphans *o, struct error *e);

/* tell.c: the summary, the JSON object and the metrics. ${why} a run did not end, or NULL. */
void tell(struct reap *r, const char *why);

/* undo.c */
int undo_run(struct run *run, const char *path, struct error *e);
/* reset.c */
int reset_run(struct reap *r, struct error *e);

#endif
