#include "audit.h"

/*
 * clock-audit compares this host's clock with Redis's, the hosts of the fleet
 * with one another, and what coordinators stamp with what is possible. The
 * flow is in audit.c.
 */
static const struct job_option options[] = {
	{ .name = NULL },
};

static const struct job clock_audit = {
	.name = "clock-audit",
	.summary = "compare the clocks of the fleet",
	.example = "clock-audit -v",
	.options = options,
	.options_size = 0,
	.max_runtime = 60000,
	/* Each host runs it, and all at the same time: no lease, no pause. */
	.read_only = true,
	.run = audit_run,
};

int
main(int argc, char **argv)
{
	return job_main(&clock_audit, argc, argv);
}
