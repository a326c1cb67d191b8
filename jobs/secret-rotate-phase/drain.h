#ifndef SECRET_ROTATE_PHASE_DRAIN_H_
#define SECRET_ROTATE_PHASE_DRAIN_H_

#include "flow.h"

struct effects;

/*
 * What is in flight: the signal, ack and retry records in Redis, by the secret
 * that verifies their signature. The new secret is the one that the rotation
 * goes to, the old one the one that it leaves; between rotations the one in use
 * counts as new.
 */
enum in_flight_state {
	IN_FLIGHT_NEW,
	IN_FLIGHT_OLD,        /* and not under the new one */
	IN_FLIGHT_NEITHER,
	IN_FLIGHT_UNSIGNED,
	IN_FLIGHT_UNREADABLE, /* too large to be looked at, or no string: could be any of these */
	IN_FLIGHT_STATES
};
extern const char *const in_flight_names[IN_FLIGHT_STATES];

struct in_flight {
	bool counted;         /* a complete pass was made */
	int64_t n[IN_FLIGHT_STATES];
	char fp[2][17];       /* the new secret, the old one; "" = there is none */
	bool have[2];         /* this host's file holds it */
	struct buf held;      /* the first key that keeps the drain from ending ... */
	int64_t held_ttl;     /* ... and its TTL in ms; -1 = it has none, -2 = it is gone */
};
void in_flight_free(struct in_flight *f);
/* How many may need the old secret. */
int64_t in_flight_held(const struct in_flight *f);

/**
 * drain_count(x, r, f, e):
 * One pass. The secrets are those of this host's environment file that ${r}
 * names. f->counted is false if the run was stopped before its end. ${f} is one
 * that was zeroed or is of an earlier pass.
 */
int drain_count(struct effects *x, const struct rotation *r, struct in_flight *f,
    struct error *e);
/* flow_ops.pass: PASS_CLEAN if there is none that only the old secret verifies, or could. What
 * was counted is in the effects' in_flight. EX_TEMPFAIL if the file lacks one of the secrets. */
int drain_pass(void *ctx, const struct rotation *r, enum pass *pass, struct error *e);

#endif
