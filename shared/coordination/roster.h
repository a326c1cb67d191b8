#ifndef COORDINATION_ROSTER_H_
#define COORDINATION_ROSTER_H_

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/map.h"
#include "coordination/liveness.h"
#include "redis/client.h"

/*
 * The roster, coordkeep:roster: one hash, id -> what the jobs remember of a
 * coordinator. Read with HSCAN, written by a one-key script that is monotone:
 * an older sight never overwrites a newer one, and, apart from that, an older
 * state never a newer one (by ${since}): what another run meanwhile decided is kept.
 *
 * Memory of a run: for each id sizeof(struct roster_entry), 112 bytes, the map's
 * copy of the id, and the line that the hash holds, some 110 bytes; in Redis about
 * 130 bytes and the id.
 */
#define ROSTER_KEY "coordkeep:roster"

/* The latest time (ms) of an entry: Lua's numbers are doubles, and what the script compares has to be
 * exact there. */
#define ROSTER_TIME_MAX (INT64_C(1) << 53)

enum roster_state {
	ROSTER_KNOWN,
	ROSTER_AWAITED,   /* named as a replacement, not yet seen: never a suspect */
	ROSTER_SUSPECT,   /* escalate-dead is judging it */
	ROSTER_RETIRED,   /* left by a clean shutdown */
	ROSTER_ESCALATED, /* its work was handed on */
	ROSTER_REAPED,
	ROSTER_STATES
};
const char *roster_state_name(enum roster_state s);

struct roster_entry {
	uint64_t heartbeat;       /* digest of the heartbeat's bytes, 0 = none seen */
	int64_t expiry;           /* its absolute expiry when last seen, 0 = no TTL */
	uint64_t activity;        /* digest of the activity record, 0 = none */
	int64_t first_sight;
	int64_t last_life;        /* 0 = no sign of life ever seen */
	int64_t last_seen;        /* a heartbeat was there */
	enum roster_state state;
	int64_t since;            /* of the state; 0 = known since its first sight */
	int64_t incarnation;      /* fixed when it became a suspect; 0 = not */
	int64_t sight;            /* Redis ms of the last look, whatever it found; while roster_left,
	                             of the first that found the heartbeat gone */
	/* of this run only */
	int64_t before;           /* these bytes were written after it; 0 = unknown */
	int64_t sight_before;     /* the sight that the last run left; 0 = none */
	char *was;                /* the line that the hash held when it was last read or
	                             written; NULL = none */
	bool known;               /* was in the roster before this run */
	bool life_now;            /* this run saw a sign of life */
	bool seen_now;            /* this run saw a heartbeat (or activity) */
	bool changed;             /* roster_save writes it */
	bool removed;             /* roster_save deletes it */
};

struct roster {
	struct map *entries;      /* id -> struct roster_entry */
	struct map *damaged;      /* id -> struct buf, what stands there and cannot be read; or NULL */
	bool existed;             /* the hash was there: there is history */
	int64_t loaded_at;        /* Redis ms */
};

/* Load all of it. -1 with ${e}. Entries that cannot be read count as none, with a log line for all of
 * them; roster_save removes them, but for those of another version of the format.
 * roster_free(zeroed) is harmless. */
int roster_load(struct client *c, struct roster *r, struct error *e);
void roster_free(struct roster *r);
struct roster_entry *roster_find(const struct roster *r, struct bytes id);

/* The digest that entries hold of a heartbeat or an activity record: the same on every host; never
 * 0 for a value that is there. */
uint64_t roster_digest(struct bytes value);

/* What a run saw of one id. ${heartbeat} false: looked for, and not there;
 * ${activity} false: not there, or not looked for. */
struct sight {
	int64_t now;
	bool heartbeat;              /* there */
	struct bytes heartbeat_bytes;/* the value; of another type: empty, digest by type */
	int64_t heartbeat_pttl;      /* or TTL_NONE */
	bool activity;
	struct bytes activity_bytes;
};
/**
 * roster_observe(r, id, sight):
 * Enter what was seen: sets first_sight for a new id; life_now if it was known and its bytes
 * changed, or its expiry moved later by over a second, or a heartbeat is there again after
 * it was gone; the digests, expiry and last_seen. A life sign ends suspect, retired and reaped
 * (state known, incarnation 0); awaited becomes known when first seen; escalated stays (the caller reports
 * it). Pure but for the map. NULL without memory.
 */
struct roster_entry *roster_observe(struct roster *r, struct bytes id, const struct sight *s);
/* Did its heartbeat vanish before it would have expired, and no sign of life since? Whoever took it
 * away, its writer's death did not. */
bool roster_left(const struct roster_entry *e);
/* Enter a state. suspect and escalated fix the incarnation (last sign of life,
 * else first sight) unless it is fixed already; known, awaited and retired clear it. */
void roster_set_state(struct roster_entry *e, enum roster_state s, int64_t now);
/* Forget entries whose last sight (or state, if later) is older than ${keep_ms}. */
void roster_forget_old(struct roster *r, int64_t now, int64_t keep_ms);
/* Write the changed entries in batches, the hash's own TTL = ${keep_ms}; delete
 * the removed ones, each only if no other run has written it since, and drop them
 * from the map. May be called again in the same run. -1 with ${e}. */
int roster_save(struct client *c, struct roster *r, int64_t keep_ms, struct error *e);
/* The states that the hash holds now of ${n} ids: what other runs have entered since it was loaded.
 * ROSTER_STATES: no entry, or none that can be read. -1 with ${e}. */
int roster_read_states(struct client *c, const struct bytes *ids, size_t n,
    enum roster_state *states, struct error *e);
/* The evidence for liveness_judge from an entry and what was read just now. */
struct evidence roster_evidence(const struct roster_entry *e, const struct sight *s,
    enum heartbeat_form form, int64_t stamp, bool activity, int64_t activity_stamp);
/* One entry as the hash holds it, and back. False if it cannot be read. */
void roster_format(const struct roster_entry *e, struct buf *out);
bool roster_parse(struct bytes s, struct roster_entry *e);

#endif
