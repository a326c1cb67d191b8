#ifndef SECRET_ROTATE_PHASE_STEER_H_
#define SECRET_ROTATE_PHASE_STEER_H_

#include "flow.h"

/* What a person, or the secret's age, orders: over the same effects as a run. */
enum order {
	ORDER_NONE, ORDER_START, ORDER_ABORT, ORDER_ROLLBACK, ORDER_EXCLUDE, ORDER_SKIP_DRAIN,
	ORDER_TURN
};

struct steering {
	enum order order;
	const char *host;          /* EXCLUDE; TURN: whose it is to be, "" = nobody's */
	bool sure;                 /* EXCLUDE: although it reported of late that it runs something */
	const struct hosts *hosts; /* START: the list in the config */
};

/**
 * steer(o, s, steering, v, e):
 * Carry the order out: write the next record, which v->rotation then is. A run
 * (flow_run) follows. -1 with ${e}: EX_CRITICAL and why it cannot be;
 * EX_TEMPFAIL: somebody else was quicker, or this host cannot be certain that
 * the record is the latest one.
 */
int steer(const struct flow_ops *o, const struct flow_settings *s,
    const struct steering *steering, struct flow_view *v, struct error *e);

#endif
