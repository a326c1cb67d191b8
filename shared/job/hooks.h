#ifndef JOB_HOOKS_H_
#define JOB_HOOKS_H_

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "job/run.h"

/* What on_findings was told last. */
struct told {
	char digest[65]; /* of the set of findings, "" = none */
	int64_t at;      /* wall clock ms */
};

/* Is on_findings to be run? When the set changed (also to none), and again ${renotify} ms (0 =
 * never) after it was told while there are findings. */
bool hooks_due(const struct told *before, const char *digest, int64_t now, int64_t renotify);

/* One line, as the state file holds it, and back; false if it is anything else. */
void told_format(const struct told *t, struct buf *out);
bool told_parse(struct bytes s, struct told *t);

/* Can the end of this run call a hook? Else nobody needs its document. */
bool hooks_wanted(const struct run *r);
/* on_findings or on_failure at the end of a run with exit code ${code}. ${document} is its JSON
 * result. */
void hooks_finish(struct run *r, int code, bool ended_early, bool complete,
    struct bytes document);

#endif
