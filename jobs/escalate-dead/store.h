#ifndef ESCALATE_DEAD_STORE_H_
#define ESCALATE_DEAD_STORE_H_

#include "escalate.h"

/* Compare-and-set of the few keys that the steps hang on. All of them may be repeated: a
 * second time they find what they have written and say the same. */
enum store_end {
	STORE_SET,   /* it is what we want */
	STORE_OTHER, /* it is not what was read: somebody else was there */
	STORE_SPAWN, /* the spawn request is not what was read, or no request can stand there */
	STORE_ALIVE, /* the owner has another heartbeat than the one that was judged */
	STORE_GONE,  /* the roster that this run has written is gone: so is what was judged */
	STORE_FAILED /* an error reply, in ${e} */
};

/* The heartbeat as it was judged, for the scripts: a step towards a hand-over is done only while it
 * is this one or none. Of a person who said --force twice it is not asked. */
struct store_life {
	struct buf key;
	struct bytes value;  /* of the coordinator's field */
	struct bytes minded; /* "1" or "0" */
};
void store_life(const struct coordinator *c, struct store_life *l);
/* In Lua; its arguments are expressions. */
#define STORE_LIFE(key, minded, value)                                                     \
	"if " minded " == '1' then\n"                                                       \
	" local h = redis.pcall('GETRANGE', " key ", 0, 65536)\n"                           \
	" if type(h) ~= 'string' or (h ~= '' and h ~= " value ") then return 'alive' end\n"  \
	"end\n"

/* The longest TTL (ms) that a script gives: a double holds it, and SET takes it on any date. In Lua. */
#define STORE_TTL_MOST "4503599627370496"

/* ${key} from ${old} (empty = not there) to ${new} (empty = away), with ${ttl} ms. -1: the
 * connection failed. */
int store_set(struct escalate *x, struct bytes key, struct bytes old, struct bytes new_value,
    int64_t ttl, enum store_end *end, struct error *e);
/* The same for a record that begins a hand-over, as far as ${life} allows. */
int store_begin(struct escalate *x, struct bytes key, struct bytes old, struct bytes new_value,
    const struct store_life *life, int64_t ttl, enum store_end *end, struct error *e);

/* The record from ${old} to ${new} and, in the same step, the spawn request if there is none under
 * ${spawn_key}, and away with the one for the dead id itself. */
struct store_request {
	struct bytes record, old, new_value;
	struct bytes spawn_key, spawn; /* ${spawn} empty: none is wanted */
	struct bytes own_key, own;     /* the dead id's own as it was read; empty: it has none */
	const struct store_life *life;
};
int store_spawn(struct escalate *x, const struct store_request *s, int64_t ttl,
    enum store_end *end, struct error *e);
/* The record from ${old} to ${new} and, in the same step, away with the spawn request if it is
 * still ${spawn}; STORE_ALIVE if the replacement's ${heartbeat} is there: it has started. */
int store_unspawn(struct escalate *x, const struct store_request *s, struct bytes heartbeat,
    int64_t ttl, enum store_end *end, struct error *e);

#endif
