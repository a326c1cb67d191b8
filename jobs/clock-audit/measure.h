#ifndef CLOCK_AUDIT_MEASURE_H_
#define CLOCK_AUDIT_MEASURE_H_

#include <stddef.h>
#include <stdint.h>

#include "job/run.h"
#include "offset.h"

/* The local clock against the server's, over the connection of the run. */
struct measurement {
	struct clock_offset offset; /* of the last burst in which no clock jumped */
	struct clock_sample last;   /* the last exchange */
	int64_t local_jump;         /* the largest that was noticed in this run */
	int64_t server_jump;
	size_t taken;               /* exchanges */
};

/* Take ${samples} exchanges, and as many again, a few times at most, when none
 * of them counts. offset.valid false: no clock stood still for that long. -1 with ${e}. */
int measure_take(struct run *run, size_t samples, struct measurement *m, struct error *e);
/* One more exchange: did a clock jump since the last? Then measure again. */
int measure_check(struct run *run, size_t samples, struct measurement *m, struct error *e);

#endif
