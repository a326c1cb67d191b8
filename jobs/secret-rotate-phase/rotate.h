#ifndef SECRET_ROTATE_PHASE_ROTATE_H_
#define SECRET_ROTATE_PHASE_ROTATE_H_

#include "effects.h"
#include "steer.h"

struct rotate_options {
	bool start, abort, rollback, skip_drain, yes, catch_up, status;
	const char *exclude_host, *turn;
};

/* A run, with all that is too large for the stack. */
struct rotate {
	struct run *run;
	const struct rotate_options *options;
	const struct settings *settings;
	struct effects x;
	struct flow_ops ops;
	struct flow_settings flow;
	struct flow_view v;
	struct hosts hosts;          /* of the config */
	char list[FINGERPRINT_SIZE]; /* its digest */
	char boot[33];
	bool lost;                   /* for --status */
	struct error uncounted;
};

/* The options against one another. */
int rotate_check(const void *options, const struct settings *s, struct error *e);
int rotate_run(struct run *run, struct error *e);

/* rotate_order.c: what the options order, if anything. */
enum order rotate_order(const struct rotate_options *o);
/* Carry it out; who skips the drain is asked first. What steer() returns. */
int rotate_give_order(struct rotate *t, enum order order, struct error *e);
/* With auto: a start when the secret is due. That one cannot be made is no failure of the run, but
 * a finding. *started: a run has to follow. */
int rotate_start_by_age(struct rotate *t, bool *started, struct error *e);

#endif
