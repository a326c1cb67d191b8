#ifndef REAP_STALE_ORPHANS_H_
#define REAP_STALE_ORPHANS_H_

#include "reap.h"

#define ORPHANS_KEY "coordkeep:orphans"
/* A keyspace can be full of strangers; memory must not be. */
#define ORPHANS_MAX 100000

struct orphan_key {
	struct orphan_key *next;
	enum family family;
	size_t n;
	char bytes[];
};

struct orphan {
	uint64_t digest;     /* of all keys and values, in any order */
	uint32_t keys, ttl_less;
	bool works;          /* owns work: somebody may come back for it */
	int64_t newest;      /* the latest time that any of them carries */
	uint64_t before;     /* the digest that the last run left, and since when */
	int64_t since;       /* 0 = never seen before */
	struct orphan_key *list; /* kept only where they may have to go */
};

struct orphans {
	struct reap *reap;
	struct map *ids;
	struct map *offered; /* a set of keys: what belongs to two of them goes once */
	int64_t pttl;
	size_t pttl_of;
	int64_t untracked;
	struct error error;
	int failed;
};

/* orphans_store.c: coordkeep:orphans, what the last run left. -1 with ${e}. */
int orphans_load(struct orphans *o, struct error *e);
/* Two runs far enough apart have to see the same, so what this one saw of ${id} is kept (or
 * forgotten, if it owns nothing any more). */
int orphans_remember(struct orphans *o, struct bytes id, const struct orphan *orphan,
    struct error *e);
/* Give the hash its TTL, roster_keep. */
int orphans_keep(struct orphans *o, struct error *e);

#endif
