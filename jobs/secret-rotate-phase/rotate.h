#ifndef SECRET_ROTATE_PHASE_ROTATE_H_
#define SECRET_ROTATE_PHASE_ROTATE_H_

#include "job/run.h"

struct rotate_options {
	bool start, abort, rollback, skip_drain, yes, catch_up, status;
	const char *exclude_host, *turn;
};

/* The options against one another. */
int rotate_check(const void *options, const struct settings *s, struct error *e);
int rotate_run(struct run *run, struct error *e);

#endif
