#ifndef SECRET_ROTATE_PHASE_FLOW_H_
#define SECRET_ROTATE_PHASE_FLOW_H_

#include "base/status.h"

#include "phase.h"

/*
 * What one run does, in order, over a table of effects: the job gives the real
 * ones (effects.c), the simulation its own and stops a run at any of them.
 * Nothing here allocates, so a run that is stopped leaves nothing behind but
 * what its effects did.
 *
 * The caller holds this host's lock from before flow_record to the end.
 */

/* What a host keeps on its own disk. Zeroed = there is none (epoch 0). */
struct copy {
	struct rotation rotation;
	int64_t reported;             /* when this host last reported, certain of the record */
	char seen[FINGERPRINT_SIZE];  /* the secret that its file signs with ... */
	int64_t seen_since;           /* ... and since when; for auto */
};

/* Things that a person may want to be told. */
enum flow_note {
	NOTE_PUT_BACK,    /* the record was put back from the copy */
	NOTE_FORKED,      /* the copy held another change of the same epoch */
	NOTE_MISMATCH,    /* a secret that the rotation does not know: nothing done */
	NOTE_FILE_MOVED,
	NOTE_LAPSED,      /* in the drain something here signs with the old secret */
	NOTE_SOURCE,      /* the source does not give the secret that the record names */
	NOTE_TURN_TAKEN,
	NOTE_TURN_OTHER,  /* has to restart, but it is another host's turn */
	NOTE_ACTIVATED,   /* reload or restart were run, and all run what the file says */
	NOTE_NOT_ACTIVE,  /* ... and they do not */
	NOTE_TURN_KEPT,   /* our turn, and no coordinator runs here */
	NOTE_TURN_GIVEN,
	NOTE_PHASE        /* the phase moved, to v->rotation */
};

enum put_result { PUT_DONE, PUT_CONFLICT, PUT_TOO_LATE };

struct flow_view;

/* The effects. Each returns 0, or -1 with ${e}. */
struct flow_ops {
	int64_t (*now)(void *ctx); /* Redis's clock, ms */
	bool (*stop)(void *ctx);   /* asked to end, or out of time */
	/* *there = false: no record. */
	int (*record_read)(void *ctx, struct rotation *r, bool *there, struct error *e);
	/* Write ${next} if the record is still ${expected}, by its epoch and by who wrote it (NULL =
	 * there is none), and Redis's time is not past ${deadline} (0 = any). The turn is written
	 * only if ${turn}. */
	int (*record_put)(void *ctx, const struct rotation *expected, int64_t deadline,
	    const struct rotation *next, bool turn, enum put_result *result, struct error *e);
	/* Change the turn of the record of ${epoch} from ${from} to ${to}. */
	int (*turn_put)(void *ctx, uint64_t epoch, const char *from, const char *to, int64_t now,
	    bool *done, struct error *e);
	int (*reports_read)(void *ctx, struct reports *reports, struct error *e);
	int (*report_put)(void *ctx, const struct report *report, struct error *e);
	int (*copy_read)(void *ctx, struct copy *copy, struct error *e);
	int (*copy_write)(void *ctx, const struct copy *copy, struct error *e);
	/* Enter the processes into ${s} (zeroed). */
	int (*look_processes)(void *ctx, struct state *s, struct error *e);
	int (*look_file)(void *ctx, struct pair *file, struct error *e);
	/* Make the file ${target}. The values come from the file itself and the source of the
	 * new secret; one that does not have the fingerprint is never written: *moved = false. */
	int (*move_file)(void *ctx, const struct rotation *r, const struct pair *target,
	    bool *moved, struct error *e);
	int (*reload)(void *ctx, struct error *e);
	int (*restart)(void *ctx, struct error *e);
	/* Wait a moment for processes to come up; false: waited long enough. */
	bool (*settle)(void *ctx, int tries);
	/* For a start: a new rotation's id and the fingerprint of the secret that the source
	 * gives for it. */
	int (*fresh)(void *ctx, char id[33], char fp[FINGERPRINT_SIZE], struct error *e);
	/* Which hosts do the heartbeats name, of ${hosts} and beside them? By their names, or by
	 * those of the machines in ${reports}. */
	int (*named)(void *ctx, const struct hosts *hosts, const struct reports *reports,
	    struct named *named, struct error *e);
	/* One pass over what is in flight. */
	int (*pass)(void *ctx, const struct rotation *r, enum pass *pass, struct error *e);
	void (*note)(void *ctx, enum flow_note note, const struct flow_view *v);
	void *ctx;
};

struct flow_settings {
	struct phase_settings phase;
	const char *self;  /* this host */
	const char *list;  /* digest of its list of hosts */
	const char *machine; /* as struct report has them */
	const char *boot;
	int64_t uptime;    /* for how long its kernel has run, ms */
	bool catch_up;     /* the file only: no restart, no move of the phase */
	bool dry;          /* the effects write nothing: do not wait for what they would bring */
	bool trust;        /* a person says that the record is true */
	const char *redis; /* which Redis it is, and ... */
	const char *state_dir; /* ... where this host's copy is; for messages */
};

/* What the run knows. Large: not for the stack of a deep call. */
struct flow_view {
	struct rotation rotation;
	struct copy copy;
	bool may_act;
	bool stranger;             /* no copy, and a record that does not know what the host runs */
	enum aim aim;
	struct state state;
	int64_t looked;            /* when */
	struct reports reports;
	struct census census;      /* views into rotation and reports */
	struct decision decision;
	struct error trouble;      /* with the file or the processes; reported, then returned */
};

/* Read copy, record and reports; put the record back or take it over; save the
 * copy, so that it is on disk before anything is done. */
int flow_record(const struct flow_ops *o, const struct flow_settings *s, struct flow_view *v,
    struct error *e);
/* Look and report, nothing else. */
int flow_report(const struct flow_ops *o, const struct flow_settings *s, struct flow_view *v,
    struct error *e);
/* EX_CONFIG: the record in Redis is of another fleet than ${copy}. */
int flow_foreign(const struct flow_settings *s, const struct rotation *redis,
    const struct rotation *copy, struct error *e);
/* Look at this host: v->state. */
void flow_look(const struct flow_ops *o, struct flow_view *v);
/* EX_TEMPFAIL: the record may be older than what the others act on, so nothing was done. */
int flow_uncertain(struct error *e);
/* How long after the reports were read they may be relied on, ms. */
#define FLOW_DECISION 10000
/* Write the next record: unless *result tells of a conflict, v->rotation becomes it. EX_TEMPFAIL
 * if Redis's time is past ${deadline} (0 = any). */
int flow_write(const struct flow_ops *o, struct flow_view *v, const struct rotation *next,
    int64_t deadline, enum put_result *result, struct error *e);
/* The same for one that an order made: a conflict is EX_TEMPFAIL too. */
int flow_put(const struct flow_ops *o, struct flow_view *v, const struct rotation *next,
    int64_t deadline, struct error *e);
/* A whole run: this host's part of the phase, and on to the next phase where all have done
 * theirs. v->census and v->decision say what it waits for at its end. A host that is not certain
 * of the record only reports: flow_uncertain(). */
int flow_run(const struct flow_ops *o, const struct flow_settings *s, struct flow_view *v,
    struct error *e);

#endif
