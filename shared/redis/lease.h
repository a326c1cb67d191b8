#ifndef REDIS_LEASE_H_
#define REDIS_LEASE_H_

#include "redis/client.h"

/* A lease: SET key token NX PX ttl, renewed and released only by its holder
 * (redis.io/docs/manual/patterns/distributed-locks, single instance). It saves
 * work; correctness never rests on it. */
struct lease {
	char key[128];
	char token[33];      /* 128 random bits */
	int64_t ttl_ms;
	int64_t renew_at;    /* monotonic ms */
	int64_t expires_at;  /* monotonic ms, by our clock: sent time + ttl */
	bool held;
};

enum lease_result {
	LEASE_HELD,
	LEASE_BUSY,  /* somebody else has it */
	LEASE_OOM,   /* the server refuses writes for want of memory */
	LEASE_ERROR  /* ${e} says why */
};

/* Take ${key} for ${ttl_ms}, trying until ${wait_ms} have passed. */
enum lease_result lease_take(struct client *c, struct lease *l, const char *key,
    int64_t ttl_ms, int64_t wait_ms, struct error *e);
/* Renew if a third of the TTL has passed. LEASE_BUSY: it was lost, stop. */
enum lease_result lease_keep(struct client *c, struct lease *l, struct error *e);
/* Delete it if it is still ours, by a script or, where that is refused, with GET and DEL. Errors are ignored: its TTL ends it. */
void lease_release(struct client *c, struct lease *l);

#endif
