#ifndef CLOCK_AUDIT_REPORT_H_
#define CLOCK_AUDIT_REPORT_H_

#include <stddef.h>
#include <stdint.h>

#include "fleet.h"
#include "job/run.h"
#include "redis/client.h"

/* What the hosts of the fleet reported. Zeroed is empty. */
struct fleet {
	struct fleet_report *reports; /* those that can be compared, this host's own among them */
	size_t n;
	size_t own;                   /* its index, if has_own */
	bool has_own;
	size_t old, elsewhere, corrupt;
	size_t before_step;           /* from before the server's clock was set */
	struct error refused;         /* what the server refused, if anything */
	struct reply *reply;          /* holds the names */
};

/* Leave ${own} in the hash, unless the run is dry. What is refused there is a finding and
 * *refused, not the end of the run. -1 with ${e}: the connection is lost. */
int report_write(struct run *run, const struct fleet_report *own, int64_t ttl,
    struct error *refused, struct error *e);
/* Read what all hosts left and add ${own} (NULL = none) as it was measured just now, with what its
 * last report tells of the server's clock since. Entries that
 * cannot be read are findings; those that nobody renewed for a day go. -1 with ${e}. */
int report_read(struct run *run, struct fleet_report *own, const char *reference,
    int64_t now, int64_t ttl, struct fleet *fleet, struct error *e);
void report_free(struct fleet *fleet);

#endif
