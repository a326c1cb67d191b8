#ifndef SECRET_ROTATE_PHASE_EFFECTS_H_
#define SECRET_ROTATE_PHASE_EFFECTS_H_

#include "job/run.h"

#include "flow.h"

/* What the real effects behind flow_ops work on: the ctx of each of them. Redis's side is in
 * store.h and drain.h, the host's in local.h, processes.h, source.h and commands.h. */
struct effects {
	struct run *run;
	struct client *client;         /* NULL: Redis could not be reached (--catch-up) */
	const struct settings *settings;
	const char *self;              /* this host */
	int lock;                      /* descriptor of the flock */
	bool dry;
};

#endif
