#ifndef COORDINATION_KEYS_H_
#define COORDINATION_KEYS_H_

#include <stdbool.h>

#include "base/bytes.h"

/* The key families of coordinators. The source is the troubleshooting guide;
 * README, "Key families", has the table. */
enum family {
	FAMILY_NONE,         /* neither blocking:, coordinator:, circuit: nor ours: never touched */
	FAMILY_HEARTBEAT,    /* blocking:heartbeat:<id> */
	FAMILY_SIGNAL,       /* blocking:signal:<receiver> */
	FAMILY_ACK,          /* blocking:ack:<id>[:<signalId>] */
	FAMILY_WARNING,      /* blocking:warning:<id> */
	FAMILY_IDEMPOTENCY,  /* blocking:idempotency:<sender>:<receiver>:<type>:<iteration>:<ms> */
	FAMILY_STATE,        /* blocking:state:<id> */
	FAMILY_RETRY,        /* blocking:retry:<signalId>:<n> */
	FAMILY_RETRY_FAILED, /* blocking:retry:failed:<signalId> */
	FAMILY_ACTIVITY,     /* coordinator:activity:<id> */
	FAMILY_WORK,         /* coordinator:work:<swarm>:<id>:<workId> */
	FAMILY_ESCALATION,   /* coordinator:escalation:<id> */
	FAMILY_SPAWN,        /* coordinator:spawn:<newId> */
	FAMILY_BREAKER,      /* circuit:breaker:status, coordinator:circuit:<id> */
	FAMILY_OTHER,        /* another blocking:* key: default TTL only */
	FAMILY_OURS,         /* coordkeep:* */
	FAMILY_COUNT
};

/* "heartbeat", "retry-failed", ...: as in counts, [ttl] and the documents. */
const char *family_name(enum family f);
/* The family of ${key}; *rest (may be NULL) is what follows the prefix. A key
 * whose rest is empty where an id belongs, or that has too few components, is
 * FAMILY_OTHER under blocking: and FAMILY_NONE under coordinator:. So is an idempotency key
 * whose iteration and ms, or a retry key whose n, is not a number: of another making, its ids
 * would be guesses. */
enum family family_of(struct bytes key, struct bytes *rest);

/* Append the key of ${id} in a family with one id and nothing else
 * (heartbeat, signal, warning, state, activity, escalation, spawn). Any other family, or an
 * empty id: out->failed. */
void key_make(struct buf *out, enum family f, struct bytes id);

/* Whose key can it be? */
enum key_role {
	KEY_OWNER,    /* the one id of the family, or an ack's coordinator, or a work item's owner */
	KEY_SENDER,   /* of an idempotency record */
	KEY_RECEIVER
};
struct key_claim {
	struct bytes id; /* a view into the key */
	enum family family;
	enum key_role role;
	struct bytes swarm, work_id; /* FAMILY_WORK: the rest of this parse */
};
/* Called for every id that ${key} could belong to by some parse of it; false
 * stops. ids may hold colons, so an ack "a:b:c" can be that of "a", "a:b" or
 * "a:b:c"; a work key "s:a:b:w" of "a", "b", "a:b". For idempotency records type, iteration and
 * ms are the last three components. */
typedef bool key_claim_fn(void *ctx, const struct key_claim *claim);
void key_claims(struct bytes key, key_claim_fn *fn, void *ctx);
/* How many different ids key_claims() gives (1 = the parse is unique; an idempotency
 * record with one parse gives 2). Counts to 64 at most: 64 means 64 or more. */
size_t key_claim_count(struct bytes key);
/* Can ${key} belong to ${id} by any parse? */
bool key_may_belong(struct bytes key, struct bytes id);
/* The parse of work key ${key} whose id is exactly ${owner} (the value's
 * assignedTo). False if there is none or more than one. */
bool key_work_parse(struct bytes key, struct bytes owner, struct bytes *swarm,
    struct bytes *work_id);

/* The time in ms that idempotency record ${key} carries as its last component; 0 = none that can be. */
int64_t key_idempotency_time(struct bytes key);

#endif
