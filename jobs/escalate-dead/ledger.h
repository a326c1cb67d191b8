#ifndef ESCALATE_DEAD_LEDGER_H_
#define ESCALATE_DEAD_LEDGER_H_

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "successor.h"

/*
 * The escalation record, coordinator:escalation:<id>: how far the hand-over of
 * a dead coordinator has come, and to whom. Whoever finds one goes on from it:
 *
 *	in_progress   work is being moved; nothing has been asked for
 *	spawned       all work is moved and the spawn request was made, in one step
 *	complete      the swarm was told; nothing is left to do
 *	cancelling    the work goes back
 *
 * A record that another process left, without an incarnation, is foreign until
 * it is adopted.
 */
enum ledger_stage {
	LEDGER_NONE,
	LEDGER_UNREADABLE,
	LEDGER_FOREIGN,
	LEDGER_MOVING,
	LEDGER_SPAWNED,
	LEDGER_COMPLETE,
	LEDGER_CANCELLING
};

#define LEDGER_SWARMS 16

struct ledger {
	enum ledger_stage stage;
	bool ours;              /* it carries an incarnation */
	struct buf value;       /* the bytes that were read: what a compare-and-set expects */
	struct buf new_id;      /* newCoordinatorId, empty if it names none */
	struct buf earlier;     /* earlierCoordinatorId; the same */
	struct buf swarms[LEDGER_SWARMS]; /* swarmId, then the others */
	size_t swarms_n;
	int64_t timestamp;      /* when it was made; INT64_MAX if that cannot be read */
	int64_t incarnation;    /* 0 = none */
	int64_t moved;          /* workMoved of a complete one */
	bool by_person;         /* of a cancelling one: not because its owner lives */
};

/* What a new record says. */
struct ledger_new {
	struct bytes id, new_id;
	struct bytes earlier; /* the replacement that what was there before went to; empty: none */
	const struct bytes *swarms; /* at least one */
	size_t swarms_n;
	int64_t now, incarnation, last_life, warnings;
	const char *reason;
	const char *run, *host;
};

const char *ledger_stage_name(enum ledger_stage s);

/* Read ${value} into ${l} (which is emptied first); ${dead} is the id that it is about. */
void ledger_parse(struct bytes dead, struct bytes value, struct ledger *l);
void ledger_free(struct ledger *l);
/* Does ${l} have this swarm; add it. False without memory or room. */
bool ledger_add_swarm(struct ledger *l, struct bytes swarm);

/* Keep the bytes, forget whom and which swarms they name. */
void ledger_disown(struct ledger *l);

/* The texts; ${out} is appended to, out->failed if there was no memory. */
void ledger_begin(const struct ledger_new *n, struct buf *out);
/* Each takes the record's present bytes and sets fields in them, nothing else. False if
 * that cannot be done. */
bool ledger_adopt(struct bytes value, const struct ledger_new *n, bool keep_new_id,
    struct buf *out);
bool ledger_spawned(struct bytes value, int64_t now, struct buf *out);
/* A finished one is taken up again: late work goes where the rest went. ${incarnation} for one
 * that has none. */
bool ledger_reopen(struct bytes value, int64_t now, int64_t incarnation, struct buf *out);
bool ledger_cancelling(struct bytes value, int64_t now, bool by_person, struct buf *out);
/* ${unchanged}: a JSON array of the keys that were moved as they were. */
bool ledger_complete(struct bytes value, int64_t now, int64_t moved, int64_t left,
    const char *unchanged, struct buf *out);

/* coordinator:spawn:<newId>; the message on swarm:<swarm>:coordinator:dead. */
void ledger_spawn_request(const struct ledger_new *n, int64_t moved, struct buf *out);
/* The same request with as many items as there are by now. False if it is not pending, or says so
 * already. */
bool ledger_recount(struct bytes request, int64_t moved, struct buf *out);
void ledger_message(const struct ledger_new *n, int64_t moved, struct buf *out);
void ledger_channel(struct bytes swarm, struct buf *out);
/* Is a spawn request still pending? */
bool ledger_spawn_pending(struct bytes value);
/* Is it a spawn request for ${new_id}, whatever has become of it? */
bool ledger_is_request(struct bytes value, struct bytes new_id);

#endif
