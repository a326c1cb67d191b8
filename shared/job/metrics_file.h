#ifndef JOB_METRICS_FILE_H_
#define JOB_METRICS_FILE_H_

#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"

/*
 * The text format of Prometheus (prometheus.io/docs/instrumenting/exposition_formats), as far as
 * these jobs write it: HELP and TYPE lines before each family, gauges and counters, no timestamps.
 */
struct sample {
	struct buf labels; /* between the braces, in the form of the file */
	double value;
};
struct family_lines {
	struct buf name, help; /* help in the form of the file */
	bool counter;
	struct sample *samples;
	size_t n;
};
struct metrics {
	struct family_lines *families;
	size_t n;
	bool no_memory; /* something is missing from it */
};

/* Read what metrics_format wrote. False (and ${m} empty) if it is anything else. */
bool metrics_parse(struct bytes text, struct metrics *m);
void metrics_format(const struct metrics *m, struct buf *out);
void metrics_free(struct metrics *m);

/* The family of that name, or NULL. */
struct family_lines *metrics_find(const struct metrics *m, struct bytes name);
/* The same, made if it is not there. ${help} in the form of the file. NULL without memory. */
struct family_lines *metrics_family(struct metrics *m, struct bytes name, struct bytes help,
    bool counter);
struct sample *metrics_sample(const struct family_lines *f, struct bytes labels);
/* Set the value of a sample. */
void metrics_set(struct metrics *m, struct family_lines *f, struct bytes labels, double value);

/* Append a label or help text in the form of the file: backslash, newline and (in a label) the
 * quote escaped, bytes that are not UTF-8 and control characters as \xHH before that. */
void metrics_quote(struct buf *out, struct bytes s, bool label);

#endif
