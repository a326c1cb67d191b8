#ifndef JOB_OUTPUT_H_
#define JOB_OUTPUT_H_

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/bytes.h"
#include "job/result.h"

/* What the JSON document says beside the result. */
struct output_run {
	const char *job, *run, *host;
	int64_t started_ms;  /* wall clock */
	int64_t duration_ms;
	bool dry;
	bool complete;
	int code;
	const char *error;   /* how it ended early, a sentence; "" = it did not */
};

/* Append the JSON document of a run (schema 1, conf/result.schema.json), one line with its
 * newline. -1 without memory. */
int output_json(const struct output_run *run, const struct result *r, struct buf *out);
/* Append the text summary: what the job said, then what there is to look at. */
void output_text(const struct output_run *run, const struct result *r, struct buf *out);
/* Write to ${out} and flush. -1 if not all of it was taken (a full disk, a closed pipe). */
int output_write(FILE *out, struct bytes text);

#endif
