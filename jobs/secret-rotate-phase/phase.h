#ifndef SECRET_ROTATE_PHASE_PHASE_H_
#define SECRET_ROTATE_PHASE_PHASE_H_

#include "rotation.h"

/*
 * The protocol, as pure functions: from the record, this host's copy of it,
 * the reports of all hosts, what this host runs, the settings and the time,
 * to what this host does and whether the phase moves. Times are Redis ms.
 *
 *	phase       each host's target  moves on when all agree on it, twice, and
 *	idle        (S, -)              an order, or the age of the secret
 *	distribute  (S, n)              soak has passed                -> promote
 *	promote     (n, S)                                             -> drain
 *	drain       (n, S)              drain has passed and a pass over signals,
 *	                                acks, retries found none that only S
 *	                                verifies, each time            -> retire
 *	retire      (n, -)              (once is enough)               -> idle
 *	hold        as it was           all sign `sign`  (then retire)
 *	                                all accept both  (then promote)
 *
 * Any two neighbours in this table live together: whoever has the one target
 * accepts what whoever has the other one signs. A host is therefore never more
 * than one step away from the others, and that is what the reports see to.
 * They are evidence of a moment. A process that had read the file just before
 * it was changed and was not there yet when the host looked, shows only in a
 * second look. So agreement is asked for twice: the first time raises the
 * epoch (confirm), which makes all reports void, and moves nothing.
 */
struct phase_settings {
	int64_t soak, drain, host_timeout, max_age;
	int64_t tolerance; /* a report may be this far ahead of our clock */
};

/* What stands in the way of one host's report. */
enum standing {
	STANDING_GOOD,
	STANDING_ABSENT,  /* never reported */
	STANDING_LATE,    /* not for host_timeout */
	STANDING_AHEAD,   /* its report is from the future: somebody's clock moved */
	STANDING_TWICE,   /* two machines report under its name */
	STANDING_EPOCH,   /* reported, but not yet under this record */
	STANDING_LIST,    /* its own list of hosts names others */
	STANDING_UNKNOWN, /* could not look at its file or its processes */
	STANDING_FILE,    /* its file is not what the phase asks for */
	STANDING_PROCESS, /* a process of it is not */
	STANDING_COUNT
};
/* "waits for its first report", ...: a phrase to follow the host's name. */
const char *standing_phrase(enum standing s);

/* Is a report late, from the future, or STANDING_GOOD to go by? */
enum standing phase_freshness(const struct report *report, const struct phase_settings *s,
    int64_t now);

/*
 * Does another machine report under this one's name? Redis ms of when it last did,
 * 0 = no. ${last} is what Redis has under the name (NULL = nothing), ${boot} which
 * boot of the kernel runs here ("" = not known), ${booted} since when (Redis ms). Of
 * another boot of this machine there can be no report since then.
 */
int64_t phase_rival(const struct report *last, const char *boot, int64_t booted);

/* Every host that has to agree: the recorded ones, and any other that has
 * reported of late, since it is there and runs something. */
struct census_row {
	const char *host;
	const struct report *report; /* NULL = none */
	enum standing standing;
	bool listed;
};
struct census {
	size_t n, good;
	struct census_row row[HOSTS_MAX + REPORTS_MAX];
};
/* The views in ${c} are into ${r} and ${reports}. */
void phase_census(const struct rotation *r, const struct reports *reports,
    const struct phase_settings *s, int64_t now, struct census *c);
/* Are ${s}'s file and all its processes what the phase asks for? */
enum standing phase_state_standing(const struct rotation *r, const struct state *s);

/* Which of Redis's record (NULL = missing) and this host's copy (NULL = none) is true? */
enum merge {
	MERGE_NONE,     /* there is no record: nothing to do but to report */
	MERGE_REDIS,
	MERGE_PUT_BACK, /* Redis lost it or holds an older one */
	MERGE_FOREIGN   /* Redis's is of another fleet: neither */
};
/* *forked: same epoch, but not the same thing to do. Redis's wins; the loser was
 * a change that no other host has acted on, or one that only held things. */
enum merge phase_merge(const struct rotation *redis, const struct rotation *copy, bool *forked);

/*
 * May this host act on the record? Yes, if its own copy is at most one epoch
 * older and it has reported within host_timeout: then the record cannot be
 * older than what the others act on. Else only when another host vouches for
 * it: one that has reported under this epoch, of late, with a copy of it.
 * ${reported} is when this host last reported and might act (0 = never).
 */
bool phase_may_act(const struct rotation *r, const struct rotation *copy, int64_t reported,
    const char *self, const struct reports *reports, const struct phase_settings *s,
    int64_t now);

/* Is there a host that may act on it, as far as the reports tell? */
bool phase_has_actor(const struct rotation *r, const struct reports *reports,
    const struct phase_settings *s, int64_t now);

/* What to do with this host's file. */
enum aim {
	AIM_STAY,
	AIM_MOVE,    /* write *target */
	AIM_MISMATCH /* it or a process has a secret that the rotation does not know: hands off */
};
/* ${boots}: its coordinators are about to start, so a change costs nothing. */
enum aim phase_aim(const struct rotation *r, const struct state *s, bool boots,
    struct pair *target);
/* Do processes have to be restarted so that they run what the file says? */
bool phase_activate(const struct rotation *r, const struct state *s);
/* May the holder of the turn give it back? Its coordinators have to be there
 * again: it claimed the turn because some were running. */
bool phase_well(const struct rotation *r, const struct state *s);

/* Does the phase move? */
enum wait {
	WAIT_NONE,  /* it moves, to next */
	WAIT_START, /* idle: somebody has to start a rotation */
	WAIT_HOSTS, /* the census says which */
	WAIT_TIME,  /* left says how long */
	WAIT_CLOCK, /* the phase began in the future: left says by how much */
	WAIT_PASS   /* a pass over the records in flight has to find none */
};
enum pass { PASS_NOT_MADE, PASS_CLEAN, PASS_DIRTY };
struct decision {
	enum wait wait;
	int64_t left;
	bool back;             /* drain starts again: somebody signs with the old secret */
	struct rotation next;
};
void phase_decide(const struct rotation *r, const struct census *c,
    const struct phase_settings *s, enum pass pass, int64_t now, struct decision *d);

#endif
