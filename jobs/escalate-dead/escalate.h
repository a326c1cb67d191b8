#ifndef ESCALATE_DEAD_ESCALATE_H_
#define ESCALATE_DEAD_ESCALATE_H_

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/map.h"
#include "coordination/census.h"
#include "coordination/hold.h"
#include "coordination/liveness.h"
#include "coordination/roster.h"
#include "course.h"
#include "job/run.h"
#include "ledger.h"

/* The command line's own options. */
struct escalate_options {
	const char *coordinator; /* --coordinator ID: act on this one only, or NULL */
	int force;               /* --force, how often */
	const char *cancel;      /* --cancel ID, or NULL */
	bool list;               /* --list */
	const char *explain;     /* --explain ID, or NULL */
	bool override_brake;     /* --override-brake */
};

/* A key of one coordinator, as it was read. */
struct field {
	bool asked;        /* was looked for directly, or found by the scan */
	bool there;
	bool odd;          /* of another type than a string */
	struct buf value;  /* cut at FIELD_MAX + 1 bytes */
	int64_t pttl;      /* or TTL_NONE */
	int64_t at;        /* Redis ms of the answer */
};
#define FIELD_MAX 65536

/* The keys that are read of a coordinator, all of a family with one id. */
enum field_name {
	FIELD_HEARTBEAT,
	FIELD_ACTIVITY,
	FIELD_WARNING,
	FIELD_RECORD,      /* coordinator:escalation:<id> */
	FIELD_SPAWN,       /* coordinator:spawn:<id>: it is a replacement */
	FIELDS
};

/* What is in the way of moving a work item. */
enum item_fate {
	ITEM_MOVES,
	ITEM_ODD,   /* it is no string */
	ITEM_LARGE, /* it is larger than undo_value_max */
	ITEM_TAKEN, /* its new name holds something else */
	ITEM_GONE   /* nothing: it has been moved, finished or has expired since the walk */
};

/* A work item of a coordinator that is not known to be alive. */
struct item {
	struct bytes key;            /* its own copy */
	struct bytes swarm, work_id; /* views into it */
	enum item_fate fate;         /* as far as staying_look knows */
};

struct escalate;

/* What a run knows of one id. */
struct coordinator {
	struct escalate *job;
	struct bytes id;             /* a view into the map's key */
	struct field fields[FIELDS];
	struct roster_entry *entry;  /* NULL until it was judged, or when it is forgotten */
	struct roster_entry was;     /* the entry before this run; was.known says whether it is one */
	bool judged;
	bool judged_activity;        /* by its activity, too */
	enum heartbeat_form form;
	const char *unreadable;      /* why the heartbeat or its time cannot be read */
	int64_t stamp;
	int64_t activity_stamp;      /* 0 = none that can be read */
	struct judgement judgement;
	int64_t warnings;            /* the count, -1 = not a count, 0 = none */
	struct ledger ledger;        /* the escalation record, parsed */
	struct item *items;          /* work that is certainly its own */
	size_t items_n, items_cap;
	size_t stuck;                /* items of which staying_look knows that they cannot be moved */
	size_t uncertain;            /* keys that could be its own */
	bool released;               /* it lives: its work was not looked for */
	bool to_be_asked;            /* a record that is not finished yet names it as a replacement */
	enum course course;
	/* of an escalation */
	bool cleared_to_go;          /* warned enough, or by hand, or forced */
	bool withdrawn;              /* by this run */
	bool escalated_now;          /* handed on by this run, but for the last step */
	bool struck;                 /* this run has counted a warning */
	bool adopted;                /* another process had begun it */
	bool reopen;                 /* handed on before: what is left goes to the same replacement */
	struct buf earlier;          /* handed on before, to this one: what is left goes to another */
	int64_t moved, left;
};

/* A key under coordinator:work: that has no parse. */
struct misnamed {
	struct buf key;
	struct buf owner; /* assignedTo of its value, empty if that says nothing */
};

/* One run. */
struct escalate {
	struct run *run;
	struct client *client;
	const struct escalate_options *options;
	const struct settings *settings;
	struct result *result;
	struct roster roster;
	struct holds holds;
	int64_t began;               /* Redis ms */
	struct baseline baseline;
	bool has_baseline;
	struct buf baseline_file;
	struct census census;
	struct brake brake;
	bool paused;                 /* --list and --explain: the jobs are */
	int64_t pause_ends;          /* Redis ms; 0 = it has no end */
	bool everyone;               /* look at all that the roster holds, whatever their state */
	bool braked;                 /* the brake is on and not overridden */
	struct map *coordinators;    /* id -> struct coordinator */
	struct bytes *loose;         /* work keys (own copies) that the pass kept */
	size_t loose_n, loose_cap;
	struct bytes *uncertain;     /* those of them (moved here) that nobody owns for certain */
	size_t uncertain_n, uncertain_cap;
	struct misnamed *misnamed;   /* work keys without a parse; see misnamed.h */
	size_t misnamed_n, misnamed_cap;
	int64_t heartbeats;          /* ids with a heartbeat */
	int64_t warning_ttl;         /* ms, for this run; see strikes.h */
	struct error failed;         /* of a callback; exit 0 = none */
};

/* escalate.c: the flow. */
int escalate_run(struct run *run, struct error *e);
/* What every mode begins and ends with. */
int escalate_open(struct escalate *x, struct run *run, struct error *e);
void escalate_free(struct escalate *x);
/* Load roster and holds into ${x}, which has none. */
int escalate_load(struct escalate *x, struct error *e);
/* The brake: many that vanish at once are seldom many deaths. Sets x->census, x->brake and x->braked.
 * -1 with ${e}. */
int escalate_brake(struct escalate *x, struct error *e);
/* Write the roster, unless this is a dry run. -1 with ${e}. */
int escalate_save(struct escalate *x, struct error *e);
/* Free what a coordinator holds, not itself. */
void escalate_empty(void *coordinator);
/* The coordinator ${id}, added if it is none yet. NULL without memory. */
struct coordinator *escalate_coordinator(struct escalate *x, struct bytes id);
struct coordinator *escalate_find(const struct escalate *x, struct bytes id);
/* Is it the one of --coordinator, or is there no such option? */
bool escalate_selected(const struct escalate *x, const struct coordinator *c);

/* For a walk over all of them: start with *at = 0; NULL at the end. */
struct coordinator *escalate_next(const struct escalate *x, size_t *at);

#endif
