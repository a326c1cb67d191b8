#ifndef JOB_RESULT_DATA_H_
#define JOB_RESULT_DATA_H_

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "base/bytes.h"
#include "job/result.h"

/* What is inside a result, for the modules of this floor that show it. */
#define RESULT_KEEP 1000 /* findings and actions that are kept; all are counted */

struct count {
	const char *name;
	int64_t n;
};

/* A finding or an action: ${name} is the code or the action. */
struct note {
	const char *name;
	enum severity severity;
	struct buf key;
	char *text;
};
struct notes {
	struct note *list;
	size_t n;
	int64_t total; /* kept or not */
};

struct metric {
	const char *name, *help;
	bool counter;
	const char *label; /* NULL = none */
	struct buf label_value;
	double value;
};

struct counts {
	struct count *list;
	size_t n;
};

struct result {
	struct counts counts;
	struct counts codes; /* of findings */
	struct notes findings, actions;
	int64_t critical;
	int64_t failed;
	int64_t unknown; /* as good as failed */
	struct buf said; /* lines, each with its newline */
	struct metric *metrics;
	size_t metrics_n;
	json_t *objects;
	bool incomplete;
	bool no_memory; /* something is missing from it */
	bool forgets;   /* actions are not kept */
	bool dry;       /* actions are logged as what would be done */
};

/* A digest of the set of (code, key) of the findings, in hex: equal for equal
 * sets in whatever order. With more findings than are kept, of the set of
 * codes. "" if there are none. -1 without memory. */
int result_digest(const struct result *r, char out[65]);

#endif
