#ifndef REAP_STALE_LOOK_H_
#define REAP_STALE_LOOK_H_

#include "base/bytes.h"
#include "coordination/heartbeat.h"
#include "coordination/liveness.h"
#include "coordination/roster.h"
#include "redis/script.h"

/* What was read of one id. */
struct look {
	enum heartbeat_form form;
	const char *why;      /* UNREADABLE: what was wrong, a constant */
	int64_t pttl;         /* or TTL_NONE */
	int64_t stamp;        /* READABLE: ms */
	uint64_t digest;      /* of the heartbeat's bytes; 0 when absent */
	char sha1[SCRIPT_SHA1]; /* of the same, by look_many */
	bool activity;
	int64_t activity_stamp;
	uint64_t activity_digest; /* 0 = none there */
	bool refused;         /* the ACL refuses its activity: nothing can be told of it */
};

/* Enter the form, stamp and so on of a heartbeat's PTTL and GETRANGE replies in ${l}, zeroed
 * before. False when it cannot be known: an error reply, or none. */
bool look_heartbeat(int64_t pttl, const struct reply *value, struct look *l);

/* The error that ``refused'' is; -1. */
int look_refused(struct error *e);

/**
 * look_many(c, ids, n, now, gentle, roster, looks, e):
 * Read ${n} ids directly, heartbeat and activity: ${gentle} a hundred an exchange, else with always
 * some on their way. Enter each sight in ${roster} and fill looks[i]. NULL: nothing is entered, and of the heartbeat
 * only the TTL is looked at (-2: it is gone). An id that could not be read
 * (WRONGTYPE of an activity is none) ends it: -1 with ${e}.
 */
int look_many(struct client *c, const struct bytes *ids, size_t n, int64_t now, bool gentle,
    struct roster *roster, struct look *looks, struct error *e);

#endif
