#ifndef JOB_METRICS_H_
#define JOB_METRICS_H_

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "job/result.h"

/* What a run tells the metrics beside its result. */
struct metrics_run {
	const char *job;
	int code;            /* the exit code */
	bool complete;       /* the pass reached its end */
	int64_t now_ms;      /* wall clock */
	int64_t duration_ms;
};

/**
 * metrics_merge(old, run, result, out, corrupt):
 * Append the new content of the metrics file, made from its old content and a run. Counters are
 * added to. Of a run that failed or was stopped (exit 64 and up) the old gauges stay where it has
 * no new value; after any other they go. *corrupt: ${old} could not be read and was begun anew.
 * -1 without memory.
 */
int metrics_merge(struct bytes old, const struct metrics_run *run, const struct result *result,
    struct buf *out, bool *corrupt);

/* Merge into ${dir}/coordkeep_<job>.prom. What goes wrong is logged, and no more. */
void metrics_write(const char *dir, const struct metrics_run *run, const struct result *result);

#endif
