#ifndef SECRET_ROTATE_PHASE_EFFECTS_H_
#define SECRET_ROTATE_PHASE_EFFECTS_H_

#include "job/run.h"

#include "drain.h"
#include "flow.h"

/*
 * The real effects behind flow_ops: Redis (store.c, drain.c) and this host
 * (local.c, processes.c, source.c, commands.c).
 */
struct effects {
	struct run *run;
	struct client *client;         /* NULL: Redis could not be reached (--catch-up) */
	const struct settings *settings;
	const char *self;              /* this host */
	int lock;                      /* descriptor of the flock */
	bool dry;
	bool known;                    /* the record was read */
	struct in_flight in_flight;    /* of the last pass */
};

/* Fill ${o} with them: a dry run's write nothing, and without Redis there is only this host's
 * copy. */
void effects_ops(struct effects *x, struct flow_ops *o);

#endif
